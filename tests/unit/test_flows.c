// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is told of a flow: its kind, its state, and whether it still lives. */
#include <errno.h>
#include <linux/in6.h>
#include <stdio.h>
#include <string.h>

#include "ops/flows.h"
#include "unit.h"

#define NS_PER_S 1000000000ULL

static struct flow flow_of(uint8_t protocol, uint64_t packets, uint64_t reply_packets)
{
	return (struct flow){ .key.protocol = protocol,
			      .original = { .to.protocol = protocol,
					    .state = NK_FLOW_ORIGINAL,
					    .sender = 7,
					    .owner = 7,
					    .packets = packets },
			      .reply = { .to.protocol = protocol, .packets = reply_packets },
			      .has_original = true,
			      .has_reply = true };
}

static void assert_state(const struct flow *flow, const char *expected)
{
	assert_string_equal(flow_state_name(flow_state(flow)), expected);
}

static void assert_kind(const struct flow *flow, const char *expected)
{
	assert_string_equal(flow_kind_name(flow_kind(flow)), expected);
}

static void test_kinds(void **state)
{
	struct flow flow = flow_of(IPPROTO_TCP, 1, 1);

	(void)state;
	assert_kind(&flow, "masquerade");
	flow.original.target.ifindex = 9;
	assert_kind(&flow, "hairpin");
	flow.original.sender = 0;
	assert_kind(&flow, "published");
	flow.original.state |= NK_FLOW_ROUTED;
	assert_kind(&flow, "routed");
}

static void test_states_of_tcp(void **state)
{
	struct flow flow = flow_of(IPPROTO_TCP, 1, 0);

	(void)state;
	assert_state(&flow, "opening");
	flow.reply.packets = 1;
	assert_state(&flow, "opening"); /* who began may have forged his address */
	flow.original.state |= NK_FLOW_ACKED;
	assert_state(&flow, "established");
	flow.original.state |= NK_FLOW_FIN;
	assert_state(&flow, "established"); /* half closed: the other end may go on for long */
	flow.reply.state |= NK_FLOW_FIN;
	assert_state(&flow, "closing");
	flow.reply.state |= NK_FLOW_RST;
	assert_state(&flow, "reset");
	flow.reply.packets = 0;
	assert_state(&flow, "reset");
}

static void test_states_of_others(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_ICMP,
					     IPPROTO_ICMPV6 };

	(void)state;
	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct flow flow = flow_of(protocols[i], 1, 0);

		assert_state(&flow, "opening");
		flow.reply.packets = 3;
		assert_state(&flow, "established");
	}
}

static void check_lifetime(const struct flow *flow, uint32_t seconds)
{
	uint64_t seen_ns = flow_seen_ns(flow);

	assert_false(flow_is_expired(flow, seen_ns));
	assert_false(flow_is_expired(flow, seen_ns + seconds * NS_PER_S));
	assert_true(flow_is_expired(flow, seen_ns + seconds * NS_PER_S + 1));
}

static void test_either_direction_keeps_a_flow_alive(void **state)
{
	struct flow flow = flow_of(IPPROTO_UDP, 1, 1);

	(void)state;
	flow.original.seen_ns = 100 * NS_PER_S;
	flow.reply.seen_ns = 200 * NS_PER_S;
	assert_true(flow_seen_ns(&flow) == 200 * NS_PER_S);
	check_lifetime(&flow, NK_LIFETIME_UDP);
	flow.original.seen_ns = 300 * NS_PER_S;
	check_lifetime(&flow, NK_LIFETIME_UDP);
	flow.reply.packets = 0;
	check_lifetime(&flow, NK_LIFETIME_UDP_OPENING);
	assert_false(
		flow_is_expired(&flow, 299 * NS_PER_S)); /* a packet since the clock was read */
}

static void test_lifetimes_of_tcp(void **state)
{
	struct flow flow = flow_of(IPPROTO_TCP, 1, 1);

	(void)state;
	check_lifetime(&flow, NK_LIFETIME_TCP_OPENING);
	flow.original.state |= NK_FLOW_ACKED;
	check_lifetime(&flow, NK_LIFETIME_TCP_ESTABLISHED);
	flow.original.state |= NK_FLOW_FIN;
	check_lifetime(&flow, NK_LIFETIME_TCP_ESTABLISHED);
	flow.reply.state |= NK_FLOW_FIN;
	check_lifetime(&flow, NK_LIFETIME_TCP_CLOSING);
	flow.original.state |= NK_FLOW_RST;
	check_lifetime(&flow, NK_LIFETIME_TCP_RESET);
}

/* Of which only the container's packets are counted. */
static void test_lifetimes_of_routed_tcp(void **state)
{
	struct flow flow = flow_of(IPPROTO_TCP, 0, 1);

	(void)state;
	check_lifetime(&flow, NK_LIFETIME_TCP_OPENING);
	flow.original.state |= NK_FLOW_ROUTED;
	flow.reply.state |= NK_FLOW_ROUTED;
	check_lifetime(&flow, NK_LIFETIME_TCP_ESTABLISHED);
	assert_state(&flow, "established");
	flow.reply.state |= NK_FLOW_FIN;
	check_lifetime(&flow, NK_LIFETIME_TCP_CLOSING);
	assert_state(&flow, "closing");
}

static void test_living_flows_are_whole(void **state)
{
	struct flow flows[] = { flow_of(IPPROTO_TCP, 1, 1), flow_of(IPPROTO_TCP, 1, 1),
				flow_of(IPPROTO_TCP, 1, 1), flow_of(IPPROTO_TCP, 1, 1) };
	const struct flow_list list = { flows, 4 };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		flows[i].original.seen_ns = flow_now_ns();
	assert_int_equal(flow_count_alive(&list), 4);
	flows[0].has_reply = false;
	flows[1].has_original = false;
	flows[2].original.seen_ns -= (NK_LIFETIME_TCP_RESET + 1) * NS_PER_S;
	assert_int_equal(flow_count_alive(&list), 2);
	flows[2].reply.state = NK_FLOW_RST;
	assert_int_equal(flow_count_alive(&list), 1);
}

static void test_protocols(void **state)
{
	static const char *const names[] = { "tcp", "udp", "sctp", "icmp", "icmp6" };
	struct error err;
	uint8_t protocol;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_int_equal(flow_protocol_parse(names[i], &protocol, NULL), 0);
		assert_string_equal(flow_protocol_name(protocol), names[i]);
	}
	assert_null(flow_protocol_name(IPPROTO_GRE));
	assert_int_equal(flow_protocol_parse("TCP", &protocol, &err), -EINVAL);
	assert_string_equal(err.message,
			    "protocol 'TCP' is none of tcp, udp, sctp, icmp and icmp6");
	assert_int_equal(protocol, IPPROTO_ICMPV6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_states_of_tcp),
		cmocka_unit_test(test_states_of_others),
		cmocka_unit_test(test_either_direction_keeps_a_flow_alive),
		cmocka_unit_test(test_lifetimes_of_tcp),
		cmocka_unit_test(test_lifetimes_of_routed_tcp),
		cmocka_unit_test(test_living_flows_are_whole),
		cmocka_unit_test(test_protocols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
