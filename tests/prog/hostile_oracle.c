// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What may become of a container's frame.
 *
 * Theory of operation: the promises are rules, and each rule that a frame breaks is a reason to
 * drop it. A frame that breaks any has to be dropped, for one of those; which one is up to the
 * programs. A frame that breaks none goes the ways that the host's addresses, routes and MTUs leave
 * it. Nothing of the programs' own is used here: headers are read byte by byte, and the host is a
 * table.
 */
#include <arpa/inet.h>
#include <linux/in.h>
#include <string.h>

#include "hostile.h"
#include "net.h"
#include "prog.h"

#define REASON(name) (1ULL << NK_DROP_##name)

#define ETH_TYPE 12
#define L3       ETH_HLEN

#define IPV4_LEN 20
#define IPV6_LEN 40

/* Of UDP and ICMPv6 all, of TCP what tells its ports. */
#define UPPER_LEN 8

/* RFC 9293, section 3.1. */
#define TCP_CHECKSUM_END 18

/* Where in a frame the header of an upper layer begins, at the latest, that is translated. */
#define WRITABLE_UPPER_MAX 1024

/* RFC 8200, section 4.1: hop-by-hop, destination twice, routing, fragment, authentication. */
#define CHAIN_MAX 6

/* Fowler, Noll, Vo: the 64-bit FNV prime. */
#define FNV_PRIME 0x100000001b3

#define ND_LEN         24
#define ND_OPTIONS_MAX 4

/**
 * struct view - what a frame says.
 * @l3_len: bytes behind the Ethernet header, whatever the headers say
 * @is_v4: the family
 * @hops: TTL or hop limit
 * @upper: offset of the upper layer's header in the frame, @protocol what it is
 * @is_first: that header is there: it's no later fragment
 * @is_fragment: first or later
 * @has_options: IPv4 options, or headers that each hop has to look at
 * @extensions: extension headers of any kind
 * @sport, @dport: of TCP, UDP and SCTP
 */
struct view {
	const struct packet *packet;
	const uint8_t *source;
	const uint8_t *destination;
	size_t address_len;
	size_t l3_len;
	size_t upper;
	uint64_t hops;
	uint64_t protocol;
	uint64_t sport;
	uint64_t dport;
	bool is_v4;
	bool is_first;
	bool is_fragment;
	bool has_options;
	unsigned int extensions;
};

static uint64_t get(const struct view *view, size_t offset, size_t size)
{
	return packet_get(view->packet, offset, size);
}

/* The host --------------------------------------------------------------------------------------
 */

/*
 * enum place - what the host knows of a destination.
 * @PLACE_HOST: its own, a broadcast address, or nobody's: no packet of others' leaves for it
 * @PLACE_REFUSED: a route that says no
 * @PLACE_BACK: a route that leads back to the sender
 * @PLACE_ROUTER: behind the router
 * @PLACE_SILENT: behind somebody who doesn't answer
 */
enum place { PLACE_HOST, PLACE_REFUSED, PLACE_BACK, PLACE_ROUTER, PLACE_SILENT };

struct route {
	const char *prefix;
	unsigned int prefix_len;
	enum place place;
	size_t mtu;
};

