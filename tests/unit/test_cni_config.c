// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Network configurations: what each key means, and which values are refused by its name. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cni.h"
#include "cni/config.h"
#include "core/cleanup.h"

#define HEAD "{\"cniVersion\":\"1.1.0\",\"name\":\"pods\",\"type\":\"nkctl\""

/* struct parsed - a configuration and what it borrows from. */
struct parsed {
	struct cni_request request;
	struct cni_config config;
};

static int config_parse(const char *keys, struct parsed *parsed, struct error *err)
{
	char input[1024];

	(void)snprintf(input, sizeof(input), HEAD "%s%s}", *keys ? "," : "", keys);
	parsed->request = request_of("ADD", input);
	return cni_config_parse(&parsed->request, &parsed->config, err);
}

/* In place: a configuration points into itself. */
static void parse(const char *keys, struct parsed *ret_parsed)
{
	struct error err = { 0 };

	if (config_parse(keys, ret_parsed, &err))
		fail_msg("%s: %s", keys, err.message);
}

static void parsed_free(struct parsed *parsed)
{
	cni_config_free(&parsed->config);
	cni_request_free(&parsed->request);
}

static void check_refused(const char *keys, int code, const char *part)
{
	struct error err = { 0 };
	struct parsed parsed;
	int ret = config_parse(keys, &parsed, &err);

	assert_failure(ret, &err, code, part, keys);
	parsed_free(&parsed);
}

static void test_defaults(void **state)
{
	struct parsed parsed;
	struct nk_network network;

	(void)state;
	parse("", &parsed);
	network_default(&network);
	assert_memory_equal(&parsed.config.network, &network, sizeof(network));
	assert_null(parsed.config.ipam_type);
	assert_null(parsed.config.dns);
	assert_null(parsed.config.previous.value);
	assert_int_equal(parsed.config.ports.count, 0);
	parsed_free(&parsed);
}

static void check_bandwidth(const char *keys, const struct bandwidth *expected)
{
	struct parsed parsed;

	parse(keys, &parsed);
	assert_memory_equal(&parsed.config.bandwidth, expected, sizeof(*expected));
	parsed_free(&parsed);
}

static void test_bandwidth(void **state)
{
	(void)state;
	check_bandwidth("\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":10000000,"
			"\"ingressBurst\":2147483647,\"egressRate\":5000,\"egressBurst\":9000}}",
			&(struct bandwidth){ { 10000000, 0 }, { 5000, 9000 } });
	check_bandwidth("\"egressRate\":1000,\"egressBurst\":4294967295",
			&(struct bandwidth){ .egress = { 1000, 0 } });
	check_bandwidth("\"egressRate\":1000,\"runtimeConfig\":{\"bandwidth\":{"
			"\"ingressRate\":2000,\"egressRate\":3000,\"egressBurst\":4000}}",
			&(struct bandwidth){ { 2000, 0 }, { 1000, 0 } });
	check_bandwidth(
		"\"runtimeConfig\":{\"bandwidth\":{\"IngressRate\":1000000," /* containerd */
		"\"IngressBurst\":2147483647,\"EgressRate\":2000000,\"EgressBurst\":0}}",
		&(struct bandwidth){ { 1000000, 0 }, { 2000000, 0 } });
	check_bandwidth("\"egressRate\":1000,\"egressBurst\":18446744073709551615,"
			"\"ingressBurst\":18446744073709551615",
			&(struct bandwidth){ .egress = { 1000, 0 } });
	check_bandwidth("", &(struct bandwidth){ 0 });
}

static void test_simple_keys(void **state)
{
	struct parsed parsed;

	(void)state;
	parse("\"mtu\":1400,\"ipMasq\":true,\"device\":\"veth\",\"metadata\":false,"
	      "\"mode\":\"l2\",\"isDefaultGateway\":true",
	      &parsed);
	assert_int_equal(parsed.config.network.mtu, 1400);
	assert_int_equal(parsed.config.network.masquerade, NK_MASQUERADE_ON);
	assert_int_equal(parsed.config.network.device, NK_DEVICE_VETH);
	assert_int_equal(parsed.config.network.mode, NK_MODE_L2);
	assert_true(parsed.config.network.no_metadata);
	assert_true(parsed.config.is_default_gateway && parsed.config.is_gateway);
	parsed_free(&parsed);
	parse("\"mtu\":0,\"ipMasq\":false,\"device\":null,\"isGateway\":null,\"metadata\":true",
	      &parsed);
	assert_false(parsed.config.network.no_metadata);
	assert_int_equal(parsed.config.network.masquerade, NK_MASQUERADE_OFF);
	assert_false(parsed.config.is_gateway);
	parsed_free(&parsed);
}

