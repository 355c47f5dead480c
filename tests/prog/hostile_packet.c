// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Frames by chance that are near the edge: most of them are what a container may send but for one
 * or two things, and all that anybody forged or mangled in earnest is among them.
 */
#include <arpa/inet.h>
#include <linux/in.h>
#include <string.h>

#include "hostile.h"
#include "net.h"
#include "prog.h"
#include "random.h"

/* No more than BPF_PROG_TEST_RUN takes, and than a frame may be cut to. */
#define LEN_MAX 2000
#define LEN_MIN (ETH_HLEN + 1)

#define EXT_HEADERS_MAX 9
#define NESTED_MAX      2

#define ETH_P_QINQ_OLD 0x9100

static const char *const sources_v4[] = {
	OTHER_V4,          GATEWAY_V4, HOST_V4,           REMOTE_V4,     "10.88.0.9",
	"10.88.0.255",     "0.0.0.0",  "127.0.0.1",       "224.0.0.1",   "169.254.7.7",
	"255.255.255.255", "0.0.0.7",  "169.254.169.254", "192.0.2.254",
};

static const char *const destinations_v4[] = {
	OTHER_V4,          OTHER_V4,          REMOTE_V4,         REMOTE_V4,     SENDER_V4,
	GATEWAY_V4,        HOST_V4,           HOST_V4,           NARROW_V4,     UNRESOLVED_V4,
	UNREACHABLE_V4,    PROHIBIT_V4,       BLACKHOLE_V4,      BACK_V4,       BY_V6_V4,
	NOWHERE_V4,        "10.88.0.9",       "10.88.0.255",     "192.0.2.254", "192.0.2.99",
	"192.0.2.255",     "127.0.0.1",       "127.255.255.254", "0.0.0.0",     "0.1.2.3",
	"169.254.169.254", "169.254.1.1",     "224.0.0.1",       "224.0.0.22",  "239.1.2.3",
	"240.0.0.1",       "255.255.255.255",
};

static const char *const sources_v6[] = {
	OTHER_V6,
	GATEWAY_V6,
	HOST_V6,
	REMOTE_V6,
	"fd00:88::9",
	"::",
	"::1",
	"fe80::2",
	"febf::2",
	"fec0::2",
	"ff02::1",
	"::ffff:10.88.0.2",
	"::ffff:127.0.0.1",
	"::2",
	"fe80::fe",
	"::10.88.0.2",
	"2002:a58:2::1",
	"64:ff9b::10.88.0.2",
	"fd00:ec2::254",
};

static const char *const destinations_v6[] = {
	OTHER_V6,
	OTHER_V6,
	REMOTE_V6,
	REMOTE_V6,
	SENDER_V6,
	GATEWAY_V6,
	HOST_V6,
	HOST_V6,
	NARROW_V6,
	UNRESOLVED_V6,
	UNREACHABLE_V6,
	PROHIBIT_V6,
	BLACKHOLE_V6,
	BACK_V6,
	NOWHERE_V6,
	"fd00:88::9",
	"2001:db8:2::fe",
	"2001:db8:2::99",
	"2001:db8:2::",
	"::1",
	"::",
	"::2",
	"::ffff:127.0.0.1",
	"::ffff:192.0.2.1",
	"::127.0.0.1",
	"fe80::1",
	"fe80::fe",
	"febf::1",
	"fec0::1",
	"ff02::1",
	"ff02::2",
	"ff02::16",
	"ff02::1:ff00:3",
	"ff05::1:3",
	"fd00:ec2::254",
};

/* Addresses of a table as bytes: text is parsed once. */
struct addresses {
	const char *const *texts;
	size_t count;
	int family;
	uint8_t bytes[40][16];
	bool is_parsed;
};

#define ADDRESSES(table, of)                                            \
	{                                                               \
		.texts = (table), .count = COUNT(table), .family = (of) \
	}

static struct addresses source_v4 = ADDRESSES(sources_v4, AF_INET);
static struct addresses destination_v4 = ADDRESSES(destinations_v4, AF_INET);
static struct addresses source_v6 = ADDRESSES(sources_v6, AF_INET6);
static struct addresses destination_v6 = ADDRESSES(destinations_v6, AF_INET6);

