// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What netavark hands over, and what is refused of it: in words on stdout, never by falling over.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>

#include "capture.h"
#include "cni/netavark.h"
#include "core/cleanup.h"
#include "unit.h"

#define SUBNETS "\"subnets\":[{\"subnet\":\"10.89.0.0/24\"}]"
#define NETWORK "\"network\":{\"name\":\"lab\"," SUBNETS "}"

#define SETUP \
	"{\"container_id\":\"c1\"," NETWORK ",\"network_options\":{\"interface_name\":\"eth0\"}"
#define WITH_PORT(keys) SETUP ",\"port_mappings\":[{" keys "}]}"

/* With a container's id of 64 digits and an interface's name of 15 there is room for 168. */
#define NAME_42  "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop"
#define NAME_168 NAME_42 NAME_42 NAME_42 NAME_42
#define NAME_169 NAME_168 "x"

/* What is wrong is found to be the namespace: all else is looked at before. */
#define NO_NAMESPACE "no network namespace"

/* struct call - the program, as netavark starts it. */
struct call {
	const char *verb, *input;
	int status;
};

static void call_run(void *data)
{
	char *argv[] = { "nkctl", NULL, "/run/netns/nk-no-such-namespace", NULL };
	struct call *call = data;

	argv[1] = (char *)call->verb;
	call->status = netavark_run(strcmp(call->verb, "create") ? 3 : 2, argv);
}

/* Return: what it prints; to be freed. */
static json_t *answer_of(struct call *call)
{
	char text[CAPTURE_SIZE];
	int saved = dup(STDIN_FILENO), fd = capture_open();
	json_t *answer;

	if (saved < 0 || write(fd, call->input, strlen(call->input)) < 0 ||
	    lseek(fd, 0, SEEK_SET) || dup2(fd, STDIN_FILENO) < 0)
		err(1, "redirect stdin");
	capture(stdout, call_run, call, text);
	(void)dup2(saved, STDIN_FILENO);
	(void)close(saved);
	(void)close(fd);
	answer = json_loads(text, 0, NULL);
	if (!answer)
		fail_msg("%s of %s: '%s' is no JSON", call->verb, call->input, text);
	return answer;
}

static void check_refused(const char *verb, const char *input, const char *part)
{
	struct call call = { .verb = verb, .input = input };
	json_t *answer = answer_of(&call);
	const char *message = json_string_value(json_object_get(answer, "error"));

	assert_int_equal(call.status, EXIT_FAILURE);
	if (!message || !strstr(message, part))
		fail_msg("%s of %s: '%s', and should be with '%s'", verb, input,
			 message ? message : "", part);
	json_decref(answer);
}

static void test_refused_networks(void **state)
{
	static const struct {
		const char *input, *part;
	} cases[] = {
		{ "", "no JSON object" },
		{ "[]", "no JSON object" },
		{ "{}", "name is missing" },
		{ "{\"name\":\"lab\"}", "a subnet is missing" },
		{ "{\"name\":\"lab\",\"subnets\":7}", "subnets: must be a list" },
		{ "{\"name\":\"lab\",\"subnets\":[null]}", "subnets[0]: must be an object" },
		{ "{\"name\":\"../lab\"," SUBNETS "}", "'../lab'" },
		{ "{\"name\":\"lab\"," SUBNETS ",\"options\":\"x\"}",
		  "options: must be an object" },
		{ "{\"name\":\"lab\"," SUBNETS ",\"options\":{\"mtu\":1400}}",
		  "options.mtu: must" },
		{ "{\"name\":\"lab\"," SUBNETS ",\"options\":{\"x\":\"1\"}}", "option 'x'" },
		{ "{\"name\":\"lab\"," SUBNETS ",\"options\":{\"mtu\":\"\"}}", "'' is no MTU" },
		{ "{\"name\":\"lab\"," SUBNETS ",\"options\":{\"mtu\":\" 1400\"}}",
		  "' 1400' is no MTU" },
		{ "{\"name\":\"lab\"," SUBNETS ",\"routes\":[{\"destination\":"
		  "\"198.51.100.0/24\",\"gateway\":\"10.89.0.7\"}]}",
		  "routes: a container's next hop is the host" },
		{ "{\"name\":\"lab\"," SUBNETS ",\"ipam_options\":{\"driver\":\"dhcp\"}}",
		  "ipam_options: the driver 'dhcp'" },
		{ "{\"name\":\"lab\"," SUBNETS ",\"ipam_options\":{\"driver\":\"none\"}}",
		  "ipam_options: the driver 'none'" },
		{ "{\"name\":\"lab\"," SUBNETS ",\"ipam_options\":{\"driver\":7}}",
		  "ipam_options.driver: must be a string" },
		{ "{\"name\":\"" NAME_169 "\"," SUBNETS "}", "name: " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_refused("create", cases[i].input, cases[i].part);
}

/* Of the document itself there is no path to tell. */
static void test_a_missing_name_is_told_without_a_path(void **state)
{
	struct call call = { .verb = "create", .input = "{}" };
	json_t *answer = answer_of(&call);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(answer, "error")), "name is missing");
	json_decref(answer);
}

#define V6 ",{\"subnet\":\"fd00:89::/64\"}"
#define RANGED(keys)                                                   \
	"{\"name\":\"lab\",\"subnets\":[{\"subnet\":\"10.89.0.0/24\"," \
	"\"lease_range\":{" keys "}}]}"

