// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What runtimes ask, and what is refused of it: environment, document, versions. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cni.h"
#include "core/cleanup.h"

#define CONFIG(version) "{\"cniVersion\":\"" version "\",\"name\":\"pods\",\"type\":\"nkctl\"}"

static void test_takes_what_it_is_given(void **state)
{
	struct cni_request request = request_of("ADD", CONFIG("1.0.0"));

	(void)state;
	assert_int_equal(request.command, CNI_ADD);
	assert_int_equal(request.version, CNI_1_0_0);
	assert_string_equal(request.version_text, "1.0.0");
	assert_string_equal(request.network, "pods");
	assert_string_equal(request.identity.id, "c1");
	assert_string_equal(request.identity.network, "pods");
	assert_string_equal(request.identity.ifname, "eth0");
	cni_request_free(&request);
}

static void check_refused(const struct cni_environment *environment, const char *input, int code,
			  const char *part)
{
	struct cni_request request;
	struct error err = { 0 };
	int ret = request_parse(environment, input, &request, &err);

	assert_failure(ret, &err, code, part, input);
	cni_request_free(&request);
}

static void test_each_command_needs_its_variables(void **state)
{
	static const struct {
		const char *command;
		bool needs_attachment, needs_netns;
	} commands[] = {
		{ "ADD", true, true },  { "DEL", true, false },     { "CHECK", true, true },
		{ "GC", false, false }, { "STATUS", false, false }, { "VERSION", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct cni_environment environment = { .command = commands[i].command };
		struct cni_request request;
		struct error err = { 0 };

		if (commands[i].needs_attachment) {
			check_refused(&environment, CONFIG("1.1.0"), CNI_INVALID_ENVIRONMENT,
				      "CNI_CONTAINERID is missing");
			environment.container_id = "c1";
			check_refused(&environment, CONFIG("1.1.0"), CNI_INVALID_ENVIRONMENT,
				      "CNI_IFNAME is missing");
			environment.ifname = "eth0";
		}
		if (commands[i].needs_netns) {
			check_refused(&environment, CONFIG("1.1.0"), CNI_INVALID_ENVIRONMENT,
				      "CNI_NETNS is missing");
			environment.netns = "/run/netns/c1";
		}
		assert_int_equal(request_parse(&environment, CONFIG("1.1.0"), &request, &err), 0);
		cni_request_free(&request);
	}
}

static void test_refuses_bad_variables(void **state)
{
	static const struct {
		struct cni_environment environment;
		const char *part;
	} cases[] = {
		{ { NULL, "c1", "/n", "eth0", NULL, NULL }, "CNI_COMMAND" },
		{ { "", "c1", "/n", "eth0", NULL, NULL }, "CNI_COMMAND" },
		{ { "add", "c1", "/n", "eth0", NULL, NULL }, "CNI_COMMAND 'add'" },
		{ { "ADD", "", "/n", "eth0", NULL, NULL }, "CNI_CONTAINERID" },
		{ { "ADD", "-c", "/n", "eth0", NULL, NULL }, "CNI_CONTAINERID" },
		{ { "ADD", "a/b", "/n", "eth0", NULL, NULL }, "CNI_CONTAINERID" },
		{ { "ADD", "c1", "/n", "", NULL, NULL }, "CNI_IFNAME" },
		{ { "ADD", "c1", "/n", ".", NULL, NULL }, "CNI_IFNAME" },
		{ { "ADD", "c1", "/n", "..", NULL, NULL }, "CNI_IFNAME" },
		{ { "ADD", "c1", "/n", "a:b", NULL, NULL }, "CNI_IFNAME" },
		{ { "ADD", "c1", "/n", "a b", NULL, NULL }, "CNI_IFNAME" },
		{ { "ADD", "c1", "/n", "sixteen-letters.", NULL, NULL }, "CNI_IFNAME" },
		{ { "ADD", "c1", "", "eth0", NULL, NULL }, "CNI_NETNS" },
		{ { "ADD", "c1", "pid:1", "eth0", NULL, NULL }, "CNI_NETNS" },
		{ { "ADD", "c1", "/n\xff", "eth0", NULL, NULL }, "CNI_NETNS is no text in UTF-8" },
		{ { "CHECK", "c1", "/n\xc0\x80", "eth0", NULL, NULL }, "CNI_NETNS is no text" },
		{ { "ADD", "c1", "/n", "eth0", "X", NULL }, "CNI_ARGS" },
		{ { "ADD", "c1", "/n", "eth0", "X=1", NULL }, "CNI_ARGS: unknown key X" },
		{ { "ADD", "c1", "/n", "eth0", "X=1;IgnoreUnknown=0", NULL }, "CNI_ARGS" },
		{ { "ADD", "c1", "/n", "eth0", "XIgnoreUnknown=1;X=1", NULL }, "CNI_ARGS" },
		{ { "ADD", "c1", "/n", "eth0", "X=1;IgnoreUnknown=12", NULL }, "CNI_ARGS" },
		{ { "CHECK", "c1", "/n", "eth0", "K8S_=1", NULL }, "CNI_ARGS: unknown key K8S_" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_refused(&cases[i].environment, CONFIG("1.1.0"), CNI_INVALID_ENVIRONMENT,
			      cases[i].part);
}

static void test_takes_arguments(void **state)
{
	static const char *const args[] = {
		"",
		";;",
		"IgnoreUnknown=1",
		"IgnoreUnknown=true;X=1;Y=",
		"X=1;;IgnoreUnknown=1",
		"K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;K8S_POD_INFRA_CONTAINER_ID=c;K8S_POD_UID=d",
		"K8S_POD_ANY=a;GATEWAY=10.0.0.1",
	};
	struct cni_environment environment = add_environment;
	struct cni_request request;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(args); i++) {
		environment.args = args[i];
		if (request_parse(&environment, CONFIG("1.1.0"), &request, NULL))
			fail_msg("'%s' should do", args[i]);
		cni_request_free(&request);
	}
	environment.args = "MAC=06:00:00:00:00:01;IP=10.0.0.7";
	assert_int_equal(request_parse(&environment, CONFIG("1.1.0"), &request, NULL), 0);
	assert_string_equal(request.arg_ip, "10.0.0.7");
	assert_string_equal(request.arg_mac, "06:00:00:00:00:01");
	cni_request_free(&request);
}

static void test_refuses_bad_documents(void **state)
{
	static const struct {
		const char *input;
		int code;
		const char *part;
	} cases[] = {
		{ "", CNI_DECODE_FAILURE, "no JSON" },
		{ "{", CNI_DECODE_FAILURE, "line 1" },
		{ "{}}", CNI_DECODE_FAILURE, "no JSON" },
		{ "[]", CNI_DECODE_FAILURE, "no JSON object" },
		{ "\"x\"", CNI_DECODE_FAILURE, "no JSON" },
		{ "{\"name\":\"pods\"}", CNI_INCOMPATIBLE_VERSION, "cniVersion is missing" },
		{ "{\"cniVersion\":null}", CNI_INCOMPATIBLE_VERSION, "cniVersion is missing" },
		{ "{\"cniVersion\":11}", CNI_INVALID_CONFIG, "cniVersion" },
		{ CONFIG(""), CNI_INCOMPATIBLE_VERSION, "cniVersion" },
		{ CONFIG("0.2.0"), CNI_INCOMPATIBLE_VERSION, "0.2.0" },
		{ CONFIG("1.2.0"), CNI_INCOMPATIBLE_VERSION, "1.2.0" },
		{ CONFIG("1.0"), CNI_INCOMPATIBLE_VERSION, "1.0" },
		{ "{\"cniVersion\":\"1.0.0\"}", CNI_INVALID_CONFIG, "name" },
		{ "{\"cniVersion\":\"1.0.0\",\"name\":\"\"}", CNI_INVALID_CONFIG, "name" },
		{ "{\"cniVersion\":\"1.0.0\",\"name\":7}", CNI_INVALID_CONFIG, "name" },
		{ "{\"cniVersion\":\"1.0.0\",\"name\":\"_x\"}", CNI_INVALID_CONFIG, "name" },
		{ "{\"cniVersion\":\"1.0.0\",\"name\":\"a b\"}", CNI_INVALID_CONFIG, "name" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_refused(&add_environment, cases[i].input, cases[i].code, cases[i].part);
}

static void test_commands_came_with_versions(void **state)
{
	static const struct {
		const char *command, *input, *part;
	} cases[] = {
		{ "CHECK", CONFIG("0.3.1"), "0.4.0" },
		{ "GC", CONFIG("1.0.0"), "1.1.0" },
		{ "STATUS", CONFIG("0.4.0"), "1.1.0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cni_environment environment = add_environment;

		environment.command = cases[i].command;
		check_refused(&environment, cases[i].input, CNI_INCOMPATIBLE_VERSION,
			      cases[i].part);
	}
}

/* The answer's version is the request's whenever there is one, and nothing strange ever. */
static void test_version_of_the_answer(void **state)
{
	static const struct {
		const char *input, *version;
	} cases[] = {
		{ "{\"cniVersion\":\"0.4.0\"}", "0.4.0" },
		{ "{\"cniVersion\":\"9.9.9\"}", "9.9.9" },
		{ "{\"cniVersion\":\"1.0.0-rc1\"}", "1.0.0-rc1" },
		{ "{\"cniVersion\":\"1.0.0 \\u00e4\"}", "1.1.0" },
		{ "{\"cniVersion\":\"11111111111111111111111111111111\"}", "1.1.0" },
		{ "{\"cniVersion\":\"\"}", "1.1.0" },
		{ "{\"cniVersion\":3}", "1.1.0" },
		{ "x", "1.1.0" },
		{ "", "1.1.0" },
	};
	const struct cni_environment none = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cni_request request;

		assert_int_not_equal(request_parse(&none, cases[i].input, &request, NULL), 0);
		assert_string_equal(request.version_text, cases[i].version);
		cni_request_free(&request);
	}
}

static void test_version_needs_nothing(void **state)
{
	const struct cni_environment dummy = {
		"VERSION", "dummy", "dummy", "d/d", "dummy", "dummy"
	};
	struct cni_request request;

	(void)state;
	assert_int_equal(request_parse(&dummy, "", &request, NULL), 0);
	cni_request_free(&request);
	assert_int_equal(request_parse(&dummy, "{\"cniVersion\":\"1.0.0\"}", &request, NULL), 0);
	assert_string_equal(request.version_text, "1.0.0");
	cni_request_free(&request);
}

/* The longer one is to blame. */
static void test_names_that_no_alias_holds(void **state)
{
	struct cni_environment environment = add_environment;
	char long_id[244], input[320];

	(void)state;
	memset(long_id, 'i', sizeof(long_id) - 1);
	long_id[sizeof(long_id) - 1] = '\0';
	environment.container_id = long_id;
	check_refused(&environment, CONFIG("1.0.0"), CNI_INVALID_ENVIRONMENT, "CNI_CONTAINERID");
	(void)snprintf(input, sizeof(input), "{\"cniVersion\":\"1.0.0\",\"name\":\"%s%s\"}",
		       long_id, "0123");
	check_refused(&add_environment, input, CNI_INVALID_CONFIG, "247");
}

/* @len times @c; to be freed. */
static char *repeated(char c, size_t len)
{
	char *text = malloc(len + 1);

	assert_non_null(text);
	memset(text, c, len);
	text[len] = '\0';
	return text;
}

static void test_ids_that_are_paths_or_too_long(void **state)
{
	static const char *const ids[] = { ".",    "..",      "../x",     "a/../b", "/", "a/",
					   "a\nb", "a\x1b[m", "\xc3\xa4", "a\xff",  " " };
	static const size_t lengths[] = { 255, 256, 4096, 131072 };
	struct cni_environment environment = add_environment;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		environment.container_id = ids[i];
		check_refused(&environment, CONFIG("1.1.0"), CNI_INVALID_ENVIRONMENT,
			      "CNI_CONTAINERID: container id '");
	}
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		_cleanup_free_ char *text = repeated('x', lengths[i]);

		environment = add_environment;
		environment.container_id = text;
		check_refused(&environment, CONFIG("1.1.0"), CNI_INVALID_ENVIRONMENT,
			      "more than 247 characters");
		environment = add_environment;
		environment.ifname = text;
		check_refused(&environment, CONFIG("1.1.0"), CNI_INVALID_ENVIRONMENT, "CNI_IFNAME");
		environment = add_environment;
		environment.args = text;
		check_refused(&environment, CONFIG("1.1.0"), CNI_INVALID_ENVIRONMENT, "CNI_ARGS");
	}
}

/* Every cut of a document, and a byte changed in it, ends in an answer. */
static void test_mangled_documents(void **state)
{
	static const char input[] =
		"{\"cniVersion\":\"1.0.0\",\"name\":\"pods\",\"name\":\"x\",\"a\":[{\"b\":1e3}]}";
	char mangled[sizeof(input)];

	(void)state;
	for (size_t i = 0; i < sizeof(input); i++) {
		struct cni_request request;

		(void)cni_request_parse(&add_environment, input, i, &request, NULL);
		cni_request_free(&request);
		for (int byte = 0; byte < 256; byte += 5) {
			memcpy(mangled, input, sizeof(input));
			mangled[i] = (char)byte;
			(void)cni_request_parse(&add_environment, mangled, sizeof(input) - 1,
						&request, NULL);
			cni_request_free(&request);
		}
	}
}

static void test_input_is_limited(void **state)
{
	_cleanup_free_ char *input = NULL;
	_cleanup_close_ int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct error err = { 0 };
	size_t len = 7;
	int ret = cni_input_read(fd, 1000, &input, &len, &err);

	(void)state;
	assert_failure(ret, &err, CNI_DECODE_FAILURE, "1000 bytes", "/dev/zero");
	assert_int_equal(cni_input_read(null_fd, 1000, &input, &len, &err), 0);
	assert_int_equal(len, 0);
	ret = cni_input_read(-1, 1000, &input, &len, &err);
	assert_failure(ret, &err, CNI_IO_FAILURE, "read", "no descriptor");
}

static void test_numbers_of_errnos(void **state)
{
	static const struct {
		int number, code;
	} cases[] = {
		{ EINVAL, CNI_INVALID_CONFIG }, { ENODEV, CNI_UNKNOWN_CONTAINER },
		{ EIO, CNI_IO_FAILURE },        { EAGAIN, CNI_TRY_AGAIN },
		{ EBUSY, CNI_TRY_AGAIN },       { EOPNOTSUPP, CNI_UNFIT },
		{ EPERM, CNI_PERMISSION },      { ENOSPC, CNI_EXHAUSTED },
		{ EEXIST, CNI_ATTACHED },       { EADDRINUSE, CNI_TAKEN },
		{ ENOMEM, CNI_FAILED },
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)error_set(&err, cases[i].number, "x");
		assert_int_equal(cni_code(&err), cases[i].code);
	}
	(void)cni_error(&err, CNI_NOT_AVAILABLE, "x");
	assert_int_equal(cni_code(&err), 50);
	(void)error_set(&err, ENOENT, "words");
	(void)cni_recode(&err, 999);
	assert_int_equal(cni_code(&err), 999);
	assert_string_equal(err.message, "words");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_takes_what_it_is_given),
		cmocka_unit_test(test_each_command_needs_its_variables),
		cmocka_unit_test(test_refuses_bad_variables),
		cmocka_unit_test(test_takes_arguments),
		cmocka_unit_test(test_refuses_bad_documents),
		cmocka_unit_test(test_commands_came_with_versions),
		cmocka_unit_test(test_version_of_the_answer),
		cmocka_unit_test(test_version_needs_nothing),
		cmocka_unit_test(test_names_that_no_alias_holds),
		cmocka_unit_test(test_ids_that_are_paths_or_too_long),
		cmocka_unit_test(test_mangled_documents),
		cmocka_unit_test(test_input_is_limited),
		cmocka_unit_test(test_numbers_of_errnos),
	};

	return cmocka_run_group_tests_name("cni_request", tests, NULL, NULL);
}
