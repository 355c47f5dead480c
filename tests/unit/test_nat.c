// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which ports masquerading takes, and the bits by which the datapath knows them. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "bpf/nat.h"
#include "ops/nat.h"
#include "unit.h"

static void check_choice(uint32_t local_min, uint32_t local_max, uint32_t min, uint32_t max)
{
	struct port_range range = port_range_choose(&(struct port_range){ local_min, local_max });

	assert_int_equal(range.min, min);
	assert_int_equal(range.max, max);
}

static void test_ports_are_ones_that_the_host_leaves(void **state)
{
	(void)state;
	check_choice(32768, 60999, 16384, 32767); /* Linux's own default */
	check_choice(1024, 16383, 16384, 32767);
	check_choice(32767, 60999, 1024, 32766); /* one port of overlap */
	check_choice(20000, 60999, 1024, 19999);
	check_choice(2000, 20000, 20001, 65535);
	check_choice(1, 30000, 30001, 65535);
	check_choice(20000, 65535, 1024, 19999);
}

static void test_where_the_host_leaves_too_few_they_are_shared(void **state)
{
	(void)state;
	check_choice(1, 65535, 61000, 65535);
	check_choice(1024, 65535, 61000, 65535);
	check_choice(2047, 64513, 61000, 65535); /* 1023 below, 1022 above */
	check_choice(2048, 65535, 1024, 2047);
	check_choice(1024, 64511, 64512, 65535);
}

static void test_a_bit_for_each_port(void **state)
{
	struct nk_nat nat = { 0 };

	(void)state;
	nat_port_set(&nat, 0);
	nat_port_set(&nat, 63);
	nat_port_set(&nat, 64);
	nat_port_set(&nat, 65535);
	assert_true(nat.ports[0] == (1ULL | 1ULL << 63));
	assert_true(nat.ports[1] == 1);
	assert_true(nat.ports[1023] == 1ULL << 63);
	assert_true(nat_port_is_set(&nat, 0) && nat_port_is_set(&nat, 65535));
	assert_false(nat_port_is_set(&nat, 1) || nat_port_is_set(&nat, 65534));
}

static void set_all(struct nk_nat *nat)
{
	memset(nat->ports, 0xff, sizeof(nat->ports));
}

/* Checks that these ports, in ascending order, are the only ones that are looked at. */
static void check_watched(const struct nk_nat *nat, const uint32_t *ports, size_t count)
{
	for (uint32_t port = 0, i = 0; port < NK_PORTS; port++) {
		bool expected = i < count && ports[i] == port;

		if (nat_port_is_set(nat, (uint16_t)port) != expected)
			fail_msg("port %u is%s looked at", port, expected ? "n't" : "");
		i += expected;
	}
}

static void test_nothing_else_is_looked_at_than_masquerading_s_ports(void **state)
{
	struct nk_nat nat = { .port_min = 127, .port_max = 129 };

	(void)state;
	set_all(&nat);
	nat_ports_clear(&nat, &(struct published_list){ 0 }, &(struct flow_list){ 0 });
	check_watched(&nat, (const uint32_t[]){ 127, 128, 129 }, 3);
}

static void test_published_ports_stay(void **state)
{
	struct published_entry entries[] = {
		{ .key = { .port = htobe16(53), .protocol = IPPROTO_TCP } },
		{ .key = { .port = htobe16(128), .protocol = IPPROTO_TCP } },
		{ .key = { .port = htobe16(53), .protocol = IPPROTO_UDP } },
	};
	struct nk_nat nat = { .port_min = 128, .port_max = 128 };

	(void)state;
	set_all(&nat);
	nat_ports_clear(&nat, &(struct published_list){ entries, 3 }, &(struct flow_list){ 0 });
	check_watched(&nat, (const uint32_t[]){ 53, 128 }, 2);
}

/* A flow whose answers come to a port; @sender: 0 where somebody outside began it. */
static struct flow flow_to(uint16_t port, uint32_t sender)
{
	return (struct flow){ .reply_key = { .dport = htobe16(port) },
			      .original = { .sender = sender },
			      .has_original = true };
}