static void test_subnets_and_ranges(void **state)
{
	struct parsed parsed;
	const struct pool_range *ranges;

	(void)state;
	parse("\"subnets\":[\"10.1.0.0/24\",{\"subnet\":\"10.2.0.0/24\",\"rangeStart\":"
	      "\"10.2.0.10\",\"rangeEnd\":\"10.2.0.20\",\"gateway\":\"10.2.0.1\",\"exclude\":["
	      "\"10.2.0.11\",\"10.2.0.16/30\"]},{\"subnet\":\"fd00::/64\",\"exclude\":[\"fd00::/"
	      "96\"]}]",
	      &parsed);
	ranges = parsed.config.ranges.ranges;
	assert_int_equal(parsed.config.network.subnet_count, 3);
	assert_int_equal(ranges[0].first.family, 0);
	assert_int_equal(ranges[0].excluded_count, 0);
	assert_addr(&ranges[1].first, "10.2.0.10");
	assert_addr(&ranges[1].last, "10.2.0.20");
	assert_int_equal(ranges[1].excluded_count, 2);
	assert_string_equal(prefix_format(&ranges[1].excluded[1]).text, "10.2.0.16/30");
	assert_int_equal(ranges[2].excluded_count, 1);
	assert_string_equal(prefix_format(&ranges[2].excluded[0]).text, "fd00::/96");
	parsed_free(&parsed);
}

static void test_ranges_of_the_runtime(void **state)
{
	struct parsed parsed;
	struct prefix first;

	(void)state;
	parse("\"subnets\":[\"10.1.0.0/24\"],\"runtimeConfig\":{\"ipRanges\":"
	      "[[{\"subnet\":\"10.9.0.0/24\"},{\"subnet\":\"10.8.0.0/24\"}],[{\"subnet\":"
	      "\"fd09::/64\"}]]}",
	      &parsed);
	first = subnet_prefix(&parsed.config.network.subnets[0]);
	assert_int_equal(parsed.config.network.subnet_count, 3);
	assert_string_equal(prefix_format(&first).text, "10.9.0.0/24");
	assert_int_equal(parsed.config.ranges.ranges[0].set, 0);
	assert_int_equal(parsed.config.ranges.ranges[1].set, 0);
	assert_int_equal(parsed.config.ranges.ranges[2].set, 1);
	parsed_free(&parsed);
	parse("\"runtimeConfig\":{\"ipRanges\":[[{\"Subnet\":\"10.9.0.0/24\",\"RangeStart\":"
	      "\"10.9.0.5\",\"RangeEnd\":\"10.9.0.6\",\"Gateway\":\"10.9.0.1\"}]]}",
	      &parsed); /* containerd */
	assert_addr(&parsed.config.ranges.ranges[0].first, "10.9.0.5");
	assert_addr(&parsed.config.ranges.ranges[0].last, "10.9.0.6");
	parsed_free(&parsed);
}

static void test_several_ranges_of_a_subnet(void **state)
{
	struct parsed parsed;
	const struct pool_ranges *ranges = &parsed.config.ranges;

	(void)state;
	parse("\"runtimeConfig\":{\"ipRanges\":[[{\"subnet\":\"10.9.0.0/24\",\"rangeStart\":"
	      "\"10.9.0.40\",\"rangeEnd\":\"10.9.0.49\"},{\"subnet\":\"10.8.0.0/24\"},"
	      "{\"subnet\":\"10.9.0.0/24\",\"rangeEnd\":\"10.9.0.39\",\"exclude\":"
	      "[\"10.9.0.8/29\"]}],[{\"subnet\":\"10.9.0.0/24\",\"rangeStart\":\"10.9.0.50\"}]]}",
	      &parsed);
	assert_int_equal(parsed.config.network.subnet_count, 2);
	assert_int_equal(ranges->count, 4);
	assert_int_equal(ranges->ranges[0].subnet, 0);
	assert_int_equal(ranges->ranges[1].subnet, 1);
	assert_int_equal(ranges->ranges[2].subnet, 0);
	assert_int_equal(ranges->ranges[2].excluded_count, 1);
	assert_int_equal(ranges->ranges[3].subnet, 0);
	assert_int_equal(ranges->ranges[3].set, 1);
	parsed_free(&parsed);
}

