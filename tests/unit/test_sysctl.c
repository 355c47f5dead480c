// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Settings of devices, on the loopback device that every network namespace has. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/sysctl.h"
#include "unit.h"

#define FORWARDING "/proc/sys/net/ipv4/conf/lo/forwarding"

static int forwarding_of_lo(void)
{
	FILE *file = fopen(FORWARDING, "re");
	int value = -1;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &value), 1);
	(void)fclose(file);
	return value;
}

static void test_read(void **state)
{
	int value = -1;

	(void)state;
	assert_int_equal(sysctl_read_dev("ipv4", "lo", "forwarding", &value, NULL), 0);
	assert_int_equal(value, forwarding_of_lo());
}

/* Nor is a right needed for it: unit tests needn't be run by root. */
static void test_writing_what_is_there_changes_nothing(void **state)
{
	int value = forwarding_of_lo();

	(void)state;
	assert_int_equal(sysctl_write_dev("ipv4", "lo", "forwarding", value, NULL), 0);
	assert_int_equal(forwarding_of_lo(), value);
}

static void test_a_setting_of_two_numbers(void **state)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	int first, second, expected_first, expected_second;
	struct error err = { 0 };

	(void)state;
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d %d", &expected_first, &expected_second), 2);
	(void)fclose(file);
	assert_int_equal(sysctl_read_pair("ipv4/ip_local_port_range", &first, &second, NULL), 0);
	assert_int_equal(first, expected_first);
	assert_int_equal(second, expected_second);
	assert_int_equal(sysctl_read_pair("ipv4/conf/lo/forwarding", &first, &second, &err),
			 -EINVAL);
	assert_string_equal(err.message, "/proc/sys/net/ipv4/conf/lo/forwarding isn't two numbers");
	assert_int_equal(sysctl_read_pair("ipv4/nkabsent", &first, &second, NULL), -ENOENT);
	assert_int_equal(first, expected_first);
}

static void check_absent(const char *family, const char *device, const char *key,
			 const char *message)
{
	struct error err = { 0 };
	int value = 77;

	assert_int_equal(sysctl_read_dev(family, device, key, &value, &err), -ENOENT);
	assert_string_equal(err.message, message);
	assert_int_equal(sysctl_write_dev(family, device, key, 1, NULL), -ENOENT);
	assert_int_equal(value, 77);
}

static void test_absent_settings_are_told_with_their_path(void **state)
{
	(void)state;
	check_absent("ipv4", "nkabsent", "forwarding",
		     "open /proc/sys/net/ipv4/conf/nkabsent/forwarding: No such file or directory");
	check_absent("ipv4", "lo", "nkabsent",
		     "open /proc/sys/net/ipv4/conf/lo/nkabsent: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_writing_what_is_there_changes_nothing),
		cmocka_unit_test(test_absent_settings_are_told_with_their_path),
		cmocka_unit_test(test_a_setting_of_two_numbers),
	};

	return cmocka_run_group_tests_name("sysctl", tests, NULL, NULL);
}
