// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The list of drop reasons: names that scripts can rely on, and room in the map of counters. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "core/cleanup.h"
#include "nkctl/drop_reason.h"
#include "unit.h"

static const struct {
	const char *name, *explanation;
} reasons[] = {
#define X(identifier, name, explanation) [NK_DROP_##identifier] = { name, explanation },
	NK_DROP_REASONS(X)
#undef X
};

/* Counters of an older build keep their meaning: these lines are never moved. */
static void test_first_reasons_stay_where_they_are(void **state)
{
	(void)state;
	assert_string_equal(reasons[0].name, "source");
	assert_string_equal(reasons[1].name, "link-local");
	assert_string_equal(reasons[2].name, "ethertype");
	assert_string_equal(reasons[11].name, "ext-headers");
}

static void test_reasons_fit_the_counters(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_SIZE(reasons), NK_DROP_REASON_COUNT);
	assert_true(NK_DROP_REASON_COUNT <= NK_DROP_REASONS_MAX);
}

static bool is_name(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!islower((unsigned char)*c) && !(*c == '-' && c != text && c[1]))
			return false;
	return *text;
}

static void test_names_are_unique_words_with_dashes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (!is_name(reasons[i].name))
			fail_msg("'%s' should be lower case and dashes", reasons[i].name);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(reasons[i].name, reasons[j].name);
	}
}

static void test_every_reason_is_explained(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (strlen(reasons[i].explanation) <= strlen(reasons[i].name))
			fail_msg("'%s' should be explained", reasons[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_reasons_stay_where_they_are),
		cmocka_unit_test(test_reasons_fit_the_counters),
		cmocka_unit_test(test_names_are_unique_words_with_dashes),
		cmocka_unit_test(test_every_reason_is_explained),
	};

	return cmocka_run_group_tests_name("drop_reason", tests, NULL, NULL);
}
