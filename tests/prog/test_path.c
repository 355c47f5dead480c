// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Paths that are kept for the packets of a flow: that nothing but the same question gets an answer
 * twice, and none from before a change.
 */
#include <linux/in.h>
#include <net/if.h>
#include <string.h>

#include "net.h"
#include "prog.h"

#define PORT_REFUSED 8080

/* Packets of the sender's that have a path in common. */
struct flow {
	void (*build)(struct packet *packet, const char *saddr, const char *daddr, uint8_t protocol,
		      size_t payload_len);
	const char *saddr;
	const char *daddr;
	uint8_t protocol;
	struct packet_field set[PACKET_FIELDS_MAX];
	size_t more_payload;
};

static const struct flow flow_v4 = { packet_ipv4, SENDER_V4, REMOTE_V4, IPPROTO_UDP, { { 0 } }, 0 };
static const struct flow flow_v6 = { packet_ipv6, SENDER_V6, REMOTE_V6, IPPROTO_UDP, { { 0 } }, 0 };
static const struct flow flow_local_v4 = { packet_ipv4, SENDER_V4, OTHER_V4,
					   IPPROTO_UDP, { { 0 } }, 0 };
static const struct flow flow_local_v6 = { packet_ipv6, SENDER_V6, OTHER_V6,
					   IPPROTO_UDP, { { 0 } }, 0 };

static struct prog_run run;

static void flow_run(const struct flow *flow, const char *device)
{
	memset(&run, 0, sizeof(run));
	run.ifindex = (int)if_nametoindex(device);
	flow->build(&run.packet, flow->saddr, flow->daddr, flow->protocol, 64 + flow->more_payload);
	packet_set_all(&run.packet, flow->set);
	prog_run(progs->progs.nk_from_ctr, &run);
}

/* Makes @flow's path known. */
static void flow_prime(const struct flow *flow)
{
	prog_next_hops_forget();
	flow_run(flow, SENDER);
	flow_run(flow, SENDER); /* the first may have gone by the neighbour table */
	assert_int_equal(run.verdict, VERDICT_REDIRECT);
}

/* Runs a packet of @second's from @device when @first's path has become known. */
static void run_behind(const struct flow *first, const struct flow *second, const char *device)
{
	flow_prime(first);
	flow_run(second, device);
}

static void expect_drop(enum nk_drop_reason reason)
{
	assert_int_equal(run.verdict, VERDICT_DROP);
	prog_assert_drops(&run, reason);
}

static void test_forged_from_another(void **state)
{
	(void)state;
	run_behind(&flow_v4, &flow_v4, OTHER);
	expect_drop(NK_DROP_SOURCE);
	run_behind(&flow_v6, &flow_v6, OTHER);
	expect_drop(NK_DROP_SOURCE);
	run_behind(&flow_local_v4, &flow_local_v4, OTHER);
	expect_drop(NK_DROP_SOURCE);
}

/* Of these, ICMPv6 has no ports that would make the question another. */
static void test_posing_behind_echo(void **state)
{
	struct flow echo = flow_local_v6, posing;

	(void)state;
	echo.protocol = IPPROTO_ICMPV6;
	echo.set[0] = (struct packet_field)L4_OF_IP6(0, 1, 128);
	posing = echo;
	posing.set[0] = (struct packet_field)L4_OF_IP6(0, 1, 136);
	run_behind(&echo, &posing, SENDER);
	expect_drop(NK_DROP_ND);
	posing.set[0] = (struct packet_field)L4_OF_IP6(0, 1, 134);
	run_behind(&echo, &posing, SENDER);
	expect_drop(NK_DROP_RA);
}

static void test_dhcp_server_behind_udp(void **state)
{
	struct flow server_v4 = flow_local_v4, server_v6 = flow_local_v6;

	(void)state;
	server_v4.set[0] = (struct packet_field)L4_OF_IP4(0, 4, 67 << 16 | 68);
	run_behind(&flow_local_v4, &server_v4, SENDER);
	expect_drop(NK_DROP_DHCP_SERVER);
	server_v6.set[0] = (struct packet_field)L4_OF_IP6(0, 4, 547 << 16 | 546);
	run_behind(&flow_local_v6, &server_v6, SENDER);
	expect_drop(NK_DROP_DHCP_SERVER);
}

/* The path is known, and yet not theirs: the stack has to answer, or nobody may send them. */
static void test_odd_behind_plain(void **state)
{
	static const struct {
		struct packet_field v4, v6;
		size_t more_payload;
		int verdict;
	} odd[] = {
		{ IP4(ttl, 1), IP6(hop_limit, 1), 0, VERDICT_STACK },
		{ IP4(tot_len, 1400), IP6(payload_len, 1400), 0, VERDICT_DROP },
		{ IP4_VERSION_IHL(0x44), IP6_FLOW(0x50000000), 0, VERDICT_DROP },
		{ ETH(h_dest, 0x01005e000001), ETH(h_dest, 0x333300000001), 0, VERDICT_STACK },
		{ { 0 }, { 0 }, UPLINK_MTU, VERDICT_STACK },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(odd); i++) {
		struct flow v4 = flow_v4, v6 = flow_v6;

		v4.set[0] = odd[i].v4;
		v6.set[0] = odd[i].v6;
		v4.more_payload = v6.more_payload = odd[i].more_payload;
		run_behind(&flow_v4, &v4, SENDER);
		assert_int_equal(run.verdict, odd[i].verdict);
		run_behind(&flow_v6, &v6, SENDER);
		assert_int_equal(run.verdict, odd[i].verdict);
	}
}

