// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The program as a whole, with command lines that it refuses or answers without the kernel. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "capture.h"
#include "core/cleanup.h"
#include "unit.h"

#define WORDS_MAX 12

/* One more than a network may have. */
#define SUBNETS_9                                                                       \
	"--subnet=10.1.0.0/16", "--subnet=10.2.0.0/16", "--subnet=10.3.0.0/16",         \
		"--subnet=10.4.0.0/16", "--subnet=10.5.0.0/16", "--subnet=10.6.0.0/16", \
		"--subnet=10.7.0.0/16", "--subnet=10.8.0.0/16", "--subnet=10.9.0.0/16"

/* struct run - what a run of nkctl gave. */
struct run {
	int status;
	char out[CAPTURE_SIZE], err[CAPTURE_SIZE];
};

extern char **environ;

/* Runs build/sanitize/nkctl with the descriptors @out_fd and @err_fd for its output. */
static int spawn(const char *const words[WORDS_MAX], int out_fd, int err_fd)
{
	char *argv[1 + WORDS_MAX + 1] = { "nkctl" };
	posix_spawn_file_actions_t actions;
	int status;
	pid_t pid;

	for (int i = 0; i < WORDS_MAX && words[i]; i++)
		argv[i + 1] = (char *)words[i];
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
	if (posix_spawn(&pid, NKCTL_PATH, &actions, NULL, argv, environ))
		err(1, "run " NKCTL_PATH);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (waitpid(pid, &status, 0) != pid)
		err(1, "wait for nkctl");
	if (!WIFEXITED(status))
		fail_msg("nkctl should exit, not die of signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static void run(struct run *ret_run, const char *const words[WORDS_MAX])
{
	int out_fd = capture_open(), err_fd = capture_open();

	ret_run->status = spawn(words, out_fd, err_fd);
	capture_close(out_fd, ret_run->out);
	capture_close(err_fd, ret_run->err);
}

static void test_refused_command_lines(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *message;
	} cases[] = {
		{ { "bogus" }, "'bogus' is no verb" },
		{ { "" }, "'' is no verb" },
		{ { "--bogus" }, "unknown option '--bogus' before the verb" },
		{ { "network", "bogus" },
		  "'bogus' is no verb of network: there are add, list, remove" },
		{ { "publish", "bogus", "x" },
		  "'bogus' is no verb of publish: there are add, list, remove" },
		{ { "network", "--bogus" },
		  "network needs its verb right behind it: add, list, remove" },
		{ { "network", "-v", "list" },
		  "network needs its verb right behind it: add, list" },

		{ { "\x1b[2J\xff" }, "'?[2J?' is no verb" },
		{ { "attach" }, "attach: --ns is missing" },
		{ { "attach", "--ns" }, "option '--ns' needs a value" },
		{ { "attach", "--bogus" }, "unknown option '--bogus'" },
		{ { "attach", "--ns", "ctr1", "ctr2" }, "unexpected argument 'ctr2'" },
		{ { "attach", "ctr1" }, "attach: unexpected argument 'ctr1': give --ns ctr1" },
		{ { "detach", "ctr1" }, "detach: unexpected argument 'ctr1': give --ns ctr1" },
		{ { "detach", "--id", "web", "ctr1" }, "unexpected argument 'ctr1': see" },
		{ { "attach", "--ns", "a b" }, "'a b' makes no container id" },
		{ { "attach", "--ns", "pid:abc" }, "'pid:abc' names no network namespace" },
		{ { "detach", "--ns", "" }, "'' names no network namespace" },
		{ { "attach", "--ns", "c", "--ip", "10.0.0.256" }, "'10.0.0.256' is neither" },
		{ { "attach", "--ns", "c", "--ip", "10.0.0.1/33" }, "'10.0.0.1/33' is neither" },
		{ { "attach", "--ns", "c", "--ip", "" }, "'' is neither an address" },
		{ { "attach", "--ns", "c", "--mtu", "67" }, "MTU 67 is out of range" },
		{ { "attach", "--ns", "c", "--mtu", "-1" }, "MTU '-1' is no number" },
		{ { "attach", "--ns", "c", "--mtu", "65536" }, "MTU '65536' is no number" },
		{ { "attach", "--ns", "c", "--mode", "l4" }, "mode 'l4' is neither" },
		{ { "attach", "--ns", "c", "--device", "tap" }, "device 'tap' is none of" },
		{ { "attach", "--ns", "c", "--ifname", "a/b" }, "'a/b' can't be an interface" },
		{ { "attach", "--ns", "c", "--ifname", "all" }, "'all' can't be an interface" },
		{ { "attach", "--ns", "c", "--ifname", "eth%d" }, "'eth%d' can't be an interface" },
		{ { "attach", "--ns", "c", "--id", "-" }, "container id '-'" },
		{ { "attach", "--ns", "c", "--network", "" }, "network name is empty" },
		{ { "cni", "install", "--bin-dir", "" }, "cni install: --bin-dir is empty" },
		{ { "cni", "uninstall", "--conf-dir=" }, "cni uninstall: --conf-dir is empty" },
		{ { "version", "x" }, "version: unexpected argument 'x'" },
		{ { "detach" }, "detach" },
		{ { "show" }, "missing argument: nkctl show ID" },
		{ { "list", "x" }, "unexpected argument 'x'" },
		{ { "network", "add" }, "missing argument" },
		{ { "network", "add", "lab" }, "--subnet is missing" },
		{ { "network", "add", "lab", "--subnet", "10.0.0.0" }, "isn't of the form" },
		{ { "network", "add", "lab", "--subnet", "10.0.0.1/8" }, "did you mean" },
		{ { "network", "add", "a", SUBNETS_9 }, "at most 8 subnets" },
		{ { "network", "add", "a/b", "--subnet", "10.0.0.0/8" }, "network name 'a/b'" },
		{ { "network", "remove" }, "missing argument" },
		{ { "uplink", "add" }, "missing argument" },
		{ { "attach", "--ns", "c", "--masquerade", "--no-masquerade" }, "exclude each" },
		{ { "network", "add", "a", "--no-masquerade", "--masquerade" }, "exclude each" },
		{ { "nat", "bogus" }, "'bogus' is no verb of nat: there are show, set, exempt" },
		{ { "nat", "exempt", "bogus" },
		  "'bogus' is no verb of nat exempt: there are add, remove" },
		{ { "nat", "set" }, "nothing to set" },
		{ { "nat", "set", "--ports", "2000" }, "aren't of the form MIN-MAX" },
		{ { "nat", "set", "--ports", "2000-" }, "port '' is no number" },
		{ { "nat", "set", "--ports", "-3000" }, "port '' is no number" },
		{ { "nat", "set", "--ports", "2000-70000" }, "port '70000' is no number" },
		{ { "nat", "set", "--ports", "80-2000" }, "within 1024-65535" },
		{ { "nat", "set", "--endpoint-flows", "0" }, "at least 16" },
		{ { "nat", "set", "--endpoint-flows", "15" }, "out of range" },
		{ { "nat", "exempt", "add" }, "missing argument" },
		{ { "nat", "exempt", "add", "10.0.0.0/8", "x" }, "'x' is neither" },
		{ { "nat", "exempt", "remove", "::/0" }, "has IPv4 addresses in it" },
		{ { "flows", "bogus" }, "'bogus' is no verb of flows: there are list, flush" },
		{ { "show", "" }, "show: the id is empty" },
		{ { "repair", "ctr1", "" }, "repair: the id is empty" },
		{ { "publish", "list", "" }, "publish list: the id is empty" },
		{ { "publish", "add", "", "80:80" }, "publish add: the id is empty" },
		{ { "flows", "--endpoint", "" }, "flows list: the id is empty" },
		{ { "flows", "flush", "--endpoint", "" }, "flows flush: the id is empty" },

		{ { "flows", "list", "x" }, "unexpected argument 'x'" },
		{ { "flows", "--protocol", "tcq" }, "protocol 'tcq' is none of" },
		{ { "flows", "--remote", "10.0.0.0/33" }, "'10.0.0.0/33' is neither" },
		{ { "flows", "flush" }, "which flows?" },
		{ { "flows", "flush", "--all", "--protocol", "tcp" }, "which flows?" },
		{ { "flows", "list", "--all" }, "unknown option '--all'" },
		{ { "help", "bogus" }, "help: 'bogus' is no verb: `nkctl help` lists them" },
		{ { "help", "network", "bogus" }, "help: 'bogus' is no verb of network" },
		{ { "help", "network", "add", "x" }, "help: unexpected argument 'x'" },
		{ { "help", "attach", "x" }, "help: unexpected argument 'x'" },
		{ { "help", "flows", "flush", "x" }, "help: unexpected argument 'x'" },
		{ { "-h", "bogus" }, "'bogus' is no verb" },
		{ { "version", "x" }, "unexpected argument 'x'" },
	};
	static struct run result;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		run(&result, cases[i].words);
		if (result.status != 2 || strncmp(result.err, "nkctl: ", 7) ||
		    !strstr(result.err, cases[i].message))
			fail_msg("case %zu should be refused with \"%s\", not with %d, \"%s\"", i,
				 cases[i].message, result.status, result.err);
		assert_string_equal(strchr(result.err, '\n'), "\n"); /* one line */
		assert_string_equal(result.out, "");
	}
}

