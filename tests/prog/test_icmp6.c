// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * IPv6 on a host whose stack doesn't forward it: which packets the programs answer with an error,
 * and each byte of it; which they forward, drop or leave to the stack. IPv4 is as ever.
 */
#include <arpa/inet.h>
#include <linux/in.h>
#include <net/if.h>
#include <string.h>
#include <time.h>

#include "net.h"
#include "prog.h"
#include "wire.h"

/* By a device that is narrower than the one that the packets come from. */
#define ASIDE      "nkaside"
#define ASIDE_V6   "2001:db8:3::1"
#define AROUND_V6  "2001:db8:9:7::9"
#define ASIDE_MTU  1280
#define ASIDE_HOST "2001:db8:3::9"
/* IPv4 by an IPv6 next hop whose MAC address nobody knows. */
#define UNRESOLVED_BY_V6_V4 "198.18.9.9"

/**
 * enum outcome - what is to happen to a packet.
 * @OUT_EXPIRED, @OUT_TOO_BIG: it's answered with "time exceeded" or "packet too big"
 * @OUT_NO_ANSWER: dropped, for that reason
 * @OUT_STACK: nothing, it's the stack's
 * @OUT_LOCAL: forwarded to an endpoint
 * @OUT_NEIGH: forwarded by the neighbour table, which writes the Ethernet header later
 * @OUT_DIRECT: forwarded to the router
 */
enum outcome {
	OUT_EXPIRED,
	OUT_TOO_BIG,
	OUT_NO_ANSWER,
	OUT_STACK,
	OUT_LOCAL,
	OUT_NEIGH,
	OUT_DIRECT
};

/**
 * struct icmp6_case - a packet, and its outcome.
 * @build, @saddr, @daddr, @protocol, @payload_len: what packet_ipv4() or packet_ipv6() makes
 * @insert, @insert_len: extension headers
 * @set: fields, written last
 * @gso_size: see struct prog_run
 * @primed: such a packet was sent a moment ago
 * @source: of the answer; NULL: the gateway's for a container, the uplink's for a remote host
 * @mtu: of OUT_TOO_BIG
 * @quote_len: of an answer; 0: as much as there may be
 */
struct icmp6_case {
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
	const char *source;
	uint32_t mtu;
	size_t quote_len;
};

#define PACKET(family, from, to, upper, len)                                                   \
	.build = packet_##family, .saddr = (from), .daddr = (to), .protocol = IPPROTO_##upper, \
	.payload_len = (len)
#define OUT4(to, upper, len) PACKET(ipv4, SENDER_V4, to, upper, len)
#define OUT6(to, upper, len) PACKET(ipv6, SENDER_V6, to, upper, len)
#define IN4(upper, len)      PACKET(ipv4, REMOTE_V4, OTHER_V4, upper, len)
#define IN6(upper, len)      PACKET(ipv6, REMOTE_V6, OTHER_V6, upper, len)
#define IN6_FROM(from)       PACKET(ipv6, from, OTHER_V6, UDP, 100)
#define INSERT(...) \
	.insert = (const uint8_t[]){ __VA_ARGS__ }, .insert_len = sizeof((uint8_t[]){ __VA_ARGS__ })
#define HOPS(number)  .set = { IP6(hop_limit, number) }
#define TYPE(number)  .set = { IP6(hop_limit, 1), L4_OF_IP6(0, 1, number) }
#define TOO_BIG(size) .outcome = OUT_TOO_BIG, .mtu = (size)

#define TCP_LEN       32 /* as packet_ipv6() builds it */
#define QUOTE_MIN     48
#define QUOTE_MAX     96
#define BURST         16
#define OPTIONS(next) (next), 0, 1, 4, 0, 0, 0, 0
/* Of a later fragment, and of the first one: next header first. */
#define LATER(next) (next), 0, 0, 0x29, 0, 0, 0, 1
#define FIRST(next) (next), 0, 0, 0x01, 0, 0, 0, 1

