// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a run tells on standard error: warnings always, the time of each step when asked. */
#include <regex.h>
#include <stdio.h>

#include "capture.h"
#include "core/log.h"
#include "unit.h"

static void warn_of_veth(void *data)
{
	log_warning("%s got a veth pair", (const char *)data);
}

static void take_two_steps(void *data)
{
	(void)data;
	log_step("netkit_create");
	log_step("route_add");
}

static void assert_matches(const char *text, const char *pattern)
{
	regex_t regex;

	assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&regex, text, 0, NULL, 0))
		fail_msg("\"%s\" should match \"%s\"", text, pattern);
	regfree(&regex);
}

static void test_warning_is_one_line(void **state)
{
	char text[CAPTURE_SIZE];

	(void)state;
	capture(stderr, warn_of_veth, "ctr1", text);
	assert_string_equal(text, "nkctl: warning: ctr1 got a veth pair\n");
}

static void test_warnings_are_printable(void **state)
{
	char text[CAPTURE_SIZE];

	(void)state;
	capture(stderr, warn_of_veth, "\x1b[31m\n\x9b\xff", text);
	assert_string_equal(text, "nkctl: warning: ?[31m??? got a veth pair\n");
}

static void test_steps_are_silent_until_asked_for(void **state)
{
	char text[CAPTURE_SIZE];

	(void)state;
	capture(stderr, take_two_steps, NULL, text);
	assert_string_equal(text, "");
}

/* Scripts read this: `timing: NAME N us`. From here on timing is on. */
static void test_steps_tell_their_microseconds(void **state)
{
	char text[CAPTURE_SIZE];

	(void)state;
	log_timing_enable();
	capture(stderr, take_two_steps, NULL, text);
	assert_matches(text, "^timing: netkit_create +[0-9]+ us\ntiming: route_add +[0-9]+ us\n$");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_warning_is_one_line),
		cmocka_unit_test(test_warnings_are_printable),
		cmocka_unit_test(test_steps_are_silent_until_asked_for),
		cmocka_unit_test(test_steps_tell_their_microseconds),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