/* For a program: the same words and status as JSON, on standard output. */
static void test_failures_as_json(void **state)
{
	static const char *const lines[][WORDS_MAX] = {
		{ "--json", "bogus" },
		{ "--json", "bogus\xff\x1b" },
		{ "--json", "attach" },
		{ "attach", "--json" },
		{ "--json", "show" },
		{ "network", "add", "lab", "--json", "--subnet", "127.0.0.0/8" },
		{ "--json" },
		{ "--json", "network" },
		{ "network", "--json" },
		{ "--bogus", "--json" },
		{ "bogus", "--json" },
		{ "publish", "bogus", "--json" },
		{ "attach", "--bogus", "--json" },
		{ "attach", "--mtu", "0", "--json", "--ns", "c" },
		{ "attach", "c", "--mtu", "0", "--json" },
		{ "attach", "--json", "--ns" },
		{ "flows", "--protocol", "bogus", "--json" },
		{ "help", "attach", "x", "--json" },
		{ "help", "bogus", "--json" },
	};
	static struct run result;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const char *message, *symbol;
		json_t *json;
		int status;

		run(&result, lines[i]);
		json = json_loads(result.out, 0, NULL);
		if (!json || json_unpack(json, "{s{ss ss si!}!}", "error", "message", &message,
					 "errno", &symbol, "exit_status", &status))
			fail_msg("case %zu should be JSON: %s", i, result.out);
		assert_int_equal(status, 2);
		assert_int_equal(result.status, 2);
		assert_string_equal(symbol, "EINVAL");
		assert_non_null(strstr(result.err, message));
		json_decref(json);
	}
}