static const struct icmp6_case from_ctr_cases[] = {
	/* Time exceeded. */
	{ "hop limit 1 to a remote host", OUT6(REMOTE_V6, UDP, 100), HOPS(1) },
	{ "hop limit 0 to a remote host", OUT6(REMOTE_V6, UDP, 100), HOPS(0) },
	{ "hop limit 1 to an endpoint", OUT6(OTHER_V6, UDP, 100), HOPS(1) },
	{ "hop limit 0 to an endpoint", OUT6(OTHER_V6, UDP, 100), HOPS(0) },
	{ "hop limit 1 to an unresolved next hop", OUT6(UNRESOLVED_V6, UDP, 100), HOPS(1) },
	{ "hop limit 1, too big for the route", OUT6(REMOTE_V6, UDP, UPLINK_MTU), HOPS(1) },
	{ "hop limit 1, too big for the endpoint", OUT6(OTHER_V6, UDP, ENDPOINT_MTU), HOPS(1) },
	{ "hop limit 1, in segments", OUT6(REMOTE_V6, TCP, 3000), .gso_size = 1000, HOPS(1) },
	{ "hop limit 1, an echo request", OUT6(REMOTE_V6, ICMPV6, 64), TYPE(128) },
	{ "hop limit 1, an echo reply", OUT6(REMOTE_V6, ICMPV6, 64), TYPE(129) },
	{ "hop limit 1, an echo request behind options", OUT6(REMOTE_V6, ICMPV6, 64),
	  INSERT(OPTIONS(IPPROTO_ICMPV6)),
	  .set = { IP6(nexthdr, IPPROTO_DSTOPTS), IP6(hop_limit, 1), L4_OF_IP6(8, 1, 128) } },
	{ "hop limit 2 is forwarded", OUT6(OTHER_V6, UDP, 100), HOPS(2), .outcome = OUT_LOCAL },
	{ "hop limit 2 to a remote host is forwarded", OUT6(REMOTE_V6, UDP, 100), HOPS(2),
	  .outcome = OUT_NEIGH },

	/* Packet too big. */
	{ "as large as the uplink's MTU is forwarded", OUT6(REMOTE_V6, UDP, UPLINK_MTU - 40),
	  .primed = true, .outcome = OUT_DIRECT },
	{ "larger than the uplink's MTU", OUT6(REMOTE_V6, UDP, UPLINK_MTU - 39),
	  TOO_BIG(UPLINK_MTU) },
	{ "larger than the route's MTU", OUT6(NARROW_V6, UDP, NARROW_MTU - 39),
	  TOO_BIG(NARROW_MTU) },
	{ "larger than the endpoint's MTU", OUT6(OTHER_V6, UDP, ENDPOINT_MTU - 39),
	  TOO_BIG(ENDPOINT_MTU) },
	{ "segments larger than the route's MTU", OUT6(NARROW_V6, TCP, 3000),
	  .gso_size = NARROW_MTU - 39 - TCP_LEN, TOO_BIG(NARROW_MTU) },
	{ "segments larger than the endpoint's MTU", OUT6(OTHER_V6, TCP, 3000),
	  .gso_size = ENDPOINT_MTU - 39 - TCP_LEN, TOO_BIG(ENDPOINT_MTU) },
	{ "UDP segments larger than the uplink's MTU", OUT6(REMOTE_V6, UDP, 3000),
	  .gso_size = UPLINK_MTU - 47, TOO_BIG(UPLINK_MTU) },
	{ "segments of a kind that only the kernel can measure", OUT6(AROUND_V6, GRE, 3000),
	  .gso_size = 100, TOO_BIG(ASIDE_MTU) },
	{ "a first fragment larger than the uplink's MTU", OUT6(REMOTE_V6, UDP, UPLINK_MTU),
	  INSERT(FIRST(IPPROTO_UDP)), .set = { IP6(nexthdr, IPPROTO_FRAGMENT) },
	  TOO_BIG(UPLINK_MTU) },
	{ "an echo request larger than the uplink's MTU", OUT6(REMOTE_V6, ICMPV6, UPLINK_MTU),
	  .set = { L4_OF_IP6(0, 1, 128) }, TOO_BIG(UPLINK_MTU) },

	/* Lengths of the quote. */
	{ "a packet as long as the longer quote", OUT6(REMOTE_V6, UDP, QUOTE_MAX - 40), HOPS(1) },
	{ "a packet shorter than the longer quote", OUT6(REMOTE_V6, UDP, QUOTE_MAX - 41), HOPS(1),
	  .quote_len = QUOTE_MIN },
	{ "a packet as long as the shorter quote", OUT6(REMOTE_V6, UDP, QUOTE_MIN - 40), HOPS(1),
	  .quote_len = QUOTE_MIN },
	{ "a packet shorter than any quote", OUT6(REMOTE_V6, GRE, QUOTE_MIN - 41), HOPS(1),
	  .outcome = OUT_NO_ANSWER },
	{ "a header alone", OUT6(OTHER_V6, NONE, 0), HOPS(1), .outcome = OUT_NO_ANSWER },

	/* What is never answered. */
	{ "an error with hop limit 1", OUT6(REMOTE_V6, ICMPV6, 64), TYPE(1),
	  .outcome = OUT_NO_ANSWER },
	{ "an error of the highest type", OUT6(OTHER_V6, ICMPV6, 64), TYPE(127),
	  .outcome = OUT_NO_ANSWER },
	{ "an error that is too big", OUT6(REMOTE_V6, ICMPV6, UPLINK_MTU),
	  .set = { L4_OF_IP6(0, 1, 3) }, .outcome = OUT_NO_ANSWER },
	{ "an error behind destination options", OUT6(REMOTE_V6, ICMPV6, 64),
	  INSERT(OPTIONS(IPPROTO_ICMPV6)),
	  .set = { IP6(nexthdr, IPPROTO_DSTOPTS), IP6(hop_limit, 1), L4_OF_IP6(8, 1, 3) },
	  .outcome = OUT_NO_ANSWER },
	{ "a later fragment of ICMPv6", OUT6(REMOTE_V6, ICMPV6, 64), INSERT(LATER(IPPROTO_ICMPV6)),
	  .set = { IP6(nexthdr, IPPROTO_FRAGMENT), IP6(hop_limit, 1) }, .outcome = OUT_NO_ANSWER },

	/* Options, that the stack would look at. */
	{ "hop-by-hop options are forwarded", OUT6(OTHER_V6, UDP, 100),
	  INSERT(OPTIONS(IPPROTO_UDP)), .set = { IP6(nexthdr, IPPROTO_HOPOPTS) },
	  .outcome = OUT_LOCAL },
	{ "hop-by-hop options to a remote host", OUT6(REMOTE_V6, UDP, 100),
	  INSERT(OPTIONS(IPPROTO_UDP)), .set = { IP6(nexthdr, IPPROTO_HOPOPTS) }, .primed = true,
	  .outcome = OUT_DIRECT },
	{ "a routing header is forwarded", OUT6(OTHER_V6, UDP, 100), INSERT(OPTIONS(IPPROTO_UDP)),
	  .set = { IP6(nexthdr, IPPROTO_ROUTING) }, .outcome = OUT_LOCAL },
	{ "destination options are forwarded", OUT6(OTHER_V6, UDP, 100),
	  INSERT(OPTIONS(IPPROTO_UDP)), .set = { IP6(nexthdr, IPPROTO_DSTOPTS) },
	  .outcome = OUT_LOCAL },

	/* What the stack does as well without forwarding. */
	{ "hop limit 1 to the host", OUT6(HOST_V6, UDP, 100), HOPS(1), .outcome = OUT_STACK },
	{ "hop limit 1 to the gateway", OUT6(GATEWAY_V6, UDP, 100), HOPS(1), .outcome = OUT_STACK },
	{ "hop limit 0 to the gateway", OUT6(GATEWAY_V6, UDP, 100), HOPS(0), .outcome = OUT_STACK },
	{ "hop limit 1 to multicast", OUT6("ff0e::1", UDP, 100), HOPS(1), .outcome = OUT_STACK },
	{ "hop limit 1 to a link-local address", OUT6("fe80::1", UDP, 100), HOPS(1),
	  .outcome = OUT_STACK },
	{ "hop limit 1 without a route", OUT6(NOWHERE_V6, UDP, 100), HOPS(1),
	  .outcome = OUT_STACK },
	{ "unreachable", OUT6(UNREACHABLE_V6, UDP, 100), .outcome = OUT_STACK },
	{ "prohibited", OUT6(PROHIBIT_V6, UDP, 100), .outcome = OUT_STACK },

	/* Next hops. */
	{ "the first packet to an unresolved next hop", OUT6(UNRESOLVED_V6, UDP, 100),
	  .outcome = OUT_NEIGH },
	{ "the next ones to an unresolved next hop", OUT6(UNRESOLVED_V6, UDP, 100), .primed = true,
	  .outcome = OUT_NEIGH },

	/* IPv4, which the stack forwards. */
	{ "IPv4 TTL 1", OUT4(REMOTE_V4, UDP, 100), .set = { IP4(ttl, 1) }, .outcome = OUT_STACK },
	{ "IPv4 TTL 1 to an endpoint", OUT4(OTHER_V4, UDP, 100), .set = { IP4(ttl, 1) },
	  .outcome = OUT_STACK },
	{ "IPv4 larger than the uplink's MTU", OUT4(REMOTE_V4, UDP, UPLINK_MTU),
	  .outcome = OUT_STACK },
	{ "IPv4 larger than the endpoint's MTU", OUT4(OTHER_V4, UDP, ENDPOINT_MTU),
	  .outcome = OUT_STACK },
	{ "IPv4 with options", OUT4(OTHER_V4, UDP, 100), INSERT(7, 7, 4, 0, 0, 0, 0, 0),
	  .outcome = OUT_STACK },
	{ "IPv4, the next ones to an unresolved next hop", OUT4(UNRESOLVED_V4, UDP, 100),
	  .primed = true, .outcome = OUT_STACK },
	{ "IPv4, the next ones to an unresolved IPv6 next hop", OUT4(UNRESOLVED_BY_V6_V4, UDP, 100),
	  .primed = true, .outcome = OUT_STACK },
	{ "IPv4 is forwarded", OUT4(OTHER_V4, UDP, 100), .outcome = OUT_LOCAL },
};