_Static_assert(COUNT(destinations_v4) <= 40 && COUNT(destinations_v6) <= 40, "room in addresses");

static void addresses_parse(struct addresses *addresses)
{
	for (size_t i = 0; i < addresses->count; i++)
		assert_int_equal(
			inet_pton(addresses->family, addresses->texts[i], addresses->bytes[i]), 1);
	addresses->is_parsed = true;
}

static const uint8_t *address_any(struct addresses *addresses)
{
	if (!addresses->is_parsed)
		addresses_parse(addresses);
	return addresses->bytes[random_below(addresses->count)];
}

static bool one_in(uint64_t count)
{
	return !random_below(count);
}

/* Writing ---------------------------------------------------------------------------------------
 */

static void put(struct packet *packet, const void *bytes, size_t len)
{
	assert_true(packet->len + len <= sizeof(packet->data));
	memcpy(packet->data + packet->len, bytes, len);
	packet->len += len;
}

static void put_number(struct packet *packet, size_t size, uint64_t value)
{
	packet->len += size;
	packet_set(packet, &(struct packet_field)FIELD_AT(packet->len - size, size, value));
}

static void put_noise(struct packet *packet, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put_number(packet, 1, random_next());
}

static void put_zeros(struct packet *packet, size_t len)
{
	assert_true(packet->len + len <= sizeof(packet->data));
	memset(packet->data + packet->len, 0, len);
	packet->len += len;
}

static uint64_t number_of(const uint16_t *numbers, size_t count)
{
	return numbers[random_below(count)];
}

#define NUMBER_OF(...) \
	number_of((const uint16_t[]){ __VA_ARGS__ }, COUNT(((const uint16_t[]){ __VA_ARGS__ })))