static void test_families_and_lease_ranges(void **state)
{
	static const char *const taken[] = {
		RANGED("\"start_ip\":\"10.89.0.9\",\"end_ip\":\"10.89.0.9\""),
		RANGED("\"start_ip\":\"10.89.0.9\""),
		RANGED("\"end_ip\":\"10.89.0.9\""),
		"{\"name\":\"lab\",\"ipv6_enabled\":true,\"subnets\":[{\"subnet\":\"10.89.0.0/"
		"24\"}" V6 "]}",
		"{\"name\":\"lab\",\"ipv6_enabled\":false," SUBNETS "}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		struct call call = { .verb = "create", .input = taken[i] };

		json_decref(answer_of(&call));
		assert_int_equal(call.status, EXIT_SUCCESS);
	}
	check_refused("create", RANGED("\"start_ip\":\"10.89.0.9\",\"end_ip\":\"10.89.0.8\""),
		      "subnets[0].lease_range: start_ip is above end_ip");
	check_refused("create", "{\"name\":\"lab\",\"ipv6_enabled\":true," SUBNETS "}",
		      "ipv6_enabled: the network has no IPv6 subnet");
	check_refused("create", "{\"name\":\"lab\",\"ipv6_enabled\":\"yes\"," SUBNETS "}",
		      "ipv6_enabled: must be a truth value");
}

static void test_refused_setups(void **state)
{
	static const struct {
		const char *input, *part;
	} cases[] = {
		{ "{" NETWORK "}", "container id is empty" },
		{ "{\"container_id\":\"c1\"," NETWORK "}", "interface" },
		{ "{\"container_id\":\"c1\"," NETWORK ",\"network_options\":{\"interface_name\":"
		  "\"eth0\",\"static_ips\":\"10.89.0.5\"}}",
		  "static_ips: must be a list" },
		{ "{\"container_id\":\"c1\"," NETWORK ",\"network_options\":{\"interface_name\":"
		  "\"eth0\"},\"port_mappings\":{}}",
		  "port_mappings: must be a list" },
		{ WITH_PORT("\"host_port\":1,\"container_port\":2,\"protocol\":\"sctp\""),
		  "sctp keeps its ports" },
		{ WITH_PORT("\"host_port\":1,\"container_port\":1,\"host_ip\":\"224.0.0.1\""),
		  "224.0.0.1 is no single host's address" },
		{ WITH_PORT("\"host_port\":1,\"container_port\":1,\"protocol\":\"tcp,tcp\"},"
			    "{\"host_port\":1,\"container_port\":1"),
		  NO_NAMESPACE },
		{ WITH_PORT("\"host_port\":1,\"container_port\":1},{\"host_port\":1,"
			    "\"container_port\":2"),
		  "overlap" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_refused("setup", cases[i].input, cases[i].part);
}

/* As a CNI configuration is: is_valid_ether_addr(). */
static void test_refused_mac_addresses(void **state)
{
	static const char *const macs[] = { "01:00:5e:00:00:01", "00:00:00:00:00:00",
					    "ff:ff:ff:ff:ff:ff", "06:00:00:00:00", "x" };
	char input[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(macs); i++) {
		(void)snprintf(input, sizeof(input),
			       "{\"container_id\":\"c1\",\"network\":{\"name\":\"lab\"," SUBNETS
			       ",\"options\":{\"mode\":\"l2\"}},\"network_options\":{"
			       "\"interface_name\":\"eth0\",\"static_mac\":\"%s\"}}",
			       macs[i]);
		check_refused("setup", input, "is no interface's MAC address");
	}
}

static void test_refused_setups_of_a_network_that_cannot_be(void **state)
{
	(void)state;
	check_refused("setup",
		      "{\"container_id\":\"c1\",\"network\":{\"name\":\"lab\"," SUBNETS
		      ",\"routes\":[{}]},\"network_options\":{\"interface_name\":\"eth0\"}}",
		      "network.routes: ");
	check_refused("setup",
		      "{\"container_id\":\"c1\"," NETWORK ",\"network_options\":{"
		      "\"interface_name\":\"eth0\",\"options\":{\"vrf\":\"x\"}}}",
		      "network_options.options: 'vrf'");
	check_refused("setup",
		      "{\"container_id\":\"c1\",\"network\":{\"name\":\"lab\"," SUBNETS
		      ",\"routes\":[],\"ipam_options\":{\"driver\":\"host-local\"}},"
		      "\"network_options\":{\"interface_name\":\"eth0\",\"options\":{}}}",
		      NO_NAMESPACE);
}

static void test_create_takes_the_longest_name(void **state)
{
	struct call call = { .verb = "create", .input = "{\"name\":\"" NAME_168 "\"," SUBNETS "}" };
	json_t *answer = answer_of(&call);

	(void)state;
	assert_int_equal(call.status, EXIT_SUCCESS);
	json_decref(answer);
}

static void test_create_fills_in(void **state)
{
	struct call call = { .verb = "create", .input = "{\"name\":\"lab\"," SUBNETS "}" };
	json_t *answer = answer_of(&call);
	const json_t *subnet = json_array_get(json_object_get(answer, "subnets"), 0);

	(void)state;
	assert_int_equal(call.status, EXIT_SUCCESS);
	assert_string_equal(json_string_value(json_object_get(subnet, "gateway")), "10.89.0.1");
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_networks),
		cmocka_unit_test(test_a_missing_name_is_told_without_a_path),
		cmocka_unit_test(test_families_and_lease_ranges),
		cmocka_unit_test(test_refused_setups),
		cmocka_unit_test(test_refused_mac_addresses),
		cmocka_unit_test(test_refused_setups_of_a_network_that_cannot_be),
		cmocka_unit_test(test_create_takes_the_longest_name),
		cmocka_unit_test(test_create_fills_in),
	};

	return cmocka_run_group_tests_name("netavark", tests, NULL, NULL);
}