static const struct icmp6_case uplink_cases[] = {
	{ "hop limit 1", IN6(UDP, 100), HOPS(1) },
	{ "hop limit 0", IN6(UDP, 100), HOPS(0) },
	{ "hop limit 1, in segments", IN6(TCP, 3000), HOPS(1), .gso_size = 1000 },
	{ "hop limit 2", IN6(UDP, 100), HOPS(2), .outcome = OUT_LOCAL },
	{ "as large as the endpoint's MTU", IN6(UDP, ENDPOINT_MTU - 40), .outcome = OUT_LOCAL },
	{ "larger than the endpoint's MTU", IN6(UDP, ENDPOINT_MTU - 39), TOO_BIG(ENDPOINT_MTU) },
	{ "segments larger than the endpoint's MTU", IN6(TCP, 3000),
	  .gso_size = ENDPOINT_MTU - 39 - TCP_LEN, TOO_BIG(ENDPOINT_MTU) },
	{ "a packet of less than the longer quote", IN6(UDP, 50), HOPS(1), .quote_len = QUOTE_MIN },
	{ "a packet of less than any quote", IN6(GRE, 7), HOPS(1), .outcome = OUT_NO_ANSWER },
	{ "an echo request", IN6(ICMPV6, 64), TYPE(128) },
	{ "an error", IN6(ICMPV6, 64), TYPE(3), .outcome = OUT_NO_ANSWER },
	{ "an error behind destination options", IN6(ICMPV6, 64), INSERT(OPTIONS(IPPROTO_ICMPV6)),
	  .set = { IP6(nexthdr, IPPROTO_DSTOPTS), IP6(hop_limit, 1), L4_OF_IP6(8, 1, 3) },
	  .outcome = OUT_NO_ANSWER },
	{ "a redirect", IN6(ICMPV6, 64), TYPE(137), .outcome = OUT_NO_ANSWER },
	{ "neither of both, next to a redirect", IN6(ICMPV6, 64), TYPE(138) },
	{ "from a multicast address", IN6_FROM("ff02::1"), HOPS(1), .outcome = OUT_NO_ANSWER },
	{ "from the unspecified address", IN6_FROM("::"), HOPS(1), .outcome = OUT_NO_ANSWER },
	{ "from the host's own address", IN6_FROM(HOST_V6), HOPS(1), .outcome = OUT_NO_ANSWER },
	{ "from where no route leads to", IN6_FROM(NOWHERE_V6), HOPS(1), .outcome = OUT_NO_ANSWER },
	{ "from where another device leads to", IN6_FROM(AROUND_V6), HOPS(1), .source = ASIDE_V6 },
	{ "from where a narrower device leads to", PACKET(ipv6, AROUND_V6, OTHER_V6, UDP, 1420),
	  TOO_BIG(ENDPOINT_MTU), .source = ASIDE_V6 },
	{ "hop-by-hop options", IN6(UDP, 100), INSERT(OPTIONS(IPPROTO_UDP)),
	  .set = { IP6(nexthdr, IPPROTO_HOPOPTS) }, .outcome = OUT_LOCAL },
	{ "a routing header", IN6(UDP, 100), INSERT(OPTIONS(IPPROTO_UDP)),
	  .set = { IP6(nexthdr, IPPROTO_ROUTING) }, .outcome = OUT_LOCAL },
	{ "hop limit 1 to the host", PACKET(ipv6, REMOTE_V6, HOST_V6, UDP, 100), HOPS(1),
	  .outcome = OUT_STACK },
	{ "hop limit 1 to nobody", PACKET(ipv6, REMOTE_V6, "fd00:88::9", UDP, 100), HOPS(1),
	  .outcome = OUT_STACK },
	{ "IPv4 TTL 1", IN4(UDP, 100), .set = { IP4(ttl, 1) }, .outcome = OUT_STACK },
	{ "IPv4 larger than the endpoint's MTU", IN4(UDP, ENDPOINT_MTU), .outcome = OUT_STACK },
};