static void put_mac(struct packet *packet, const uint8_t usual[ETH_ALEN], uint64_t usual_share)
{
	static const uint8_t broadcast[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const uint8_t multicast[ETH_ALEN] = { 0x33, 0x33, 0, 0, 0, 1 };
	static const uint8_t zero[ETH_ALEN];
	const uint8_t *const macs[] = { broadcast,  multicast, zero,       gateway_mac,
					sender_mac, other_mac, uplink_mac, router_mac };

	put(packet, one_in(usual_share) ? macs[random_below(COUNT(macs))] : usual, ETH_ALEN);
}

static void put_ethernet(struct packet *packet, uint64_t ethertype)
{
	put_mac(packet, gateway_mac, 12);
	put_mac(packet, sender_mac, 8);
	put_number(packet, 2, ethertype);
}

static void put_address(struct packet *packet, int family, bool is_source)
{
	static uint8_t own[2][16];
	bool is_v4 = family == AF_INET;
	size_t len = is_v4 ? 4 : 16;

	assert_int_equal(inet_pton(family, is_v4 ? SENDER_V4 : SENDER_V6, own[is_v4]), 1);
	if (one_in(40))
		put_noise(packet, len);
	else if (is_source)
		put(packet, one_in(4) ? address_any(is_v4 ? &source_v4 : &source_v6) : own[is_v4],
		    len);
	else
		put(packet, address_any(is_v4 ? &destination_v4 : &destination_v6), len);
}

/* Upper layers ----------------------------------------------------------------------------------
 */

static void put_ip(struct packet *packet, bool is_v4, unsigned int nested);

static uint64_t port_any(void)
{
	if (one_in(3))
		return NUMBER_OF(67, 68, 546, 547, 53, 0, 65535, HOSTILE_SERVER_PORT,
				 HOSTILE_PUBLISHED_PORT, 4789, 8472, 6081);
	return 40000 + random_below(32);
}

static void put_ports(struct packet *packet, bool is_udp)
{
	static const uint32_t dhcp[] = { 67 << 16 | 68, 547 << 16 | 546, 68 << 16 | 67,
					 546 << 16 | 547 };

	if (is_udp && one_in(5)) {
		put_number(packet, 4, dhcp[random_below(COUNT(dhcp))]);
		return;
	}
	put_number(packet, 2, port_any());
	put_number(packet, 2, one_in(4) ? HOSTILE_PUBLISHED_PORT : port_any());
}

static void put_tcp(struct packet *packet)
{
	put_ports(packet, false);
	put_noise(packet, 8);
	put_number(packet, 1, one_in(8) ? random_next() : 0x50);
	put_number(packet, 1, one_in(3) ? random_next() : NUMBER_OF(0x02, 0x10, 0x12, 0x04, 0x11));
	put_noise(packet, 6);
}

/* VXLAN (RFC 7348) or whatever else is in UDP, with a frame of its own in it. */
static void put_udp(struct packet *packet, unsigned int nested)
{
	put_ports(packet, true);
	put_noise(packet, 4);
	if (!one_in(8) || nested >= NESTED_MAX)
		return;
	put_number(packet, 8, 0x0800000000000100 | (random_next() & 0xffff) << 8);
	put_ethernet(packet, ETH_P_IP);
	put_ip(packet, true, nested + 1);
}

/* A quotation in an error may be of a conversation of anybody's. */
static void put_icmp(struct packet *packet, unsigned int nested)
{
	put_number(packet, 1,
		   one_in(4) ? random_next() : NUMBER_OF(0, 3, 4, 5, 8, 9, 10, 11, 12, 13));
	put_number(packet, 1, one_in(2) ? random_below(6) : 0);
	put_noise(packet, 3);
	put_number(packet, 1, random_below(4));
	put_noise(packet, 2);
	if (one_in(3) && nested < NESTED_MAX)
		put_ip(packet, true, nested + 1);
}

/* Options of neighbour discovery: some without a length, some of another's MAC address. */
static void put_nd_options(struct packet *packet)
{
	for (uint64_t i = random_below(6); i > 0; i--) {
		put_number(packet, 1, NUMBER_OF(1, 1, 1, 2, 3, 5, 14, 24, 25));
		put_number(packet, 1, one_in(8) ? random_below(4) : 1);
		put_mac(packet, sender_mac, 6);
	}
}

static void put_icmp6(struct packet *packet, unsigned int nested)
{
	uint64_t type =
		one_in(3) ? 133 + random_below(5)
			  : NUMBER_OF(1, 2, 3, 4, 128, 128, 129, 130, 132, 135, 135, 143, 151);

	put_number(packet, 1, one_in(12) ? random_next() : type);
	put_number(packet, 1, one_in(12) ? random_next() : 0);
	put_noise(packet, 2);
	put_number(packet, 4, type == 128 || type == 129 ? random_below(4) << 16 : random_next());
	if (type < 128 && nested < NESTED_MAX)
		put_ip(packet, false, nested + 1);
	if (type < 133 || type > 137)
		return;
	put_address(packet, AF_INET6, one_in(3));
	if (type == 137)
		put_address(packet, AF_INET6, false);
	put_nd_options(packet);
}

static void put_gre(struct packet *packet, unsigned int nested)
{
	put_number(packet, 2, 0);
	put_number(packet, 2, one_in(4) ? 0x6558 : ETH_P_IP);
	if (nested < NESTED_MAX)
		put_ip(packet, true, nested + 1);
}

static void put_upper(struct packet *packet, uint64_t protocol, unsigned int nested)
{
	switch (protocol) {
	case IPPROTO_TCP:
		put_tcp(packet);
		break;
	case IPPROTO_UDP:
		put_udp(packet, nested);
		break;
	case IPPROTO_ICMP:
		put_icmp(packet, nested);
		break;
	case IPPROTO_ICMPV6:
		put_icmp6(packet, nested);
		break;
	case IPPROTO_GRE:
		put_gre(packet, nested);
		break;
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		if (nested < NESTED_MAX)
			put_ip(packet, protocol == IPPROTO_IPIP, nested + 1);
		break;
	case IPPROTO_SCTP:
		put_ports(packet, false);
		put_noise(packet, 8);
		break;
	}
	/* Neighbour discovery ends with its options, mostly; MTUs are at 1400, 1450 and 1500. */
	if (protocol == IPPROTO_ICMPV6 && !one_in(4))
		return;
	put_zeros(packet, one_in(24) ? 1300 + random_below(250) : random_below(40));
}

static uint64_t protocol_any(bool is_v4)
{
	if (one_in(3))
		return NUMBER_OF(IPPROTO_IPIP, IPPROTO_IPV6, IPPROTO_GRE, IPPROTO_SCTP, IPPROTO_ESP,
				 IPPROTO_AH, IPPROTO_IGMP, IPPROTO_ICMP, IPPROTO_ICMPV6, 89, 112,
				 59, 135, 139, 140, 253, 255, random_below(256));
	return NUMBER_OF(IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDP,
			 is_v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* IPv4 ------------------------------------------------------------------------------------------
 */

/* No fragment, the first, a later one, one that overlaps the first one's header, the last. */
static uint64_t fragment_v4(void)
{
	return one_in(5) ? NUMBER_OF(0x2000, 0x2001, 0x0001, 0x2005, 0x0005, 0x1fff, 0x6000, 0xa000)
			 : NUMBER_OF(0, 0x4000);
}

/* Record route, source routes, timestamps, router alert, padding; whole and cut. */
static void put_options_v4(struct packet *packet, size_t len)
{
	size_t end = packet->len + len;

	put_number(packet, 1, NUMBER_OF(7, 131, 137, 68, 148, 130, 1, 0, 255));
	put_number(packet, 1, one_in(3) ? random_next() : len);
	put_number(packet, 1, 4);
	put_noise(packet, end - packet->len);
}

static void put_ipv4(struct packet *packet, unsigned int nested)
{
	size_t options_len = one_in(8) ? 4 + 4 * random_below(10) : 0, start = packet->len;
	uint64_t protocol = protocol_any(true);

	put_number(packet, 1, 0x45 + options_len / 4);
	put_number(packet, 1, one_in(8) ? random_next() : 0);
	put_number(packet, 2, 0);
	put_number(packet, 2, random_below(4));
	put_number(packet, 2, fragment_v4());
	put_number(packet, 1, one_in(6) ? NUMBER_OF(0, 1, 2, 255) : 64);
	put_number(packet, 1, protocol);
	put_number(packet, 2, 0);
	put_address(packet, AF_INET, true);
	put_address(packet, AF_INET, false);
	if (options_len)
		put_options_v4(packet, options_len);
	put_upper(packet, protocol, nested);
	packet_set(packet, &(struct packet_field)FIELD_AT(start + 2, 2, packet->len - start));
}

/* IPv6 ------------------------------------------------------------------------------------------
 */

/* Of any length, so that none, some or all of it is in the packet. */
static void put_extension(struct packet *packet, uint64_t kind, uint64_t next)
{
	uint64_t units = one_in(6) ? random_below(4) : 0;

	put_number(packet, 1, next);
	put_number(packet, 1, one_in(40) ? random_next() : units);
	if (kind == IPPROTO_FRAGMENT)
		put_number(packet, 2, one_in(2) ? NUMBER_OF(1, 0, 9, 8, 0x29, 0xfff9) : 0);
	else if (kind == IPPROTO_ROUTING)
		put_number(packet, 2, NUMBER_OF(0x0001, 0x0000, 0x0201, 0x0401, 0x0301));
	else
		put_number(packet, 2, NUMBER_OF(0x0104, 0x0502, 0xc204, 0x0000));
	put_number(packet, 4, random_below(4));
	put_noise(packet, kind == IPPROTO_AH         ? 4 * units
			  : kind == IPPROTO_FRAGMENT ? 0
						     : 8 * units);
}

static uint64_t extension_any(void)
{
	return NUMBER_OF(IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING,
			 IPPROTO_FRAGMENT, IPPROTO_FRAGMENT, IPPROTO_AH, 135, 139);
}

static void put_ipv6(struct packet *packet, unsigned int nested)
{
	uint64_t count = one_in(4) ? random_below(EXT_HEADERS_MAX) : 0;
	uint64_t protocol = protocol_any(false), kind = count ? extension_any() : protocol, next;
	size_t start = packet->len;

	put_number(packet, 4, 0x60000000 | (one_in(8) ? random_next() & 0xfffffff : 0));
	put_number(packet, 2, 0);
	put_number(packet, 1, kind);
	put_number(packet, 1, one_in(2) ? NUMBER_OF(255, 255, 255, 255, 0, 1, 2) : 64);
	put_address(packet, AF_INET6, true);
	put_address(packet, AF_INET6, false);
	for (; count > 0; count--, kind = next) {
		next = count > 1 ? extension_any() : protocol;
		put_extension(packet, kind, next);
	}
	put_upper(packet, protocol, nested);
	packet_set(packet, &(struct packet_field)FIELD_AT(start + 4, 2, packet->len - start - 40));
}

static void put_ip(struct packet *packet, bool is_v4, unsigned int nested)
{
	if (is_v4)
		put_ipv4(packet, nested);
	else
		put_ipv6(packet, nested);
}

/* Frames ----------------------------------------------------------------------------------------
 */

static void put_arp(struct packet *packet)
{
	put_number(packet, 2, one_in(16) ? random_below(8) : 1);
	put_number(packet, 2, one_in(16) ? ETH_P_IPV6 : ETH_P_IP);
	put_number(packet, 2, one_in(16) ? random_next() : 0x0604);
	put_number(packet, 2, one_in(4) ? random_below(5) : 1);
	put_mac(packet, sender_mac, 4);
	put_address(packet, AF_INET, true);
	put_mac(packet, sender_mac, 2);
	put_address(packet, AF_INET, one_in(3));
	put_zeros(packet, random_below(20));
}

/* One tag or two, and what would be forbidden or allowed without. */
static void put_tagged(struct packet *packet)
{
	bool is_v4 = random_below(2);

	put_ethernet(packet, NUMBER_OF(ETH_P_8021Q, ETH_P_8021AD, ETH_P_QINQ_OLD));
	put_number(packet, 2, random_next());
	if (one_in(2)) {
		put_number(packet, 2, ETH_P_8021Q);
		put_number(packet, 2, random_next());
	}
	put_number(packet, 2, is_v4 ? ETH_P_IP : ETH_P_IPV6);
	put_ip(packet, is_v4, 0);
}

static void put_frame(struct packet *packet)
{
	uint64_t kind = random_below(32);

	if (kind < 2) {
		put_tagged(packet);
	} else if (kind < 3) {
		put_ethernet(packet,
			     one_in(2) ? random_next() : NUMBER_OF(0x88cc, 0x8847, 0x8863, 60));
		put_noise(packet, 60);
	} else if (kind < 6) {
		put_ethernet(packet, ETH_P_ARP);
		put_arp(packet);
	} else if (kind < 18) {
		put_ethernet(packet, ETH_P_IP);
		put_ipv4(packet, 0);
	} else {
		put_ethernet(packet, ETH_P_IPV6);
		put_ipv6(packet, 0);
	}
}

/* Lengths that lie, versions that aren't, a cut anywhere, bits that fell over. */
static void packet_mangle(struct packet *packet)
{
	static const size_t lengths[] = { ETH_HLEN + 2, ETH_HLEN + 4 };
	size_t at = lengths[random_below(COUNT(lengths))];

	switch (random_below(16)) {
	case 0:
		packet->len = LEN_MIN + random_below(packet->len - LEN_MIN + 1);
		break;
	case 1:
		packet_set(packet,
			   &(struct packet_field)FIELD_AT(
				   at, 2, packet_get(packet, at, 2) - 20 + random_below(40)));
		break;
	case 2:
		packet->data[ETH_HLEN] = (uint8_t)random_next();
		break;
	case 3:
		for (uint64_t i = random_below(4); i > 0; i--)
			packet->data[random_below(packet->len)] = (uint8_t)random_next();
		break;
	}
}

void hostile_packet(struct packet *packet)
{
	packet->len = 0;
	put_frame(packet);
	if (packet->len > LEN_MAX)
		packet->len = LEN_MAX;
	packet_mangle(packet);
	if (!one_in(16) && packet->len >= ETH_HLEN + 20 + 40)
		packet_ipv4_checksum(packet);
}
