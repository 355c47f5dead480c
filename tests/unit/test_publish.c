// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Published ports: what people write, what it means, and how ports are told again. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "model/publish.h"
#include "unit.h"

static struct publish_spec spec_of(const char *text)
{
	struct error err = { 0 };
	struct publish_spec spec = { 0 };

	if (publish_parse(text, &spec, &err))
		fail_msg("'%s' should be a published port: %s", text, err.message);
	return spec;
}

static void assert_spec(const struct publish_spec *spec, uint16_t host_port, uint16_t port,
			uint32_t count, uint8_t protocol)
{
	assert_int_equal(spec->host_port, host_port);
	assert_int_equal(spec->port, port);
	assert_int_equal(spec->count, count);
	assert_int_equal(spec->protocol, protocol);
}

static void test_parse_ports(void **state)
{
	static const struct {
		const char *text;
		uint16_t host_port, port;
		uint32_t count;
		uint8_t protocol;
	} cases[] = {
		{ "8080:80", 8080, 80, 1, IPPROTO_TCP },
		{ "1:65535", 1, 65535, 1, IPPROTO_TCP },
		{ "53:5353/udp", 53, 5353, 1, IPPROTO_UDP },
		{ "36412:36412/sctp", 36412, 36412, 1, IPPROTO_SCTP },
		{ "8000-8099:9000-9099", 8000, 9000, 100, IPPROTO_TCP },
		{ "8000-8000:80/tcp", 8000, 80, 1, IPPROTO_TCP },
		{ "1-65535:1-65535/udp", 1, 1, 65535, IPPROTO_UDP },
		{ "100-102:100-102/sctp", 100, 100, 3, IPPROTO_SCTP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct publish_spec spec = spec_of(cases[i].text);

		assert_int_equal(spec.host.family, 0);
		assert_spec(&spec, cases[i].host_port, cases[i].port, cases[i].count,
			    cases[i].protocol);
	}
}

static void test_parse_host_addresses(void **state)
{
	static const struct {
		const char *text, *host;
	} cases[] = {
		{ "192.0.2.1:8080:80", "192.0.2.1" },
		{ "127.0.0.1:1-2:3-4/udp", "127.0.0.1" },
		{ "[2001:db8::1]:8080:80", "2001:db8::1" },
		{ "[::]:80:80", "::" },
		{ "0.0.0.0:80:80", "0.0.0.0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct publish_spec spec = spec_of(cases[i].text);

		assert_addr(&spec.host, cases[i].host);
	}
}

/* Each error has to name what is wrong, and nothing may be written. */
static void test_parse_errors_name_the_offender(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "HOSTPORT:PORT" },
		{ "80", "HOSTPORT:PORT" },
		{ "80/tcp", "HOSTPORT:PORT" },
		{ "[::1]:80", "HOSTPORT:PORT" },
		{ ":80", "port ''" },
		{ "80:", "port ''" },
		{ ":", "port ''" },
		{ "::", "no address" },
		{ ":80:80", "no address" },
		{ "0:80", "port '0'" },
		{ "80:0", "port '0'" },
		{ "65536:80", "port '65536'" },
		{ "80:99999999999999999999", "port '99999999999999999999'" },
		{ "+80:80", "port '+80'" },
		{ " 80:80", "port ' 80'" },
		{ "80:80 ", "port '80 '" },
		{ "0x50:80", "port '0x50'" },
		{ "http:80", "port 'http'" },
		{ "80-:80", "port ''" },
		{ "-80:80", "port ''" },
		{ "80-81-82:1-3", "port '81-82'" },
		{ "81-80:80-81", "81-80 ends before it begins" },
		{ "80-81:80", "2 ports of the host can't lead to 1" },
		{ "80:80-89", "1 ports of the host can't lead to 10" },
		{ "80:80/icmp", "'icmp'" },
		{ "80:80/", "''" },
		{ "80:80/TCP", "'TCP'" },
		{ "80:80/tcp/udp", "port '80/tcp'" },
		{ "80:81/sctp", "sctp keeps its ports" },
		{ "1.2.3:80:80", "'1.2.3' is no IPv4 address" },
		{ "web:80:80", "'web' is no IPv4 address" },
		{ "2001:db8::1:80:80", "'2001' is no IPv4 address" },
		{ "1.2.3.4:80:80:80", "too many colons" },
		{ "[1.2.3.4]:80:80", "'1.2.3.4' is no IPv6 address" },
		{ "[::1:80:80", "[ADDR]:" },
		{ "[::1]80:80", "[ADDR]:" },
		{ "[::1]", "[ADDR]:" },
		{ "[]:80:80", "'' is no IPv6 address" },
		{ "[fe80::1%eth0]:80:80", "is no IPv6 address" },
		{ "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]:80:80",
		  "is no IPv6 address" },
		{ "[::ffff:1.2.3.4]:80:80", "write an IPv4 address as such" },
		{ "224.0.0.1:80:80", "no single host's" },
		{ "255.255.255.255:80:80", "no single host's" },
		{ "[ff02::1]:80:80", "no single host's" },
	};
	struct publish_spec untouched;

	(void)state;
	memset(&untouched, 0x55, sizeof(untouched));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct publish_spec spec = untouched;
		struct error err = { 0 };

		if (publish_parse(cases[i].text, &spec, &err) != -EINVAL)
			fail_msg("'%s' should be no published port", cases[i].text);
		if (!strstr(err.message, cases[i].words))
			fail_msg("'%s': '%s' should say: %s", cases[i].text, err.message,
				 cases[i].words);
		assert_memory_equal(&spec, &untouched, sizeof(spec));
		assert_int_equal(publish_parse(cases[i].text, &spec, NULL), -EINVAL);
	}
}

