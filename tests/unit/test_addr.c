// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Addresses and prefixes: what is taken for one, how it's printed, and arithmetic to the bit. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "core/cleanup.h"
#include "unit.h"

static void test_sizes_are_the_families(void **state)
{
	(void)state;
	assert_int_equal(addr_size(AF_INET), 4);
	assert_int_equal(addr_size(AF_INET6), 16);
	assert_int_equal(addr_bits(AF_INET), 32);
	assert_int_equal(addr_bits(AF_INET6), 128);
	assert_string_equal(family_name(AF_INET), "IPv4");
	assert_string_equal(family_name(AF_INET6), "IPv6");
}

static void test_parse_fills_family_and_bytes(void **state)
{
	static const struct addr v4 = { AF_INET, { 10, 88, 0, 2 } };
	static const struct addr v6 = { AF_INET6, { 0xfd, 0, 0, 0x88, [15] = 2 } };
	struct addr addr;

	(void)state;
	memset(&addr, 0xff, sizeof(addr));
	assert_int_equal(addr_parse("10.88.0.2", &addr), 0);
	assert_memory_equal(&addr, &v4, sizeof(addr)); /* the unused bytes too are zero */
	assert_int_equal(addr_parse("fd00:88::2", &addr), 0);
	assert_memory_equal(&addr, &v6, sizeof(addr));
}

static void test_parse_rejects_what_is_no_address(void **state)
{
	static const char *const texts[] = {
		"",           " ",           " 10.0.0.1", "10.0.0.1 ",     "10.0.0.1\n",
		"+10.0.0.1",  "10.0.0",      "10.0.0.",   "10.0.0.1.",     "10.0.0.1.2",
		"10.0.0.256", "10.0.0.-1",   "010.0.0.1", /* octal to some, decimal to others */
		"0x0a.0.0.1", "10..0.1",     "167772161", "10.0.0.1/32",   "localhost",
		":",          ":::",         "::1%lo",    "fe80::1%1",     "[::1]",
		"1::2::3",    "12345::",     "g::1",      "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
		"::1.2.3",    "::1.2.3.256", "::1/128",
	};
	const struct addr untouched = { 77, { 1, 2, 3 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct addr addr = untouched;

		if (addr_parse(texts[i], &addr) != -EINVAL)
			fail_msg("'%s' should be no address", texts[i]);
		assert_memory_equal(&addr, &untouched, sizeof(addr));
	}
}

static void test_prefix_parse_takes_every_length(void **state)
{
	char text[PREFIX_TEXT_SIZE];

	(void)state;
	for (unsigned int len = 0; len <= 128; len++) {
		(void)snprintf(text, sizeof(text), "2001:db8::1/%u", len);
		assert_int_equal(prefix_of(text).len, len);
		(void)snprintf(text, sizeof(text), "192.0.2.1/%u", len % 33);
		assert_int_equal(prefix_of(text).len, len % 33);
	}
}

static void test_prefix_parse_without_length_is_one_address(void **state)
{
	struct prefix v4 = prefix_of("192.0.2.1"), v6 = prefix_of("2001:db8::1");

	(void)state;
	assert_int_equal(v4.len, 32);
	assert_addr(&v4.addr, "192.0.2.1");
	assert_int_equal(v6.len, 128);
	assert_addr(&v6.addr, "2001:db8::1");
}

static void test_prefix_parse_keeps_host_bits(void **state)
{
	struct prefix prefix = prefix_of("10.88.3.4/16");

	(void)state;
	assert_string_equal(prefix_format(&prefix).text, "10.88.3.4/16");
}

static void test_prefix_parse_rejects_what_is_no_prefix(void **state)
{
	static const char *const texts[] = {
		"",
		"/",
		"/8",
		"1.2.3.4/",
		"1.2.3.4/33",
		"1.2.3.4/-1",
		"1.2.3.4/+1",
		"1.2.3.4/ 1",
		"1.2.3.4/1 ",
		"1.2.3.4/1x",
		"1.2.3.4/0x8",
		"1.2.3.4/8/8",
		"1.2.3.4//8",
		"1.2.3.4/255.255.255.0",
		"1.2.3.4/4294967304", /* 8 in 32 bits */
		"1.2.3.4/18446744073709551624",
		"1.2.3.4/0024",
		" 10.0.0.1/8",
		"10.0.0.1 /8",
		"+1",
		"10/8",
		"::1/129",
		"::1/",
		"::1/-0",
		"::1/1e1",
		"::/0x40",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc/64",
	};
	struct prefix untouched;

	(void)state;
	memset(&untouched, 0x55, sizeof(untouched));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct prefix prefix = untouched;

		if (prefix_parse(texts[i], &prefix) != -EINVAL)
			fail_msg("'%s' should be no prefix", texts[i]);
		assert_memory_equal(&prefix, &untouched, sizeof(prefix));
	}
}

