// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Results of every version: read, and written. */
#include <stdlib.h>

#include "cni.h"
#include "cni/result.h"
#include "core/cleanup.h"

static json_t *json_of(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	if (!json)
		fail_msg("%s should be JSON", text);
	return json;
}

static int result_parse(const char *text, json_t **ret_json, struct cni_result *ret_result,
			struct error *err)
{
	struct field field = { 0 };

	*ret_json = json_of(text);
	field.value = *ret_json;
	return cni_result_parse(&field, ret_result, err);
}

/* What is written of a text's result is the other text, whatever the order of the keys. */
static void check_written(const char *text, enum cni_version version, const char *previous,
			  const char *expected)
{
	json_t *json, *before = previous ? json_of(previous) : NULL, *wanted = json_of(expected);
	_cleanup_free_ char *found = NULL;
	struct cni_result result;
	json_t *written;

	assert_int_equal(result_parse(text, &json, &result, NULL), 0);
	written = cni_result_to_json(&result, version, before);
	assert_non_null(written);
	found = json_dumps(written, JSON_COMPACT | JSON_SORT_KEYS);
	if (!json_equal(written, wanted))
		fail_msg("%s should be %s", found, expected);
	json_decref(written);
	json_decref(wanted);
	json_decref(before);
	json_decref(json);
}

#define INTERFACES                                                          \
	"\"interfaces\":[{\"name\":\"nk1\",\"mac\":\"06:00:00:00:00:01\"}," \
	"{\"name\":\"eth0\",\"mac\":\"06:00:00:00:00:02\",\"sandbox\":\"/n/c\"}]"

static void test_written_as_each_version_has_it(void **state)
{
	static const char text[] =
		"{\"interfaces\":[{\"name\":\"nk1\",\"mac\":\"06:00:00:00:00:01\",\"mtu\":1500},"
		"{\"name\":\"eth0\",\"mac\":\"06:00:00:00:00:02\",\"mtu\":1500,\"sandbox\":\"/n/"
		"c\"}],"
		"\"ips\":[{\"address\":\"10.0.0.2/24\",\"gateway\":\"10.0.0.1\",\"interface\":1},"
		"{\"address\":\"fd00::2/64\",\"interface\":1}],"
		"\"routes\":[{\"dst\":\"0.0.0.0/"
		"0\",\"gw\":\"10.0.0.1\",\"mtu\":1400,\"priority\":7,\"scope\":0}]}";

	(void)state;
	check_written(
		text, CNI_0_3_1, NULL,
		"{\"cniVersion\":\"0.3.1\"," INTERFACES ",\"ips\":[{\"version\":\"4\",\"address\":"
		"\"10.0.0.2/24\",\"gateway\":\"10.0.0.1\",\"interface\":1},{\"version\":\"6\","
		"\"address\":\"fd00::2/64\",\"interface\":1}],\"routes\":[{\"dst\":\"0.0.0.0/0\","
		"\"gw\":\"10.0.0.1\"}],\"dns\":{}}");
	check_written(text, CNI_1_0_0, NULL,
		      "{\"cniVersion\":\"1.0.0\"," INTERFACES
		      ",\"ips\":[{\"address\":\"10.0.0.2/24\","
		      "\"gateway\":\"10.0.0.1\",\"interface\":1},{\"address\":\"fd00::2/64\","
		      "\"interface\":1}],\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.0.0.1\"}],"
		      "\"dns\":{}}");
	check_written(
		text, CNI_1_1_0, NULL,
		"{\"cniVersion\":\"1.1.0\",\"interfaces\":[{\"name\":\"nk1\",\"mac\":"
		"\"06:00:00:00:00:01\",\"mtu\":1500},{\"name\":\"eth0\",\"mac\":\"06:00:00:"
		"00:00:02\","
		"\"mtu\":1500,\"sandbox\":\"/n/c\"}],\"ips\":[{\"address\":\"10.0.0.2/"
		"24\",\"gateway\":"
		"\"10.0.0.1\",\"interface\":1},{\"address\":\"fd00::2/"
		"64\",\"interface\":1}],\"routes\":"
		"[{\"dst\":\"0.0.0.0/"
		"0\",\"gw\":\"10.0.0.1\",\"mtu\":1400,\"priority\":7,\"scope\":0}],\"dns\":{}}");
}

static void test_written_behind_earlier_ones(void **state)
{
	(void)state;
	check_written(
		"{\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/n\"}],\"ips\":[{\"address\":"
		"\"10.0.0.2/24\",\"interface\":0}],\"dns\":{\"domain\":\"ours\"}}",
		CNI_1_0_0,
		"{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"lo\"}],\"ips\":[{"
		"\"address\":"
		"\"127.0.0.1/8\",\"interface\":0}],\"own\":[1],\"dns\":{\"domain\":\"theirs\"}}",
		"{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"lo\"},{\"name\":\"eth0\","
		"\"sandbox\":\"/n\"}],\"ips\":[{\"address\":\"127.0.0.1/8\",\"interface\":0},"
		"{\"address\":\"10.0.0.2/24\",\"interface\":1}],\"routes\":[],\"own\":[1],"
		"\"dns\":{\"domain\":\"theirs\"}}");
}

