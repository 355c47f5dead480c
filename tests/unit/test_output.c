// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is shown: tables that line up, JSON that parses, and no byte that a terminal would obey. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "capture.h"
#include "core/cleanup.h"
#include "nkctl/nat.h"
#include "output.h"
#include "unit.h"

static void print_table(void *data)
{
	table_print((struct table *)data);
}

static void table_text(struct table *table, char ret_text[CAPTURE_SIZE])
{
	capture(stdout, print_table, table, ret_text);
}

static void test_columns_are_as_wide_as_their_widest_cell(void **state)
{
	struct table table = { .columns = 3 };
	char text[CAPTURE_SIZE];

	(void)state;
	table_add_row(&table, (const char *const[]){ "ID", "DEVICE", "STATE" });
	table_add_row(&table, (const char *const[]){ "a", "nk081186d39055", "ok" });
	table_add_row(&table, (const char *const[]){ "container", "", "unfinished" });
	table_text(&table, text);
	assert_string_equal(text, "ID         DEVICE          STATE\n"
				  "a          nk081186d39055  ok\n"
				  "container                  unfinished\n");
}

static void test_table_without_rows_is_empty(void **state)
{
	struct table table = { .columns = 4 };
	char text[CAPTURE_SIZE];

	(void)state;
	table_text(&table, text);
	assert_string_equal(text, "");
}

static void test_cells_are_copied(void **state)
{
	struct table table = { .columns = 1 };
	char cell[] = "before", text[CAPTURE_SIZE];

	(void)state;
	table_add_row(&table, (const char *const[]){ cell });
	(void)strcpy(cell, "after");
	table_text(&table, text);
	assert_string_equal(text, "before\n");
}

static void test_cells_are_printable(void **state)
{
	struct table table = { .columns = 2 };
	char text[CAPTURE_SIZE];

	(void)state;
	table_add_row(&table, (const char *const[]){ "\x1b[31mred", "a\nb\tc\rd\x7f\x80\x9b\xff" });
	table_text(&table, text);
	assert_string_equal(text, "?[31mred  a?b?c?d????\n");
}

static void test_or_dash(void **state)
{
	(void)state;
	assert_string_equal(or_dash(""), "-");
	assert_string_equal(or_dash("x"), "x");
}

static void test_mac_format(void **state)
{
	static const uint8_t mac[NK_ETH_ALEN] = { 0x06, 0x0a, 0xb0, 0, 0xff, 0x7f };

	(void)state;
	assert_string_equal(mac_format(mac).text, "06:0a:b0:00:ff:7f");
}

static struct endpoint endpoint_of_ctr1(void)
{
	static struct publish_spec published[] = {
		{ .host_port = 8080, .port = 80, .count = 1, .protocol = IPPROTO_TCP },
		{ .host_port = 5000, .port = 6000, .count = 100, .protocol = IPPROTO_UDP },
	};
	struct endpoint endpoint = {
		.netns = "ctr1",
		.link = { .ifindex = 7, .name = "nk081186d39055", .mtu = 1500 },
		.kind = NK_DEVICE_VETH,
		.mode = NK_MODE_L2,
		.mac = { 0x06, 0x55, 0x90, 0xd3, 0x86, 0x11 },
		.addresses = { addr_of("10.88.0.2"), addr_of("fd00:88::2") },
		.address_count = 2,
		.gateways = { addr_of("10.88.0.1"), addr_of("fd00:88::1") },
		.gateway_count = 2,
		.flags = NK_ENDPOINT_MASQUERADE | NK_ENDPOINT_PUBLISHED | NK_ENDPOINT_NO_METADATA,
		.published = { published, ARRAY_SIZE(published) },
		.bandwidth = { .ingress = { 10000000, 524288 } },
		.program_id = 42,
		.state = ENDPOINT_OK,
	};

	published[1].host = addr_of("2001:db8::1");
	assert_int_equal(identity_init(&endpoint.identity, "default", "ctr1", "eth0", NULL), 0);
	return endpoint;
}

/* A whole endpoint, word for word: scripts rely on it. */
static void test_endpoint_as_json(void **state)
{
	static const char expected[] =
		"{\"network\":\"default\",\"id\":\"ctr1\",\"ifname\":\"eth0\",\"netns\":\"ctr1\","
		"\"device\":\"veth\",\"mode\":\"l2\",\"host_device\":\"nk081186d39055\","
		"\"host_ifindex\":7,\"mtu\":1500,\"mac\":\"06:55:90:d3:86:11\","
		"\"addresses\":[\"10.88.0.2/32\",\"fd00:88::2/128\"],"
		"\"gateways\":[\"10.88.0.1\",\"fd00:88::1\"],\"masquerade\":true,\"metadata\":"
		"false,"
		"\"published\":[{\"host_ip\":null,\"host_port\":8080,\"host_port_end\":8080,"
		"\"port\":80,\"port_end\":80,\"protocol\":\"tcp\"},"
		"{\"host_ip\":\"2001:db8::1\",\"host_port\":5000,\"host_port_end\":5099,"
		"\"port\":6000,\"port_end\":6099,\"protocol\":\"udp\"}],"
		"\"bandwidth\":{\"ingress_rate\":10000000,\"ingress_burst\":524288,"
		"\"egress_rate\":null,\"egress_burst\":null},"
		"\"program_id\":42,\"state\":\"ok\"}";
	struct endpoint endpoint = endpoint_of_ctr1();
	json_t *json = endpoint_to_json(&endpoint);
	char *text = json_dumps(json, JSON_COMPACT);

	(void)state;
	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
	json_decref(json);
}

