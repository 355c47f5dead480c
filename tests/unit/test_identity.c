// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who an endpoint is: which names are taken, and what is made of them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "model/identity.h"
#include "unit.h"

#define NAME_31   "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
#define ID_48     "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii"
#define ID_191    ID_48 ID_48 ID_48 "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii"
#define IFNAME_15 "eeeeeeeeeeeeeee"

static struct identity identity_of(const char *network, const char *id, const char *ifname)
{
	struct identity identity;

	if (identity_init(&identity, network, id, ifname, NULL))
		fail_msg("%s/%s/%s should be an identity", network, id, ifname);
	return identity;
}

static void test_takes_every_valid_name(void **state)
{
	static const char *const names[] = { "a", "A", "0", "a.b", "a_b", "a-b", "a..", "9-" };
	static const char *const ifnames[] = { "e",        "all0",   "default.1", "eth0",
					       "eth0.100", "-",      "...",       "@",
					       "a\\b",     "veth-x", IFNAME_15 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)identity_of(names[i], names[i], "eth0");
	for (size_t i = 0; i < ARRAY_SIZE(ifnames); i++)
		(void)identity_of("default", "ctr1", ifnames[i]);
	(void)identity_of(NAME_31, ID_191, IFNAME_15);
}

/* The error names what is wrong with which name, and the output is as before. */
static void check_rejected(const char *network, const char *id, const char *ifname,
			   const char *message_part)
{
	struct identity identity, untouched;
	struct error err = { 0 };

	memset(&untouched, 0x55, sizeof(untouched));
	identity = untouched;
	if (identity_init(&identity, network, id, ifname, &err) != -EINVAL)
		fail_msg("'%s' '%s' '%s' should be rejected", network, id, ifname);
	assert_int_equal(err.code, -EINVAL);
	if (!strstr(err.message, message_part))
		fail_msg("\"%s\" should say \"%s\"", err.message, message_part);
	assert_memory_equal(&identity, &untouched, sizeof(identity));
}

static void test_rejects_every_invalid_name(void **state)
{
	static const char *const names[] = { ".",    "..",    "-",   "_",   ".a",  "-a",
					     "a/b",  "a b",   "a\n", "a:b", "a\t", "a,b",
					     "\xc3", "a\xe4", "a%s", "$x" };

	(void)state;
	check_rejected("", "ctr1", "eth0", "network name is empty");
	check_rejected("default", "", "eth0", "container id is empty");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		check_rejected(names[i], "ctr1", "eth0", "network name '");
		check_rejected("default", names[i], "eth0", "container id '");
	}
}

/* An alias holds 255 characters: 247 without "nkctl:" and the slashes. */
static void test_rejects_what_no_alias_holds(void **state)
{
	static const char *const message = "more than 247 characters together";

	(void)state;
	(void)identity_of(NAME_31, ID_191 "0123456789", IFNAME_15);
	check_rejected(NAME_31, ID_191 "0123456789a", IFNAME_15, message);
	(void)identity_of(ID_191 "0123456789", NAME_31, IFNAME_15);
	check_rejected(ID_191 "0123456789a", NAME_31, IFNAME_15, message);
	check_rejected(ID_191 ID_191, "c", "e", message);
	check_rejected("n", ID_191 ID_191, "e", message);
}

static void test_names_of_added_networks_are_short(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(network_name_check(NAME_31, NULL), 0);
	assert_int_equal(network_name_check(NAME_31 "n", &err), -EINVAL);
	assert_non_null(strstr(err.message, "longer than 31"));
}

static void test_a_primarys_name_has_the_hash(void **state)
{
	struct identity identity = identity_of("lab", "web.1", "net0");
	char name[IF_NAMESIZE];
	uint64_t hash;

	(void)state;
	identity_device_name(&identity, name);
	assert_int_equal(identity_device_hash(name, &hash), 0);
	assert_int_equal(hash, identity_hash(&identity) & 0xffffffffffff);
	assert_int_equal(identity_device_hash("nk0123456789a", &hash), -EINVAL);
	assert_int_equal(identity_device_hash("nk0123456789ag", &hash), -EINVAL);
	assert_int_equal(identity_device_hash("eth0", &hash), -EINVAL);
}

static void test_rejects_every_invalid_ifname(void **state)
{
	static const char *const ifnames[] = {
		"all", "default", "eth%d", "%",           "",     ".",      "..",      "a/b", "a:b",
		"a b", "a\tb",    "a\n",   IFNAME_15 "e", "\x7f", "\x1b[m", "\xc3\xa4"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ifnames); i++)
		check_rejected("default", "ctr1", ifnames[i], "can't be an interface's name");
}