static void test_read_from_delegated_plugins(void **state)
{
	struct cni_result result;
	json_t *json;

	(void)state;
	/* As host-local of version 0.4.0 answers */
	assert_int_equal(
		result_parse("{\"cniVersion\":\"0.4.0\",\"ips\":[{\"version\":\"4\",\"address\":"
			     "\"10.92.0.2/24\",\"gateway\":\"10.92.0.1\"}],\"routes\":[{\"dst\":"
			     "\"10.5.6.7/8\"}],\"dns\":{\"domain\":\"d\"}}",
			     &json, &result, NULL),
		0);
	assert_int_equal(result.interface_count, 0);
	assert_int_equal(result.ip_count, 1);
	assert_int_equal(result.ips[0].interface, -1);
	assert_addr(&result.ips[0].gateway, "10.92.0.1");
	assert_int_equal(result.routes.count, 1);
	assert_string_equal(prefix_format(&result.routes.routes[0].dst).text, "10.0.0.0/8");
	assert_int_equal(result.routes.routes[0].gateway.family, 0);
	assert_non_null(result.dns);
	json_decref(json);
}

static void test_bad_results(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "{\"ips\":{}}", "ips" },
		{ "{\"ips\":[{}]}", "ips[0].address: is missing" },
		{ "{\"ips\":[{\"address\":\"x\"}]}", "ips[0].address" },
		{ "{\"ips\":[{\"address\":\"10.0.0.1/33\"}]}", "ips[0].address" },
		{ "{\"ips\":[{\"address\":\"10.0.0.1/8\",\"gateway\":\"fd00::1\"}]}", "families" },
		{ "{\"ips\":[{\"address\":\"10.0.0.1/8\",\"interface\":-1}]}", "interface" },
		{ "{\"routes\":[{\"gw\":\"10.0.0.1\"}]}", "routes[0].dst" },
		{ "{\"routes\":[{\"dst\":\"::/0\",\"gw\":\"10.0.0.1\"}]}", "families" },
		{ "{\"routes\":[{\"dst\":\"::/0\",\"priority\":-1}]}", "priority" },
		{ "{\"interfaces\":[{}]}", "interfaces[0]: name" },
		{ "{\"interfaces\":[{\"name\":\"a\",\"mtu\":\"1\"}]}", "interfaces[0].mtu" },
		{ "{\"dns\":[]}", "dns" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		struct cni_result result;
		json_t *json;
		int ret = result_parse(cases[i].text, &json, &result, &err);

		assert_failure(ret, &err, CNI_INVALID_CONFIG, cases[i].part, cases[i].text);
		json_decref(json);
	}
}

static void test_failures_are_written(void **state)
{
	struct error err = { 0 };
	json_t *json,
		*wanted = json_of("{\"cniVersion\":\"0.4.0\",\"code\":7,\"msg\":\"mtu: no\"}");

	(void)state;
	(void)cni_error(&err, CNI_INVALID_CONFIG, "mtu: no");
	json = cni_error_to_json(&err, "0.4.0");
	assert_true(json_equal(json, wanted));
	json_decref(json);
	json_decref(wanted);
}

static void test_versions_are_written(void **state)
{
	json_t *json = cni_versions_to_json("1.0.0");
	json_t *wanted =
		json_of("{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[\"0.3.1\",\"0.4.0\","
			"\"1.0.0\",\"1.1.0\"]}");

	(void)state;
	assert_true(json_equal(json, wanted));
	json_decref(json);
	json_decref(wanted);
}

static void test_macs(void **state)
{
	static const char *const bad[] = { "",
					   "06:00:00:00:00",
					   "06:00:00:00:00:0",
					   "06-00-00-00-00-01",
					   "06:00:00:00:00:0g",
					   " 6:00:00:00:00:01",
					   "06:00:00:00:00:011",
					   "+6:00:00:00:00:01",
					   "06:00:00:00:00:01 " };
	static const uint8_t expected[6] = { 0x06, 0xAB, 0xcd, 0, 0xff, 1 };
	uint8_t mac[6];

	(void)state;
	assert_int_equal(mac_parse("06:AB:cd:00:fF:01", mac), 0);
	assert_memory_equal(mac, expected, 6);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (!mac_parse(bad[i], mac))
			fail_msg("'%s' should be no MAC address", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_as_each_version_has_it),
		cmocka_unit_test(test_written_behind_earlier_ones),
		cmocka_unit_test(test_read_from_delegated_plugins),
		cmocka_unit_test(test_bad_results),
		cmocka_unit_test(test_failures_are_written),
		cmocka_unit_test(test_versions_are_written),
		cmocka_unit_test(test_macs),
	};

	return cmocka_run_group_tests_name("cni_result", tests, NULL, NULL);
}