static void case_build(const struct icmp6_case *test, bool is_uplink, struct prog_run *run)
{
	memset(run, 0, sizeof(*run));
	run->ifindex = (int)if_nametoindex(is_uplink ? UPLINK : SENDER);
	run->gso_size = test->gso_size;
	test->build(&run->packet, test->saddr, test->daddr, test->protocol, test->payload_len);
	if (is_uplink)
		packet_macs(&run->packet, uplink_mac, router_mac);
	if (test->insert_len)
		packet_insert(&run->packet, test->insert, test->insert_len);
	packet_set_all(&run->packet, test->set);
}

static struct packet answer_expect(const struct icmp6_case *test, bool is_uplink,
				   const struct packet *packet)
{
	const char *source = test->source ? test->source : is_uplink ? HOST_V6 : GATEWAY_V6;
	uint8_t type = test->outcome == OUT_EXPIRED ? 3 : 2;
	struct packet answer;
	uint8_t addr[16];

	assert_int_equal(inet_pton(AF_INET6, source, addr), 1);
	packet_icmp6_error(&answer, packet, addr, type, test->mtu,
			   test->quote_len ? test->quote_len : QUOTE_MAX);
	return answer;
}

/* The packet as it is to come out. */
static struct packet case_expect(const struct icmp6_case *test, bool is_uplink,
				 const struct packet *packet)
{
	struct packet expected = *packet;

	switch (test->outcome) {
	case OUT_EXPIRED:
	case OUT_TOO_BIG:
		return answer_expect(test, is_uplink, packet);
	case OUT_NO_ANSWER:
	case OUT_STACK:
		return expected;
	default:
		break;
	}
	packet_forwarded(&expected);
	if (test->outcome == OUT_LOCAL)
		packet_macs(&expected, other_mac, gateway_mac);
	if (test->outcome == OUT_DIRECT)
		packet_macs(&expected, router_mac, uplink_mac);
	return expected;
}