static void test_ports_as_containerd_and_podman_write_them(void **state)
{
	struct parsed parsed;
	const struct publish_list *ports;

	(void)state;
	parse("\"runtimeConfig\":{\"portMappings\":["
	      "{\"HostPort\":8080,\"ContainerPort\":80,\"Protocol\":\"TCP\",\"HostIP\":\"\"},"
	      "{\"hostPort\":8080,\"containerPort\":80},"
	      "{\"hostPort\":8080,\"containerPort\":80,\"hostIP\":\"0.0.0.0\"},"
	      "{\"hostPort\":53,\"containerPort\":5353,\"protocol\":\"udp\",\"hostIP\":\"::1\"},"
	      "{\"hostPort\":9,\"containerPort\":9.0,\"protocol\":\"sctp\",\"hostIP\":\"0.0.0."
	      "0\"},"
	      "{\"hostPort\":0,\"containerPort\":80}]}",
	      &parsed);
	ports = &parsed.config.ports;
	assert_int_equal(ports->count, 3); /* one stood there thrice, and one asks for nothing */
	assert_string_equal(publish_format(&ports->specs[0]).text, "8080:80");
	assert_string_equal(publish_format(&ports->specs[1]).text, "[::1]:53:5353/udp");
	assert_string_equal(publish_format(&ports->specs[2]).text, "0.0.0.0:9:9/sctp");
	parsed_free(&parsed);
}

static void test_addresses_that_are_asked_for(void **state)
{
	struct parsed parsed;

	(void)state;
	parse("\"runtimeConfig\":{\"ips\":[\"10.88.0.7\",\"fd00:88::7/64\"]},"
	      "\"args\":{\"cni\":{\"ips\":[\"10.88.0.9\"]}}",
	      &parsed);
	assert_int_equal(parsed.config.address_count, 2);
	assert_string_equal(prefix_format(&parsed.config.addresses[0]).text, "10.88.0.7/32");
	assert_string_equal(prefix_format(&parsed.config.addresses[1]).text, "fd00:88::7/64");
	parsed_free(&parsed);
	parse("\"args\":{\"cni\":{\"ips\":[\"10.88.0.9\"]}}", &parsed);
	assert_int_equal(parsed.config.address_count, 1);
	parsed_free(&parsed);
	parse("\"ipam\":{\"type\":\"static\"},\"args\":{\"cni\":{\"ips\":[\"x\"]}}", &parsed);
	assert_int_equal(parsed.config.address_count, 0); /* the plugin's business */
	assert_string_equal(parsed.config.ipam_type, "static");
	parsed_free(&parsed);
}

static void test_resolvers(void **state)
{
	struct parsed parsed;
	const json_t *dns;

	(void)state;
	parse("\"dns\":{\"nameservers\":[\"192.0.2.1\"],\"search\":[\"a\"],"
	      "\"domain\":\"d\"},\"runtimeConfig\":{\"dns\":{\"servers\":[\"192.0.2.2\"]}}",
	      &parsed);
	dns = parsed.config.dns;
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(dns, "nameservers"), 0)),
		"192.0.2.2");
	assert_string_equal(json_string_value(json_array_get(json_object_get(dns, "search"), 0)),
			    "a");
	assert_string_equal(json_string_value(json_object_get(dns, "domain")), "d");
	parsed_free(&parsed);
	parse("\"runtimeConfig\":{\"dns\":{\"Servers\":[\"192.0.2.53\"],\"Searches\":[\"s\"],"
	      "\"Options\":[\"o\"]}}", /* containerd */
	      &parsed);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(parsed.config.dns, "nameservers"), 0)),
			    "192.0.2.53");
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(parsed.config.dns, "search"), 0)),
		"s");
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(parsed.config.dns, "options"), 0)),
		"o");
	parsed_free(&parsed);
}

static void test_what_may_stand_there(void **state)
{
	static const char *const keys[] = {
		"\"ipam\":{}",
		"\"ipam\":null",
		"\"hairpinMode\":true,\"bridge\":7",
		"\"capabilities\":{\"portMappings\":true}",
		"\"runtimeConfig\":{\"aliases\":{\"x\":[]}}",
		"\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":0,\"egressBurst\":0}}",
		"\"runtimeConfig\":{\"bandwidth\":{\"ingressBurst\":4294967295}}",
		"\"runtimeConfig\":{\"bandwidth\":null,\"portMappings\":null,\"mac\":\"\"}",
		"\"mode\":\"l2\",\"runtimeConfig\":{\"mac\":\"06:AA:bb:00:00:01\"}",
		"\"prevResult\":{\"ips\":[]}",
		"\"prevResult\":{\"ips\":null,\"routes\":[{}],\"dns\":null}",
		"\"args\":{\"cni\":{\"labels\":[]}}",
		"\"args\":{\"x\":1}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct parsed parsed;

		parse(keys[i], &parsed);
		parsed_free(&parsed);
	}
}

