// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Packets on their way out of a container, one by one: which are forwarded and how each byte of
 * them comes out, which are the stack's and untouched, which are dropped and counted as what.
 */
#include <linux/in.h>
#include <net/if.h>
#include <string.h>

#include "net.h"
#include "prog.h"

/**
 * enum outcome - what is to happen to a packet.
 * @OUT_STACK: nothing, it's the stack's
 * @OUT_DROP: dropped
 * @OUT_LOCAL: forwarded to an endpoint
 * @OUT_NEIGH: forwarded by the neighbour table, which writes the Ethernet header later
 * @OUT_DIRECT: forwarded to the router
 */
enum outcome { OUT_STACK, OUT_DROP, OUT_LOCAL, OUT_NEIGH, OUT_DIRECT };

/**
 * struct from_ctr_case - a packet of the sender, and its outcome.
 * @build, @saddr, @daddr, @protocol, @payload_len: what packet_ipv4() or packet_ipv6() makes
 * @insert, @insert_len: options or extension headers
 * @set: fields, written last
 * @gso_size: see struct prog_run
 * @primed: a packet has gone by the neighbour table a moment ago
 * @reason: of OUT_DROP
 * @mac: destination of OUT_LOCAL; NULL: the other endpoint's
 */
struct from_ctr_case {
	const char *name;
	void (*build)(struct packet *packet, const char *saddr, const char *daddr, uint8_t protocol,
		      size_t payload_len);
	const char *saddr;
	const char *daddr;
	uint8_t protocol;
	size_t payload_len;
	const uint8_t *insert;
	size_t insert_len;
	struct packet_field set[PACKET_FIELDS_MAX];
	uint32_t gso_size;
	bool primed;
	enum outcome outcome;
	enum nk_drop_reason reason;
	const uint8_t *mac;
};

#define V4(to, upper, len)                                                                    \
	.build = packet_ipv4, .saddr = SENDER_V4, .daddr = (to), .protocol = IPPROTO_##upper, \
	.payload_len = (len)
#define V4_FROM(from)                                                                      \
	.build = packet_ipv4, .saddr = (from), .daddr = OTHER_V4, .protocol = IPPROTO_UDP, \
	.payload_len = 40
#define V6(to, upper, len)                                                                    \
	.build = packet_ipv6, .saddr = SENDER_V6, .daddr = (to), .protocol = IPPROTO_##upper, \
	.payload_len = (len)
#define V6_FROM(from)                                                                      \
	.build = packet_ipv6, .saddr = (from), .daddr = OTHER_V6, .protocol = IPPROTO_UDP, \
	.payload_len = 40
#define INSERT(...) \
	.insert = (const uint8_t[]){ __VA_ARGS__ }, .insert_len = sizeof((uint8_t[]){ __VA_ARGS__ })
#define DROP(why) .outcome = OUT_DROP, .reason = NK_DROP_##why

#define TCP_LEN         32 /* as packet_ipv4() builds it */
#define FRAGMENT_MORE   0x2000
#define FRAGMENT_SECOND 0x0005

/* Extension headers: hop-by-hop, routing, destination options, fragment; next header first. */
#define PADDING              0, 1, 4, 0, 0, 0, 0
#define OPTIONS(next)        (next), PADDING
#define FRAGMENT6(next, pos) (next), 0, (pos) >> 8, (pos)&0xff, 0, 0, 0, 1
#define FRAGMENT6_MORE       0x0001
#define FRAGMENT6_SECOND     0x0029

