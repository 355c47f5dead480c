// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The command line: options before and behind arguments, and tables that make sense. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "core/cleanup.h"
#include "nkctl/nat.h"
#include "unit.h"

#define ARGUMENTS_MAX 16

static const struct cli_option options[] = {
	{ 'n', "ns", "NS", "a value" },
	{ 'q', "quick", NULL, "no value" },
	{ 'w', "network", "NAME", "a value" },
	{ 0 },
};

static const struct cli_command command = {
	.name = "try",
	.arguments = "WHAT",
	.summary = "try",
	.help = "Try.",
	.options = options,
};

/* A command line whose first word, as ever, is the verb. Words are moved, so they are copied. */
static struct cli cli_of(char *copies[ARGUMENTS_MAX], const char *const *words)
{
	struct cli cli = { .command = &command, .argv = copies };

	for (; words[cli.argc]; cli.argc++)
		copies[cli.argc] = (char *)words[cli.argc];
	copies[cli.argc] = NULL;
	optind = 0; /* getopt_long() begins anew */
	return cli;
}

#define CLI(...) \
	cli_of((char *[ARGUMENTS_MAX]){ 0 }, (const char *const[]){ "try", __VA_ARGS__, NULL })

static void assert_next(struct cli *cli, int id, const char *value)
{
	const char *found = NULL;

	assert_int_equal(cli_next(cli, &found, NULL), id);
	if (value)
		assert_string_equal(found, value);
}

static void test_options_stand_anywhere(void **state)
{
	struct cli cli = CLI("one", "--ns", "ctr1", "two", "--quick", "--ns=ctr2");

	(void)state;
	assert_next(&cli, 'n', "ctr1");
	assert_next(&cli, 'q', NULL);
	assert_next(&cli, 'n', "ctr2");
	assert_next(&cli, 0, NULL);
	assert_int_equal(cli.argc, 2);
	assert_string_equal(cli.argv[0], "one");
	assert_string_equal(cli.argv[1], "two");
	assert_false(cli.json);
}

static void test_common_options_are_taken_on_the_way(void **state)
{
	struct cli cli = CLI("--json", "--quick", "one");

	(void)state;
	assert_next(&cli, 'q', NULL);
	assert_next(&cli, 0, NULL);
	assert_true(cli.json);
	assert_int_equal(cli.argc, 1);
}

static void test_two_dashes_end_the_options(void **state)
{
	struct cli cli = CLI("--", "--ns");

	(void)state;
	assert_next(&cli, 0, NULL);
	assert_int_equal(cli.argc, 1);
	assert_string_equal(cli.argv[0], "--ns");
}

static bool json_is_found(struct cli cli)
{
	const char *first = cli.argv[1];

	cli_seek_json(&cli);
	assert_ptr_equal(cli.argv[1], first); /* nothing is moved, or taken */
	return cli.json;
}

static void test_json_is_found_behind_what_is_wrong(void **state)
{
	struct cli cli = CLI("one", "--json", "--ns", "ctr1");

	(void)state;
	assert_true(json_is_found(CLI("one", "--bogus", "--json")));
	assert_true(json_is_found(CLI("--quick=1", "--json")));
	assert_true(json_is_found(CLI("--ns", "ctr1", "-x", "--json")));
	assert_true(json_is_found(CLI("--json", "--ns")));
	assert_false(json_is_found(CLI("--ns", "--json")));
	assert_false(json_is_found(CLI("--", "--json")));
	assert_false(json_is_found(CLI("json")));
	cli_seek_json(&cli);
	assert_next(&cli, 'n', "ctr1");
	assert_next(&cli, 0, NULL);
	assert_string_equal(cli.argv[0], "one");
}

static void check_option_error(struct cli cli, const char *message)
{
	struct error err = { 0 };
	const char *value;
	int ret;

	do {
		ret = cli_next(&cli, &value, &err);
	} while (ret > 0);
	assert_int_equal(ret, -EINVAL);
	assert_string_equal(err.message, message);
}

