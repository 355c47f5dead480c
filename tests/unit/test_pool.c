// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The next free address: each of a subnet's once, in order, from where the last one was taken. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/cleanup.h"
#include "model/network.h"
#include "model/pool.h"
#include "unit.h"

static struct nk_subnet subnet_of(const char *text)
{
	struct prefix prefix = prefix_of(text);
	struct nk_subnet subnet = { .family = prefix.addr.family, .prefix_len = prefix.len };

	memcpy(subnet.addr, prefix.addr.bytes, sizeof(subnet.addr));
	return subnet;
}

static struct pool pool_of(const char *subnet_text, const char *cursor_text)
{
	struct nk_subnet subnet = subnet_of(subnet_text);
	struct addr cursor = { 0 };
	struct pool pool;

	if (cursor_text)
		cursor = addr_of(cursor_text);
	pool_init(&pool, &subnet, NULL, cursor_text ? &cursor : NULL);
	return pool;
}

static void assert_next(struct pool *pool, const char *expected)
{
	struct addr addr;

	assert_true(pool_next(pool, &addr));
	assert_addr(&addr, expected);
}

static void assert_first(const char *subnet, const char *cursor, const char *expected)
{
	struct pool pool = pool_of(subnet, cursor);

	assert_next(&pool, expected);
}

static void test_begins_behind_the_gateway(void **state)
{
	(void)state;
	assert_first("10.88.0.0/16", NULL, "10.88.0.2");
	assert_first("fd00:88::/64", NULL, "fd00:88::2");
	assert_first("10.0.0.0/8", NULL, "10.0.0.2");
}

static void test_goes_on_behind_the_cursor(void **state)
{
	(void)state;
	assert_first("10.88.0.0/16", "10.88.0.2", "10.88.0.3");
	assert_first("10.88.0.0/16", "10.88.0.255", "10.88.1.0"); /* in a /16 a host like any */
	assert_first("fd00:88::/64", "fd00:88::ff", "fd00:88::100");
	assert_first("fd00:88::/64", "fd00:88::ffff", "fd00:88::1:0");
	assert_first("fd00:88::/64", "fd00:88::7fff:ffff:ffff:ffff", "fd00:88:0:0:8000::");
}

static void test_wraps_behind_the_last(void **state)
{
	(void)state;
	assert_first("10.88.0.0/16", "10.88.255.253", "10.88.255.254");
	assert_first("10.88.0.0/16", "10.88.255.254", "10.88.0.2");
	assert_first("fd00:88::/64", "fd00:88::ffff:ffff:ffff:ffff", "fd00:88::2");
	/* The end of the address space is no special place. */
	assert_first("255.255.255.0/24", "255.255.255.254", "255.255.255.2");
	assert_first("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120",
		     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff02");
}

static void test_ignores_a_cursor_that_it_would_never_give_out(void **state)
{
	static const char *const cursors[] = {
		"10.88.0.0", "10.88.0.1",     "10.88.0.255", /* base, gateway, broadcast */
		"10.88.1.0", "10.87.255.255", "0.0.0.0",     "255.255.255.255", "fd00:88::17", "::",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cursors); i++)
		assert_first("10.88.0.0/24", cursors[i], "10.88.0.2");
	assert_first("fd00:88::/64", "fd00:88::1", "fd00:88::2");
	assert_first("fd00:88::/64", "fd00:88:0:1::", "fd00:88::2");
	assert_first("fd00:88::/64", "10.88.0.7", "fd00:88::2");
}

static void test_smallest_subnets(void **state)
{
	struct pool v4 = pool_of("192.0.2.4/30", NULL), v6 = pool_of("2001:db8::4/126", NULL);
	struct addr addr;

	(void)state;
	assert_next(&v4, "192.0.2.6");
	assert_false(pool_next(&v4, &addr));
	assert_next(&v6, "2001:db8::6");
	assert_next(&v6, "2001:db8::7"); /* IPv6 has no broadcast address */
	assert_false(pool_next(&v6, &addr));
}

/* Which host numbers of a small subnet may be given out. */
static bool host_usable(uint8_t family, unsigned int host, unsigned int hosts)
{
	return host >= 2 && !(family == AF_INET && host == hosts - 1);
}

