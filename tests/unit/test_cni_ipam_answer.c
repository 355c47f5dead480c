// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a delegated plugin answers: taken, or refused with the reason. */
#include "cni.h"
#include "cni/ipam_answer.h"
#include "core/cleanup.h"

#define IPS "\"ips\":[{\"address\":\"10.96.0.5/24\"}]"

static int answer_read(const char *text, struct error *err)
{
	struct cni_result result;
	json_t *answer = NULL;
	int ret = ipam_answer_read("mine", text, strlen(text), &answer, &result, err);

	json_decref(answer);
	return ret;
}

static void check_taken(const char *text)
{
	struct error err = { 0 };

	if (answer_read(text, &err))
		fail_msg("%s: %s", text, err.message);
}

static void check_refused(const char *text, int code, const char *part)
{
	struct error err = { 0 };
	int ret = answer_read(text, &err);

	assert_failure(ret, &err, code, part, text);
}

static const char *with_address(const char *address)
{
	static char text[128];

	(void)snprintf(text, sizeof(text), "{\"ips\":[{\"address\":\"%s\"}]}", address);
	return text;
}

/* Whatever others hold to be reserved: clouds give addresses of 240.0.0.0/4 to containers. */
static void test_addresses_that_a_host_can_have(void **state)
{
	static const char *const addresses[] = { "10.96.0.0/24",    "10.96.0.5/32",
						 "169.254.0.5/16",  "240.0.0.5/24",
						 "255.255.255.254", "fd00::5/64",
						 "2001:db8::/64",   "64:ff9b::5/96" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		check_taken(with_address(addresses[i]));
}

static void test_addresses_that_no_host_can_have(void **state)
{
	static const char *const addresses[] = {
		"0.0.0.0/24",         "0.1.2.3/8", "127.0.0.5/8", "224.0.0.5/8", "239.1.2.3/32",
		"255.255.255.255/24", "::/64",     "::1/64",      "fe80::5/64",  "ff02::5/64"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		check_refused(with_address(addresses[i]), CNI_FAILED,
			      "answer of the ipam plugin mine: address ");
	check_refused(with_address("224.0.0.5/8"), CNI_FAILED,
		      "address 224.0.0.5 can't be a container's: 224.0.0.0/4 is never routed");
}

static void test_metrics_of_routes(void **state)
{
	(void)state;
	check_taken("{" IPS ",\"routes\":[{\"dst\":\"0.0.0.0/0\",\"mtu\":65535,\"advmss\":65535,"
		    "\"priority\":4294967295,\"table\":4294967295}]}");
	check_refused("{" IPS ",\"routes\":[{\"dst\":\"10.1.0.0/16\",\"mtu\":4294967295}]}",
		      CNI_FAILED, "mine: route to 10.1.0.0/16: mtu 4294967295 is above 65535");
	check_refused("{" IPS ",\"routes\":[{\"dst\":\"::/0\"},{\"dst\":\"::/0\",\"mtu\":65536}]}",
		      CNI_FAILED, "route to ::/0: mtu 65536 is above 65535");
	check_refused("{" IPS ",\"routes\":[{\"dst\":\"::/0\",\"advmss\":65536}]}", CNI_FAILED,
		      "route to ::/0: advmss 65536 is above 65535");
}

/* An exit status of 0 makes no result of an error. */
static void test_failures_with_success(void **state)
{
	(void)state;
	check_refused("{\"code\":11,\"msg\":\"busy\",\"details\":\"later\"}", CNI_TRY_AGAIN,
		      "ipam plugin mine: busy: later");
	check_refused("{\"ips\":[],\"code\":0,\"msg\":\"none left\"}", CNI_FAILED,
		      "ipam plugin mine: none left");
	check_refused("{\"code\":7}", CNI_FAILED, "it gave no address");
	check_refused("{\"msg\":7}", CNI_FAILED, "it gave no address");
	check_taken("{" IPS ",\"code\":7,\"msg\":\"a key that isn't known\"}");
}

/*
 * The answer with a number of members in one of its lists, each with its number between @begin and
 * @end: of two lists of a name the last counts.
 */
static const char *with_many(const char *list, const char *begin, const char *end, size_t count)
{
	static char text[8192];
	size_t used = (size_t)snprintf(text, sizeof(text), "{" IPS ",\"%s\":[", list);

	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%zu%s",
					 i ? "," : "", begin, i + 1, end);
	(void)snprintf(text + used, sizeof(text) - used, "]}");
	return text;
}

static const char *with_addresses(size_t count)
{
	return with_many("ips", "{\"address\":\"10.96.0.", "/24\"}", count);
}

static const char *with_routes(size_t count)
{
	return with_many("routes", "{\"dst\":\"10.", ".0.0/16\"}", count);
}

static void test_too_many(void **state)
{
	(void)state;
	check_taken(with_addresses(NK_ENDPOINT_ADDRESSES_MAX));
	check_refused(with_addresses(NK_ENDPOINT_ADDRESSES_MAX + 1), CNI_FAILED,
		      "mine: it gave more than 16 addresses");
	check_refused(with_addresses(CNI_IPS_MAX + 1), CNI_FAILED, "more than 64");
	check_refused("{\"ips\":[{\"address\":\"10.96.0.5/24\"},{\"address\":\"10.96.0.5/16\"}]}",
		      CNI_FAILED, "mine: it gave the address 10.96.0.5 twice");
	check_refused(with_address("10.96.0.5/0"), CNI_FAILED, "leaves no network");
	check_taken(with_routes(ENDPOINT_ROUTES_MAX));
	check_refused(with_routes(ENDPOINT_ROUTES_MAX + 1), CNI_FAILED,
		      "mine: routes: more than 64 routes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_that_a_host_can_have),
		cmocka_unit_test(test_addresses_that_no_host_can_have),
		cmocka_unit_test(test_metrics_of_routes),
		cmocka_unit_test(test_failures_with_success),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests_name("cni_ipam_answer", tests, NULL, NULL);
}