static int case_verdict(const struct icmp6_case *test)
{
	switch (test->outcome) {
	case OUT_STACK:
		return VERDICT_STACK;
	case OUT_NO_ANSWER:
		return VERDICT_DROP;
	default:
		return VERDICT_REDIRECT;
	}
}

static void case_check(const struct icmp6_case *test, const struct bpf_program *program,
		       bool is_uplink)
{
	static struct prog_run run;
	struct packet expected;

	prog_next_hops_forget();
	prog_answers_set(0);
	case_build(test, is_uplink, &run);
	expected = case_expect(test, is_uplink, &run.packet);
	if (test->primed) {
		struct prog_run first = run;

		prog_run(program, &first);
	}
	prog_run(program, &run);
	assert_int_equal(run.verdict, case_verdict(test));
	prog_assert_drops(&run, test->outcome == OUT_NO_ANSWER ? NK_DROP_NO_ANSWER : NO_DROP);
	prog_assert_packet(&run.packet, &expected);
}

static void test_netkit(void **state)
{
	case_check(*state, progs->progs.nk_from_ctr, false);
}

static void test_veth(void **state)
{
	case_check(*state, progs->progs.nk_from_ctr_veth, false);
}

static void test_uplink(void **state)
{
	case_check(*state, progs->progs.nk_uplink, true);
}