static void test_alias_is_the_identity_in_full(void **state)
{
	struct identity identity = identity_of("lab", "web.1", "net0");
	char alias[IDENTITY_ALIAS_SIZE];

	(void)state;
	identity_alias(&identity, alias);
	assert_string_equal(alias, "nkctl:lab/web.1/net0");
	identity.maker = IDENTITY_BY_CNI;
	identity_alias(&identity, alias);
	assert_string_equal(alias, "nkcni:lab/web.1/net0");
}

static void test_the_maker_is_no_part_of_the_name(void **state)
{
	struct identity person = identity_of("lab", "web.1", "net0"), runtime = person, read;
	char alias[IDENTITY_ALIAS_SIZE];

	(void)state;
	runtime.maker = IDENTITY_BY_CNI;
	assert_true(identity_equal(&person, &runtime));
	assert_true(identity_hash(&person) == identity_hash(&runtime));
	identity_alias(&runtime, alias);
	assert_int_equal(identity_from_alias(alias, &read), 0);
	assert_int_equal(read.maker, IDENTITY_BY_CNI);
}

static void test_alias_round_trip(void **state)
{
	static const char *const names[][3] = {
		{ "default", "ctr1", "eth0" },
		{ "a", "b", "c" },
		{ "a.b-c_d", "pid-4711", "eth0.100" },
		{ NAME_31, ID_191, IFNAME_15 },
		{ ID_191 "0123456789", NAME_31, IFNAME_15 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct identity identity = identity_of(names[i][0], names[i][1], names[i][2]);
		struct identity read;
		char alias[IDENTITY_ALIAS_SIZE];

		identity_alias(&identity, alias);
		assert_int_equal(identity_from_alias(alias, &read), 0);
		assert_true(identity_equal(&identity, &read));
		assert_memory_equal(&identity, &read, sizeof(read));
	}
}

static void test_foreign_aliases_are_rejected(void **state)
{
	static const char *const aliases[] = {
		"",
		"nkctl",
		"nkctl:",
		"nkctl:default",
		"nkctl:default/ctr1",
		"nkctl:default/ctr1/",
		"nkctl:/ctr1/eth0",
		"nkctl:default//eth0",
		"nkctl:default/ctr1/eth0/",
		"nkctl:default/ctr1/eth0/x",
		"nkctl:default/ctr1/..",
		"nkctl:def ault/ctr1/eth0",
		"nkctl:default/ctr1/eth0\n",
		"nkctl: default/ctr1/eth0",
		" nkctl:default/ctr1/eth0",
		"NKCTL:default/ctr1/eth0",
		"uplink to the core switch",
		"nkctl:default/" ID_191 ID_48 "i/eth0",
		"nkctl:" ID_191 ID_191 "/ctr1/eth0", /* longer than the kernel keeps */
	};
	struct identity identity, untouched;

	(void)state;
	memset(&untouched, 0x55, sizeof(untouched));
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		identity = untouched;
		if (identity_from_alias(aliases[i], &identity) != -EINVAL)
			fail_msg("'%s' should be foreign", aliases[i]);
		assert_memory_equal(&identity, &untouched, sizeof(identity));
	}
}

static void test_equal_looks_at_all_three_names(void **state)
{
	struct identity identity = identity_of("a", "b", "c"), same = identity_of("a", "b", "c");
	struct identity other[] = { identity_of("x", "b", "c"), identity_of("a", "x", "c"),
				    identity_of("a", "b", "x") };

	(void)state;
	assert_true(identity_equal(&identity, &same));
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		assert_false(identity_equal(&identity, &other[i]));
}

/*
 * Device names and MAC addresses outlive a build: an upgraded nkctl must find what an older one
 * attached. The figures are FNV-1a of the alias, worked out by another program.
 */
