/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ethernet frames for the program tests: built, changed field by field, cut and summed up. */
#ifndef NKCTL_TESTS_PACKET_H
#define NKCTL_TESTS_PACKET_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_SIZE 10000

/**
 * struct packet - a frame, from its Ethernet header on.
 * @len: in bytes
 */
struct packet {
	size_t len;
	uint8_t data[PACKET_SIZE];
};

/**
 * struct packet_field - a value in a frame, for tables of test cases.
 * @offset: from the frame's beginning; the value is in network byte order there
 * @size: in bytes; 0 ends a list
 */
struct packet_field {
	size_t offset;
	size_t size;
	uint64_t value;
};

#define PACKET_FIELDS_MAX 6

#define FIELD_AT(at, bytes, number)                                \
	{                                                          \
		.offset = (at), .size = (bytes), .value = (number) \
	}
#define FIELD(base, type, member, number) \
	FIELD_AT((base) + offsetof(type, member), sizeof(((type *)NULL)->member), number)
#define ETH(member, number) FIELD(0, struct ethhdr, member, number)
#define IP4(member, number) FIELD(ETH_HLEN, struct iphdr, member, number)
#define IP6(member, number) FIELD(ETH_HLEN, struct ipv6hdr, member, number)
/* The bit fields: version with header length, version with traffic class and flow label. */
#define IP4_VERSION_IHL(number) FIELD_AT(ETH_HLEN, 1, number)
#define IP6_FLOW(number)        FIELD_AT(ETH_HLEN, 4, number)
/* Behind an IPv4 header without options, and behind an IPv6 one. */
#define L4_OF_IP4(at, bytes, number) FIELD_AT(ETH_HLEN + sizeof(struct iphdr) + (at), bytes, number)
#define L4_OF_IP6(at, bytes, number) \
	FIELD_AT(ETH_HLEN + sizeof(struct ipv6hdr) + (at), bytes, number)

/**
 * packet_ipv4() - an IPv4 packet from a container to its gateway, TTL 64.
 * @payload_len: bytes behind the IP header: zeros, but of TCP and UDP the ports and the length
 * of the header
 */
void packet_ipv4(struct packet *packet, const char *saddr, const char *daddr, uint8_t protocol,
		 size_t payload_len);

/* packet_ipv6() - the same with IPv6, hop limit 64. */
void packet_ipv6(struct packet *packet, const char *saddr, const char *daddr, uint8_t protocol,
		 size_t payload_len);

/*
 * packet_insert() - options behind the IPv4 header, or extension headers behind the IPv6 one; the
 * header tells of their length. For IPv6 the next header is up to the caller.
 */
void packet_insert(struct packet *packet, const void *bytes, size_t len);

void packet_set(struct packet *packet, const struct packet_field *field);
uint64_t packet_get(const struct packet *packet, size_t offset, size_t size);

/* packet_set_all() - a list of up to PACKET_FIELDS_MAX fields; then the IPv4 checksum. */
void packet_set_all(struct packet *packet, const struct packet_field *fields);

/* packet_ipv4_checksum() - bring it up to date, where there's an IPv4 header. */
void packet_ipv4_checksum(struct packet *packet);

/* packet_macs() - the Ethernet addresses, as they are in the frame. */
void packet_macs(struct packet *packet, const uint8_t destination[ETH_ALEN],
		 const uint8_t source[ETH_ALEN]);

/* packet_strip() - remove the Ethernet header. */
void packet_strip(struct packet *packet);

/* packet_forwarded() - what a router does to it: TTL or hop limit and checksum. */
void packet_forwarded(struct packet *packet);

/**
 * packet_icmp6_error() - what a router answers to the sender of an IPv6 packet (RFC 4443).
 * @packet: that packet, with its Ethernet header
 * @source: the router's address, 16 bytes
 * @mtu: of "packet too big"; else 0
 * @quote_len: how much of @packet it quotes, in bytes
 */
void packet_icmp6_error(struct packet *ret_error, const struct packet *packet,
			const uint8_t source[16], uint8_t type, uint32_t mtu, size_t quote_len);

/* checksum_add(), checksum_fold() - the Internet checksum (RFC 1071), of whole bytes in order. */
uint32_t checksum_add(uint32_t sum, const void *bytes, size_t len);
uint16_t checksum_fold(uint32_t sum);

#endif