/* Of net_create(), where the uplink forwards; the first that fits. */
static const struct route routes[] = {
	{ HOST_V4, 32, PLACE_HOST, 0 },
	{ "192.0.2.255", 32, PLACE_HOST, 0 },
	{ "192.0.2.254", 32, PLACE_ROUTER, UPLINK_MTU },
	{ "192.0.2.0", 24, PLACE_SILENT, UPLINK_MTU },
	{ "198.51.100.0", 24, PLACE_ROUTER, UPLINK_MTU },
	{ "198.18.1.0", 24, PLACE_ROUTER, NARROW_MTU },
	{ "198.18.2.0", 24, PLACE_SILENT, UPLINK_MTU },
	{ "198.18.3.0", 24, PLACE_REFUSED, 0 },
	{ "198.18.4.0", 24, PLACE_REFUSED, 0 },
	{ "198.18.5.0", 24, PLACE_REFUSED, 0 },
	{ "198.18.6.0", 24, PLACE_BACK, PRIMARY_MTU },
	{ "198.18.7.0", 24, PLACE_ROUTER, UPLINK_MTU },
	{ "240.0.0.0", 4, PLACE_ROUTER, UPLINK_MTU },
	{ HOST_V6, 128, PLACE_HOST, 0 },
	/* The anycast address of the subnet's routers (RFC 4291, section 2.6.1). */
	{ "2001:db8:2::", 128, PLACE_HOST, 0 },
	{ "2001:db8:2::fe", 128, PLACE_ROUTER, UPLINK_MTU },
	{ "2001:db8:2::", 64, PLACE_SILENT, UPLINK_MTU },
	{ "2001:db8:9::", 64, PLACE_ROUTER, UPLINK_MTU },
	{ "2001:db8:9:1::", 64, PLACE_ROUTER, NARROW_MTU },
	{ "2001:db8:9:2::", 64, PLACE_SILENT, UPLINK_MTU },
	{ "2001:db8:9:3::", 64, PLACE_REFUSED, 0 },
	{ "2001:db8:9:4::", 64, PLACE_REFUSED, 0 },
	{ "2001:db8:9:5::", 64, PLACE_REFUSED, 0 },
	{ "2001:db8:9:6::", 64, PLACE_BACK, PRIMARY_MTU },
};

static const struct route nowhere = { "", 0, PLACE_HOST, 0 };

static bool is_same_prefix(const uint8_t *a, const uint8_t *b, unsigned int len)
{
	unsigned int whole = len / 8, rest = 0xff00 >> len % 8 & 0xff;

	return !memcmp(a, b, whole) && (!rest || !((a[whole] ^ b[whole]) & rest));
}

/* Whether an address begins as @text does; each text is parsed once. */
static bool begins(const uint8_t *addr, size_t addr_len, const char *text, unsigned int prefix_len)
{
	static struct {
		const char *text;
		uint8_t bytes[16];
	} parsed[256];
	size_t slot = ((uintptr_t)text >> 2) % COUNT(parsed);

	if (addr_len != (strchr(text, ':') ? 16 : 4))
		return false;
	if (parsed[slot].text != text) {
		parsed[slot].text = text;
		assert_int_equal(
			inet_pton(addr_len == 4 ? AF_INET : AF_INET6, text, parsed[slot].bytes), 1);
	}
	return is_same_prefix(addr, parsed[slot].bytes, prefix_len);
}

static bool is_address(const struct view *view, const uint8_t *addr, const char *v4, const char *v6)
{
	return view->is_v4 ? begins(addr, 4, v4, 32) : begins(addr, 16, v6, 128);
}

static const struct route *route_of(const struct view *view)
{
	for (size_t i = 0; i < COUNT(routes); i++)
		if (begins(view->destination, view->address_len, routes[i].prefix,
			   routes[i].prefix_len))
			return &routes[i];
	return &nowhere;
}

/* Reading ---------------------------------------------------------------------------------------
 */

static bool is_martian(const struct view *view)
{
	const uint8_t *to = view->destination;
	static const uint8_t zeros[16];

	if (view->is_v4)
		return to[0] == 0 || to[0] == 127;
	if (!memcmp(to, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12))
		return true;
	return !memcmp(to, zeros, 15) && to[15] <= 1;
}

