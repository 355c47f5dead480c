// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "datagram.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#define TCP_LEN        20
#define TCP_WINDOW     0x1234
#define UDP_LEN        8
#define SCTP_LEN       12
#define ICMP_LEN       8
#define FRAGMENT_LEN   8
#define IPV4_ID        0x4242
#define IPV4_DF        0x4000
#define IPV4_MORE      0x2000
#define IPV6_MORE      0x0001
#define IPV4_AT        12 /* of an IPv4 address in a mapped one */
#define FRAGMENT_UNITS 8
#define OPTION_PADN    1 /* RFC 8200, section 4.2 */

struct nk_ip ip_of(const char *text)
{
	struct nk_ip ip = { .words = { 0, 0, htonl(0xffff), 0 } };

	if (inet_pton(AF_INET, text, &ip.words[3]) != 1)
		assert(inet_pton(AF_INET6, text, &ip) == 1);
	return ip;
}

bool ip_is_ipv4(const struct nk_ip *ip)
{
	return !ip->words[0] && !ip->words[1] && ip->words[2] == htonl(0xffff);
}

static void put(uint8_t *at, size_t size, uint64_t value)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> 8 * (size - 1 - i));
}

/* A byte of no meaning, the same for the same place in the same packet (SplitMix64's finalizer). */
static uint8_t byte_of(uint64_t seed, size_t at)
{
	uint64_t x = (seed + at + 1) * 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	return (uint8_t)(x >> 56);
}

static void noise_fill(uint8_t *to, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		to[i] = byte_of(seed, i);
}

static size_t header_len(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return TCP_LEN;
	case IPPROTO_UDP:
		return UDP_LEN;
	case IPPROTO_SCTP:
		return SCTP_LEN;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return ICMP_LEN;
	default:
		return 0;
	}
}

/* Where the checksum of the upper layer is, or 0. */
static size_t checksum_at(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
		return 6;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 2;
	default:
		return 0;
	}
}

static uint32_t pseudo_header_add(const struct datagram *datagram, size_t len)
{
	bool is_ipv4 = ip_is_ipv4(&datagram->saddr);
	size_t from = is_ipv4 ? IPV4_AT : 0;
	uint32_t sum = (uint32_t)len + datagram->protocol;

	sum = checksum_add(sum, (const uint8_t *)&datagram->saddr + from, 16 - from);
	return checksum_add(sum, (const uint8_t *)&datagram->daddr + from, 16 - from);
}

static uint16_t checksum_of(const struct datagram *datagram, const uint8_t *upper, size_t len)
{
	uint32_t sum = datagram->protocol == IPPROTO_ICMP ? 0 : pseudo_header_add(datagram, len);
	uint16_t checksum;

	if (datagram->checksum == CHECKSUM_NONE)
		return 0;
	if (datagram->checksum == CHECKSUM_PARTIAL)
		return (uint16_t)~checksum_fold(sum);
	sum = checksum_add(sum, upper, len);
	if (datagram->checksum == CHECKSUM_WRONG)
		sum += 0xffff - 1; /* the sum is one less, what has to complete it is one more */
	checksum = checksum_fold(sum);
	/* Zero would mean that there is none (RFC 768). */
	return datagram->protocol == IPPROTO_UDP && !checksum ? 0xffff : checksum;
}

static bool echo_is_reply(const struct datagram *datagram)
{
	return datagram->icmp_type == ICMP4_ECHO_REPLY || datagram->icmp_type == ICMP6_ECHO_REPLY;
}

static void icmp_fill(const struct datagram *datagram, uint8_t *upper)
{
	uint8_t *rest = upper + 4;

	put(upper, 1, datagram->icmp_type);
	put(upper + 1, 1, datagram->icmp_code);
	if (datagram->quote)
		put(rest, 4, datagram->icmp_rest);
	else
		put(rest, 2, echo_is_reply(datagram) ? datagram->dport : datagram->sport);
}

static void quote_fill(const struct datagram *datagram, uint8_t *to)
{
	struct packet quoted;

	datagram_build(datagram->quote, &quoted);
	assert(ETH_HLEN + datagram->quote_len <= quoted.len);
	memcpy(to, quoted.data + ETH_HLEN, datagram->quote_len);
}

/* Return: the length of what is behind the IP header, before it's cut into fragments. */
static size_t upper_fill(const struct datagram *datagram, uint8_t *upper)
{
	size_t len = header_len(datagram->protocol) + datagram->payload_len;

	if (datagram->quote)
		len = ICMP_LEN + datagram->quote_len;
	assert(len <= PACKET_SIZE);
	noise_fill(upper, len, datagram->seed);
	switch (datagram->protocol) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		icmp_fill(datagram, upper);
		break;
	case IPPROTO_TCP:
		put(upper + 12, 2, TCP_LEN / 4 << 12 | datagram->tcp_flags);
		put(upper + 14, 2, TCP_WINDOW);
		put(upper + 18, 2, 0); /* urgent pointer */
		break;
	case IPPROTO_UDP:
		put(upper + 4, 2, len);
		break;
	}
	if (datagram->quote)
		quote_fill(datagram, upper + ICMP_LEN);
	else if (datagram->protocol == IPPROTO_TCP || datagram->protocol == IPPROTO_UDP ||
		 datagram->protocol == IPPROTO_SCTP)
		put(upper, 4, (uint32_t)datagram->sport << 16 | datagram->dport);
	if (checksum_at(datagram->protocol)) {
		uint8_t *at = upper + checksum_at(datagram->protocol);

		put(at, 2, 0);
		put(at, 2, checksum_of(datagram, upper, len));
	}
	return len;
}