static void test_wrong_values_are_refused_by_name(void **state)
{
	static const struct {
		const char *keys, *part;
	} cases[] = {
		{ "\"mtu\":\"1500\"", "mtu: must be a whole number, and is a string" },
		{ "\"mtu\":1.5", "mtu: must be a whole number, and is a fraction" },
		{ "\"mtu\":-1", "mtu: -1 is out of range" },
		{ "\"mtu\":67", "mtu: MTU 67" },
		{ "\"mtu\":1e300", "mtu: " },
		{ "\"ipMasq\":1", "ipMasq: must be a truth value" },
		{ "\"metadata\":\"off\"", "metadata: must be a truth value" },
		{ "\"device\":\"tap\"", "device: " },
		{ "\"mode\":[]", "mode: must be a string, and is a list" },
		{ "\"subnets\":{}", "subnets: must be a list" },
		{ "\"subnets\":[]", "subnets: " },
		{ "\"subnets\":[7]", "subnets[0]: must be a string" },
		{ "\"subnets\":[\"10.1.0.0/16\",\"10.1.2.0/24\"]", "subnets[1]: " },
		{ "\"subnets\":[{\"subnet\":\"10.1.0.0/24\",\"exclude\":[1]}]", "exclude[0]" },
		{ "\"subnets\":[{\"subnet\":\"10.1.0.0/24\",\"exclude\":[\"x\"]}]", "exclude[0]" },
		{ "\"subnets\":[{\"subnet\":\"10.1.0.0/24\",\"rangeEnd\":\"10.2.0.1\"}]",
		  "rangeEnd" },
		{ "\"subnets\":[{\"subnet\":\"10.1.0.0/24\",\"rangeStart\":\"fd00::1\"}]",
		  "rangeStart" },
		{ "\"subnets\":[\"10.1.0.0/16\"],\"ipam\":{\"type\":\"host-local\"}", "subnets: " },
		{ "\"ipam\":{\"type\":7}", "ipam.type: must be a string" },
		{ "\"ipam\":{\"x\":7}", "ipam: type is missing" },
		{ "\"ipam\":{\"type\":\"..\"}", "ipam: type '..'" },
		{ "\"dns\":{\"search\":\"a\"}", "dns.search: must be a list" },
		{ "\"dns\":{\"search\":[1]}", "dns.search[0]" },
		{ "\"runtimeConfig\":{\"portMappings\":[{\"HOSTPORT\":\"1\"}]}",
		  "runtimeConfig.portMappings[0].hostPort: must be a whole number" },
		{ "\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":65536}]}",
		  "hostPort: 65536 is out of range" },
		{ "\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":-1}]}",
		  "hostPort: -1 is out of range" },
		{ "\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":1,\"containerPort\":1},"
		  "{\"hostPort\":1,\"containerPort\":2}]}",
		  "portMappings[1]: " },
		{ "\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":1,\"containerPort\":2,"
		  "\"protocol\":\"sctp\"}]}",
		  "portMappings[0]: sctp keeps its ports" },
		{ "\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":1,\"containerPort\":1,"
		  "\"hostIP\":\"224.0.0.1\"}]}",
		  "portMappings[0]: 224.0.0.1 is no single host's address" },
		{ "\"runtimeConfig\":{\"ips\":[\"10.88.0.300\"]}", "runtimeConfig.ips[0]: " },
		{ "\"runtimeConfig\":{\"ipRanges\":[{}]}",
		  "runtimeConfig.ipRanges[0]: must be a list" },
		{ "\"runtimeConfig\":{\"ipRanges\":[[]]}", "ipRanges[0]: a set needs a range" },
		{ "\"runtimeConfig\":{\"ipRanges\":[[{\"subnet\":\"10.9.0.0/24\"},"
		  "{\"subnet\":\"fd09::/64\"}]]}",
		  "ipRanges[0]: the ranges of a set are of one family" },
		{ "\"mode\":\"l2\",\"runtimeConfig\":{\"mac\":\"01:00:00:00:00:01\"}", "mac: " },
		{ "\"mode\":\"l2\",\"runtimeConfig\":{\"mac\":\"00:00:00:00:00:00\"}", "mac: " },
		{ "\"mode\":\"l2\",\"runtimeConfig\":{\"mac\":\"06:00:00:00:00:0x\"}", "mac: " },
		{ "\"runtimeConfig\":{\"bandwidth\":{\"egressRate\":-1}}",
		  "bandwidth.egressRate: " },
		{ "\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":\"1M\"}}",
		  "bandwidth.ingressRate: must be a" },
		{ "\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":1000000,\"ingressBurst\":1.5}"
		  "}",
		  "bandwidth.ingressBurst: must be a" },
		{ "\"runtimeConfig\":{\"bandwidth\":{\"EGRESSRATE\":7}}",
		  "bandwidth.egressRate: a rate of 7" },
		{ "\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":999}}",
		  "bandwidth.ingressRate: a rate of 999" },
		{ "\"egressRate\":7", "egressRate: a rate of 7" },
		{ "\"egressBurst\":1000", "egressBurst: a burst of 1k bits needs a rate" },
		{ "\"prevResult\":7", "prevResult: must be an object" },
		{ "\"prevResult\":{\"interfaces\":5}", "prevResult.interfaces: must be a list" },
		{ "\"prevResult\":{\"interfaces\":[1]}", "prevResult.interfaces[0]: must be" },
		{ "\"prevResult\":{\"ips\":{}}", "prevResult.ips: must be a list" },
		{ "\"prevResult\":{\"routes\":\"x\"}", "prevResult.routes: must be a list" },
		{ "\"prevResult\":{\"dns\":7}", "prevResult.dns: must be an object" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_refused(cases[i].keys, CNI_INVALID_CONFIG, cases[i].part);
}