static bool is_link_local_v6(const uint8_t *addr)
{
	return addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

/* Many, or nobody in particular: nothing that a router passes on. */
static bool is_for_no_router(const struct view *view)
{
	const uint8_t *to = view->destination;

	if (view->is_v4)
		return to[0] >> 4 == 14 || !memcmp(to, "\xff\xff\xff\xff", 4);
	return to[0] == 0xff || is_link_local_v6(to);
}

static bool has_ports(const struct view *view)
{
	return view->protocol == IPPROTO_TCP || view->protocol == IPPROTO_UDP ||
	       view->protocol == IPPROTO_SCTP;
}

/* The upper layer's first bytes, for who has to see them. Returns whether they are there. */
static bool upper_view(struct view *view)
{
	bool is_there = view->upper + UPPER_LEN <= view->packet->len;
	bool is_needed = view->protocol == IPPROTO_TCP || view->protocol == IPPROTO_UDP ||
			 view->protocol == IPPROTO_ICMPV6;

	if (!view->is_first)
		return true;
	if (is_there && has_ports(view)) {
		view->sport = get(view, view->upper, 2);
		view->dport = get(view, view->upper + 2, 2);
	}
	return is_there || !is_needed;
}

/* Each of these returns the reason for which no more of the packet can be read, or 0. */
static uint64_t ipv4_view(struct view *view)
{
	uint64_t header_len, total_len, fragment;

	if (view->l3_len < IPV4_LEN)
		return REASON(TRUNCATED);
	header_len = (get(view, L3, 1) & 0xf) * 4;
	total_len = get(view, L3 + 2, 2);
	if (get(view, L3, 1) >> 4 != 4 || header_len < IPV4_LEN || total_len < header_len ||
	    total_len > view->l3_len)
		return REASON(IP_HEADER);
	fragment = get(view, L3 + 6, 2) & 0x3fff;
	view->is_v4 = true;
	view->address_len = 4;
	view->source = view->packet->data + L3 + 12;
	view->destination = view->packet->data + L3 + 16;
	view->hops = get(view, L3 + 8, 1);
	view->protocol = get(view, L3 + 9, 1);
	view->upper = L3 + header_len;
	view->has_options = header_len > IPV4_LEN;
	view->is_fragment = fragment;
	view->is_first = !(fragment & 0x1fff);
	return upper_view(view) ? 0 : REASON(TRUNCATED);
}

static bool is_extension(uint64_t protocol)
{
	return protocol == 0 || protocol == 43 || protocol == 44 || protocol == 51 ||
	       protocol == 60;
}

static uint64_t chain_view(struct view *view)
{
	while (view->is_first && is_extension(view->protocol)) {
		uint64_t kind = view->protocol, units;

		if (view->extensions++ == CHAIN_MAX || view->upper + 4 > view->packet->len)
			return REASON(EXT_HEADERS);
		view->protocol = get(view, view->upper, 1);
		units = get(view, view->upper + 1, 1);
		if (kind == 0 || kind == 43)
			view->has_options = true;
		if (kind == 44) {
			view->is_fragment = true;
			view->is_first = get(view, view->upper + 2, 2) < 8;
		}
		view->upper += kind == 44 ? 8 : kind == 51 ? 4 * (units + 2) : 8 * (units + 1);
	}
	return upper_view(view) ? 0 : REASON(TRUNCATED);
}

static uint64_t ipv6_view(struct view *view)
{
	if (view->l3_len < IPV6_LEN)
		return REASON(TRUNCATED);
	if (get(view, L3, 1) >> 4 != 6 || get(view, L3 + 4, 2) + IPV6_LEN > view->l3_len)
		return REASON(IP_HEADER);
	view->address_len = 16;
	view->source = view->packet->data + L3 + 8;
	view->destination = view->packet->data + L3 + 24;
	view->hops = get(view, L3 + 7, 1);
	view->protocol = get(view, L3 + 6, 1);
	view->upper = L3 + IPV6_LEN;
	view->is_first = true;
	return chain_view(view);
}

/* Rules -----------------------------------------------------------------------------------------
 */

static bool is_own(const struct view *view, const uint8_t *addr)
{
	return is_address(view, addr, SENDER_V4, SENDER_V6);
}

/* A container sends only from addresses that are its own. */
static uint64_t source_rule(const struct view *view)
{
	static const uint8_t zeros[16];

	if (is_own(view, view->source))
		return 0;
	if (!memcmp(view->source, zeros, view->address_len) ||
	    (!view->is_v4 && is_link_local_v6(view->source)))
		return REASON(LINK_LOCAL);
	return REASON(SOURCE);
}

static uint64_t dhcp_rule(const struct view *view)
{
	if (view->protocol != IPPROTO_UDP || !view->is_first)
		return 0;
	if (view->is_v4)
		return view->sport == 67 && view->dport == 68 ? REASON(DHCP_SERVER) : 0;
	return view->sport == 547 && view->dport == 546 ? REASON(DHCP_SERVER) : 0;
}

static uint64_t metadata_rule(const struct view *view)
{
	return prog_nat && is_address(view, view->destination, "169.254.169.254", "fd00:ec2::254")
		       ? REASON(METADATA)
		       : 0;
}

static uint64_t rules(const struct view *view)
{
	return source_rule(view) | dhcp_rule(view) | metadata_rule(view) |
	       (is_martian(view) ? REASON(MARTIAN) : 0);
}

/* ARP and neighbour discovery -------------------------------------------------------------------
 */

static struct hostile_judgement drop_for(uint64_t reasons)
{
	return (struct hostile_judgement){ .reasons = reasons };
}

static struct hostile_judgement one_way(unsigned int ways)
{
	return (struct hostile_judgement){ .ways = ways };
}

/* A question of its own, with its own MAC address, about somebody else. */
static struct hostile_judgement arp_judge(const struct view *view)
{
	const uint8_t *arp = view->packet->data + L3;

	if (view->l3_len < 28)
		return drop_for(REASON(TRUNCATED));
	if (memcmp(arp, "\0\1\x08\0\6\4\0\1", 8) || memcmp(arp + 8, sender_mac, ETH_ALEN) ||
	    !begins(arp + 14, 4, SENDER_V4, 32) || begins(arp + 24, 4, SENDER_V4, 32))
		return drop_for(REASON(ARP));
	return one_way(WAY_ARP);
}

/* Whole options up to where the header says that the message ends, and no other's MAC address. */
static bool nd_options_are_fine(const struct view *view)
{
	size_t at = L3 + IPV6_LEN + ND_LEN, end = L3 + IPV6_LEN + get(view, L3 + 4, 2);

	for (int i = 0; at < end; i++) {
		size_t len = 8 * get(view, at + 1, 1);

		if (i == ND_OPTIONS_MAX || at + 8 > view->packet->len || !len)
			return false;
		if (get(view, at, 1) == 1 &&
		    memcmp(view->packet->data + at + 2, view->packet->data + ETH_ALEN, ETH_ALEN))
			return false;
		at += len;
	}
	return at == end;
}

static bool nd_is_fine(const struct view *view)
{
	const uint8_t *target = view->packet->data + view->upper + 8;
	static const uint8_t zeros[ETH_ALEN];

	return view->hops == 255 && !get(view, view->upper + 1, 1) &&
	       get(view, L3 + 4, 2) >= ND_LEN && target[0] != 0xff && !is_own(view, target) &&
	       memcmp(view->packet->data + ETH_ALEN, zeros, ETH_ALEN) && nd_options_are_fine(view);
}

/* RFC 4861, section 7.1.1; RFC 6980: not in fragments. It may ask from a link-local address. */
static struct hostile_judgement solicitation_judge(const struct view *view)
{
	uint64_t reasons = 0;

	if (view->extensions)
		return drop_for(REASON(ND));
	if (view->l3_len < IPV6_LEN + ND_LEN)
		return drop_for(REASON(TRUNCATED));
	if (!is_link_local_v6(view->source))
		reasons |= source_rule(view);
	if (!nd_is_fine(view))
		reasons |= REASON(ND);
	return reasons ? drop_for(reasons) : one_way(WAY_ND);
}

static bool is_nd(const struct view *view)
{
	uint64_t type;

	if (view->is_v4 || view->protocol != IPPROTO_ICMPV6 || !view->is_first)
		return false;
	type = get(view, view->upper, 1);
	return type >= 133 && type <= 137;
}

static struct hostile_judgement nd_judge(const struct view *view)
{
	switch (get(view, view->upper, 1)) {
	case 133:
		return drop_for(REASON(LINK_LOCAL));
	case 134:
		return drop_for(REASON(RA));
	case 135:
		return solicitation_judge(view);
	default:
		return drop_for(REASON(ND));
	}
}

/* Translation -----------------------------------------------------------------------------------
 */

/* Conversations that the sender has answered in, so that they were begun by others; a bit each. */
static uint64_t answered[1 << 14];

/* Return: whether the packet is of one; if it's an answer, it is from now on. */
static bool answered_note(const struct view *view, bool is_answer)
{
	uint64_t hash = view->protocol << 32 | view->sport << 16 | view->dport, bit, *word;

	for (size_t i = 0; i < view->address_len; i++)
		hash = (hash ^ view->destination[i]) * FNV_PRIME;
	hash ^= hash >> 40;
	bit = 1ULL << hash % 64;
	word = &answered[hash / 64 % COUNT(answered)];
	if (is_answer)
		*word |= bit;
	return *word & bit;
}

enum kind { KIND_OTHER, KIND_PLAIN, KIND_ANSWER, KIND_RESET, KIND_ERROR, KIND_LATER };

static enum kind icmp_kind(const struct view *view)
{
	uint64_t type = get(view, view->upper, 1);

	if (view->protocol == IPPROTO_ICMP) {
		if (type == 3 || type == 11 || type == 12)
			return KIND_ERROR;
		return type == 8 ? KIND_PLAIN : type == 0 ? KIND_ANSWER : KIND_OTHER;
	}
	if (type < 128)
		return KIND_ERROR;
	return type == 128 ? KIND_PLAIN : type == 129 ? KIND_ANSWER : KIND_OTHER;
}

static enum kind kind_of(const struct view *view)
{
	uint64_t flags = 0;

	if (!view->is_first)
		return KIND_LATER;
	if (view->upper + UPPER_LEN > view->packet->len)
		return KIND_OTHER;
	if (view->protocol == IPPROTO_ICMP || view->protocol == IPPROTO_ICMPV6)
		return icmp_kind(view);
	if (!has_ports(view))
		return KIND_OTHER;
	if (view->protocol == IPPROTO_TCP && view->upper + 14 <= view->packet->len)
		flags = get(view, view->upper + 13, 1);
	if (flags & 0x04)
		return KIND_RESET;
	return (flags & 0x12) == 0x12 ? KIND_ANSWER : KIND_PLAIN;
}

/*
 * What leaves has the host's address, unless it's an answer to who has a route here. Of an error,
 * and of a later fragment, that depends on a packet that isn't this one.
 */
static struct hostile_judgement masquerade_judge(const struct view *view)
{
	enum kind kind = kind_of(view);
	bool is_answered = answered_note(view, kind == KIND_ANSWER);

	switch (kind) {
	case KIND_PLAIN:
		return one_way(WAY_MASQUERADED | (is_answered ? WAY_OUT : 0));
	case KIND_ANSWER:
	case KIND_RESET:
		return one_way(WAY_OUT | WAY_MASQUERADED);
	case KIND_ERROR:
		return (struct hostile_judgement){ .ways = WAY_OUT | WAY_MASQUERADED,
						   .reasons = REASON(NO_ANSWER) };
	case KIND_LATER:
		return (struct hostile_judgement){ .ways = WAY_OUT | WAY_MASQUERADED,
						   .reasons = REASON(NAT_FRAGMENT) };
	default:
		return drop_for(REASON(NAT_PROTOCOL));
	}
}

/*
 * Translation writes the ports of TCP and UDP, and their checksums. Who cuts those off, or hides
 * them behind extension headers by the hundred bytes, isn't translated.
 */
static bool is_writable(const struct view *view)
{
	size_t len = view->protocol == IPPROTO_TCP ? TCP_CHECKSUM_END : UPPER_LEN;

	if (!view->is_first || (view->protocol != IPPROTO_TCP && view->protocol != IPPROTO_UDP))
		return true;
	return view->upper <= WRITABLE_UPPER_MAX && view->upper + len <= view->packet->len;
}

static struct hostile_judgement translation_judge(const struct view *view,
						  struct hostile_judgement judgement)
{
	const unsigned int translated = WAY_MASQUERADED | WAY_HAIRPIN;

	if (judgement.ways & translated && !is_writable(view)) {
		judgement.ways &= ~translated;
		judgement.reasons |= REASON(TRUNCATED);
	}
	return judgement;
}

/* What a later fragment of IPv6 names as its protocol means nothing (RFC 8200, section 4.5). */
static bool is_published(const struct view *view)
{
	return (view->protocol == IPPROTO_TCP || view->protocol == IPPROTO_UDP ||
		(!view->is_v4 && !view->is_first)) &&
	       is_address(view, view->destination, HOST_V4, HOST_V6);
}

/* To the host, or where that has published its port to. A later fragment follows its first one. */
static struct hostile_judgement host_judge(const struct view *view)
{
	if (!prog_nat || !is_published(view) ||
	    (view->is_first && view->dport != HOSTILE_PUBLISHED_PORT))
		return one_way(WAY_STACK);
	if (view->l3_len > ENDPOINT_MTU || view->hops <= 1)
		return (struct hostile_judgement){ WAY_ERROR | (view->is_first ? 0 : WAY_STACK),
						   REASON(NO_ANSWER) };
	return translation_judge(view, one_way(WAY_HAIRPIN | (view->is_first ? 0 : WAY_STACK)));
}

/* Ways ------------------------------------------------------------------------------------------
 */

/* What the stack would tell the sender, or the programs, but not too often nor about anything. */
static struct hostile_judgement refuse(const struct view *view, bool stack_answers)
{
	if (view->is_v4 ? stack_answers : stack_answers && prog_stack_forwards_ipv6)
		return one_way(WAY_STACK);
	return (struct hostile_judgement){ WAY_ERROR, REASON(NO_ANSWER) };
}

/*
 * A packet that can't go on: the stack tells the sender of one that would keep its address. Of
 * another it would tell somebody else, or forward it.
 */
static struct hostile_judgement out_refuse(const struct view *view,
					   struct hostile_judgement judgement)
{
	struct hostile_judgement refusal = { 0 };

	if (judgement.ways & WAY_OUT)
		refusal = refuse(view, true);
	if (judgement.ways != WAY_OUT) {
		refusal.ways |= WAY_ERROR;
		refusal.reasons |= judgement.reasons | REASON(NO_ANSWER);
	}
	return refusal;
}

/* At its last hop. Of an error nobody is told: the stack would say nothing, either. */
static struct hostile_judgement last_hop_judge(const struct view *view)
{
	struct hostile_judgement judgement = refuse(view, true);

	if (prog_nat && kind_of(view) == KIND_ERROR)
		judgement.reasons |= REASON(NO_ANSWER);
	return judgement;
}

static struct hostile_judgement out_judge(const struct view *view, const struct route *route)
{
	struct hostile_judgement judgement = prog_nat ? masquerade_judge(view) : one_way(WAY_OUT);
	struct hostile_judgement refusal;

	if (!view->is_v4 && view->hops <= 1)
		return last_hop_judge(view);
	if (route->place == PLACE_BACK)
		return one_way(WAY_STACK);
	refusal = out_refuse(view, judgement);
	if (view->l3_len > route->mtu)
		return refusal;
	if (route->place == PLACE_SILENT) {
		/* Waits in the neighbour table or in the stack, or no longer. */
		judgement.ways |= refusal.ways;
		judgement.reasons |= refusal.reasons;
	}
	return translation_judge(view, judgement);
}

static struct hostile_judgement endpoint_judge(const struct view *view, enum hostile_way way)
{
	if (view->hops <= 1 || view->l3_len > ENDPOINT_MTU)
		return refuse(view, true);
	return one_way(way);
}

/* The subnets of the endpoints are exempt from translation. */
static bool is_of_subnet(const struct view *view)
{
	return begins(view->destination, view->address_len,
		      view->is_v4 ? "10.88.0.0" : "fd00:88::", view->is_v4 ? 24 : 64);
}

/* The stack forwards what has options, but translates nothing. */
static struct hostile_judgement options_judge(const struct view *view)
{
	const struct route *route = route_of(view);

	if (!prog_nat || is_of_subnet(view) || route->place == PLACE_HOST)
		return one_way(WAY_STACK);
	return drop_for(REASON(NAT_PROTOCOL));
}

static struct hostile_judgement way_judge(const struct view *view)
{
	bool is_to_gateway = !memcmp(view->packet->data, gateway_mac, ETH_ALEN);
	const struct route *route = route_of(view);

	if (is_for_no_router(view) || !is_to_gateway || (view->is_v4 && view->hops <= 1))
		return one_way(WAY_STACK);
	if (view->has_options && (view->is_v4 || prog_stack_forwards_ipv6))
		return options_judge(view);
	if (is_own(view, view->destination))
		return endpoint_judge(view, WAY_SELF);
	if (is_address(view, view->destination, OTHER_V4, OTHER_V6))
		return endpoint_judge(view, WAY_OTHER);
	switch (route->place) {
	case PLACE_HOST:
		return host_judge(view);
	case PLACE_REFUSED:
		return one_way(WAY_STACK);
	default:
		return out_judge(view, route);
	}
}

static struct hostile_judgement ip_judge(struct view *view, bool is_v4)
{
	uint64_t reasons = is_v4 ? ipv4_view(view) : ipv6_view(view);

	if (reasons)
		return drop_for(reasons);
	if (is_nd(view))
		return nd_judge(view);
	reasons = rules(view);
	return reasons ? drop_for(reasons) : way_judge(view);
}

struct hostile_judgement hostile_judge(const struct packet *packet)
{
	struct view view = { .packet = packet, .l3_len = packet->len - ETH_HLEN };

	switch (packet_get(packet, ETH_TYPE, 2)) {
	case ETH_P_IP:
		return ip_judge(&view, true);
	case ETH_P_IPV6:
		return ip_judge(&view, false);
	case ETH_P_ARP:
		return arp_judge(&view);
	case ETH_P_8021Q:
	case ETH_P_8021AD:
		return drop_for(REASON(VLAN));
	default:
		return drop_for(REASON(ETHERTYPE));
	}
}

/* What a frame has to be on its way -------------------------------------------------------------
 */

static bool is_same(const struct packet *a, const struct packet *b, size_t from, size_t to)
{
	return from >= to || !memcmp(a->data + from, b->data + from, to - from);
}

static bool has_macs(const struct packet *packet, const uint8_t *destination, const uint8_t *source)
{
	return !memcmp(packet->data, destination, ETH_ALEN) &&
	       !memcmp(packet->data + ETH_ALEN, source, ETH_ALEN);
}

/* Whether the checksum of an IPv4 header is as right as it was: one of all zeros is one of ones. */
static bool checksum_is_kept(const struct packet *before, const struct packet *after)
{
	size_t len = (before->data[L3] & 0xf) * 4;

	return checksum_fold(checksum_add(0, before->data + L3, len)) % 0xffff ==
	       checksum_fold(checksum_add(0, after->data + L3, len)) % 0xffff;
}

/* The header but for the addresses: a hop less. */
static bool is_one_hop_on(const struct packet *before, const struct packet *after)
{
	bool is_v4 = packet_get(before, ETH_TYPE, 2) == ETH_P_IP;
	size_t hops = L3 + (is_v4 ? 8 : 7);

	if (before->len != after->len || after->data[hops] != (uint8_t)(before->data[hops] - 1) ||
	    !is_same(before, after, ETH_TYPE, hops))
		return false;
	return !is_v4 ||
	       (after->data[L3 + 9] == before->data[L3 + 9] && checksum_is_kept(before, after));
}

static size_t addresses_at(const struct packet *packet)
{
	return L3 + (packet_get(packet, ETH_TYPE, 2) == ETH_P_IP ? 12 : 8);
}

static bool is_forwarded(const struct packet *before, const struct packet *after)
{
	return is_one_hop_on(before, after) &&
	       is_same(before, after, addresses_at(before), before->len);
}

static bool is_by_router(const struct packet *before, const struct packet *after)
{
	return has_macs(after, router_mac, uplink_mac) || is_same(before, after, 0, 2 * ETH_ALEN);
}

/* In its addresses; which port and checksum it gets is what test_nat_random looks at. */
static bool is_translated(const struct packet *before, const struct packet *after,
			  const char *source, const char *destination)
{
	size_t at = addresses_at(before), len = at == L3 + 12 ? 4 : 16;

	return is_one_hop_on(before, after) && begins(after->data + at, len, source, 8 * len) &&
	       (destination ? begins(after->data + at + len, len, destination, 8 * len)
			    : is_same(before, after, at + len, at + 2 * len));
}

static bool is_arp_answer(const struct packet *before, const struct packet *after)
{
	struct packet_field operation = FIELD_AT(L3 + 6, 2, 2);
	static struct packet expected;

	expected.len = before->len;
	memcpy(expected.data, before->data, before->len);
	packet_set(&expected, &operation);
	packet_macs(&expected, sender_mac, gateway_mac);
	memcpy(expected.data + L3 + 8, gateway_mac, ETH_ALEN);
	memcpy(expected.data + L3 + 14, before->data + L3 + 24, 4);
	memcpy(expected.data + L3 + 18, before->data + L3 + 8, ETH_ALEN + 4);
	return expected.len == after->len && is_same(&expected, after, 0, after->len);
}

static uint16_t icmp6_sum(const struct packet *packet)
{
	size_t len = packet->len - L3 - IPV6_LEN;
	uint32_t sum = checksum_add((uint32_t)len + IPPROTO_ICMPV6, packet->data + L3 + 8, 32);

	return checksum_fold(checksum_add(sum, packet->data + L3 + IPV6_LEN, len));
}

/* From the target to the asker, with the gateway's MAC address as the target's. */
static bool is_nd_answer(const struct packet *before, const struct packet *after)
{
	static const uint8_t header[8] = { 0x60, 0, 0, 0, 0, 32, IPPROTO_ICMPV6, 255 };
	const uint8_t *ip6 = after->data + L3, *target = before->data + L3 + IPV6_LEN + 8;

	return after->len == L3 + IPV6_LEN + 32 &&
	       has_macs(after, before->data + ETH_ALEN, gateway_mac) &&
	       packet_get(after, ETH_TYPE, 2) == ETH_P_IPV6 && !memcmp(ip6, header, 8) &&
	       !memcmp(ip6 + 8, target, 16) && !memcmp(ip6 + 24, before->data + L3 + 8, 16) &&
	       ip6[40] == 136 && ip6[41] == 0 && ip6[44] == 0xe0 && !memcmp(ip6 + 48, target, 16) &&
	       ip6[64] == 2 && ip6[65] == 1 && !memcmp(ip6 + 66, gateway_mac, ETH_ALEN) &&
	       !icmp6_sum(after);
}

/* From an address of the host, to the sender, and about what he sent. */
static bool is_error(const struct packet *before, const struct packet *after)
{
	bool is_v4 = packet_get(before, ETH_TYPE, 2) == ETH_P_IP;
	size_t header = is_v4 ? IPV4_LEN : IPV6_LEN, at = addresses_at(before);
	size_t len = is_v4 ? 4 : 16, quote = L3 + header + 8;
	const uint8_t *source = after->data + at;

	return after->len > quote && after->len - quote <= before->len - L3 &&
	       has_macs(after, before->data + ETH_ALEN, before->data) &&
	       packet_get(after, ETH_TYPE, 2) == packet_get(before, ETH_TYPE, 2) &&
	       after->data[L3 + (is_v4 ? 9 : 6)] == (is_v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) &&
	       (begins(source, len, is_v4 ? GATEWAY_V4 : GATEWAY_V6, 8 * len) ||
		begins(source, len, is_v4 ? HOST_V4 : HOST_V6, 8 * len)) &&
	       !memcmp(source + len, before->data + at, len) &&
	       !memcmp(after->data + quote, before->data + L3, after->len - quote);
}

bool hostile_way_taken(enum hostile_way way, const struct packet *before,
		       const struct packet *after)
{
	bool is_v4 = packet_get(before, ETH_TYPE, 2) == ETH_P_IP;

	switch (way) {
	case WAY_STACK:
		return before->len == after->len && is_same(before, after, 0, before->len);
	case WAY_OTHER:
		return has_macs(after, other_mac, gateway_mac) && is_forwarded(before, after);
	case WAY_SELF:
		return has_macs(after, sender_mac, gateway_mac) && is_forwarded(before, after);
	case WAY_OUT:
		return is_by_router(before, after) && is_forwarded(before, after);
	case WAY_MASQUERADED:
		return is_by_router(before, after) &&
		       is_translated(before, after, is_v4 ? HOST_V4 : HOST_V6, NULL);
	case WAY_HAIRPIN:
		return has_macs(after, other_mac, gateway_mac) &&
		       is_translated(before, after, is_v4 ? HOST_V4 : HOST_V6,
				     is_v4 ? OTHER_V4 : OTHER_V6);
	case WAY_ARP:
		return is_arp_answer(before, after);
	case WAY_ND:
		return is_nd_answer(before, after);
	case WAY_ERROR:
		return is_error(before, after);
	}
	return false;
}