static void test_device_name_and_mac_stay_the_same(void **state)
{
	static const struct {
		const char *network, *id, *ifname;
		uint64_t hash;
		const char *device;
		uint8_t mac[NK_ETH_ALEN];
	} cases[] = {
		{ "default",
		  "ctr1",
		  "eth0",
		  0x5f73081186d39055,
		  "nk081186d39055",
		  { 0x06, 0x55, 0x90, 0xd3, 0x86, 0x11 } },
		{ "default",
		  "ctr2",
		  "eth0",
		  0xd8456178c28af0f2,
		  "nk6178c28af0f2",
		  { 0x06, 0xf2, 0xf0, 0x8a, 0xc2, 0x78 } },
		{ "lab",
		  "web.1",
		  "net0",
		  0x2ee06a1c5c057cd6,
		  "nk6a1c5c057cd6",
		  { 0x06, 0xd6, 0x7c, 0x05, 0x5c, 0x1c } },
		{ NAME_31,
		  ID_191,
		  IFNAME_15,
		  0xe3450c12047bc8c7,
		  "nk0c12047bc8c7",
		  { 0x06, 0xc7, 0xc8, 0x7b, 0x04, 0x12 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct identity identity =
			identity_of(cases[i].network, cases[i].id, cases[i].ifname);
		uint8_t mac[NK_ETH_ALEN];
		char device[IF_NAMESIZE];

		identity_device_name(&identity, device);
		identity_mac(&identity, mac);
		assert_int_equal(identity_hash(&identity), cases[i].hash);
		assert_string_equal(device, cases[i].device);
		assert_memory_equal(mac, cases[i].mac, NK_ETH_ALEN);
	}
}

static void test_macs_are_unicast_local_and_not_the_gateways(void **state)
{
	static const uint8_t gateway[NK_ETH_ALEN] = NK_GATEWAY_MAC;
	uint8_t mac[NK_ETH_ALEN];
	char id[16];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		struct identity identity;

		(void)snprintf(id, sizeof(id), "ctr%d", i);
		identity = identity_of("default", id, "eth0");
		identity_mac(&identity, mac);
		assert_int_equal(mac[0] & 0x01, 0);    /* not multicast */
		assert_int_equal(mac[0] & 0x02, 0x02); /* locally administered */
		assert_memory_not_equal(mac, gateway, NK_ETH_ALEN);
	}
}

static void test_device_names_fit_and_differ(void **state)
{
	static char names[2000][IF_NAMESIZE];
	char id[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct identity identity;

		(void)snprintf(id, sizeof(id), "ctr%zu", i);
		identity = identity_of("default", id, "eth0");
		identity_device_name(&identity, names[i]);
		assert_int_equal(strlen(names[i]), 14);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	}
}

static void test_id_from_namespace(void **state)
{
	static const struct {
		const char *ns, *id;
	} cases[] = {
		{ "ctr1", "ctr1" },
		{ "/run/netns/ctr1", "ctr1" },
		{ "./ctr1", "ctr1" },
		{ "/ctr1", "ctr1" },
		{ "pid:4711", "pid-4711" },
		{ "/proc/4711/ns/net", "pid-4711" },
		{ "/proc/4711/ns/network", "network" },
		{ ID_191, ID_191 },
		{ "/run/netns/" ID_191, ID_191 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char id[IDENTITY_ID_SIZE];

		assert_int_equal(identity_id_from_ns(cases[i].ns, id, NULL), 0);
		assert_string_equal(id, cases[i].id);
	}
}

static void check_no_id(const char *ns, const char *words)
{
	char id[IDENTITY_ID_SIZE] = "untouched";
	struct error err = { 0 };

	if (identity_id_from_ns(ns, id, &err) != -EINVAL)
		fail_msg("'%s' should make no id", ns);
	assert_non_null(strstr(err.message, words));
	assert_string_equal(id, "untouched");
}

static void test_namespaces_that_make_no_id(void **state)
{
	static const char *const namespaces[] = {
		"/",
		"/run/netns/",
		"-x",
		"a b",
		"ctr\x1b[2J",
		ID_191 ID_48 "012345678",
		"/run/netns/" ID_191 ID_48 "012345678",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		check_no_id(namespaces[i], "give --id");
}

static void test_what_names_no_namespace_needs_no_id(void **state)
{
	static const char *const namespaces[] = {
		"", ".", "..", "pid:", "pid:abc", "pid:-1", "pid:4 2", "pid:" ID_191,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		check_no_id(namespaces[i], "names no network namespace");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_takes_every_valid_name),
		cmocka_unit_test(test_rejects_every_invalid_name),
		cmocka_unit_test(test_rejects_what_no_alias_holds),
		cmocka_unit_test(test_names_of_added_networks_are_short),
		cmocka_unit_test(test_a_primarys_name_has_the_hash),
		cmocka_unit_test(test_rejects_every_invalid_ifname),
		cmocka_unit_test(test_alias_is_the_identity_in_full),
		cmocka_unit_test(test_the_maker_is_no_part_of_the_name),
		cmocka_unit_test(test_alias_round_trip),
		cmocka_unit_test(test_foreign_aliases_are_rejected),
		cmocka_unit_test(test_equal_looks_at_all_three_names),
		cmocka_unit_test(test_device_name_and_mac_stay_the_same),
		cmocka_unit_test(test_macs_are_unicast_local_and_not_the_gateways),
		cmocka_unit_test(test_device_names_fit_and_differ),
		cmocka_unit_test(test_id_from_namespace),
		cmocka_unit_test(test_namespaces_that_make_no_id),
		cmocka_unit_test(test_what_names_no_namespace_needs_no_id),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
