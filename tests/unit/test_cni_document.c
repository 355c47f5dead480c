// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Documents at the edges of JSON: what Go's decoder takes is taken, and the rest is refused in
 * words. */
#include <stdio.h>
#include <stdlib.h>

#include "cni.h"
#include "cni/config.h"
#include "cni/document.h"
#include "cni/result.h"
#include "core/cleanup.h"

#define HEAD "{\"cniVersion\":\"1.1.0\",\"name\":\"pods\",\"type\":\"nkctl\","

/* What @input is as text again, with sorted keys. */
static void check_document(const char *input, const char *expected)
{
	json_t *document = document_load(input, strlen(input), NULL);
	_cleanup_free_ char *text = json_dumps(document, JSON_COMPACT | JSON_SORT_KEYS);

	if (!text || strcmp(text, expected))
		fail_msg("%s: '%s', and should be %s", input, text ? text : "none", expected);
	json_decref(document);
}

static void test_large_integers(void **state)
{
	static const struct {
		const char *input, *expected;
	} cases[] = {
		{ "[9223372036854775807,-9223372036854775808]",
		  "[9223372036854775807,-9223372036854775808]" },
		{ "[9223372036854775808]", "[9.2233720368547758e18]" },
		{ "[-9223372036854775809,7]", "[-9.2233720368547758e18,7]" },
		{ "{\"a\":18446744073709551615,\"b\":[1,2.0]}",
		  "{\"a\":1.8446744073709552e19,\"b\":[1,2.0]}" },
		{ "[1000000000000000000000]", "[1e21]" },
		{ "[99999999999999999999.5,99999999999999999999e1,99999999999999999999]",
		  "[1e20,1e21,1e20]" },
		{ "{\"99999999999999999999\":\"\\\"99999999999999999999\",\"x\":"
		  "99999999999999999999}",
		  "{\"99999999999999999999\":\"\\\"99999999999999999999\",\"x\":1e20}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_document(cases[i].input, cases[i].expected);
}

static void test_what_is_no_number(void **state)
{
	static const char *const inputs[] = {
		"[1e400]",
		"[-1e400]",
		"[0123456789012345678901]",
		"[99999999999999999999",
		"[99999999999999999999\"]",
		"[99999999999999999999\\]",
		"[--99999999999999999999]",
		"[1e400,99999999999999999999]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(inputs); i++) {
		json_error_t error = { 0 };

		assert_null(document_load(inputs[i], strlen(inputs[i]), &error));
		assert_true(*error.text);
	}
}

static void test_the_last_of_two_keys_counts(void **state)
{
	(void)state;
	check_document("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}");
}

/* A configuration with @keys. */
static int config_parse(const char *keys, struct error *err)
{
	char input[2048];
	struct cni_request request;
	struct cni_config config = { 0 };
	int ret;

	(void)snprintf(input, sizeof(input), HEAD "%s}", keys);
	ret = request_parse(&add_environment, input, &request, err);
	if (!ret)
		ret = cni_config_parse(&request, &config, err);
	cni_config_free(&config);
	cni_request_free(&request);
	return ret;
}

static void test_unknown_keys_may_hold_anything(void **state)
{
	static const char *const keys[] = {
		"\"unknown\":99999999999999999999999999999999",
		"\"args\":{\"labels\":[{\"key\":\"a\\u0000b\",\"value\":-99999999999999999999}]}",
		"\"runtimeConfig\":{\"x\":\"\\u0000\",\"\\u001b\":\"\\u009b\"}",
		"\"unknown\":\"\xc3\xa4\",\"\":\"\",\"prevResult\":{\"x\":18446744073709551616}",
		"\"unknown\":{},\"unknown\":[]",
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (config_parse(keys[i], &err))
			fail_msg("%s: %s", keys[i], err.message);
}

static void test_known_keys_may_not(void **state)
{
	static const struct {
		const char *keys, *part;
		int code;
	} cases[] = {
		{ "\"mtu\":99999999999999999999", "mtu: must be a whole number, and is", 7 },
		{ "\"mtu\":18446744073709552848", "mtu: must be a whole number, and is", 7 },
		{ "\"mode\":\"l2\\u0000\"", "mode: has a zero byte", 7 },
		{ "\"subnets\":[\"10.1.0.0/24\\u0000\"]", "subnets[0]: has a zero byte", 7 },
		{ "\"ipam\":{\"type\":\"host-local\\u0000/../x\"}", "ipam.type: has a zero byte",
		  7 },
		{ "\"name\":\"pods\\u0000x\"", "name: has a zero byte", 7 },
		{ "\"cniVersion\":\"1.0.0\\u0000\"", "cniVersion: has a zero byte", 7 },
		{ "\"mode\":\"\\u001b[31m\"", "mode '?[31m'", 7 },
		{ "\"mode\":\"\\u009b31m\"", "mode '??31m'", 7 },
		{ "\"\\u0000\":1", "no JSON: NUL byte in object key", 6 },
		{ "\"x\":\"\xff\"", "no JSON: unable to decode byte 0xff", 6 },
		{ "\"x\":\"\xed\xa0\x80\"", "no JSON: unable to decode byte 0xed", 6 },
		{ "\"x\":\"\xc3\"", "no JSON", 6 },
		{ "\"x\":\"\\ud800\"", "no JSON: invalid Unicode", 6 },
		{ "\"x\":\"\n\"", "no JSON", 6 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };

		assert_failure(config_parse(cases[i].keys, &err), &err, cases[i].code,
			       cases[i].part, cases[i].keys);
	}
}

/* @depth lists, one in the other, at an unknown key. */
static int nested_parse(size_t depth, struct error *err)
{
	_cleanup_free_ char *input = malloc(sizeof(HEAD) + 2 * depth + 16);
	char *end = stpcpy(input, HEAD "\"x\":");
	struct cni_request request;
	int ret;

	memset(end, '[', depth);
	memset(end + depth, ']', depth);
	(void)strcpy(end + 2 * depth, "}");
	ret = request_parse(&add_environment, input, &request, err);
	cni_request_free(&request);
	return ret;
}

static void test_deep_nesting(void **state)
{
	struct error err = { 0 };
	int ret;

	(void)state;
	assert_int_equal(nested_parse(1000, &err), 0);
	ret = nested_parse(10000, &err);
	assert_failure(ret, &err, CNI_DECODE_FAILURE, "maximum parsing depth", "10000 lists");
}

/* What an earlier plugin answered goes on to the next as it came. */
static void test_a_previous_result_keeps_its_numbers(void **state)
{
	static const char input[] =
		HEAD "\"x\":99999999999999999999,\"prevResult\":{\"ips\":[{\"address\":"
		     "\"10.1.0.2/24\",\"interface\":0}],\"interfaces\":[{\"name\":\"eth0\"}]}}";
	struct cni_request request = request_of("ADD", input);
	const struct cni_result result = { 0 };
	json_t *previous = json_object_get(request.config, "prevResult");
	json_t *answer = cni_result_to_json(&result, CNI_1_1_0, previous);
	json_t *ip = json_array_get(json_object_get(answer, "ips"), 0);

	(void)state;
	assert_true(json_is_integer(json_object_get(ip, "interface")));
	json_decref(answer);
	cni_request_free(&request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_large_integers),
		cmocka_unit_test(test_what_is_no_number),
		cmocka_unit_test(test_the_last_of_two_keys_counts),
		cmocka_unit_test(test_unknown_keys_may_hold_anything),
		cmocka_unit_test(test_known_keys_may_not),
		cmocka_unit_test(test_deep_nesting),
		cmocka_unit_test(test_a_previous_result_keeps_its_numbers),
	};

	return cmocka_run_group_tests_name("cni_document", tests, NULL, NULL);
}