/* Options that mean nothing. Return: their length. */
static size_t options_fill(const struct datagram *datagram, uint8_t *to)
{
	size_t len = ip_is_ipv4(&datagram->saddr) ? 0 : datagram->options_len;

	if (!len)
		return 0;
	assert(len % 8 == 0);
	memset(to, 0, len);
	put(to, 1, datagram->protocol);
	put(to + 1, 1, len / 8 - 1);
	put(to + 2, 1, OPTION_PADN);
	put(to + 3, 1, len - 4);
	return len;
}

static bool is_fragment(const struct datagram *datagram)
{
	return datagram->fragment_len != 0;
}

/* Return: the length of the header. */
static size_t ipv4_fill(const struct datagram *datagram, uint8_t *header, size_t payload_len)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)(sizeof(ip) + payload_len)),
		.id = htons(is_fragment(datagram) ? datagram->fragment_id : IPV4_ID),
		.frag_off = htons((uint16_t)((datagram->dont_fragment ? IPV4_DF : 0) |
					     (datagram->fragment_more ? IPV4_MORE : 0) |
					     datagram->fragment_at / FRAGMENT_UNITS)),
		.ttl = datagram->ttl ? datagram->ttl : DATAGRAM_TTL,
		.protocol = datagram->protocol,
		.saddr = datagram->saddr.words[3],
		.daddr = datagram->daddr.words[3],
	};

	ip.check = htons(checksum_fold(checksum_add(0, &ip, sizeof(ip))));
	memcpy(header, &ip, sizeof(ip));
	return sizeof(ip);
}

static size_t ipv6_fill(const struct datagram *datagram, uint8_t *header, size_t payload_len)
{
	size_t extension_len = is_fragment(datagram) ? FRAGMENT_LEN : 0;
	uint8_t first = datagram->options_len ? IPPROTO_DSTOPTS : datagram->protocol;
	struct ipv6hdr ip6 = {
		.version = 6,
		.payload_len = htons((uint16_t)(extension_len + payload_len)),
		.nexthdr = is_fragment(datagram) ? IPPROTO_FRAGMENT : first,
		.hop_limit = datagram->ttl ? datagram->ttl : DATAGRAM_TTL,
	};
	uint8_t *fragment = header + sizeof(ip6);

	memcpy(&ip6.saddr, &datagram->saddr, sizeof(ip6.saddr));
	memcpy(&ip6.daddr, &datagram->daddr, sizeof(ip6.daddr));
	memcpy(header, &ip6, sizeof(ip6));
	if (is_fragment(datagram)) {
		put(fragment, 2, (uint64_t)first << 8);
		put(fragment + 2, 2,
		    datagram->fragment_at | (datagram->fragment_more ? IPV6_MORE : 0));
		put(fragment + 4, 4, datagram->fragment_id);
	}
	return sizeof(ip6) + extension_len;
}

void datagram_build(const struct datagram *datagram, struct packet *ret_packet)
{
	bool is_ipv4 = ip_is_ipv4(&datagram->saddr);
	uint8_t upper[2 * PACKET_SIZE], *header = ret_packet->data + ETH_HLEN;
	size_t options_len = options_fill(datagram, upper);
	size_t len = options_len + upper_fill(datagram, upper + options_len), ip_len;

	if (is_fragment(datagram)) {
		assert(datagram->fragment_at + datagram->fragment_len <= len);
		assert(datagram->fragment_at % FRAGMENT_UNITS == 0);
		len = datagram->fragment_len;
	}
	ip_len = is_ipv4 ? ipv4_fill(datagram, header, len) : ipv6_fill(datagram, header, len);
	assert(ETH_HLEN + ip_len + len <= PACKET_SIZE);
	memset(ret_packet->data, 0, ETH_HLEN);
	put(ret_packet->data + offsetof(struct ethhdr, h_proto), 2,
	    is_ipv4 ? ETH_P_IP : ETH_P_IPV6);
	memcpy(header + ip_len, upper + datagram->fragment_at, len);
	ret_packet->len = ETH_HLEN + ip_len + len;
}

struct datagram datagram_reply(const struct datagram *datagram)
{
	struct datagram reply = *datagram;

	reply.saddr = datagram->daddr;
	reply.daddr = datagram->saddr;
	reply.sport = datagram->dport;
	reply.dport = datagram->sport;
	if (datagram->protocol == IPPROTO_ICMP)
		reply.icmp_type = ICMP4_ECHO_REPLY;
	if (datagram->protocol == IPPROTO_ICMPV6)
		reply.icmp_type = ICMP6_ECHO_REPLY;
	return reply;
}

struct nk_flow_key datagram_key(const struct datagram *datagram)
{
	return (struct nk_flow_key){ .saddr = datagram->saddr,
				     .daddr = datagram->daddr,
				     .sport = htons(datagram->sport),
				     .dport = htons(datagram->dport),
				     .protocol = datagram->protocol };
}

struct datagram datagram_become(const struct datagram *datagram, const struct nk_flow_key *to)
{
	struct datagram become = *datagram;

	become.saddr = to->saddr;
	become.daddr = to->daddr;
	become.sport = ntohs(to->sport);
	become.dport = ntohs(to->dport);
	return become;
}
