/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IP packets from a description of all they say, with every checksum summed up from scratch: what
 * a translator makes of a packet is the packet that another description makes.
 */
#ifndef NKCTL_TESTS_DATAGRAM_H
#define NKCTL_TESTS_DATAGRAM_H

/* Before <linux/in.h>, which then leaves out what it has. */
#include <netinet/in.h>

#include <nkctl/nat.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet.h"

#define DATAGRAM_TTL 64

/* ICMP (RFC 792) and ICMPv6 (RFC 4443); <linux/icmp.h> can't be had together with <net/if.h>. */
enum datagram_icmp {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3,
	ICMP4_ECHO_REQUEST = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAMETER_PROBLEM = 12,
	ICMP4_TIMESTAMP = 13,
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_ECHO_REQUEST = 128,
	ICMP6_ECHO_REPLY = 129,
};

/* Codes of "unreachable". */
enum datagram_icmp_code {
	ICMP4_HOST = 1,
	ICMP4_PORT = 3,
	ICMP4_FRAGMENTATION_NEEDED = 4,
	ICMP6_PORT = 4,
};

enum datagram_tcp_flags { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

/* What is in the field for the checksum of the upper layer. */
enum datagram_checksum {
	CHECKSUM_WHOLE,
	CHECKSUM_NONE,    /* zero: of UDP */
	CHECKSUM_PARTIAL, /* of the pseudo header alone, for a device to complete: of TCP, UDP */
	CHECKSUM_WRONG,   /* one too much */
};

/**
 * struct datagram - an IP packet, or a fragment of one.
 * @saddr, @daddr: of IPv4, if they are IPv4-mapped
 * @protocol: IPPROTO_*
 * @sport, @dport: host order; TCP, UDP and SCTP. The identifier of an ICMP echo request is @sport,
 *	that of a reply @dport
 * @tcp_flags: enum datagram_tcp_flags
 * @icmp_type, @icmp_code, @icmp_rest: @icmp_rest is the last word of an error's header
 * @quote: packet that an ICMP error is about
 * @quote_len: how much of it is quoted, in bytes from its IP header on
 * @checksum: enum datagram_checksum
 * @ttl: or hop limit; 0: DATAGRAM_TTL
 * @dont_fragment: of IPv4
 * @options_len: of IPv6: of a Destination Options header before the upper layer's, a multiple of 8;
 *	0: there is none
 * @payload_len: behind the header of the upper layer
 * @seed: what sequence numbers, the payload and the like are made of
 * @fragment_at, @fragment_len: which part of options and upper layer this is, in bytes; a length of
 *	0: all
 * @fragment_more: others follow
 * @fragment_id: that the fragments have in common
 */
struct datagram {
	struct nk_ip saddr;
	struct nk_ip daddr;
	uint8_t protocol;
	uint16_t sport;
	uint16_t dport;
	uint8_t tcp_flags;
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint32_t icmp_rest;
	const struct datagram *quote;
	size_t quote_len;
	enum datagram_checksum checksum;
	uint8_t ttl;
	bool dont_fragment;
	size_t options_len;
	size_t payload_len;
	uint64_t seed;
	size_t fragment_at;
	size_t fragment_len;
	bool fragment_more;
	uint16_t fragment_id;
};

/* ip_of() - an address of either family, as flow keys have it. */
struct nk_ip ip_of(const char *text);

bool ip_is_ipv4(const struct nk_ip *ip);

/* datagram_build() - @datagram as a frame whose Ethernet addresses are zero. */
void datagram_build(const struct datagram *datagram, struct packet *ret_packet);

/* datagram_reply() - what the other end answers: addresses and ports turned, an echo replied. */
struct datagram datagram_reply(const struct datagram *datagram);

/* datagram_key() - the key of the flow that a packet belongs to. */
struct nk_flow_key datagram_key(const struct datagram *datagram);

/* datagram_become() - the same packet with the addresses and ports of @to. */
struct datagram datagram_become(const struct datagram *datagram, const struct nk_flow_key *to);

#endif