static void test_ports_that_flows_were_given_stay(void **state)
{
	struct flow flows[] = { flow_to(20000, 7), flow_to(40000, 0), flow_to(128, 8),
				flow_to(65535, 0) };
	struct nk_nat nat = { .port_min = 128, .port_max = 128 };

	(void)state;
	flows[3].has_original = false; /* nobody knows */
	set_all(&nat);
	nat_ports_clear(&nat, &(struct published_list){ 0 }, &(struct flow_list){ flows, 4 });
	check_watched(&nat, (const uint32_t[]){ 128, 20000, 65535 }, 3);
}

static void test_clearing_sets_nothing(void **state)
{
	struct flow flow = flow_to(3868, 7); /* as of SCTP, which keeps its port */
	struct nk_nat nat = { .port_min = 128, .port_max = 128 };

	(void)state;
	nat_ports_clear(&nat, &(struct published_list){ 0 }, &(struct flow_list){ &flow, 1 });
	check_watched(&nat, (const uint32_t[]){ 0 }, 0);
}

static void check_refused(const struct nat_change *change, const char *words)
{
	struct error err = { 0 };

	assert_int_equal(nat_change_check(change, &err), -EINVAL);
	if (!strstr(err.message, words))
		fail_msg("'%s' should tell '%s'", err.message, words);
}

static void test_settings_that_can_be(void **state)
{
	static const struct nat_change good[] = {
		{ .endpoint_flows = 16 },      { .endpoint_flows = 32768 },
		{ .ports = { 1024, 1039 } },   { .ports = { 1, 0 } },
		{ .ports = { 65520, 65535 } }, { .ports = { 1024, 65535 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_int_equal(nat_change_check(&good[i], NULL), 0);
}

static void test_settings_that_cant_be(void **state)
{
	(void)state;
	check_refused(&(struct nat_change){ .endpoint_flows = 15 }, "16 to 32768");
	check_refused(&(struct nat_change){ .endpoint_flows = 32769 }, "16 to 32768");
	check_refused(&(struct nat_change){ .ports = { 1023, 2000 } }, "within 1024-65535");
	check_refused(&(struct nat_change){ .ports = { 1024, 65536 } }, "within 1024-65535");
	check_refused(&(struct nat_change){ .ports = { 3000, 2000 } }, "the smaller one first");
	check_refused(&(struct nat_change){ .ports = { 2000, 2014 } }, "too few: at least 16");
	check_refused(&(struct nat_change){ .ports = { 2000, 2014 }, .endpoint_flows = 100 },
		      "too few");
}

static void check_exempt(const char *text, const char *words)
{
	struct prefix prefix = prefix_of(text);
	struct error err = { 0 };

	assert_int_equal(nat_exempt_check(&prefix, &err), *words ? -EINVAL : 0);
	if (!strstr(err.message, words))
		fail_msg("'%s' should tell '%s'", err.message, words);
}

static void test_prefixes_that_can_be_exempt(void **state)
{
	(void)state;
	check_exempt("0.0.0.0/0", "");
	check_exempt("10.0.0.0/8", "");
	check_exempt("192.0.2.1", "");
	check_exempt("2000::/3", "");
	check_exempt("2001:db8::7", "");
	check_exempt("10.1.0.0/8", "did you mean 10.0.0.0/8?");
	check_exempt("2001:db8::7/64", "did you mean 2001:db8::/64?");
	check_exempt("::/0", "has IPv4 addresses in it");
	check_exempt("::ffff:0:0/96", "has IPv4 addresses in it");
	check_exempt("::ffff:10.0.0.0/104", "has IPv4 addresses in it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports_are_ones_that_the_host_leaves),
		cmocka_unit_test(test_where_the_host_leaves_too_few_they_are_shared),
		cmocka_unit_test(test_a_bit_for_each_port),
		cmocka_unit_test(test_nothing_else_is_looked_at_than_masquerading_s_ports),
		cmocka_unit_test(test_published_ports_stay),
		cmocka_unit_test(test_ports_that_flows_were_given_stay),
		cmocka_unit_test(test_clearing_sets_nothing),
		cmocka_unit_test(test_settings_that_can_be),
		cmocka_unit_test(test_settings_that_cant_be),
		cmocka_unit_test(test_prefixes_that_can_be_exempt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