static void test_published_as_text(void **state)
{
	struct endpoint endpoint = endpoint_of_ctr1();
	const struct publish_list none = { 0 };
	char *text = published_text(&endpoint.published), *empty = published_text(&none);

	(void)state;
	assert_non_null(text);
	assert_string_equal(text, "8080:80 [2001:db8::1]:5000-5099:6000-6099/udp");
	assert_non_null(empty);
	assert_string_equal(empty, "");
	free(text);
	free(empty);
}

static void assert_json_null(const json_t *object, const char *key)
{
	if (!json_is_null(json_object_get(object, key)))
		fail_msg("\"%s\" should be null", key);
}

static void test_what_an_endpoint_lacks_is_null(void **state)
{
	struct endpoint endpoint = {
		.link = { .ifindex = 7, .name = "nk081186d39055", .mtu = 1500 },
		.kind = NK_DEVICE_NETKIT,
		.state = ENDPOINT_UNFINISHED,
	};
	json_t *json = endpoint_to_json(&endpoint);

	(void)state;
	assert_non_null(json);
	assert_json_null(json, "network");
	assert_json_null(json, "id");
	assert_json_null(json, "ifname");
	assert_json_null(json, "netns");
	assert_json_null(json, "mac");
	assert_int_equal(json_array_size(json_object_get(json, "addresses")), 0);
	assert_int_equal(json_array_size(json_object_get(json, "published")), 0);
	assert_string_equal(json_string_value(json_object_get(json, "state")), "unfinished");
	json_decref(json);
}

/* The longest addresses, as many as there can be: none cut short into another one. */
static void test_addresses_are_whole(void **state)
{
	static const char longest[] = "1111:2222:3333:4444:5555:6666:7777:8888";
	struct endpoint endpoint = { .address_count = NK_ENDPOINT_ADDRESSES_MAX };
	char text[ADDRESSES_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < NK_ENDPOINT_ADDRESSES_MAX; i++)
		endpoint.addresses[i] = addr_of(longest);
	endpoint_addresses_text(&endpoint, text);
	assert_int_equal(strlen(text), NK_ENDPOINT_ADDRESSES_MAX * sizeof(longest) - 1);
	endpoint.address_count = 0;
	endpoint_addresses_text(&endpoint, text);
	assert_string_equal(text, "");
}

static void print_json(void *data)
{
	assert_int_equal(output_json((json_t *)data, NULL), 0);
}

static void test_json_is_printed_with_a_newline(void **state)
{
	char text[CAPTURE_SIZE];

	(void)state;
	capture(stdout, print_json, json_pack("[i]", 1), text);
	assert_string_equal(text, "[\n  1\n]\n");
}

static void test_json_may_be_null(void **state)
{
	char text[CAPTURE_SIZE];

	(void)state;
	capture(stdout, print_json, json_null(), text);
	assert_string_equal(text, "null\n");
}

static void test_what_the_maps_would_tell_is_unknown_without_pins(void **state)
{
	static const char *const unknown[] = { "mac",      "addresses", "gateways", "masquerade",
					       "metadata", "published", "bandwidth" };
	struct endpoint endpoint = { .pins_lost = true };
	json_t *json = endpoint_to_json(&endpoint);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		assert_true(json_is_null(json_object_get(json, unknown[i])));
	json_decref(json);
	assert_string_equal(known_or_dash(&endpoint, "no"), "?");
	endpoint.pins_lost = false;
	assert_string_equal(known_or_dash(&endpoint, "no"), "no");
	assert_string_equal(known_or_dash(&endpoint, ""), "-");
}

/* Of what is no ASCII a terminal may obey some, and JSON can't carry what is no UTF-8. */
static void test_json_is_printable(void **state)
{
	struct endpoint endpoint = endpoint_of_ctr1();
	char text[CAPTURE_SIZE];
	json_t *json;

	(void)state;
	capture(stdout, print_json, json_pack("[s]", "\x1b[31m\xc2\x9b\xc3\xa4"), text);
	assert_string_equal(text, "[\n  \"\\u001B[31m\\u009B\\u00E4\"\n]\n");
	(void)strcpy(endpoint.link.name, "d\x1b[1m\xff");
	json = endpoint_to_json(&endpoint);
	assert_string_equal(json_string_value(json_object_get(json, "host_device")), "d?[1m?");
	json_decref(json);
}

static void test_json_that_could_not_be_made_is_an_error(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(output_json(NULL, &err), -EIO);
	assert_int_equal(err.code, -EIO);
}

static void test_address_as_json(void **state)
{
	struct addr addr = addr_of("fd00:88::1");
	json_t *json = addr_to_json(&addr), *none = addr_to_json(NULL);

	(void)state;
	assert_string_equal(json_string_value(json), "fd00:88::1");
	assert_true(json_is_null(none));
	json_decref(json);
	json_decref(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns_are_as_wide_as_their_widest_cell),
		cmocka_unit_test(test_table_without_rows_is_empty),
		cmocka_unit_test(test_cells_are_copied),
		cmocka_unit_test(test_cells_are_printable),
		cmocka_unit_test(test_or_dash),
		cmocka_unit_test(test_mac_format),
		cmocka_unit_test(test_endpoint_as_json),
		cmocka_unit_test(test_published_as_text),
		cmocka_unit_test(test_what_an_endpoint_lacks_is_null),
		cmocka_unit_test(test_addresses_are_whole),
		cmocka_unit_test(test_json_is_printed_with_a_newline),
		cmocka_unit_test(test_json_may_be_null),
		cmocka_unit_test(test_what_the_maps_would_tell_is_unknown_without_pins),
		cmocka_unit_test(test_json_is_printable),
		cmocka_unit_test(test_json_that_could_not_be_made_is_an_error),
		cmocka_unit_test(test_address_as_json),
	};

	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
