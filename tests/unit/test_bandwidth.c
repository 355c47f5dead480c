// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Bandwidth: amounts as people write them, and which limits there can be. */
#include <errno.h>
#include <string.h>

#include "core/cleanup.h"
#include "model/bandwidth.h"
#include "unit.h"

static void test_amounts(void **state)
{
	static const struct {
		const char *text;
		uint64_t bits;
		const char *again;
	} cases[] = {
		{ "0", 0, "0" },
		{ "1", 1, "1" },
		{ "999", 999, "999" },
		{ "1000", 1000, "1k" },
		{ "10M", 10000000, "10M" },
		{ "1500k", 1500000, "1500k" },
		{ "2G", 2000000000, "2G" },
		{ "1000G", 1000000000000, "1T" },
		{ "5000T", 5000000000000000, "5000T" },
		{ "18446744073709551615", UINT64_MAX, "18446744073709551615" },
	};
	uint64_t bits;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(bandwidth_parse(cases[i].text, &bits), 0);
		assert_true(bits == cases[i].bits);
		assert_string_equal(bandwidth_format(bits).text, cases[i].again);
	}
}

static void test_what_is_no_amount(void **state)
{
	static const char *const texts[] = {
		"",    "k",    "-1",
		" 1",  "1 ",   "1.5M",
		"10m", "1K",   "1Mbit",
		"1kk", "0x10", "18446744073709551616",
		"+1",  "1e6",  "18446744073709551615k",
	};
	uint64_t bits = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(bandwidth_parse(texts[i], &bits), -EINVAL);
		assert_int_equal(bits, 7);
	}
}

static void test_which_limits_there_can_be(void **state)
{
	static const struct {
		struct bandwidth_limit limit;
		const char *part;
	} cases[] = {
		{ { 0, 0 }, NULL },
		{ { 1000, 0 }, NULL },
		{ { BANDWIDTH_RATE_MAX_BPS, BANDWIDTH_BURST_MAX_BITS }, NULL },
		{ { 999, 0 }, "a rate of 999 bits per second is out of range: 1k to 1000T" },
		{ { BANDWIDTH_RATE_MAX_BPS + 1, 0 }, "out of range" },
		{ { 0, 8000 }, "a burst of 8k bits needs a rate" },
		{ { 1000, BANDWIDTH_BURST_MAX_BITS + 1 }, "more than 2 GiB" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		int ret = bandwidth_check(&cases[i].limit, &err);

		assert_int_equal(ret, cases[i].part ? -EINVAL : 0);
		if (cases[i].part && !strstr(err.message, cases[i].part))
			fail_msg("'%s' isn't in '%s'", cases[i].part, err.message);
	}
}

static void test_a_burst_is_chosen(void **state)
{
	static const struct {
		struct bandwidth_limit limit;
		uint64_t burst_bits;
	} cases[] = {
		{ { 0, 0 }, 0 },
		{ { 1000000, 0 }, 524288 },
		{ { 1000000000, 0 }, 5000000 },
		{ { 1000000000, 1 }, 1 },
		{ { BANDWIDTH_RATE_MAX_BPS, 0 }, BANDWIDTH_BURST_MAX_BITS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bandwidth_limit limit = cases[i].limit;

		bandwidth_complete(&limit);
		assert_true(limit.burst_bits == cases[i].burst_bits);
		assert_true(limit.rate_bps == cases[i].limit.rate_bps);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_amounts),
		cmocka_unit_test(test_what_is_no_amount),
		cmocka_unit_test(test_which_limits_there_can_be),
		cmocka_unit_test(test_a_burst_is_chosen),
	};

	return cmocka_run_group_tests_name("bandwidth", tests, NULL, NULL);
}
