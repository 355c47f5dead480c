// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The error object: its words, their length, and the exit status that a code gives. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "unit.h"

static void test_set_takes_either_sign(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(error_set(&err, EEXIST, "address %s is taken", "10.88.0.5"), -EEXIST);
	assert_int_equal(err.code, -EEXIST);
	assert_string_equal(err.message, "address 10.88.0.5 is taken");
	assert_int_equal(error_set(&err, -ENOENT, "gone"), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.message, "gone"); /* replaces what was there */
}

static void test_sys_ends_with_the_words_for_the_code(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(error_sys(&err, ENOENT, "open %s", "/run/netns/x"), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.message, "open /run/netns/x: No such file or directory");
}

static void test_prefix_puts_context_before_the_message(void **state)
{
	struct error err = { 0 };

	(void)state;
	(void)error_set(&err, EADDRINUSE, "address 10.88.0.5 is taken");
	assert_int_equal(error_prefix(&err, "attach %s", "ctr1"), -EADDRINUSE);
	assert_string_equal(err.message, "attach ctr1: address 10.88.0.5 is taken");
	assert_int_equal(error_prefix(&err, "nkctl"), -EADDRINUSE);
	assert_int_equal(error_prefix(NULL, "nkctl"), -EIO);
	assert_string_equal(err.message, "nkctl: attach ctr1: address 10.88.0.5 is taken");
	assert_int_equal(err.code, -EADDRINUSE);
}

static void test_nobody_has_to_want_the_words(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, EINVAL, "%s", "x"), -EINVAL);
	assert_int_equal(error_sys(NULL, -EPERM, "%s", "x"), -EPERM);
}

/* Messages are cut at the end; what is outside of them is never written. */
static void test_long_messages_are_cut(void **state)
{
	struct {
		struct error err;
		char guard[16];
	} memory;
	char text[2 * ERROR_MESSAGE_SIZE];

	(void)state;
	memset(&memory, 'G', sizeof(memory));
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)error_set(&memory.err, EINVAL, "%s", text);
	assert_int_equal(strlen(memory.err.message), ERROR_MESSAGE_SIZE - 1);
	(void)error_prefix(&memory.err, "attach");
	assert_int_equal(strlen(memory.err.message), ERROR_MESSAGE_SIZE - 1);
	assert_memory_equal(memory.err.message, "attach: xxx", 11);
	(void)error_prefix(&memory.err, "%s", text);
	assert_int_equal(strlen(memory.err.message), ERROR_MESSAGE_SIZE - 1);
	(void)error_sys(&memory.err, EINVAL, "%s", text);
	assert_int_equal(strlen(memory.err.message), ERROR_MESSAGE_SIZE - 1);
	assert_memory_equal(memory.guard, "GGGGGGGGGGGGGGGG", sizeof(memory.guard));
}

/*
 * What a terminal might obey, and what isn't text: JSON takes UTF-8 only, and a terminal obeys
 * the bytes 0x80 to 0x9f as well.
 */
static void test_only_printable_characters_get_through(void **state)
{
	static const char hostile[] = "a\x1b[2Jb\nc\td\re\x7f"
				      "f\x80g\x9b"
				      "2Jh\xff";
	static const char harmless[] = "a?[2Jb?c?d?e?f?g?2Jh?";
	struct error err = { 0 };
	char expected[64];

	(void)state;
	(void)error_set(&err, EINVAL, "%s", hostile);
	assert_string_equal(err.message, harmless);
	(void)error_sys(&err, EINVAL, "%s", hostile);
	(void)snprintf(expected, sizeof(expected), "%s: Invalid argument", harmless);
	assert_string_equal(err.message, expected);
	(void)error_set(&err, EINVAL, "x");
	(void)error_prefix(&err, "%s", hostile);
	(void)snprintf(expected, sizeof(expected), "%s: x", harmless);
	assert_string_equal(err.message, expected);
}

static void test_exit_statuses(void **state)
{
	static const struct {
		int code, status;
	} cases[] = {
		{ 0, 0 },      { EIO, 1 },    { ENOMEM, 1 },     { ETIMEDOUT, 1 },
		{ EINTR, 1 },  { EINVAL, 2 }, { ERANGE, 2 },     { ENOENT, 3 },
		{ ENODEV, 3 }, { EEXIST, 4 }, { EADDRINUSE, 4 }, { EOPNOTSUPP, 5 },
		{ ENOSYS, 5 }, { EPROTO, 5 }, { EPERM, 6 },      { EACCES, 6 },
		{ EBUSY, 7 },  { EAGAIN, 7 }, { ENOSPC, 8 },     { E2BIG, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(error_exit_status(cases[i].code), cases[i].status);
		assert_int_equal(error_exit_status(-cases[i].code), cases[i].status);
	}
}

/* No failure may look like success, whatever its number. */
static void test_no_code_but_zero_succeeds(void **state)
{
	(void)state;
	for (int code = 1; code < 4096; code++) {
		assert_int_not_equal(error_exit_status(code), 0);
		assert_in_range(error_exit_status(-code), 1, 8);
	}
}

static void test_symbols(void **state)
{
	(void)state;
	assert_string_equal(error_symbol(EEXIST), "EEXIST");
	assert_string_equal(error_symbol(-EADDRINUSE), "EADDRINUSE");
	assert_string_equal(error_symbol(4095), "EUNKNOWN");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_takes_either_sign),
		cmocka_unit_test(test_sys_ends_with_the_words_for_the_code),
		cmocka_unit_test(test_prefix_puts_context_before_the_message),
		cmocka_unit_test(test_nobody_has_to_want_the_words),
		cmocka_unit_test(test_long_messages_are_cut),
		cmocka_unit_test(test_only_printable_characters_get_through),
		cmocka_unit_test(test_exit_statuses),
		cmocka_unit_test(test_no_code_but_zero_succeeds),
		cmocka_unit_test(test_symbols),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