static void test_what_is_not_supported_is_told_with_its_value(void **state)
{
	(void)state;
	check_refused("\"runtimeConfig\":{\"mac\":\"06:00:00:00:00:01\"}", CNI_UNSUPPORTED_FIELD,
		      "runtimeConfig.mac: '06:00:00:00:00:01'");
	check_refused("\"subnets\":[{\"subnet\":\"10.1.0.0/24\",\"gateway\":\"10.1.0.254\"}]",
		      CNI_UNSUPPORTED_FIELD, "subnets[0].gateway: '10.1.0.254'");
}

static void test_many_are_too_many(void **state)
{
	char keys[1000] = "\"runtimeConfig\":{\"ips\":[";

	(void)state;
	for (int i = 0; i < 17; i++)
		(void)snprintf(keys + strlen(keys), sizeof(keys) - strlen(keys), "%s\"10.88.0.%d\"",
			       i ? "," : "", i + 2);
	(void)strcat(keys, "]}");
	check_refused(keys, CNI_INVALID_CONFIG, "more than 16 addresses");
}

static void test_attachments(void **state)
{
	struct cni_request request = request_of(
		"GC",
		HEAD ",\"cni.dev/valid-attachments\":[{\"containerID\":\"a\",\"ifname\":\"e\"}]}");
	struct cni_attachment *list = NULL;
	size_t count = 0;

	(void)state;
	assert_int_equal(cni_config_parse_attachments(&request, &list, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_string_equal(list[0].id, "a");
	assert_string_equal(list[0].ifname, "e");
	free(list);
	cni_request_free(&request);
	request = request_of("GC", HEAD ",\"cni.dev/attachments\":null}");
	assert_int_equal(cni_config_parse_attachments(&request, &list, &count, NULL), 0);
	assert_int_equal(count, 0);
	free(list);
	cni_request_free(&request);
}

static void test_bad_attachments(void **state)
{
	static const char *const inputs[] = {
		HEAD "}",
		HEAD ",\"cni.dev/valid-attachments\":{}}",
		HEAD ",\"cni.dev/valid-attachments\":[7]}",
		HEAD ",\"cni.dev/valid-attachments\":[{\"containerID\":\"a\"}]}",
		HEAD ",\"cni.dev/attachments\":[{\"containerID\":\"a\",\"ifname\":7}]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(inputs); i++) {
		struct cni_request request = request_of("GC", inputs[i]);
		struct cni_attachment *list = NULL;
		struct error err = { 0 };
		size_t count = 0;
		int ret = cni_config_parse_attachments(&request, &list, &count, &err);

		assert_failure(ret, &err, CNI_INVALID_CONFIG, "attachments", inputs[i]);
		cni_request_free(&request);
	}
}

/* Values of every type, at every key that is known and a few that aren't. */
static const char *const known_keys[] = {
	"mtu",           "ipMasq",      "device",     "mode",         "isGateway",  "subnets",
	"subnet",        "ipam",        "type",       "dns",          "search",     "nameservers",
	"runtimeConfig", "ips",         "ipRanges",   "portMappings", "hostPort",   "containerPort",
	"protocol",      "hostIP",      "mac",        "bandwidth",    "args",       "cni",
	"ingressRate",   "egressBurst", "prevResult", "exclude",      "rangeStart", "rangeEnd",
	"gateway",       "metadata",    "unknown",
};

static const char *const known_values[] = {
	"",    "10.1.0.0/24", "10.1.0.7", "fd00::/64",         "veth", "l2",
	"udp", "host-local",  "::",       "06:00:00:00:00:01", "x",    "10.1.0.0/33",
};

static json_t *value_random(unsigned int *seed, int depth)
{
	json_t *value;
	int count = depth ? rand_r(seed) % 4 : 0;

	switch (rand_r(seed) % 8) {
	case 0:
		return json_integer(rand_r(seed) % 3 ? rand_r(seed) % 70000 : -1);
	case 1:
		return json_real(rand_r(seed) / 3.0 * (rand_r(seed) % 2 ? 1 : 1e300));
	case 2:
		return rand_r(seed) % 2 ? json_null() : json_boolean(rand_r(seed) % 2);
	case 3:
	case 4:
		return json_string(known_values[(size_t)rand_r(seed) % ARRAY_SIZE(known_values)]);
	case 5:
		value = json_array();
		while (count--)
			(void)json_array_append_new(value, value_random(seed, depth - 1));
		return value;
	default:
		value = json_object();
		while (count--)
			(void)json_object_set_new(
				value, known_keys[(size_t)rand_r(seed) % ARRAY_SIZE(known_keys)],
				value_random(seed, depth - 1));
		return value;
	}
}

/*
 * Whatever stands in a document, it is taken or refused with words; sanitizers watch.
 * NKCTL_TEST_SEED=N repeats a run.
 */
static void test_random_documents(void **state)
{
	const char *given = getenv("NKCTL_TEST_SEED");
	unsigned int seed =
		given ? (unsigned int)strtoul(given, NULL, 10) : (unsigned int)time(NULL);

	(void)state;
	print_message("# NKCTL_TEST_SEED=%u\n", seed);
	for (int i = 0; i < 20000; i++) {
		struct cni_request request = request_of("ADD", HEAD "}");
		struct cni_attachment *list = NULL;
		struct cni_config config;
		struct error err = { 0 };
		size_t count;
		int ret;

		for (int keys = rand_r(&seed) % 4; keys >= 0; keys--)
			(void)json_object_set_new(
				request.config,
				known_keys[(size_t)rand_r(&seed) % ARRAY_SIZE(known_keys)],
				value_random(&seed, 4));
		ret = cni_config_parse(&request, &config, &err);
		assert_true(ret ? *err.message : !err.code);
		cni_config_free(&config);
		(void)json_object_set_new(request.config, "cni.dev/attachments",
					  value_random(&seed, 3));
		if (!cni_config_parse_attachments(&request, &list, &count, NULL))
			free(list);
		cni_request_free(&request);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_bandwidth),
		cmocka_unit_test(test_simple_keys),
		cmocka_unit_test(test_subnets_and_ranges),
		cmocka_unit_test(test_ranges_of_the_runtime),
		cmocka_unit_test(test_several_ranges_of_a_subnet),
		cmocka_unit_test(test_ports_as_containerd_and_podman_write_them),
		cmocka_unit_test(test_addresses_that_are_asked_for),
		cmocka_unit_test(test_resolvers),
		cmocka_unit_test(test_what_may_stand_there),
		cmocka_unit_test(test_wrong_values_are_refused_by_name),
		cmocka_unit_test(test_what_is_not_supported_is_told_with_its_value),
		cmocka_unit_test(test_many_are_too_many),
		cmocka_unit_test(test_attachments),
		cmocka_unit_test(test_bad_attachments),
		cmocka_unit_test(test_random_documents),
	};

	return cmocka_run_group_tests_name("cni_config", tests, NULL, NULL);
}