/* Takes all addresses of the subnet from one cursor on, and holds the order against the rule. */
static void check_enumeration(const struct nk_subnet *subnet, const struct addr *base,
			      unsigned int hosts, unsigned int cursor_host)
{
	struct addr cursor = addr_add(base, cursor_host), addr;
	struct pool pool;

	pool_init(&pool, subnet, NULL, &cursor);
	for (unsigned int i = 1; i <= hosts; i++) {
		unsigned int start =
			host_usable(subnet->family, cursor_host, hosts) ? cursor_host : 1;
		unsigned int host = (start + i) % hosts;
		struct addr expected = addr_add(base, host);

		if (!host_usable(subnet->family, host, hosts))
			continue;
		assert_true(pool_next(&pool, &addr));
		assert_addr(&addr, addr_format(&expected).text);
	}
	assert_false(pool_next(&pool, &addr));
	assert_false(pool_next(&pool, &addr)); /* and it stays so */
}

static void enumerate(const char *format, unsigned int len, uint8_t bits)
{
	unsigned int hosts = 1U << (bits - len);
	char text[PREFIX_TEXT_SIZE];
	struct nk_subnet subnet;
	struct prefix prefix;

	(void)snprintf(text, sizeof(text), "%s/%u", format, len);
	subnet = subnet_of(text);
	prefix = subnet_prefix(&subnet);
	for (unsigned int cursor = 0; cursor < hosts; cursor++)
		check_enumeration(&subnet, &prefix.addr, hosts, cursor);
}

static void test_whole_small_subnets_from_every_cursor(void **state)
{
	(void)state;
	for (unsigned int len = 24; len <= 30; len++)
		enumerate("198.51.100.0", len, 32);
	for (unsigned int len = 120; len <= 126; len++)
		enumerate("2001:db9::ff00", len, 128); /* an odd byte where IPv4 has its last */
}

/* A /28 has 13 to give: all others are taken before a freed one is again. */
static void test_freed_address_comes_last(void **state)
{
	struct nk_subnet subnet = subnet_of("192.0.2.0/28");
	struct addr freed = addr_of("192.0.2.5"), cursor = freed, addr;
	struct pool pool;

	(void)state;
	for (int i = 0; i < 12; i++) {
		pool_init(&pool, &subnet, NULL, &cursor);
		assert_true(pool_next(&pool, &addr));
		assert_false(addr_equal(&addr, &freed));
		cursor = addr;
	}
	pool_init(&pool, &subnet, NULL, &cursor);
	assert_true(pool_next(&pool, &addr));
	assert_addr(&addr, "192.0.2.5");
}