static void test_option_errors_name_the_option(void **state)
{
	(void)state;
	check_option_error(CLI("--ns"), "option '--ns' needs a value: see `nkctl help try`");
	check_option_error(CLI("--bogus"), "unknown option '--bogus': see `nkctl help try`");
	check_option_error(CLI("one", "--bogus", "two"),
			   "unknown option '--bogus': see `nkctl help try`");
	check_option_error(CLI("--bogus=1"), "unknown option '--bogus=1': see `nkctl help try`");
	check_option_error(CLI("--n"), "'--n' may be --ns or --network: see `nkctl help try`");
	check_option_error(CLI("--n=ctr1"),
			   "'--n=ctr1' may be --ns or --network: see `nkctl help try`");
	check_option_error(CLI("-x"), "unknown option '-x': see `nkctl help try`");
	check_option_error(CLI("-xv"), "unknown option '-x': see `nkctl help try`");
	check_option_error(CLI("--json", "-xv"), "unknown option '-x': see `nkctl help try`");
	check_option_error(CLI("-n", "ctr1"), "unknown option '-n': see `nkctl help try`");
}

static void test_argument_counts(void **state)
{
	struct cli cli = { .command = &command, .argc = 1, .argv = (char *[]){ "a", NULL } };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(cli_arguments(&cli, 1, 1, NULL), 0);
	assert_int_equal(cli_arguments(&cli, 0, 2, NULL), 0);
	assert_int_equal(cli_arguments(&cli, 2, 2, &err), -EINVAL);
	assert_string_equal(err.message, "missing argument: nkctl try WHAT");
	assert_int_equal(cli_arguments(&cli, 0, 0, &err), -EINVAL);
	assert_string_equal(err.message, "unexpected argument 'a': see `nkctl help try`");
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		unsigned long max, number;
	} cases[] = {
		{ "0", 10, 0 },
		{ "10", 10, 10 },
		{ "0010", 10, 10 }, /* decimal, whatever it looks like */
		{ "18446744073709551615", ULONG_MAX, ULONG_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned long number;

		assert_int_equal(cli_parse_number("N", cases[i].text, cases[i].max, &number, NULL),
				 0);
		assert_int_equal(number, cases[i].number);
	}
}

static void test_what_is_no_number(void **state)
{
	static const char *const texts[] = { "",
					     " ",
					     "-1",
					     "+1",
					     " 1",
					     "1 ",
					     "1.0",
					     "0x1",
					     "1e1",
					     "11",
					     "one",
					     "10\n",
					     "18446744073709551616",
					     "99999999999999999999999" };
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		unsigned long number = 77;

		if (cli_parse_number("MTU", texts[i], 10, &number, &err) != -EINVAL)
			fail_msg("'%s' should be no number up to 10", texts[i]);
		assert_int_equal(number, 77);
	}
	assert_int_equal(cli_parse_number("N", "18446744073709551616", ULONG_MAX,
					  &(unsigned long){ 0 }, NULL),
			 -EINVAL);
	(void)cli_parse_number("MTU", "11", 10, &(unsigned long){ 0 }, &err);
	assert_string_equal(err.message, "MTU '11' is no number up to 10");
}

static void check_found(const char *first, const char *second, const char *name, int words)
{
	char *argv[] = { (char *)first, (char *)second, NULL };
	const struct cli_command *found;
	int taken = 0;

	found = cli_find(second ? 2 : 1, argv, &taken);
	if (!found || strcmp(found->name, name))
		fail_msg("'%s %s' should be the verb '%s'", first, second ? second : "", name);
	assert_int_equal(taken, words);
}

static void test_verbs_are_found_by_one_word_or_two(void **state)
{
	char *strangers[][2] = {
		{ "network", NULL },    { "Attach", NULL }, { "", NULL },
		{ "network", "bogus" }, { "att", NULL },    { "network add", NULL }
	};
	int words;

	(void)state;
	check_found("attach", NULL, "attach", 1);
	check_found("attach", "--ns", "attach", 1);
	check_found("network", "add", "network add", 2);
	check_found("uplink", "remove", "uplink remove", 2);
	check_found("flows", "flush", "flows flush", 2);
	for (size_t i = 0; i < ARRAY_SIZE(strangers) - 1; i++)
		assert_null(cli_find(strangers[i][1] ? 2 : 1, strangers[i], &words));
	assert_null(cli_find(0, NULL, &words));
}