/* RFC 5952: lower case, the longest run of zeros shortened. */
static void test_format_is_canonical(void **state)
{
	static const struct {
		const char *given, *printed;
	} cases[] = {
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::", "::" },
		{ "FD00:0088:0:0:0:0:0:0002", "fd00:88::2" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct addr addr = addr_of(cases[i].given);

		assert_addr(&addr, cases[i].printed);
	}
}

static void test_format_of_the_longest_prefix_is_whole(void **state)
{
	static const char text[] = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128";
	struct prefix prefix = prefix_of(text);

	(void)state;
	assert_string_equal(prefix_format(&prefix).text, text);
}

static void test_equal_tells_families_apart(void **state)
{
	struct addr v4 = addr_of("0.0.0.0"), v6 = addr_of("::"), other = addr_of("0.0.0.1");

	(void)state;
	assert_true(addr_equal(&v4, &v4));
	assert_false(addr_equal(&v4, &v6));
	assert_false(addr_equal(&v4, &other));
}

static void test_compare_is_the_order_of_numbers(void **state)
{
	static const struct {
		const char *low, *high;
	} cases[] = {
		{ "0.0.0.0", "0.0.0.1" },     { "10.0.0.255", "10.0.1.0" },
		{ "127.0.0.1", "128.0.0.1" }, { "::ff", "::100" },
		{ "::ffff:ffff", "::1:0:0" }, { "7fff::", "8000::" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct addr low = addr_of(cases[i].low), high = addr_of(cases[i].high);

		assert_true(addr_compare(&low, &high) < 0);
		assert_true(addr_compare(&high, &low) > 0);
		assert_int_equal(addr_compare(&low, &low), 0);
	}
}

static void test_add_carries_and_wraps(void **state)
{
	static const struct {
		const char *addr;
		uint64_t distance;
		const char *sum;
	} cases[] = {
		{ "10.0.0.1", 0, "10.0.0.1" },
		{ "10.0.0.255", 1, "10.0.1.0" },
		{ "10.255.255.255", 1, "11.0.0.0" },
		{ "10.0.0.1", 65536, "10.1.0.1" },
		{ "255.255.255.255", 1, "0.0.0.0" },
		{ "255.255.255.255", 3, "0.0.0.2" },
		{ "10.0.0.1", 1ULL << 32, "10.0.0.1" },
		{ "::ff", 1, "::100" },
		{ "fd00:88::ffff", 1, "fd00:88::1:0" },
		{ "fd00:88::ffff:ffff:ffff:ffff", 1, "fd00:88:0:1::" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, "::" },
		{ "::", UINT64_MAX, "::ffff:ffff:ffff:ffff" },
		{ "::1", UINT64_MAX, "0:0:0:1::" },
		{ "::ff", UINT64_MAX, "::1:0:0:0:fe" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct addr addr = addr_of(cases[i].addr);
		struct addr sum = addr_add(&addr, cases[i].distance);

		assert_addr(&sum, cases[i].sum);
	}
}

static void test_first_and_last_of_known_prefixes(void **state)
{
	static const struct {
		const char *prefix, *first, *last;
	} cases[] = {
		{ "10.88.3.4/16", "10.88.0.0", "10.88.255.255" },
		{ "10.88.3.4/0", "0.0.0.0", "255.255.255.255" },
		{ "10.88.3.4/32", "10.88.3.4", "10.88.3.4" },
		{ "10.88.3.6/30", "10.88.3.4", "10.88.3.7" },
		{ "192.0.2.200/25", "192.0.2.128", "192.0.2.255" },
		{ "fd00:88::1/64", "fd00:88::", "fd00:88::ffff:ffff:ffff:ffff" },
		{ "fd00:88::6/127", "fd00:88::6", "fd00:88::7" },
		{ "::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix prefix = prefix_of(cases[i].prefix);
		struct addr first = prefix_first(&prefix), last = prefix_last(&prefix);

		assert_addr(&first, cases[i].first);
		assert_addr(&last, cases[i].last);
	}
}

static void test_contains(void **state)
{
	static const struct {
		const char *prefix, *addr;
		bool contains;
	} cases[] = {
		{ "10.88.0.0/16", "10.88.0.0", true },
		{ "10.88.0.0/16", "10.88.255.255", true },
		{ "10.88.0.0/16", "10.87.255.255", false },
		{ "10.88.0.0/16", "10.89.0.0", false },
		{ "10.88.0.0/30", "10.88.0.3", true },
		{ "10.88.0.0/30", "10.88.0.4", false },
		{ "10.88.0.1/32", "10.88.0.1", true },
		{ "10.88.0.1/32", "10.88.0.0", false },
		{ "0.0.0.0/0", "203.0.113.1", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "10.0.0.1", false },
		{ "fd00:88::/64", "fd00:88::ffff:ffff:ffff:ffff", true },
		{ "fd00:88::/64", "fd00:88:0:1::", false },
		{ "0a58::/16", "10.88.0.0", false }, /* the same leading bytes */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix prefix = prefix_of(cases[i].prefix);
		struct addr addr = addr_of(cases[i].addr);

		if (prefix_contains(&prefix, &addr) != cases[i].contains)
			fail_msg("%s in %s should be %d", cases[i].addr, cases[i].prefix,
				 cases[i].contains);
	}
}

static void test_overlaps(void **state)
{
	static const struct {
		const char *a, *b;
		bool overlaps;
	} cases[] = {
		{ "10.88.0.0/16", "10.88.0.0/16", true },
		{ "10.88.0.0/16", "10.88.7.0/24", true },
		{ "10.0.0.0/8", "10.255.255.255/32", true },
		{ "10.88.0.0/16", "10.89.0.0/16", false },
		{ "10.88.0.0/17", "10.88.128.0/17", false },
		{ "0.0.0.0/0", "::/0", false },
		{ "::/0", "fd00:88::/64", true },
		{ "fd00:88::/64", "fd00:88:0:1::/64", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix a = prefix_of(cases[i].a), b = prefix_of(cases[i].b);

		if (prefix_overlaps(&a, &b) != cases[i].overlaps ||
		    prefix_overlaps(&b, &a) != cases[i].overlaps)
			fail_msg("overlap of %s and %s should be %d", cases[i].a, cases[i].b,
				 cases[i].overlaps);
	}
}

/*
 * Properties, on random values. The reference does the arithmetic another way: on whole numbers
 * of 128 bits instead of bytes.
 */

#define ROUNDS 20000

static unsigned int seed;

static uint64_t random_bits(void)
{
	uint64_t bits = 0;

	for (int i = 0; i < 4; i++)
		bits = bits << 16 | ((unsigned int)rand_r(&seed) & 0xffff);
	return bits;
}

/* Half of them near a carry: runs of zeros or ones. */
static struct addr random_addr(void)
{
	struct addr addr = { .family = random_bits() & 1 ? AF_INET : AF_INET6 };
	uint8_t runs = (uint8_t)random_bits();

	for (size_t i = 0; i < addr_size(addr.family); i++)
		addr.bytes[i] = (uint8_t)random_bits();
	if (runs & 1)
		memset(addr.bytes + addr_size(addr.family) / 2, runs & 2 ? 0xff : 0,
		       addr_size(addr.family) / 2);
	return addr;
}

static struct prefix random_prefix(void)
{
	struct prefix prefix = { .addr = random_addr() };

	prefix.len = (uint8_t)(random_bits() % (addr_bits(prefix.addr.family) + 1U));
	return prefix;
}

/* Of every magnitude, and half of them just below 2^64. */
static uint64_t random_distance(void)
{
	uint64_t distance = random_bits() >> (random_bits() % 64);

	return random_bits() & 1 ? ~distance : distance;
}

static unsigned __int128 number_of(const struct addr *addr)
{
	unsigned __int128 number = 0;

	for (size_t i = 0; i < addr_size(addr->family); i++)
		number = number << 8 | addr->bytes[i];
	return number;
}

static unsigned __int128 mask_of(uint8_t family, uint8_t len)
{
	unsigned __int128 all = family == AF_INET ? UINT32_MAX : ~(unsigned __int128)0;
	unsigned __int128 hosts =
		len ? ((unsigned __int128)1 << (addr_bits(family) - len)) - 1 : all;

	return all & ~hosts;
}

static void test_random_text_round_trip(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct prefix prefix = random_prefix(), parsed;

		assert_int_equal(prefix_parse(prefix_format(&prefix).text, &parsed), 0);
		assert_int_equal(parsed.len, prefix.len);
		assert_true(addr_equal(&parsed.addr, &prefix.addr));
	}
}

static void test_random_sums(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct addr addr = random_addr();
		uint64_t distance = random_distance();
		struct addr sum = addr_add(&addr, distance);
		unsigned __int128 expected = (number_of(&addr) + distance) &
					     mask_of(addr.family, addr_bits(addr.family));

		if (number_of(&sum) != expected)
			fail_msg("%s + %" PRIu64 " shouldn't be %s", addr_format(&addr).text,
				 distance, addr_format(&sum).text);
	}
}

static void test_random_order(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct addr a = random_addr(), b = random_addr();
		int order;

		b.family = a.family;
		memset(b.bytes + addr_size(a.family), 0, sizeof(b.bytes) - addr_size(a.family));
		order = addr_compare(&a, &b);
		assert_int_equal(order < 0, number_of(&a) < number_of(&b));
		assert_int_equal(order == 0, number_of(&a) == number_of(&b));
	}
}

static void test_random_prefix_bounds(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct prefix prefix = random_prefix();
		struct addr first = prefix_first(&prefix), last = prefix_last(&prefix);
		struct addr before = addr_add(&last, 1); /* or the first one of all, wrapped */
		unsigned __int128 mask = mask_of(prefix.addr.family, prefix.len);

		assert_true(number_of(&first) == (number_of(&prefix.addr) & mask));
		assert_true((number_of(&last) & mask) == number_of(&first));
		assert_true((number_of(&last) | mask) ==
			    mask_of(prefix.addr.family, addr_bits(prefix.addr.family)));
		assert_true(prefix_contains(&prefix, &first));
		assert_true(prefix_contains(&prefix, &last));
		assert_int_equal(prefix_contains(&prefix, &before), prefix.len == 0);
	}
}

static void test_random_overlap_is_sharing_an_end(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct prefix a = random_prefix(), b = random_prefix();
		struct addr first;
		bool shared;

		if (random_bits() & 1)
			b.addr = a.addr; /* else hardly two would ever overlap */
		if (b.len > addr_bits(b.addr.family))
			b.len = addr_bits(b.addr.family);
		first = prefix_first(&a);
		shared = prefix_contains(&b, &first);
		first = prefix_first(&b);
		shared |= prefix_contains(&a, &first);
		assert_int_equal(prefix_overlaps(&a, &b), shared);
		assert_int_equal(prefix_overlaps(&b, &a), shared);
	}
}