/* The first packet has no hop left: it must not count as the one that confirms the next hop. */
static void test_expired_confirms_nothing(void **state)
{
	static const struct icmp6_case expired = { OUT6(REMOTE_V6, UDP, 100), HOPS(1) },
				       next = { OUT6(REMOTE_V6, UDP, 100), .outcome = OUT_NEIGH };
	static struct prog_run run;
	struct packet expected;

	(void)state;
	case_check(&expired, progs->progs.nk_from_ctr, false);
	case_build(&next, false, &run);
	expected = case_expect(&next, false, &run.packet);
	prog_run(progs->progs.nk_from_ctr, &run);
	assert_int_equal(run.verdict, VERDICT_REDIRECT);
	prog_assert_packet(&run.packet, &expected);
}

static time_t seconds_now(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return now.tv_sec;
}

/* Sends a packet that is due for an answer. Return: whether it was dropped for there are many. */
static bool is_dropped_as_one_of(uint64_t *ret_count)
{
	static const struct icmp6_case expired = { OUT6(REMOTE_V6, UDP, 100), HOPS(1) };
	static struct prog_run run;

	case_build(&expired, false, &run);
	prog_run(progs->progs.nk_from_ctr, &run);
	*ret_count = prog_answers_count();
	prog_assert_drops(&run, run.verdict == VERDICT_DROP ? NK_DROP_NO_ANSWER : NO_DROP);
	return run.verdict == VERDICT_DROP;
}

/*
 * The first 16 in a jiffy are answered, the rest isn't. How many runs fit into one is unknown, so
 * the count is brought near the limit and each run compared with it.
 */
static void test_burst(void **state)
{
	time_t deadline = seconds_now() + 30;
	bool saw_last = false, saw_dropped = false, is_dropped;
	uint64_t count;

	(void)state;
	while (!saw_last || !saw_dropped) {
		assert_true(seconds_now() < deadline);
		prog_answers_set(saw_last ? BURST : BURST - 1);
		is_dropped = is_dropped_as_one_of(&count);
		assert_int_equal(is_dropped, count > BURST);
		saw_last |= count == BURST;
		saw_dropped |= is_dropped;
	}
	do {
		assert_true(seconds_now() < deadline);
		is_dropped = is_dropped_as_one_of(&count);
		assert_int_equal(is_dropped, count > BURST);
	} while (is_dropped); /* until the next jiffy */
}