/* A word that is an option's value, or stands behind "--", is no option. */
static void test_what_only_looks_like_json(void **state)
{
	static const char *const lines[][WORDS_MAX] = {
		{ "attach", "--mtu", "--json" },
		{ "show", "--ifname", "--json" },
		{ "list", "--", "--json" },
		{ "bogus", "--", "--json" },
		{ "--", "--json" },
	};
	static struct run result;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		run(&result, lines[i]);
		if (result.status != 2 || *result.out)
			fail_msg("case %zu should print no JSON: %d, %s", i, result.status,
				 result.out);
	}
}

static void check_answer(const char *const words[WORDS_MAX], int status, const char *begins)
{
	static struct run result;

	run(&result, words);
	if (result.status != status || strncmp(result.out, begins, strlen(begins)))
		fail_msg("the answer should begin with \"%s\" and be %d, not %d: %s", begins,
			 status, result.status, result.out);
	assert_string_equal(result.err, "");
}

static void test_help_and_version(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		int status;
		const char *begins;
	} cases[] = {
		{ { NULL }, 2, "Usage: nkctl VERB" },
		{ { "--help" }, 0, "Usage: nkctl VERB [options]\n       nkctl --version\n" },
		{ { "-h" }, 0, "Usage: nkctl VERB" },
		{ { "help" }, 0, "Usage: nkctl VERB" },
		{ { "-h", "attach" }, 0, "Usage: nkctl attach --ns NS [options]\n" },
		{ { "--help", "network", "add", "x" }, 0, "Usage: nkctl network add NAME" },
		{ { "-h", "network" }, 0, "Usage: nkctl network add NAME" },
		{ { "-h", "flows" }, 0, "Usage: nkctl flows list" },
		{ { "help", "attach" }, 0, "Usage: nkctl attach --ns NS [options]\n" },
		{ { "attach", "--help" }, 0, "Usage: nkctl attach --ns NS [options]\n" },
		{ { "attach", "-h" }, 0, "Usage: nkctl attach --ns NS [options]\n" },
		{ { "help", "network", "add" }, 0, "Usage: nkctl network add NAME" },
		{ { "help", "network" }, 0, "Usage: nkctl network add NAME" },
		{ { "network", "--help" }, 0, "Usage: nkctl network add NAME" },
		{ { "network" }, 2, "Usage: nkctl network add NAME" },
		{ { "list", "--help" }, 0, "Usage: nkctl list\n" },
		{ { "version" }, 0, "nkctl " NKCTL_VERSION "\n" },
		{ { "--version" }, 0, "nkctl " NKCTL_VERSION "\n" },
		{ { "--json", "version" }, 0, "{\n  \"version\": \"" NKCTL_VERSION "\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_answer(cases[i].words, cases[i].status, cases[i].begins);
}

static void test_every_verb_has_help(void **state)
{
	static struct run result;
	const json_t *verb;
	json_t *verbs;
	size_t i;

	(void)state;
	run(&result, (const char *const[WORDS_MAX]){ "help", "--json" });
	assert_int_equal(result.status, 0);
	verbs = json_loads(result.out, 0, NULL);
	assert_true(json_array_size(verbs) > 10);
	json_array_foreach (verbs, i, verb) {
		const char *words[WORDS_MAX] = { "help" };
		char name[64], expected[128], *rest = name;

		(void)snprintf(name, sizeof(name), "%s",
			       json_string_value(json_object_get(verb, "name")));
		(void)snprintf(expected, sizeof(expected), "Usage: nkctl %s", name);
		for (size_t word = 1; rest; word++)
			words[word] = strsep(&rest, " ");
		check_answer(words, 0, expected);
	}
	json_decref(verbs);
}

static void test_verbose_tells_the_time_of_a_verb_without_steps(void **state)
{
	static struct run result;

	(void)state;
	run(&result, (const char *const[WORDS_MAX]){ "version", "-v" });
	assert_int_equal(result.status, 0);
	assert_int_equal(strncmp(result.err, "timing: end ", 12), 0);
}

static void test_output_that_is_lost_is_a_failure(void **state)
{
	static const struct {
		const char *words[WORDS_MAX], *begin;
	} lines[] = {
		{ { "version" }, "nkctl: version: print the result: " },
		{ { "version", "--json" }, "nkctl: version: print the result: " },
		{ { "help" }, "nkctl: help: print the result: " },
		{ { "help", "attach" }, "nkctl: help: print the result: " },
		{ { "help", "--json" },
		  "nkctl: help: print the result: " }, /* more than a buffer */
		{ { "attach", "--help" }, "nkctl: attach: print the result: " },
		{ { "--help" }, "nkctl: print the result: " },
		{ { "network", "--help" }, "nkctl: print the result: " },
	};
	int full_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		int err_fd = capture_open();
		char text[CAPTURE_SIZE];

		if (spawn(lines[i].words, full_fd, err_fd) != 1)
			fail_msg("case %zu should fail", i);
		capture_close(err_fd, text);
		if (strncmp(text, lines[i].begin, strlen(lines[i].begin)) != 0)
			fail_msg("case %zu should tell why it failed: %s", i, text);
		assert_string_equal(strchr(text, '\n'), "\n"); /* one line */
	}
	(void)close(full_fd);
}