static void test_usable(void **state)
{
	static const struct {
		const char *subnet, *addr;
		bool usable;
	} cases[] = {
		{ "10.88.0.0/16", "10.88.0.0", false },
		{ "10.88.0.0/16", "10.88.0.1", false },
		{ "10.88.0.0/16", "10.88.0.2", true },
		{ "10.88.0.0/16", "10.88.255.254", true },
		{ "10.88.0.0/16", "10.88.255.255", false },
		{ "10.88.0.0/16", "10.89.0.2", false },
		{ "10.88.0.0/16", "10.87.0.2", false },
		{ "10.88.0.0/16", "fd00:88::2", false },
		{ "192.0.2.4/30", "192.0.2.6", true },
		{ "192.0.2.4/30", "192.0.2.7", false },
		{ "fd00:88::/64", "fd00:88::", false },
		{ "fd00:88::/64", "fd00:88::1", false },
		{ "fd00:88::/64", "fd00:88::2", true },
		{ "fd00:88::/64", "fd00:88::ffff:ffff:ffff:ffff", true },
		{ "fd00:88::/64", "fd00:88:0:1::2", false },
		{ "fd00:88::/64", "10.88.0.2", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nk_subnet subnet = subnet_of(cases[i].subnet);
		struct addr addr = addr_of(cases[i].addr);

		if (pool_usable(&subnet, &addr) != cases[i].usable)
			fail_msg("%s of %s: usable should be %d", cases[i].addr, cases[i].subnet,
				 cases[i].usable);
	}
}

/* Whether an address of 198.51.100.0/24 may be given out, by the rule rather than by jumps. */
static bool limits_allow(const struct pool_range *limits, unsigned int host)
{
	struct addr base = addr_of("198.51.100.0"), addr = addr_add(&base, host);

	if (!host_usable(AF_INET, host, 256))
		return false;
	if (limits->first.family && addr_compare(&addr, &limits->first) < 0)
		return false;
	if (limits->last.family && addr_compare(&addr, &limits->last) > 0)
		return false;
	for (size_t i = 0; i < limits->excluded_count; i++)
		if (prefix_contains(&limits->excluded[i], &addr))
			return false;
	return true;
}

/* From every cursor each allowed address comes once, in order, and no other. */
static void check_limits(const struct pool_range *limits)
{
	struct nk_subnet subnet = subnet_of("198.51.100.0/24");
	struct addr base = addr_of("198.51.100.0"), addr;

	for (unsigned int host = 0; host < 256; host++) {
		struct addr cursor = addr_add(&base, host);
		unsigned int count = 0, allowed = 0, last = host;
		struct pool pool;

		pool_init(&pool, &subnet, limits, &cursor);
		for (unsigned int i = 0; i < 256; i++)
			allowed += limits_allow(limits, i);
		while (pool_next(&pool, &addr)) {
			assert_true(limits_allow(limits, addr.bytes[3]));
			assert_true(count == 0 || addr.bytes[3] != last);
			last = addr.bytes[3];
			count++;
			assert_true(count <= allowed);
		}
		assert_int_equal(count, allowed);
	}
}

static void test_limits(void **state)
{
	static const char *const excluded_texts[] = { "198.51.100.0/26",  "198.51.100.8/29",
						      "198.51.100.96/27", "198.51.100.100",
						      "198.51.100.254",   "198.51.100.2",
						      "198.51.100.128/25" };
	struct prefix excluded[ARRAY_SIZE(excluded_texts)];
	struct pool_range limits = { .excluded = excluded };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(excluded_texts); i++)
		excluded[i] = prefix_of(excluded_texts[i]);
	for (size_t i = 0; i <= ARRAY_SIZE(excluded_texts); i++) {
		limits.excluded_count = i;
		limits.first = limits.last = (struct addr){ 0 };
		check_limits(&limits);
		limits.first = addr_of("198.51.100.1"); /* the gateway stays out */
		check_limits(&limits);
		limits.first = addr_of("198.51.100.50");
		limits.last = addr_of("198.51.100.101");
		check_limits(&limits);
		limits.last = limits.first;
		check_limits(&limits);
	}
}

/* Half an IPv6 subnet is passed over in a jump: this would never end otherwise. */
static void test_large_exclusions(void **state)
{
	struct nk_subnet subnet = subnet_of("fd00:88::/64");
	struct prefix excluded[] = { prefix_of("fd00:88::/65"),
				     prefix_of("fd00:88::8000:0:0:0/66") };
	struct pool_range limits = { .excluded = excluded, .excluded_count = 2 };
	struct pool pool;

	(void)state;
	pool_init(&pool, &subnet, &limits, NULL);
	assert_next(&pool, "fd00:88:0:0:c000::");
	assert_next(&pool, "fd00:88::c000:0:0:1");
}

static void pass_over(struct pool *pool, const char *candidate, const char *taken)
{
	struct addr addr = addr_of(candidate);
	struct prefix prefix = prefix_of(taken);

	assert_next(pool, candidate);
	pool_pass_over(pool, &addr, &prefix);
}

/* As far as the next address that isn't, and once round at most: half an IPv6 subnet has 2^63. */
static void test_what_is_taken_is_passed_over_at_once(void **state)
{
	struct pool pool = pool_of("fd00:88::/64", NULL);
	struct addr addr;

	(void)state;
	pass_over(&pool, "fd00:88::2", "fd00:88::/65");
	pass_over(&pool, "fd00:88:0:0:8000::", "fd00:88:0:0:8000::/128");
	pass_over(&pool, "fd00:88::8000:0:0:1", "fd00:88::8000:0:0:0/65");
	assert_false(pool_next(&pool, &addr));

	pool = pool_of("fd00:88::/64", "fd00:88::77"); /* begins in the midst of it */
	pass_over(&pool, "fd00:88::78", "fd00:88::/65");
	pass_over(&pool, "fd00:88:0:0:8000::", "fd00:88::8000:0:0:0/65");
	pass_over(&pool, "fd00:88::2", "fd00:88::/65");
	assert_false(pool_next(&pool, &addr));

	pool = pool_of("10.0.0.0/8", "10.0.0.9");
	pass_over(&pool, "10.0.0.10", "0.0.0.0/0");
	pass_over(&pool, "10.0.0.2", "0.0.0.0/0");
	assert_false(pool_next(&pool, &addr));
}