static const struct from_ctr_case cases[] = {
	/* To an endpoint. */
	{ "IPv4 UDP to an endpoint is forwarded", V4(OTHER_V4, UDP, 100), .outcome = OUT_LOCAL },
	{ "IPv4 UDP without payload", V4(OTHER_V4, UDP, 8), .outcome = OUT_LOCAL },
	{ "IPv4 TCP to an endpoint is forwarded", V4(OTHER_V4, TCP, 100), .outcome = OUT_LOCAL },
	{ "IPv4 ICMP to an endpoint is forwarded", V4(OTHER_V4, ICMP, 64), .outcome = OUT_LOCAL },
	{ "IPv4 of any protocol, shorter than a UDP header", V4(OTHER_V4, GRE, 3),
	  .outcome = OUT_LOCAL },
	{ "IPv4 to itself is forwarded", V4(SENDER_V4, UDP, 100), .outcome = OUT_LOCAL,
	  .mac = sender_mac },
	{ "IPv4 with padding behind it", V4(OTHER_V4, UDP, 100), .set = { IP4(tot_len, 60) },
	  .outcome = OUT_LOCAL },
	{ "IPv4 first fragment", V4(OTHER_V4, UDP, 100), .set = { IP4(frag_off, FRAGMENT_MORE) },
	  .outcome = OUT_LOCAL },
	{ "IPv4 second fragment, shorter than a UDP header", V4(OTHER_V4, UDP, 4),
	  .set = { IP4(frag_off, FRAGMENT_SECOND) }, .outcome = OUT_LOCAL },
	{ "IPv6 UDP to an endpoint is forwarded", V6(OTHER_V6, UDP, 100), .outcome = OUT_LOCAL },
	{ "IPv6 UDP without payload", V6(OTHER_V6, UDP, 8), .outcome = OUT_LOCAL },
	{ "IPv6 TCP to an endpoint is forwarded", V6(OTHER_V6, TCP, 100), .outcome = OUT_LOCAL },
	{ "IPv6 ICMPv6 echo to an endpoint is forwarded", V6(OTHER_V6, ICMPV6, 64),
	  .set = { L4_OF_IP6(0, 1, 128) }, .outcome = OUT_LOCAL },
	{ "IPv6 without next header", V6(OTHER_V6, NONE, 0), .outcome = OUT_LOCAL },
	{ "IPv6 to itself is forwarded", V6(SENDER_V6, UDP, 100), .outcome = OUT_LOCAL,
	  .mac = sender_mac },
	{ "IPv6 with traffic class and flow label", V6(OTHER_V6, UDP, 100),
	  .set = { IP6_FLOW(0x6abcdef1) }, .outcome = OUT_LOCAL },

	/* TTL and hop limit. */
	{ "IPv4 TTL 255", V4(OTHER_V4, UDP, 100), .set = { IP4(ttl, 255) }, .outcome = OUT_LOCAL },
	{ "IPv4 TTL 2 has one hop left", V4(OTHER_V4, UDP, 100), .set = { IP4(ttl, 2) },
	  .outcome = OUT_LOCAL },
	{ "IPv4 TTL 1 is answered by the stack", V4(OTHER_V4, UDP, 100), .set = { IP4(ttl, 1) },
	  .outcome = OUT_STACK },
	{ "IPv4 TTL 0 is the stack's", V4(OTHER_V4, UDP, 100), .set = { IP4(ttl, 0) },
	  .outcome = OUT_STACK },
	{ "IPv4 TTL 1 to a remote host", V4(REMOTE_V4, UDP, 100), .set = { IP4(ttl, 1) },
	  .outcome = OUT_STACK },
	{ "IPv6 hop limit 2 has one hop left", V6(OTHER_V6, UDP, 100), .set = { IP6(hop_limit, 2) },
	  .outcome = OUT_LOCAL },
	{ "IPv6 hop limit 1 is answered by the stack", V6(OTHER_V6, UDP, 100),
	  .set = { IP6(hop_limit, 1) }, .outcome = OUT_STACK },
	{ "IPv6 hop limit 0 is the stack's", V6(OTHER_V6, UDP, 100), .set = { IP6(hop_limit, 0) },
	  .outcome = OUT_STACK },

	/* The endpoint's MTU. */
	{ "IPv4 as large as the endpoint's MTU", V4(OTHER_V4, UDP, ENDPOINT_MTU - 20),
	  .outcome = OUT_LOCAL },
	{ "IPv4 larger than the endpoint's MTU is answered by the stack",
	  V4(OTHER_V4, UDP, ENDPOINT_MTU - 19), .outcome = OUT_STACK },
	{ "IPv4 TCP segments as large as the endpoint's MTU", V4(OTHER_V4, TCP, 3000),
	  .gso_size = ENDPOINT_MTU - 20 - TCP_LEN, .outcome = OUT_LOCAL },
	{ "IPv4 TCP segments larger than the endpoint's MTU", V4(OTHER_V4, TCP, 3000),
	  .gso_size = ENDPOINT_MTU - 19 - TCP_LEN, .outcome = OUT_STACK },
	{ "IPv4 TCP segments whose header says 60 bytes", V4(OTHER_V4, TCP, 3000),
	  .set = { L4_OF_IP4(12, 1, 0xf0) }, .gso_size = ENDPOINT_MTU - 20 - 60 + 1,
	  .outcome = OUT_STACK },
	{ "IPv4 UDP segments larger than the endpoint's MTU", V4(OTHER_V4, UDP, 3000),
	  .gso_size = ENDPOINT_MTU - 20 - 8 + 1, .outcome = OUT_STACK },
	{ "IPv4 BIG TCP: no total length", V4(OTHER_V4, TCP, 3000), .set = { IP4(tot_len, 0) },
	  .gso_size = 1000, .outcome = OUT_LOCAL },
	{ "IPv6 as large as the endpoint's MTU", V6(OTHER_V6, UDP, ENDPOINT_MTU - 40),
	  .outcome = OUT_LOCAL },
	{ "IPv6 larger than the endpoint's MTU is answered by the stack",
	  V6(OTHER_V6, UDP, ENDPOINT_MTU - 39), .outcome = OUT_STACK },
	{ "IPv6 TCP segments as large as the endpoint's MTU", V6(OTHER_V6, TCP, 3000),
	  .gso_size = ENDPOINT_MTU - 40 - TCP_LEN, .outcome = OUT_LOCAL },
	{ "IPv6 TCP segments larger than the endpoint's MTU", V6(OTHER_V6, TCP, 3000),
	  .gso_size = ENDPOINT_MTU - 39 - TCP_LEN, .outcome = OUT_STACK },
	{ "IPv6 TCP segments larger than the MTU by their destination options",
	  V6(OTHER_V6, TCP, 3000), INSERT(OPTIONS(IPPROTO_TCP)),
	  .set = { IP6(nexthdr, IPPROTO_DSTOPTS) }, .gso_size = ENDPOINT_MTU - 40 - TCP_LEN,
	  .outcome = OUT_STACK },
	{ "IPv6 BIG TCP: no payload length", V6(OTHER_V6, TCP, 3000),
	  .set = { IP6(payload_len, 0) }, .gso_size = 1000, .outcome = OUT_LOCAL },

	/* To a remote host. */
	{ "IPv4: the first packet confirms the next hop", V4(REMOTE_V4, UDP, 100),
	  .outcome = OUT_NEIGH },
	{ "IPv4: the next ones go straight to it", V4(REMOTE_V4, UDP, 100), .primed = true,
	  .outcome = OUT_DIRECT },
	{ "IPv4 TCP to a remote host", V4(REMOTE_V4, TCP, 100), .primed = true,
	  .outcome = OUT_DIRECT },
	{ "IPv4 ICMP to a remote host", V4(REMOTE_V4, ICMP, 64), .primed = true,
	  .outcome = OUT_DIRECT },
	{ "IPv4 to a neighbour on the wire", V4("192.0.2.254", UDP, 100), .primed = true,
	  .outcome = OUT_DIRECT },
	{ "IPv4 second fragment to a remote host", V4(REMOTE_V4, UDP, 100),
	  .set = { IP4(frag_off, FRAGMENT_SECOND) }, .primed = true, .outcome = OUT_DIRECT },
	{ "IPv4 by an IPv6 next hop: the first packet", V4(BY_V6_V4, UDP, 100),
	  .outcome = OUT_NEIGH },
	{ "IPv4 by an IPv6 next hop", V4(BY_V6_V4, UDP, 100), .primed = true,
	  .outcome = OUT_DIRECT },
	{ "IPv4 as large as the uplink's MTU", V4(REMOTE_V4, UDP, UPLINK_MTU - 20), .primed = true,
	  .outcome = OUT_DIRECT },
	{ "IPv4 larger than the uplink's MTU", V4(REMOTE_V4, UDP, UPLINK_MTU - 19), .primed = true,
	  .outcome = OUT_STACK },
	{ "IPv4 as large as the route's MTU", V4(NARROW_V4, UDP, NARROW_MTU - 20), .primed = true,
	  .outcome = OUT_DIRECT },
	{ "IPv4 larger than the route's MTU", V4(NARROW_V4, UDP, NARROW_MTU - 19), .primed = true,
	  .outcome = OUT_STACK },
	{ "IPv4 TCP segments as large as the route's MTU", V4(NARROW_V4, TCP, 3000),
	  .gso_size = NARROW_MTU - 20 - TCP_LEN, .primed = true, .outcome = OUT_DIRECT },
	{ "IPv4 TCP segments larger than the route's MTU", V4(NARROW_V4, TCP, 3000),
	  .gso_size = NARROW_MTU - 19 - TCP_LEN, .primed = true, .outcome = OUT_STACK },
	{ "IPv4 UDP segments larger than the route's MTU", V4(NARROW_V4, UDP, 3000),
	  .gso_size = NARROW_MTU - 20 - 8 + 1, .primed = true, .outcome = OUT_STACK },
	{ "IPv6: the first packet confirms the next hop", V6(REMOTE_V6, UDP, 100),
	  .outcome = OUT_NEIGH },
	{ "IPv6: the next ones go straight to it", V6(REMOTE_V6, UDP, 100), .primed = true,
	  .outcome = OUT_DIRECT },
	{ "IPv6 TCP to a remote host", V6(REMOTE_V6, TCP, 100), .primed = true,
	  .outcome = OUT_DIRECT },
	{ "IPv6 ICMPv6 echo to a remote host", V6(REMOTE_V6, ICMPV6, 64),
	  .set = { L4_OF_IP6(0, 1, 128) }, .primed = true, .outcome = OUT_DIRECT },
	{ "IPv6 to a neighbour on the wire", V6("2001:db8:2::fe", UDP, 100), .primed = true,
	  .outcome = OUT_DIRECT },
	{ "IPv6 as large as the uplink's MTU", V6(REMOTE_V6, UDP, UPLINK_MTU - 40), .primed = true,
	  .outcome = OUT_DIRECT },
	{ "IPv6 larger than the uplink's MTU", V6(REMOTE_V6, UDP, UPLINK_MTU - 39), .primed = true,
	  .outcome = OUT_STACK },
	{ "IPv6 as large as the route's MTU", V6(NARROW_V6, UDP, NARROW_MTU - 40), .primed = true,
	  .outcome = OUT_DIRECT },
	{ "IPv6 larger than the route's MTU", V6(NARROW_V6, UDP, NARROW_MTU - 39), .primed = true,
	  .outcome = OUT_STACK },
	{ "IPv6 TCP segments as large as the route's MTU", V6(NARROW_V6, TCP, 3000),
	  .gso_size = NARROW_MTU - 40 - TCP_LEN, .primed = true, .outcome = OUT_DIRECT },
	{ "IPv6 TCP segments larger than the route's MTU", V6(NARROW_V6, TCP, 3000),
	  .gso_size = NARROW_MTU - 39 - TCP_LEN, .primed = true, .outcome = OUT_STACK },

	/* What the stack answers or delivers. */
	{ "IPv4: the first packet to an unresolved next hop starts its resolution",
	  V4(UNRESOLVED_V4, UDP, 100), .outcome = OUT_NEIGH },
	{ "IPv4: the next ones wait in the stack", V4(UNRESOLVED_V4, UDP, 100), .primed = true,
	  .outcome = OUT_STACK },
	{ "IPv4 to the host", V4(HOST_V4, UDP, 100), .outcome = OUT_STACK },
	{ "IPv4 to the gateway", V4(GATEWAY_V4, ICMP, 64), .outcome = OUT_STACK },
	{ "IPv4 unreachable", V4(UNREACHABLE_V4, UDP, 100), .outcome = OUT_STACK },
	{ "IPv4 prohibited", V4(PROHIBIT_V4, UDP, 100), .outcome = OUT_STACK },
	{ "IPv4 blackhole", V4(BLACKHOLE_V4, UDP, 100), .outcome = OUT_STACK },
	{ "IPv4 without a route", V4(NOWHERE_V4, UDP, 100), .outcome = OUT_STACK },
	{ "IPv4 routed back to the sender", V4(BACK_V4, UDP, 100), .outcome = OUT_STACK },
	{ "IPv4 subnet broadcast of the uplink", V4("192.0.2.255", UDP, 100),
	  .outcome = OUT_STACK },
	{ "IPv4 multicast", V4("224.0.0.251", UDP, 100), .outcome = OUT_STACK },
	{ "IPv4 highest multicast", V4("239.255.255.255", UDP, 100), .outcome = OUT_STACK },
	{ "IPv4 reserved is plain", V4("240.0.0.1", UDP, 100), .primed = true,
	  .outcome = OUT_DIRECT },
	{ "IPv4 highest reserved", V4("255.255.255.254", UDP, 100), .primed = true,
	  .outcome = OUT_DIRECT },
	{ "IPv4 limited broadcast", V4("255.255.255.255", UDP, 100), .outcome = OUT_STACK },
	{ "IPv4 with options", V4(OTHER_V4, UDP, 100), INSERT(7, 7, 4, 0, 0, 0, 0, 0),
	  .outcome = OUT_STACK },
	{ "IPv4 with the most options", V4(REMOTE_V4, TCP, 100),
	  INSERT(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0),
	  .outcome = OUT_STACK },
	{ "IPv4 in a frame for another MAC", V4(OTHER_V4, UDP, 100),
	  .set = { FIELD_AT(0, 6, 0x02aa000000ff) }, .outcome = OUT_STACK },
	{ "IPv4 in a broadcast frame", V4(REMOTE_V4, UDP, 100),
	  .set = { FIELD_AT(0, 6, 0xffffffffffff) }, .outcome = OUT_STACK },
	{ "IPv6: the first packet to an unresolved next hop starts its resolution",
	  V6(UNRESOLVED_V6, UDP, 100), .outcome = OUT_NEIGH },
	{ "IPv6: the next ones wait in the stack", V6(UNRESOLVED_V6, UDP, 100), .primed = true,
	  .outcome = OUT_STACK },
	{ "IPv6 to the host", V6(HOST_V6, UDP, 100), .outcome = OUT_STACK },
	{ "IPv6 to the gateway", V6(GATEWAY_V6, UDP, 100), .outcome = OUT_STACK },
	{ "IPv6 unreachable", V6(UNREACHABLE_V6, UDP, 100), .outcome = OUT_STACK },
	{ "IPv6 prohibited", V6(PROHIBIT_V6, UDP, 100), .outcome = OUT_STACK },
	{ "IPv6 blackhole", V6(BLACKHOLE_V6, UDP, 100), .outcome = OUT_STACK },
	{ "IPv6 without a route", V6(NOWHERE_V6, UDP, 100), .outcome = OUT_STACK },
	{ "IPv6 routed back to the sender", V6(BACK_V6, UDP, 100), .outcome = OUT_STACK },
	{ "IPv6 multicast", V6("ff02::fb", UDP, 100), .outcome = OUT_STACK },
	{ "IPv6 link-local destination", V6("fe80::1", UDP, 100), .outcome = OUT_STACK },
	{ "IPv6 highest link-local destination", V6("febf:ffff::1", UDP, 100),
	  .outcome = OUT_STACK },
	{ "IPv6 in a frame for another MAC", V6(OTHER_V6, UDP, 100),
	  .set = { FIELD_AT(0, 6, 0x02aa000000ff) }, .outcome = OUT_STACK },

	/* IPv6 extension headers. */
	{ "IPv6 with hop-by-hop options", V6(OTHER_V6, UDP, 100), INSERT(OPTIONS(IPPROTO_UDP)),
	  .set = { IP6(nexthdr, IPPROTO_HOPOPTS) }, .outcome = OUT_STACK },
	{ "IPv6 with a routing header", V6(OTHER_V6, UDP, 100), INSERT(OPTIONS(IPPROTO_UDP)),
	  .set = { IP6(nexthdr, IPPROTO_ROUTING) }, .outcome = OUT_STACK },
	{ "IPv6 with a routing header behind destination options", V6(OTHER_V6, UDP, 100),
	  INSERT(OPTIONS(IPPROTO_ROUTING), OPTIONS(IPPROTO_UDP)),
	  .set = { IP6(nexthdr, IPPROTO_DSTOPTS) }, .outcome = OUT_STACK },
	{ "IPv6 with destination options", V6(OTHER_V6, UDP, 100), INSERT(OPTIONS(IPPROTO_UDP)),
	  .set = { IP6(nexthdr, IPPROTO_DSTOPTS) }, .outcome = OUT_LOCAL },
	{ "IPv6 with an authentication header", V6(OTHER_V6, UDP, 100),
	  INSERT(IPPROTO_UDP, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1), .set = { IP6(nexthdr, IPPROTO_AH) },
	  .outcome = OUT_LOCAL },
	{ "IPv6 with an encrypted payload", V6(OTHER_V6, ESP, 100), .outcome = OUT_LOCAL },
	{ "IPv6 first fragment", V6(OTHER_V6, UDP, 100),
	  INSERT(FRAGMENT6(IPPROTO_UDP, FRAGMENT6_MORE)), .set = { IP6(nexthdr, IPPROTO_FRAGMENT) },
	  .outcome = OUT_LOCAL },
	{ "IPv6 second fragment", V6(REMOTE_V6, UDP, 4),
	  INSERT(FRAGMENT6(IPPROTO_UDP, FRAGMENT6_SECOND)),
	  .set = { IP6(nexthdr, IPPROTO_FRAGMENT) }, .primed = true, .outcome = OUT_DIRECT },
	{ "IPv6 with six extension headers", V6(OTHER_V6, UDP, 100),
	  INSERT(OPTIONS(60), OPTIONS(60), OPTIONS(60), OPTIONS(60), OPTIONS(60),
		 OPTIONS(IPPROTO_UDP)),
	  .set = { IP6(nexthdr, IPPROTO_DSTOPTS) }, .outcome = OUT_LOCAL },
	{ "IPv6 with seven extension headers", V6(OTHER_V6, UDP, 100),
	  INSERT(OPTIONS(60), OPTIONS(60), OPTIONS(60), OPTIONS(60), OPTIONS(60), OPTIONS(60),
		 OPTIONS(IPPROTO_UDP)),
	  .set = { IP6(nexthdr, IPPROTO_DSTOPTS) }, DROP(EXT_HEADERS) },
	{ "IPv6 with an extension header that isn't there", V6(OTHER_V6, DSTOPTS, 3),
	  DROP(EXT_HEADERS) },
	{ "IPv6 with an extension header that is longer than the packet", V6(OTHER_V6, DSTOPTS, 8),
	  .set = { L4_OF_IP6(0, 2, IPPROTO_DSTOPTS << 8 | 255) }, DROP(EXT_HEADERS) },
	{ "IPv6 whose UDP header is behind the packet's end", V6(OTHER_V6, DSTOPTS, 15),
	  .set = { L4_OF_IP6(0, 2, IPPROTO_UDP << 8) }, DROP(TRUNCATED) },
	{ "IPv6 first fragment without the upper-layer header", V6(OTHER_V6, UDP, 0),
	  INSERT(FRAGMENT6(IPPROTO_UDP, FRAGMENT6_MORE)), .set = { IP6(nexthdr, IPPROTO_FRAGMENT) },
	  DROP(TRUNCATED) },
	{ "IPv6 first fragment without its last extension header", V6(OTHER_V6, UDP, 0),
	  INSERT(FRAGMENT6(IPPROTO_DSTOPTS, FRAGMENT6_MORE)),
	  .set = { IP6(nexthdr, IPPROTO_FRAGMENT) }, DROP(EXT_HEADERS) },

	/* Sources. */
	{ "IPv4 from nobody's address", V4_FROM("10.88.0.9"), DROP(SOURCE) },
	{ "IPv4 from another endpoint's address", V4_FROM(OTHER_V4), DROP(SOURCE) },
	{ "IPv4 from the gateway's address", V4_FROM(GATEWAY_V4), DROP(SOURCE) },
	{ "IPv4 from a remote address", V4_FROM(REMOTE_V4), DROP(SOURCE) },
	{ "IPv4 from loopback", V4_FROM("127.0.0.1"), DROP(SOURCE) },
	{ "IPv4 from a link-local address", V4_FROM("169.254.1.1"), DROP(SOURCE) },
	{ "IPv4 from a multicast address", V4_FROM("224.0.0.1"), DROP(SOURCE) },
	{ "IPv4 from the unspecified address", V4_FROM("0.0.0.0"), DROP(LINK_LOCAL) },
	{ "IPv4 DHCP client", V4_FROM("0.0.0.0"),
	  .set = { L4_OF_IP4(0, 4, 68 << 16 | 67), IP4(daddr, 0xffffffff) }, DROP(LINK_LOCAL) },
	{ "IPv4 forged, TTL 1: no answer from the host", V4_FROM("10.88.0.9"),
	  .set = { IP4(ttl, 1) }, DROP(SOURCE) },
	{ "IPv4 forged, to multicast", V4_FROM("10.88.0.9"), .set = { IP4(daddr, 0xe0000001) },
	  DROP(SOURCE) },
	{ "IPv4 forged, with options", V4_FROM("10.88.0.9"), INSERT(7, 7, 4, 0, 0, 0, 0, 0),
	  DROP(SOURCE) },
	{ "IPv6 from nobody's address", V6_FROM("fd00:88::9"), DROP(SOURCE) },
	{ "IPv6 from another endpoint's address", V6_FROM(OTHER_V6), DROP(SOURCE) },
	{ "IPv6 from the gateway's address", V6_FROM(GATEWAY_V6), DROP(SOURCE) },
	{ "IPv6 from a remote address", V6_FROM(REMOTE_V6), DROP(SOURCE) },
	{ "IPv6 from loopback", V6_FROM("::1"), DROP(SOURCE) },
	{ "IPv6 from a mapped address", V6_FROM("::ffff:10.88.0.2"), DROP(SOURCE) },
	{ "IPv6 from a multicast address", V6_FROM("ff02::1"), DROP(SOURCE) },
	{ "IPv6 from the unspecified address", V6_FROM("::"), DROP(LINK_LOCAL) },
	{ "IPv6 from a link-local address", V6_FROM("fe80::2"), DROP(LINK_LOCAL) },
	{ "IPv6 from the highest link-local address", V6_FROM("febf::2"), DROP(LINK_LOCAL) },
	{ "IPv6 from a site-local address", V6_FROM("fec0::2"), DROP(SOURCE) },
	{ "IPv6 multicast listener report", V6_FROM("fe80::2"),
	  .set = { IP6(nexthdr, IPPROTO_ICMPV6), L4_OF_IP6(0, 1, 143) }, DROP(LINK_LOCAL) },
	{ "IPv6 forged, hop limit 1: no answer from the host", V6_FROM("fd00:88::9"),
	  .set = { IP6(hop_limit, 1) }, DROP(SOURCE) },
	{ "IPv6 forged, with hop-by-hop options", V6_FROM("fd00:88::9"),
	  INSERT(OPTIONS(IPPROTO_UDP)), .set = { IP6(nexthdr, IPPROTO_HOPOPTS) }, DROP(SOURCE) },

	/* Destinations. */
	{ "IPv4 to loopback", V4("127.0.0.1", UDP, 100), DROP(MARTIAN) },
	{ "IPv4 to the end of loopback", V4("127.255.255.255", TCP, 100), DROP(MARTIAN) },
	{ "IPv4 to 0.0.0.0", V4("0.0.0.0", UDP, 100), DROP(MARTIAN) },
	{ "IPv4 to this network", V4("0.1.2.3", UDP, 100), DROP(MARTIAN) },
	{ "IPv6 to ::1", V6("::1", UDP, 100), DROP(MARTIAN) },
	{ "IPv6 to ::", V6("::", UDP, 100), DROP(MARTIAN) },
	{ "IPv6 to a mapped address", V6("::ffff:127.0.0.1", TCP, 100), DROP(MARTIAN) },
	{ "IPv6 to NAT64's prefix is plain", V6("64:ff9b::c000:201", UDP, 100),
	  .outcome = OUT_STACK },
	{ "IPv6 to ::2 is plain", V6("::2", UDP, 100), .outcome = OUT_STACK },

	/* DHCP servers. */
	{ "DHCP server", V4(OTHER_V4, UDP, 100), .set = { L4_OF_IP4(0, 4, 67 << 16 | 68) },
	  DROP(DHCP_SERVER) },
	{ "DHCP server to broadcast", V4("255.255.255.255", UDP, 100),
	  .set = { L4_OF_IP4(0, 4, 67 << 16 | 68) }, DROP(DHCP_SERVER) },
	{ "DHCP server, first fragment", V4(OTHER_V4, UDP, 100),
	  .set = { L4_OF_IP4(0, 4, 67 << 16 | 68), IP4(frag_off, FRAGMENT_MORE) },
	  DROP(DHCP_SERVER) },
	{ "DHCP server behind IPv4 options", V4(OTHER_V4, UDP, 100), INSERT(1, 1, 1, 0),
	  .set = { L4_OF_IP4(4, 4, 67 << 16 | 68) }, DROP(DHCP_SERVER) },
	{ "the payload of a second fragment isn't a UDP header", V4(OTHER_V4, UDP, 100),
	  .set = { L4_OF_IP4(0, 4, 67 << 16 | 68), IP4(frag_off, FRAGMENT_SECOND) },
	  .outcome = OUT_LOCAL },
	{ "TCP from 67 to 68 isn't DHCP", V4(OTHER_V4, TCP, 100),
	  .set = { L4_OF_IP4(0, 4, 67 << 16 | 68) }, .outcome = OUT_LOCAL },
	{ "DHCP relays and clients may speak", V4(OTHER_V4, UDP, 100),
	  .set = { L4_OF_IP4(0, 4, 68 << 16 | 67) }, .outcome = OUT_LOCAL },
	{ "UDP from 67 to elsewhere", V4(OTHER_V4, UDP, 100),
	  .set = { L4_OF_IP4(0, 4, 67 << 16 | 67) }, .outcome = OUT_LOCAL },
	{ "DHCPv6 server", V6(OTHER_V6, UDP, 100), .set = { L4_OF_IP6(0, 4, 547 << 16 | 546) },
	  DROP(DHCP_SERVER) },
	{ "DHCPv6 server, link-local", V6_FROM("fe80::2"),
	  .set = { L4_OF_IP6(0, 4, 547 << 16 | 546) }, DROP(DHCP_SERVER) },
	{ "DHCPv6 server behind destination options", V6(OTHER_V6, UDP, 100),
	  INSERT(OPTIONS(IPPROTO_UDP)),
	  .set = { IP6(nexthdr, IPPROTO_DSTOPTS), L4_OF_IP6(8, 4, 547 << 16 | 546) },
	  DROP(DHCP_SERVER) },
	{ "DHCPv6 server behind an authentication header", V6(OTHER_V6, UDP, 100),
	  INSERT(IPPROTO_UDP, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1),
	  .set = { IP6(nexthdr, IPPROTO_AH), L4_OF_IP6(12, 4, 547 << 16 | 546) },
	  DROP(DHCP_SERVER) },
	{ "DHCPv6 server behind 16 bytes of destination options", V6(OTHER_V6, UDP, 100),
	  INSERT(IPPROTO_UDP, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	  .set = { IP6(nexthdr, IPPROTO_DSTOPTS), L4_OF_IP6(16, 4, 547 << 16 | 546) },
	  DROP(DHCP_SERVER) },
	{ "DHCPv6 server, first fragment", V6(OTHER_V6, UDP, 100),
	  INSERT(FRAGMENT6(IPPROTO_UDP, FRAGMENT6_MORE)),
	  .set = { IP6(nexthdr, IPPROTO_FRAGMENT), L4_OF_IP6(8, 4, 547 << 16 | 546) },
	  DROP(DHCP_SERVER) },
	{ "DHCPv6 client", V6(OTHER_V6, UDP, 100), .set = { L4_OF_IP6(0, 4, 546 << 16 | 547) },
	  .outcome = OUT_LOCAL },

	/* Malformed headers. */
	{ "IPv4 of version 5", V4(OTHER_V4, UDP, 100), .set = { IP4_VERSION_IHL(0x55) },
	  DROP(IP_HEADER) },
	{ "IPv4 of version 6", V4(OTHER_V4, UDP, 100), .set = { IP4_VERSION_IHL(0x65) },
	  DROP(IP_HEADER) },
	{ "IPv4 header of 16 bytes", V4(OTHER_V4, UDP, 100), .set = { IP4_VERSION_IHL(0x44) },
	  DROP(IP_HEADER) },
	{ "IPv4 header longer than the packet", V4(OTHER_V4, GRE, 20),
	  .set = { IP4_VERSION_IHL(0x4f) }, DROP(IP_HEADER) },
	{ "IPv4 total length larger than the packet", V4(OTHER_V4, UDP, 100),
	  .set = { IP4(tot_len, 121) }, DROP(IP_HEADER) },
	{ "IPv4 total length smaller than the header", V4(OTHER_V4, UDP, 100),
	  .set = { IP4(tot_len, 19) }, DROP(IP_HEADER) },
	{ "IPv4 total length 0 without segments", V4(OTHER_V4, UDP, 100),
	  .set = { IP4(tot_len, 0) }, DROP(IP_HEADER) },
	{ "IPv6 of version 4", V6(OTHER_V6, UDP, 100), .set = { IP6_FLOW(0x40000000) },
	  DROP(IP_HEADER) },
	{ "IPv6 payload length larger than the packet", V6(OTHER_V6, UDP, 100),
	  .set = { IP6(payload_len, 101) }, DROP(IP_HEADER) },

	/* Truncated headers. */
	{ "IPv4 UDP header of 7 bytes", V4(OTHER_V4, UDP, 7), DROP(TRUNCATED) },
	{ "IPv4 TCP header of 7 bytes", V4(OTHER_V4, TCP, 7), DROP(TRUNCATED) },
	{ "IPv4 first fragment with a UDP header of 7 bytes", V4(OTHER_V4, UDP, 7),
	  .set = { IP4(frag_off, FRAGMENT_MORE) }, DROP(TRUNCATED) },
	{ "IPv6 UDP header of 7 bytes", V6(OTHER_V6, UDP, 7), DROP(TRUNCATED) },
	{ "IPv6 ICMPv6 header of 7 bytes", V6(OTHER_V6, ICMPV6, 7), DROP(TRUNCATED) },

	/* What isn't IP. */
	{ "LLDP", V4(OTHER_V4, UDP, 100), .set = { ETH(h_proto, 0x88cc) }, DROP(ETHERTYPE) },
	{ "MPLS", V4(OTHER_V4, UDP, 100), .set = { ETH(h_proto, 0x8847) }, DROP(ETHERTYPE) },
	{ "802.3 length", V4(OTHER_V4, UDP, 100), .set = { ETH(h_proto, 100) }, DROP(ETHERTYPE) },
	{ "802.1Q", V4(OTHER_V4, UDP, 100), .set = { ETH(h_proto, 0x8100) }, DROP(VLAN) },
	{ "802.1ad", V4(OTHER_V4, UDP, 100), .set = { ETH(h_proto, 0x88a8) }, DROP(VLAN) },
};

static void case_build(const struct from_ctr_case *test, struct prog_run *run)
{
	memset(run, 0, sizeof(*run));
	run->ifindex = (int)if_nametoindex(SENDER);
	run->gso_size = test->gso_size;
	test->build(&run->packet, test->saddr, test->daddr, test->protocol, test->payload_len);
	if (test->insert_len)
		packet_insert(&run->packet, test->insert, test->insert_len);
	packet_set_all(&run->packet, test->set);
}

/* A packet of the sender's own to the same destination, with nothing that stops it on its way. */
static void plain_build(const struct from_ctr_case *test, struct prog_run *run)
{
	bool is_ipv4 = test->build == packet_ipv4;

	memset(run, 0, sizeof(*run));
	run->ifindex = (int)if_nametoindex(SENDER);
	test->build(&run->packet, is_ipv4 ? SENDER_V4 : SENDER_V6, test->daddr, test->protocol, 40);
}

/* The packet as it is to come out. */
static struct packet case_expect(const struct from_ctr_case *test, const struct packet *packet)
{
	struct packet expected = *packet;

	if (test->outcome == OUT_STACK || test->outcome == OUT_DROP)
		return expected;
	packet_forwarded(&expected);
	if (test->outcome == OUT_LOCAL)
		packet_macs(&expected, test->mac ? test->mac : other_mac, gateway_mac);
	if (test->outcome == OUT_DIRECT)
		packet_macs(&expected, router_mac, uplink_mac);
	return expected;
}

static int case_verdict(const struct from_ctr_case *test)
{
	switch (test->outcome) {
	case OUT_STACK:
		return VERDICT_STACK;
	case OUT_DROP:
		return VERDICT_DROP;
	default:
		return VERDICT_REDIRECT;
	}
}

static void case_run(const struct from_ctr_case *test, const struct bpf_program *program)
{
	static struct prog_run run;
	struct packet expected;

	case_build(test, &run);
	expected = case_expect(test, &run.packet);
	prog_run(program, &run);
	assert_int_equal(run.verdict, case_verdict(test));
	prog_assert_drops(&run, test->outcome == OUT_DROP ? test->reason : NO_DROP);
	prog_assert_packet(&run.packet, &expected);
}

static void plain_run(const struct from_ctr_case *test, const struct bpf_program *program)
{
	static struct prog_run run;

	plain_build(test, &run);
	prog_run(program, &run);
}

static void check_unknown(const struct from_ctr_case *test, const struct bpf_program *program)
{
	prog_next_hops_forget();
	if (test->primed) {
		plain_run(test, program);
		prog_paths_forget();
	}
	case_run(test, program);
}

/* The same behind plain packets of the same flow, whose path is known then. */
static void check_known(const struct from_ctr_case *test, const struct bpf_program *program)
{
	prog_next_hops_forget();
	plain_run(test, program);
	plain_run(test, program); /* the first may have gone by the neighbour table */
	case_run(test, program);
}

static void case_check(const struct from_ctr_case *test, const struct bpf_program *program)
{
	check_unknown(test, program);
	if (test->outcome != OUT_NEIGH)
		check_known(test, program);
}

static void test_netkit(void **state)
{
	case_check(*state, progs->progs.nk_from_ctr);
}

static void test_veth(void **state)
{
	case_check(*state, progs->progs.nk_from_ctr_veth);
}

int main(void)
{
	static struct CMUnitTest tests[2 * COUNT(cases)];
	struct CMUnitTest *end = tests;

	end = prog_tests_add(end, test_netkit, "nk_from_ctr", cases, sizeof(*cases), COUNT(cases));
	(void)prog_tests_add(end, test_veth, "nk_from_ctr_veth", cases, sizeof(*cases),
			     COUNT(cases));
	return cmocka_run_group_tests_name("from_ctr", tests, prog_group_setup,
					   prog_group_teardown);
}