/* Wires: the far end of the uplink's, and a tun device. */
static int router_fd, tun_fd, tun_ipv6_fd, other_fd;

/* A checksum that is still to be filled in: of UDP or TCP, in one segment or several. */
static struct virtio_net_hdr offloads_of(const struct icmp6_case *test, size_t l2_len)
{
	bool is_tcp = test->protocol == IPPROTO_TCP;

	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = test->gso_size ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_NONE,
		.gso_size = (uint16_t)test->gso_size,
		.hdr_len = (uint16_t)(l2_len + sizeof(struct ipv6hdr) + (is_tcp ? TCP_LEN : 8)),
		.csum_start = (uint16_t)(l2_len + sizeof(struct ipv6hdr) + test->insert_len),
		.csum_offset = is_tcp ? 16 : 6,
	};
}

/* Of these the checksum isn't of the answer, and nobody may fill it in there. */
static const struct icmp6_case offload_cases[] = {
	{ "UDP without a hop left", IN6(UDP, 100), HOPS(1) },
	{ "TCP without a hop left", IN6(TCP, 100), HOPS(1) },
	{ "short TCP without a hop left", IN6(TCP, 32), HOPS(1), .quote_len = QUOTE_MIN },
	{ "large UDP", IN6(UDP, ENDPOINT_MTU - 39), TOO_BIG(ENDPOINT_MTU) },
	{ "large TCP", IN6(TCP, ENDPOINT_MTU - 39), TOO_BIG(ENDPOINT_MTU) },
	{ "large TCP segments", IN6(TCP, 3000), .gso_size = ENDPOINT_MTU - 39 - TCP_LEN,
	  TOO_BIG(ENDPOINT_MTU) },
	{ "UDP behind 64 bytes of options", IN6(UDP, 100),
	  INSERT(IPPROTO_UDP, 7, 1, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	  .set = { IP6(nexthdr, IPPROTO_DSTOPTS), IP6(hop_limit, 1) } },
};

static void check_answer_on(int fd, const struct packet *packet,
			    const struct virtio_net_hdr *offloads, const struct packet *answer)
{
	struct virtio_net_hdr header;

	wire_send(fd, packet, offloads);
	header = wire_expect(fd, answer);
	assert_int_equal(header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, 0);
	assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
}

static void test_offloads(void **state)
{
	const struct icmp6_case *test = *state;
	const struct virtio_net_hdr offloads = offloads_of(test, ETH_HLEN);
	static struct prog_run run;
	struct packet answer;

	prog_answers_set(0);
	case_build(test, true, &run);
	answer = case_expect(test, true, &run.packet);
	check_answer_on(router_fd, &run.packet, &offloads, &answer);
}

static void test_offloads_l3(void **state)
{
	const struct icmp6_case *test = *state;
	const struct virtio_net_hdr offloads = offloads_of(test, 0);
	static struct prog_run run;
	struct packet answer;

	prog_answers_set(0);
	case_build(test, true, &run);
	answer = case_expect(test, true, &run.packet);
	packet_strip(&run.packet);
	packet_strip(&answer);
	check_answer_on(tun_fd, &run.packet, &offloads, &answer);
}

static struct virtio_net_hdr segments(const struct icmp6_case *test)
{
	return test->gso_size ? offloads_of(test, 0) : (struct virtio_net_hdr){ 0 };
}

static void test_uplink_l3(void **state)
{
	const struct icmp6_case *test = *state;
	const struct virtio_net_hdr offloads = segments(test);
	uint64_t before[NK_DROP_REASONS_MAX], after[NK_DROP_REASONS_MAX];
	static struct prog_run run;
	struct packet expected;

	prog_answers_set(0);
	case_build(test, true, &run);
	expected = case_expect(test, true, &run.packet);
	packet_strip(&run.packet);
	prog_drops_read(before);
	wire_send(tun_fd, &run.packet, &offloads);
	if (test->outcome == OUT_LOCAL) {
		(void)wire_expect(other_fd, &expected);
	} else if (test->outcome == OUT_STACK) {
		(void)wire_expect(tun_ipv6_fd, &run.packet);
	} else if (test->outcome != OUT_NO_ANSWER) {
		packet_strip(&expected);
		(void)wire_expect(tun_fd, &expected);
	}
	prog_drops_read(after);
	for (unsigned int i = 0; i < NK_DROP_REASONS_MAX; i++)
		assert_int_equal(after[i] - before[i],
				 i == NK_DROP_NO_ANSWER && test->outcome == OUT_NO_ANSWER);
}

static void routes_create(void)
{
	net_run("ip -6 route add " SENDER_V6 " dev " SENDER);
	net_run("ip -6 route add " OTHER_V6 " dev " OTHER);
	net_run("ip link add " ASIDE " mtu %d type veth peer name " ASIDE "p", ASIDE_MTU);
	net_run("ip link set " ASIDE "p up addrgenmode none");
	net_run("ip link set " ASIDE " up addrgenmode none");
	net_address_add(ASIDE_V6, 64, ASIDE);
	net_run("ip -6 route add 2001:db8:9:7::/64 via " ASIDE_HOST);
	net_run("ip route add 198.18.9.0/24 via inet6 fe80::fd dev " UPLINK);
}

static int group_setup(void **state)
{
	prog_stack_forwards_ipv6 = false;
	prog_uplink_l3 = true;
	(void)prog_group_setup(state);
	routes_create();
	wire_containers_create();
	tun_fd = wire_tun_create("nktun");
	net_sysctl("ipv6/conf/" UPLINK "/forwarding", "1");
	net_sysctl("ipv6/conf/nktun/forwarding", "1");
	router_fd = wire_open(UPLINK_PEER, ETH_P_ALL);
	other_fd = wire_open(OTHER_PEER, ETH_P_ALL);
	tun_ipv6_fd = wire_open("nktun", ETH_P_IPV6);
	wire_attach(progs->progs.nk_uplink, UPLINK);
	wire_attach(progs->progs.nk_uplink_l3, "nktun");
	return 0;
}

/* Those of the uplink that IPv6 brings to a tun device. */
static struct CMUnitTest *l3_tests_add(struct CMUnitTest *tests)
{
	for (size_t i = 0; i < COUNT(uplink_cases); i++)
		if (uplink_cases[i].build == packet_ipv6)
			tests = prog_tests_add(tests, test_uplink_l3, "nk_uplink_l3",
					       &uplink_cases[i], sizeof(*uplink_cases), 1);
	return tests;
}

#define TESTS_ADD(end, function, prefix, cases) \
	prog_tests_add(end, function, prefix, cases, sizeof(*(cases)), COUNT(cases))

int main(void)
{
	static const struct CMUnitTest more[] = {
		cmocka_unit_test(test_expired_confirms_nothing),
		cmocka_unit_test(test_burst),
	};
	static struct CMUnitTest tests[2 * COUNT(from_ctr_cases) + 2 * COUNT(uplink_cases) +
				       2 * COUNT(offload_cases) + COUNT(more)];
	struct CMUnitTest *end = tests;

	end = TESTS_ADD(end, test_netkit, "nk_from_ctr", from_ctr_cases);
	end = TESTS_ADD(end, test_veth, "nk_from_ctr_veth", from_ctr_cases);
	end = TESTS_ADD(end, test_uplink, "nk_uplink", uplink_cases);
	end = l3_tests_add(end);
	end = TESTS_ADD(end, test_offloads, "nk_uplink, checksum to be filled in", offload_cases);
	end = TESTS_ADD(end, test_offloads_l3, "nk_uplink_l3, checksum to be filled in",
			offload_cases);
	memcpy(end, more, sizeof(more));
	end += COUNT(more);
	return _cmocka_run_group_tests("icmp6", tests, (size_t)(end - tests), group_setup,
				       prog_group_teardown);
}