static void test_verbs_of_three_words(void **state)
{
	char *const argv[] = { "nat", "exempt", "remove", "10.0.0.0/8", NULL };
	const struct cli_command *found;
	int words;

	(void)state;
	found = cli_find(4, argv, &words);
	assert_non_null(found);
	assert_string_equal(found->name, "nat exempt remove");
	assert_int_equal(words, 3);
	assert_null(cli_find(2, argv, &words));
	assert_null(cli_find(1, argv, &words));
}

static void test_a_group_may_stand_for_one_of_its_verbs(void **state)
{
	char *bogus[] = { "flows", "bogus", NULL };
	int words;

	(void)state;
	check_found("flows", NULL, "flows list", 1);
	check_found("flows", "--json", "flows list", 1);
	check_found("flows", "list", "flows list", 2);
	assert_null(cli_find(2, bogus, &words));
}

static bool is_lower_word(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!islower((unsigned char)*c) && *c != '-' && *c != ' ')
			return false;
	return *text;
}

/* A letter that stands for a common option would never reach the verb. */
static void check_option(const struct cli_command *verb, const struct cli_option *option)
{
	if (!is_lower_word(option->name) || !*option->help)
		fail_msg("%s: option '%s' should have a proper name and help", verb->name,
			 option->name);
	if (option->id <= ' ' || option->id == 'h' || option->id == 'v' || option->id == '?' ||
	    option->id == ':')
		fail_msg("%s: --%s has an id that is taken", verb->name, option->name);
	for (const struct cli_option *other = verb->options; other != option; other++)
		if (other->id == option->id || !strcmp(other->name, option->name))
			fail_msg("%s: --%s and --%s are the same", verb->name, other->name,
				 option->name);
}

static void test_tables_make_sense(void **state)
{
	(void)state;
	for (size_t i = 0; cli_commands[i]; i++) {
		const struct cli_command *verb = cli_commands[i];

		if (!is_lower_word(verb->name) || !*verb->summary || !*verb->help || !verb->run)
			fail_msg("verb %zu, '%s', should be complete", i, verb->name);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(verb->name, cli_commands[j]->name);
		for (const struct cli_option *option = verb->options; option && option->name;
		     option++)
			check_option(verb, option);
	}
}

static void test_masquerade_is_chosen_once(void **state)
{
	struct error err;
	int masquerade = -1;

	(void)state;
	assert_int_equal(cli_take_masquerade(false, &masquerade, NULL), 0);
	assert_int_equal(masquerade, NK_MASQUERADE_OFF);
	assert_int_equal(cli_take_masquerade(false, &masquerade, NULL), 0);
	assert_int_equal(cli_take_masquerade(true, &masquerade, &err), -EINVAL);
	assert_string_equal(err.message, "--masquerade and --no-masquerade exclude each other");
	assert_int_equal(masquerade, NK_MASQUERADE_OFF);
	masquerade = -1;
	assert_int_equal(cli_take_masquerade(true, &masquerade, NULL), 0);
	assert_int_equal(masquerade, NK_MASQUERADE_ON);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_stand_anywhere),
		cmocka_unit_test(test_common_options_are_taken_on_the_way),
		cmocka_unit_test(test_two_dashes_end_the_options),
		cmocka_unit_test(test_json_is_found_behind_what_is_wrong),
		cmocka_unit_test(test_option_errors_name_the_option),
		cmocka_unit_test(test_argument_counts),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_what_is_no_number),
		cmocka_unit_test(test_verbs_are_found_by_one_word_or_two),
		cmocka_unit_test(test_tables_make_sense),
		cmocka_unit_test(test_masquerade_is_chosen_once),
		cmocka_unit_test(test_verbs_of_three_words),
		cmocka_unit_test(test_a_group_may_stand_for_one_of_its_verbs),
	};

	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