static void test_format_is_what_parse_takes(void **state)
{
	static const struct {
		const char *given, *printed;
	} cases[] = {
		{ "8080:80/tcp", "8080:80" },
		{ "8000-8000:80-80/udp", "8000:80/udp" },
		{ "0.0.0.0:1-2:3-4", "0.0.0.0:1-2:3-4" },
		{ "[2001:DB8:0::1]:65534-65535:65534-65535/sctp",
		  "[2001:db8::1]:65534-65535:65534-65535/sctp" },
		{ "[1111:2222:3333:4444:5555:6666:7777:8888]:10000-10001:20000-20001/udp",
		  "[1111:2222:3333:4444:5555:6666:7777:8888]:10000-10001:20000-20001/udp" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct publish_spec spec = spec_of(cases[i].given);

		assert_string_equal(publish_format(&spec).text, cases[i].printed);
	}
}

static void test_format_of_one_port(void **state)
{
	const struct addr none = { 0 }, v4 = addr_of("192.0.2.1"), v6 = addr_of("2001:db8::1"),
			  any = addr_of("::");

	(void)state;
	assert_string_equal(publish_port_format(&none, 80, IPPROTO_TCP).text, "80/tcp");
	assert_string_equal(publish_port_format(&any, 80, IPPROTO_UDP).text, "80/udp");
	assert_string_equal(publish_port_format(&v4, 80, IPPROTO_TCP).text, "192.0.2.1:80/tcp");
	assert_string_equal(publish_port_format(&v6, 65535, IPPROTO_SCTP).text,
			    "[2001:db8::1]:65535/sctp");
}

static void test_list_refuses_what_overlaps(void **state)
{
	static const struct {
		const char *first, *second;
		int ret;
	} cases[] = {
		{ "80:80", "80:80", -EINVAL },
		{ "80:80", "80:81", -EINVAL },
		{ "80:80", "81:80", 0 },
		{ "80:80", "80:80/udp", 0 },
		{ "80:80", "192.0.2.1:80:80", -EINVAL },
		{ "192.0.2.1:80:80", "192.0.2.2:80:80", 0 },
		{ "192.0.2.1:80:80", "192.0.2.1:80:81", -EINVAL },
		{ "192.0.2.1:80:80", "0.0.0.0:80:80", -EINVAL },
		{ "192.0.2.1:80:80", "[::]:80:80", 0 },
		{ "[::]:80:80", "0.0.0.0:80:80", 0 },
		{ "[::]:80:80", "[2001:db8::1]:80:80", -EINVAL },
		{ "80-89:80-89", "89-90:89-90", -EINVAL },
		{ "89-90:89-90", "80-89:80-89", -EINVAL },
		{ "80-89:80-89", "90-99:80-89", 0 },
		{ "80-89:80-89", "85:1", -EINVAL },
		{ "1-65535:1-65535", "65535:1", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct publish_spec first = spec_of(cases[i].first);
		struct publish_spec second = spec_of(cases[i].second);
		_cleanup_publish_list_ struct publish_list list = { 0 };
		struct error err = { 0 };

		assert_int_equal(publish_list_add(&list, &first, &err), 0);
		if (publish_list_add(&list, &second, &err) != cases[i].ret)
			fail_msg("%s and %s should %s", cases[i].first, cases[i].second,
				 cases[i].ret ? "overlap" : "not overlap");
		assert_int_equal(list.count, cases[i].ret ? 1 : 2);
	}
}

/* Compresses single ports, given with spaces between, and expects ranges. */
static void assert_compressed(bool dual, const char *given, const char *expected)
{
	_cleanup_publish_list_ struct publish_list list = { 0 };
	char copy[256], text[256] = "", *rest = copy, *word;
	size_t used = 0;

	(void)snprintf(copy, sizeof(copy), "%s", given);
	while ((word = strsep(&rest, " "))) {
		struct publish_spec spec = spec_of(word);

		assert_int_equal(publish_list_add(&list, &spec, NULL), 0);
	}
	publish_list_compress(&list, dual);
	for (size_t i = 0; i < list.count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
					 publish_format(&list.specs[i]).text);
	assert_string_equal(text, expected);
}

static void test_compress(void **state)
{
	(void)state;
	assert_compressed(true, "0.0.0.0:80:80 [::]:80:80", "80:80");
	assert_compressed(true, "[::]:81:81 0.0.0.0:80:80 [::]:80:80 0.0.0.0:81:81", "80-81:80-81");
	assert_compressed(true, "0.0.0.0:80:80 [::]:80:81", "0.0.0.0:80:80 [::]:80:81");
	assert_compressed(true, "0.0.0.0:80:80", "0.0.0.0:80:80");
	assert_compressed(false, "0.0.0.0:80:80", "80:80");
	assert_compressed(false, "[::]:80:80 [::]:81:81", "80-81:80-81");
	/* It had addresses of both families when they were published. */
	assert_compressed(false, "0.0.0.0:80:80 [::]:80:80", "80:80");
	assert_compressed(false, "0.0.0.0:80:80 [::]:80:80 [::]:81:81", "80:80 [::]:81:81");
	assert_compressed(true, "192.0.2.1:80:80 [2001:db8::1]:80:80",
			  "192.0.2.1:80:80 [2001:db8::1]:80:80");
	assert_compressed(false, "192.0.2.1:81:2 192.0.2.2:82:3 192.0.2.1:80:1",
			  "192.0.2.1:80-81:1-2 192.0.2.2:82:3");
	assert_compressed(false, "0.0.0.0:80:80 0.0.0.0:81:82", "80:80 81:82");
	assert_compressed(false, "0.0.0.0:80:80 0.0.0.0:82:82", "80:80 82:82");
	assert_compressed(false, "0.0.0.0:80:80 0.0.0.0:81:81/udp", "80:80 81:81/udp");
	assert_compressed(false, "0.0.0.0:65535:1 0.0.0.0:1:65535", "1:65535 65535:1");
	assert_compressed(true, "0.0.0.0:80:80 0.0.0.0:81:81 [::]:81:81", "0.0.0.0:80:80 81:81");
}

static void test_compress_of_nothing(void **state)
{
	struct publish_list list = { 0 };

	(void)state;
	publish_list_compress(&list, true);
	assert_int_equal(list.count, 0);
}

/* What each of @texts asks for, one after the other, makes the ranges @expected; NULL: refused. */
static void check_merged(const char *const *texts, const char *expected)
{
	_cleanup_publish_list_ struct publish_list list = { 0 };
	char merged[256] = "";
	int ret = 0;

	for (; !ret && *texts; texts++) {
		struct publish_spec spec = spec_of(*texts);

		ret = publish_list_merge(&list, &spec, NULL);
	}
	for (size_t i = 0; i < list.count; i++)
		(void)snprintf(merged + strlen(merged), sizeof(merged) - strlen(merged), "%s%s",
			       i ? " " : "", publish_format(&list.specs[i]).text);
	assert_int_equal(ret, expected ? 0 : -EINVAL);
	if (expected)
		assert_string_equal(merged, expected);
}

static void test_merged_lists_keep_what_says_more(void **state)
{
	static const struct {
		const char *texts[5], *expected;
	} cases[] = {
		{ { "8080:80", "8080:80" }, "8080:80" },
		{ { "0.0.0.0:8080:80", "8080:80" }, "8080:80" },
		{ { "0.0.0.0:8080:80", "1:1", "[::]:8080:80", "8080:80" }, "1:1 8080:80" },
		{ { "8080:80", "192.0.2.1:8080:80", "[::1]:8080:80" }, "8080:80" },
		{ { "0.0.0.0:8080:80", "[::]:8080:80" }, "0.0.0.0:8080:80 [::]:8080:80" },
		{ { "192.0.2.1:8080:80", "0.0.0.0:8080:80" }, "0.0.0.0:8080:80" },
		{ { "8080-8089:80-89", "8082:82" }, "8080-8089:80-89" },
		{ { "8080:80", "8080:80/udp" }, "8080:80 8080:80/udp" },
		{ { "8080:80", "192.0.2.1:8080:81" }, NULL },
		{ { "8080-8089:80-89", "8082:80" }, NULL },
		{ { "8080-8089:80-89", "8085-8094:85-94" }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_merged(cases[i].texts, cases[i].expected);
}

static void test_ports_without_a_family(void **state)
{
	static const char *const texts[] = {
		"[::]:8080:80", "0.0.0.0:8080:80", "[::1]:1:1", "2:2", "[::]:3:3", "192.0.2.1:3:4",
	};
	_cleanup_publish_list_ struct publish_list list = { 0 };
	struct publish_spec spec;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		spec = spec_of(texts[i]);
		assert_int_equal(publish_list_add(&list, &spec, NULL), 0);
	}
	publish_list_without_family(&list, AF_INET6);
	assert_int_equal(list.count, 5); /* nothing else leads to the ports of the others */
	for (size_t i = 0; i < list.count; i++)
		assert_string_equal(publish_format(&list.specs[i]).text, texts[i + 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_ports),
		cmocka_unit_test(test_parse_host_addresses),
		cmocka_unit_test(test_parse_errors_name_the_offender),
		cmocka_unit_test(test_format_is_what_parse_takes),
		cmocka_unit_test(test_format_of_one_port),
		cmocka_unit_test(test_list_refuses_what_overlaps),
		cmocka_unit_test(test_compress),
		cmocka_unit_test(test_compress_of_nothing),
		cmocka_unit_test(test_merged_lists_keep_what_says_more),
		cmocka_unit_test(test_ports_without_a_family),
	};

	return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