static void test_a_lost_result_of_a_change_says_that_it_is_done(void **state)
{
	int full_fd = open("/dev/full", O_WRONLY | O_CLOEXEC), err_fd = capture_open();
	static char dir[] = "/tmp/nkctl-test-XXXXXX";
	char text[CAPTURE_SIZE];

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(spawn((const char *const[WORDS_MAX]){ "cni", "uninstall", "--bin-dir", dir,
							       "--conf-dir", dir },
			       full_fd, err_fd),
			 1);
	capture_close(err_fd, text);
	(void)close(full_fd);
	(void)rmdir(dir);
	assert_string_equal(text, "nkctl: cni uninstall: done, but the result couldn't be printed: "
				  "No space left on device\n");
}

/* A descriptor that is opened later must not be taken for a stream that was closed. */
static void test_closed_streams_stay_unused(void **state)
{
	const char *const command = NKCTL_PATH " version 0<&- 1>&- 2>&-; echo $?; " NKCTL_PATH
					       " version 2>&1 1>&-; echo $?";
	char text[CAPTURE_SIZE] = "";
	FILE *shell = popen(command, "r");

	(void)state;
	assert_non_null(shell);
	(void)fread(text, 1, sizeof(text) - 1, shell);
	(void)pclose(shell);
	assert_string_equal(text, "1\nnkctl: version: print the result: Bad file descriptor\n1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_command_lines),
		cmocka_unit_test(test_failures_as_json),
		cmocka_unit_test(test_what_only_looks_like_json),
		cmocka_unit_test(test_help_and_version),
		cmocka_unit_test(test_every_verb_has_help),
		cmocka_unit_test(test_verbose_tells_the_time_of_a_verb_without_steps),
		cmocka_unit_test(test_output_that_is_lost_is_a_failure),
		cmocka_unit_test(test_a_lost_result_of_a_change_says_that_it_is_done),
		cmocka_unit_test(test_closed_streams_stay_unused),
	};

	return cmocka_run_group_tests_name("main", tests, NULL, NULL);
}
