// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which ports masquerading takes, and the bits by which the datapath knows them. */
#include "bpf/nat.h"
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
	struct nk_nat nat = { .port_min = 100, .port_max = 200 };

	(void)state;
	nat_port_set(&nat, 0);
	nat_port_set(&nat, 63);
	nat_port_set(&nat, 64);
	nat_port_set(&nat, 65535);
	assert_true(nat.ports[0] == (1ULL | 1ULL << 63));
	assert_true(nat.ports[1] == 1);
	assert_true(nat.ports[1023] == 1ULL << 63);
	nat_port_clear(&nat, 63);
	assert_true(nat.ports[0] == 1);
}

static void test_masquerading_keeps_its_ports(void **state)
{
	struct nk_nat nat = { .port_min = 100, .port_max = 200 };

	(void)state;
	nat_port_set(&nat, 99);
	nat_port_set(&nat, 100);
	nat_port_set(&nat, 200);
	nat_port_clear(&nat, 99);
	nat_port_clear(&nat, 100);
	nat_port_clear(&nat, 200);
	assert_true(nat.ports[1] == 1ULL << 36);
	assert_true(nat.ports[3] == 1ULL << 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports_are_ones_that_the_host_leaves),
		cmocka_unit_test(test_where_the_host_leaves_too_few_they_are_shared),
		cmocka_unit_test(test_a_bit_for_each_port),
		cmocka_unit_test(test_masquerading_keeps_its_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
