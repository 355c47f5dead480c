// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Network namespaces by name: which path is meant, and what of it is refused. */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/netns.h"
#include "unit.h"

static void check_refused(const char *spec, int code, const char *message_part)
{
	struct error err = { 0 };
	int fd = 77;

	if (netns_open(spec, &fd, &err) != code)
		fail_msg("'%.40s' should give %d, not %d (%.80s)", spec, code, err.code,
			 err.message);
	if (!strstr(err.message, message_part))
		fail_msg("\"%s\" should say \"%s\"", err.message, message_part);
	assert_int_equal(fd, 77);
}

static void test_words_that_name_nothing_are_refused(void **state)
{
	static const char *const specs[] = { "",       ".",      "..",     "pid:",  "pid:x",
					     "pid:-1", "pid: 1", "pid:1x", "pid:+1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		check_refused(specs[i], -EINVAL, "names no network namespace");
}

static void test_name_that_is_too_long_is_refused(void **state)
{
	char spec[2 * PATH_MAX];

	(void)state;
	memset(spec, 'x', sizeof(spec) - 1);
	spec[sizeof(spec) - 1] = '\0';
	check_refused(spec, -EINVAL, "'xxx"); /* as much of the words as there's room for */
}

static void test_absent_namespaces_are_told_with_their_path(void **state)
{
	(void)state;
	check_refused("nkctl-absent", -ENOENT, "no network namespace at /run/netns/nkctl-absent");
	check_refused("/nkctl/absent", -ENOENT, "no network namespace at /nkctl/absent");
	check_refused("pid:4194304999", -ENOENT, "/proc/4194304999/ns/net");
}

/* Opens the namespace of a process that has begun to end, until it has. */
static void check_ending_process(void)
{
	struct error err = { 0 };
	int go[2], fd, ret;
	char spec[32];
	pid_t pid;

	assert_int_equal(pipe(go), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		(void)close(go[1]);
		_exit((int)read(go[0], spec, 1));
	}
	(void)snprintf(spec, sizeof(spec), "pid:%d", pid);
	(void)close(go[0]);
	(void)close(go[1]);
	do {
		ret = netns_open(spec, &fd, &err);
	} while (ret == -EINVAL); /* it's our own */
	if (ret != -ENOENT)
		fail_msg("it isn't there any more, but the error is %d: %s", ret, err.message);
}

/* "Permission denied", the kernel says of some: of one in 30, where there are two processors. */
static void test_process_that_ends_is_absent(void **state)
{
	void (*before)(int) = signal(SIGCHLD, SIG_IGN); /* they vanish as soon as they have ended */

	(void)state;
	for (int i = 0; i < 500; i++)
		check_ending_process();
	(void)signal(SIGCHLD, before);
}

static void test_own_namespace_is_refused(void **state)
{
	char spec[32];

	(void)state;
	check_refused("/proc/self/ns/net", -EINVAL, "is the host's own network namespace");
	(void)snprintf(spec, sizeof(spec), "pid:%d", getpid());
	check_refused(spec, -EINVAL, "is the host's own network namespace");
}

static void test_what_is_no_network_namespace_is_refused(void **state)
{
	static const char *const specs[] = { "/", "/dev/null", "/proc/self/stat",
					     "/proc/self/ns/mnt", "/proc/self/ns/uts" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		check_refused(specs[i], -EINVAL, "isn't a network namespace");
}

/* Opened plainly, a FIFO without a writer would hold the command up for ever. */
static void test_fifo_is_refused_at_once(void **state)
{
	char directory[] = "/tmp/nkctl-unit.XXXXXX", path[64];

	(void)state;
	if (!mkdtemp(directory))
		err(1, "make a directory");
	(void)snprintf(path, sizeof(path), "%s/fifo", directory);
	if (mkfifo(path, 0600))
		err(1, "make a FIFO");
	(void)alarm(10);
	check_refused(path, -EINVAL, "isn't a network namespace");
	(void)alarm(0);
	(void)unlink(path);
	(void)rmdir(directory);
}

static int descriptors_count(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	if (!directory)
		err(1, "list the descriptors");
	while (readdir(directory))
		count++;
	(void)closedir(directory);
	return count;
}

static void test_refusals_leak_no_descriptor(void **state)
{
	int before = descriptors_count();

	(void)state;
	check_refused("/dev/null", -EINVAL, "isn't a network namespace");
	check_refused("/proc/self/ns/net", -EINVAL, "is the host's own");
	assert_int_equal(descriptors_count(), before);
}

static void test_name_of_a_spec(void **state)
{
	static const struct {
		const char *spec, *name;
	} cases[] = {
		{ "ctr1", "ctr1" },
		{ "/run/netns/ctr1", "ctr1" },
		{ "/var/run/netns/ctr1", "ctr1" },
		{ "/proc/1/ns/net", "" },
		{ "/run/netns/a/b", "" },
		{ "./ctr1", "" },
		{ "pid:1", "" },
		{ "\x1b[31m", "?[31m" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char name[NETNS_NAME_SIZE];

		netns_name(cases[i].spec, name);
		assert_string_equal(name, cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_that_name_nothing_are_refused),
		cmocka_unit_test(test_name_that_is_too_long_is_refused),
		cmocka_unit_test(test_absent_namespaces_are_told_with_their_path),
		cmocka_unit_test(test_process_that_ends_is_absent),
		cmocka_unit_test(test_own_namespace_is_refused),
		cmocka_unit_test(test_what_is_no_network_namespace_is_refused),
		cmocka_unit_test(test_fifo_is_refused_at_once),
		cmocka_unit_test(test_refusals_leak_no_descriptor),
		cmocka_unit_test(test_name_of_a_spec),
	};

	return cmocka_run_group_tests_name("netns", tests, NULL, NULL);
}