/* What rules look at is part of the question. */
static void test_rules(void **state)
{
	struct flow refused_v4 = flow_v4, refused_v6 = flow_v6, marked = flow_v4;

	(void)state;
	refused_v4.set[0] = (struct packet_field)L4_OF_IP4(2, 2, PORT_REFUSED);
	run_behind(&flow_v4, &refused_v4, SENDER);
	assert_int_equal(run.verdict, VERDICT_STACK);
	refused_v6.set[0] = (struct packet_field)L4_OF_IP6(2, 2, PORT_REFUSED);
	run_behind(&flow_v6, &refused_v6, SENDER);
	assert_int_equal(run.verdict, VERDICT_STACK);
	marked.set[0] = (struct packet_field)IP4(tos, 0x10);
	run_behind(&flow_v4, &marked, SENDER);
	assert_int_equal(run.verdict, VERDICT_STACK);
	run_behind(&flow_v4, &flow_v4, SENDER);
	assert_int_equal(run.verdict, VERDICT_REDIRECT);
}

static int rules_setup(void **state)
{
	(void)state;
	net_run("ip rule add iif " SENDER " ipproto udp dport %d prohibit", PORT_REFUSED);
	net_run("ip -6 rule add iif " SENDER " ipproto udp dport %d prohibit", PORT_REFUSED);
	net_run("ip rule add iif " SENDER " tos 0x10 prohibit");
	return 0;
}

static int rules_teardown(void **state)
{
	(void)state;
	net_run("ip rule del iif " SENDER " ipproto udp dport %d prohibit", PORT_REFUSED);
	net_run("ip -6 rule del iif " SENDER " ipproto udp dport %d prohibit", PORT_REFUSED);
	net_run("ip rule del iif " SENDER " tos 0x10 prohibit");
	return 0;
}

/*
 * The same way as long as the generation is the same, whatever the tables say: so it's known from
 * the path. The other one with the first packet of the next generation.
 */
static void expect_change(const struct flow *flow, int before, int after)
{
	flow_run(flow, SENDER);
	assert_int_equal(run.verdict, before);
	prog_paths_forget();
	flow_run(flow, SENDER);
	assert_int_equal(run.verdict, after);
}

static void test_route_changes(void **state)
{
	(void)state;
	flow_prime(&flow_v4);
	net_run("ip route replace unreachable 198.51.100.0/24");
	expect_change(&flow_v4, VERDICT_REDIRECT, VERDICT_STACK);
	net_run("ip route replace 198.51.100.0/24 via 192.0.2.254");
	flow_run(&flow_v4, SENDER); /* that the stack has a packet isn't kept */
	assert_int_equal(run.verdict, VERDICT_REDIRECT);
	flow_prime(&flow_v6);
	net_run("ip -6 route del 2001:db8:9::/64");
	expect_change(&flow_v6, VERDICT_REDIRECT, VERDICT_STACK);
	net_run("ip -6 route add 2001:db8:9::/64 via 2001:db8:2::fe");
	flow_run(&flow_v6, SENDER);
	assert_int_equal(run.verdict, VERDICT_REDIRECT);
}

/* An address that's taken from an endpoint is worth nothing to it, nor to whoever sends to it. */
static void test_claim_goes(void **state)
{
	struct nk_endpoint endpoint;

	(void)state;
	flow_prime(&flow_v4);
	endpoint = prog_endpoint_take(SENDER_V4);
	expect_change(&flow_v4, VERDICT_REDIRECT, VERDICT_DROP);
	prog_assert_drops(&run, NK_DROP_SOURCE);
	prog_endpoint_set(SENDER_V4, &endpoint);

	flow_prime(&flow_local_v4);
	endpoint = prog_endpoint_take(OTHER_V4);
	expect_change(&flow_local_v4, VERDICT_REDIRECT, VERDICT_STACK);
	prog_endpoint_set(OTHER_V4, &endpoint);
	flow_run(&flow_local_v4, SENDER);
	assert_int_equal(run.verdict, VERDICT_REDIRECT);
}

/* A path is kept no longer than until its next hop is to be confirmed. */
static void test_confirmation(void **state)
{
	(void)state;
	flow_prime(&flow_v4);
	assert_memory_equal(run.packet.data, router_mac, ETH_ALEN);
	prog_next_hops_age();
	flow_run(&flow_v4, SENDER);
	assert_memory_equal(run.packet.data, gateway_mac, ETH_ALEN);
}

/* More flows than there's room for, each with an answer of its own. */
static void test_many(void **state)
{
	struct flow flow = flow_v4;

	(void)state;
	prog_next_hops_forget();
	for (unsigned int i = 0; i < 2000; i++) {
		flow.daddr = i % 3 ? (i % 2 ? OTHER_V4 : REMOTE_V4) : HOST_V4;
		flow.set[0] = (struct packet_field)L4_OF_IP4(0, 4, 0x90000050 + (i % 700 << 16));
		flow_run(&flow, SENDER);
		assert_int_equal(run.verdict, i % 3 ? VERDICT_REDIRECT : VERDICT_STACK);
		if (i % 3 && i % 2)
			assert_memory_equal(run.packet.data, other_mac, ETH_ALEN);
		else if (i % 3)
			assert_memory_not_equal(run.packet.data, other_mac, ETH_ALEN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forged_from_another),
		cmocka_unit_test(test_posing_behind_echo),
		cmocka_unit_test(test_dhcp_server_behind_udp),
		cmocka_unit_test(test_odd_behind_plain),
		cmocka_unit_test_setup_teardown(test_rules, rules_setup, rules_teardown),
		cmocka_unit_test(test_route_changes),
		cmocka_unit_test(test_claim_goes),
		cmocka_unit_test(test_confirmation),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("path", tests, prog_group_setup, prog_group_teardown);
}