/* NKCTL_TEST_SEED=N repeats a run. */
static int seed_choose(void **state)
{
	const char *given = getenv("NKCTL_TEST_SEED");

	(void)state;
	seed = given ? (unsigned int)strtoul(given, NULL, 10) : (unsigned int)time(NULL);
	print_message("# NKCTL_TEST_SEED=%u\n", seed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_are_the_families),
		cmocka_unit_test(test_parse_fills_family_and_bytes),
		cmocka_unit_test(test_parse_rejects_what_is_no_address),
		cmocka_unit_test(test_prefix_parse_takes_every_length),
		cmocka_unit_test(test_prefix_parse_without_length_is_one_address),
		cmocka_unit_test(test_prefix_parse_keeps_host_bits),
		cmocka_unit_test(test_prefix_parse_rejects_what_is_no_prefix),
		cmocka_unit_test(test_format_is_canonical),
		cmocka_unit_test(test_format_of_the_longest_prefix_is_whole),
		cmocka_unit_test(test_equal_tells_families_apart),
		cmocka_unit_test(test_compare_is_the_order_of_numbers),
		cmocka_unit_test(test_add_carries_and_wraps),
		cmocka_unit_test(test_first_and_last_of_known_prefixes),
		cmocka_unit_test(test_contains),
		cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_random_text_round_trip),
		cmocka_unit_test(test_random_sums),
		cmocka_unit_test(test_random_order),
		cmocka_unit_test(test_random_prefix_bounds),
		cmocka_unit_test(test_random_overlap_is_sharing_an_end),
	};

	return cmocka_run_group_tests_name("addr", tests, seed_choose, NULL);
}