static void test_nothing_is_left(void **state)
{
	struct nk_subnet subnet = subnet_of("192.0.2.0/24");
	struct prefix excluded[] = { prefix_of("192.0.2.0/25"), prefix_of("192.0.2.128/25") };
	struct pool_range none = { .excluded = excluded, .excluded_count = 2 };
	struct pool_range broadcast = { .first = addr_of("192.0.2.255") };
	struct addr addr;
	struct pool pool;

	(void)state;
	pool_init(&pool, &subnet, &none, NULL);
	assert_false(pool_next(&pool, &addr));
	pool_init(&pool, &subnet, &broadcast, NULL);
	assert_false(pool_next(&pool, &addr));
}

static struct pool_range range_of(size_t subnet, const char *first, const char *last)
{
	struct pool_range range = { .subnet = subnet };

	if (first)
		range.first = addr_of(first);
	if (last)
		range.last = addr_of(last);
	return range;
}

static void test_sets_of_ranges(void **state)
{
	const struct nk_network network = {
		.subnets = { subnet_of("10.1.0.0/16"), subnet_of("fd00:1::/64"),
			     subnet_of("10.2.0.0/16") },
		.subnet_count = 3,
	};
	struct pool_ranges whole;
	const struct pool_ranges some = {
		.ranges = { { .subnet = 0 }, { .subnet = 2, .set = 1 }, { .subnet = 2 } },
		.count = 3,
	};

	(void)state;
	pool_ranges_whole(&network, &whole);
	assert_int_equal(whole.count, 3);
	assert_true(pool_set_is_same(&network, &whole.ranges[0], &whole.ranges[2]));
	assert_false(pool_set_is_same(&network, &whole.ranges[0], &whole.ranges[1]));
	assert_true(pool_set_begins(&network, &whole, 0));
	assert_true(pool_set_begins(&network, &whole, 1));
	assert_false(pool_set_begins(&network, &whole, 2));
	assert_true(pool_set_begins(&network, &some, 1));
	assert_false(pool_set_begins(&network, &some, 2));
}

static void test_ranges_of_a_subnet(void **state)
{
	const struct nk_network network = {
		.subnets = { subnet_of("10.1.0.0/24"), subnet_of("10.2.0.0/24") }, .subnet_count = 2
	};
	const struct pool_range low = range_of(0, NULL, "10.1.0.19");
	const struct pool_range high = range_of(0, "10.1.0.20", NULL);
	const struct pool_range middle = range_of(0, "10.1.0.19", "10.1.0.20");
	const struct pool_range other = range_of(1, NULL, NULL);
	const struct addr last_of_low = addr_of("10.1.0.19"), gateway = addr_of("10.1.0.1");

	(void)state;
	assert_false(pool_range_overlaps(&network, &low, &high));
	assert_true(pool_range_overlaps(&network, &low, &middle));
	assert_true(pool_range_overlaps(&network, &middle, &high));
	assert_false(pool_range_overlaps(&network, &low, &other));
	assert_true(pool_range_overlaps(&network, &other, &other));
	assert_true(pool_range_has(&network, &low, &last_of_low));
	assert_false(pool_range_has(&network, &high, &last_of_low));
	assert_false(pool_range_has(&network, &low, &gateway));
	assert_false(pool_range_has(&network, &other, &last_of_low));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begins_behind_the_gateway),
		cmocka_unit_test(test_goes_on_behind_the_cursor),
		cmocka_unit_test(test_wraps_behind_the_last),
		cmocka_unit_test(test_ignores_a_cursor_that_it_would_never_give_out),
		cmocka_unit_test(test_smallest_subnets),
		cmocka_unit_test(test_whole_small_subnets_from_every_cursor),
		cmocka_unit_test(test_freed_address_comes_last),
		cmocka_unit_test(test_usable),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_large_exclusions),
		cmocka_unit_test(test_what_is_taken_is_passed_over_at_once),
		cmocka_unit_test(test_nothing_is_left),
		cmocka_unit_test(test_sets_of_ranges),
		cmocka_unit_test(test_ranges_of_a_subnet),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
