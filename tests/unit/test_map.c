// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sections of another build's objects, longer and shorter than this one's: the kernel's is a mock.
 */
#include <linux/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/map.h"
#include "unit.h"

#define MAP_FD 7

/* What is in the map; an errno to fail a look-up with. */
static unsigned char value[64];
static uint32_t value_size;
static int lookup_errno;

int __wrap_bpf_map_get_info_by_fd(int fd, struct bpf_map_info *info, __u32 *info_size);
int __wrap_bpf_map_lookup_elem(int fd, const void *key, void *ret_value);

int __wrap_bpf_map_get_info_by_fd(int fd, struct bpf_map_info *info, __u32 *info_size)
{
	(void)info_size;
	if (fd != MAP_FD)
		return -EBADF;
	info->value_size = value_size;
	return 0;
}

/* As the kernel does: it asks nobody how much room there is. */
int __wrap_bpf_map_lookup_elem(int fd, const void *key, void *ret_value)
{
	assert_int_equal(fd, MAP_FD);
	assert_int_equal(*(const uint32_t *)key, 0);
	errno = lookup_errno;
	if (lookup_errno)
		return -1;
	memcpy(ret_value, value, value_size);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	lookup_errno = 0;
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (unsigned char)(i + 1);
	return 0;
}

/* On the heap, where a byte too many is seen. */
static void test_sections_of_every_size(void **state)
{
	const size_t size = 32;
	unsigned char *read = malloc(size);

	(void)state;
	assert_non_null(read);
	for (value_size = 1; value_size <= sizeof(value); value_size++) {
		memset(read, 0xff, size);
		assert_int_equal(map_section_read(MAP_FD, read, size), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(read[i], i < value_size ? value[i] : 0);
	}
	free(read);
}

static void test_errors_leave_the_value_alone(void **state)
{
	unsigned char read[32];

	(void)state;
	memset(read, 0xff, sizeof(read));
	value_size = sizeof(value);
	assert_int_equal(map_section_read(MAP_FD + 1, read, sizeof(read)), -EBADF);
	lookup_errno = EPERM;
	assert_int_equal(map_section_read(MAP_FD, read, sizeof(read)), -EPERM);
	for (size_t i = 0; i < sizeof(read); i++)
		assert_int_equal(read[i], 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_sections_of_every_size, setup),
		cmocka_unit_test_setup(test_errors_leave_the_value_alone, setup),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
