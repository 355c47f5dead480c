// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Networks: which subnets and MTUs make sense, and what they overlap with. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/cleanup.h"
#include "model/network.h"
#include "unit.h"

static int add(struct nk_network *network, const char *text, struct error *err)
{
	struct prefix prefix = prefix_of(text);

	return network_add_subnet(network, &prefix, err);
}

static struct nk_network network_of(const char *subnet_a, const char *subnet_b)
{
	struct nk_network network = { 0 };

	assert_int_equal(add(&network, subnet_a, NULL), 0);
	if (subnet_b)
		assert_int_equal(add(&network, subnet_b, NULL), 0);
	return network;
}

static void assert_subnet(const struct nk_subnet *subnet, const char *expected)
{
	struct prefix prefix = subnet_prefix(subnet);

	assert_string_equal(prefix_format(&prefix).text, expected);
}

static void test_default_has_one_subnet_of_each_family(void **state)
{
	struct nk_network network;

	(void)state;
	memset(&network, 0xff, sizeof(network));
	network_default(&network);
	assert_int_equal(network.subnet_count, 2);
	assert_subnet(&network.subnets[0], "10.88.0.0/16");
	assert_subnet(&network.subnets[1], "fd00:88::/64");
	assert_int_equal(network.mtu, 0);
	assert_int_equal(network.mode, NK_MODE_L3);
	assert_int_equal(network.device, NK_DEVICE_AUTO);
	assert_int_equal(network.masquerade, NK_MASQUERADE_AUTO);
	assert_true(network_has_family(&network, AF_INET));
	assert_true(network_has_family(&network, AF_INET6));
}

/* A subnet is the key of a map: what isn't used must be zero. */
static void test_subnets_are_zero_where_unused(void **state)
{
	static const struct nk_subnet expected = { AF_INET, 24, { 0, 0 }, { 192, 0, 2 } };
	struct nk_network network = network_of("192.0.2.0/24", NULL);

	(void)state;
	assert_memory_equal(&network.subnets[0], &expected, sizeof(expected));
}

static void test_lengths(void **state)
{
	static const struct {
		const char *subnet;
		int ret;
	} cases[] = {
		{ "10.0.0.0/8", 0 },        { "10.0.0.0/30", 0 },       { "10.0.0.0/7", -EINVAL },
		{ "0.0.0.0/0", -EINVAL },   { "10.0.0.0/31", -EINVAL }, /* no address besides base
									   and gateway */
		{ "10.0.0.0/32", -EINVAL }, { "fd00::/8", 0 },          { "fd00::/126", 0 },
		{ "::/0", -EINVAL },        { "fc00::/7", -EINVAL },    { "fd00::/127", -EINVAL },
		{ "fd00::/128", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nk_network network = { 0 };

		if (add(&network, cases[i].subnet, NULL) != cases[i].ret)
			fail_msg("%s should give %d", cases[i].subnet, cases[i].ret);
		assert_int_equal(network.subnet_count, cases[i].ret ? 0 : 1);
	}
}

static void test_host_bits_are_told_with_the_right_subnet(void **state)
{
	struct nk_network network = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(add(&network, "10.88.0.1/16", &err), -EINVAL);
	assert_non_null(strstr(err.message, "did you mean 10.88.0.0/16?"));
	assert_int_equal(add(&network, "fd00:88::8000:0:0:0/64", &err), -EINVAL);
	assert_non_null(strstr(err.message, "did you mean fd00:88::/64?"));
	assert_int_equal(network.subnet_count, 0);
}

/* A container can't live on addresses that are never on a wire, or on no one link. */
static void test_subnets_must_be_of_unicast_addresses(void **state)
{
	static const char *const subnets[] = {
		"0.0.0.0/8",      "0.1.0.0/16",     "127.0.0.0/8",       "127.8.0.0/16",
		"169.254.0.0/16", "169.254.7.0/24", "169.0.0.0/8",       "224.0.0.0/8",
		"239.1.0.0/16",   "240.0.0.0/8",    "255.255.255.0/24",  "ff00::/8",
		"ff02::/64",      "fe80::/64",      "fe80::/10",         "fe00::/8",
		"::/64",          "::/126",         "::ffff:0.0.0.0/96",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(subnets); i++) {
		struct nk_network network = { 0 };
		struct error err = { 0 };

		if (add(&network, subnets[i], &err) != -EINVAL)
			fail_msg("%s should be no subnet for containers", subnets[i]);
		assert_non_null(strstr(err.message, subnets[i]));
	}
}

static void test_overlap_inside_a_network_is_refused(void **state)
{
	struct nk_network network = network_of("10.88.0.0/16", "fd00:88::/64");
	struct error err = { 0 };

	(void)state;
	assert_int_equal(add(&network, "10.88.7.0/24", &err), -EEXIST);
	assert_non_null(strstr(err.message, "10.88.0.0/16 and 10.88.7.0/24 overlap"));
	assert_int_equal(add(&network, "10.0.0.0/8", NULL), -EEXIST);
	assert_int_equal(add(&network, "fd00:88::/64", NULL), -EEXIST);
	assert_int_equal(network.subnet_count, 2);
	assert_int_equal(add(&network, "10.89.0.0/16", NULL), 0);
}

static void test_subnets_are_counted(void **state)
{
	struct nk_network network = { 0 };
	struct error err = { 0 };
	char text[PREFIX_TEXT_SIZE];

	(void)state;
	for (int i = 0; i < NK_NETWORK_SUBNETS_MAX; i++) {
		(void)snprintf(text, sizeof(text), "10.%d.0.0/16", i);
		assert_int_equal(add(&network, text, NULL), 0);
	}
	assert_int_equal(add(&network, "10.200.0.0/16", &err), -E2BIG);
	assert_non_null(strstr(err.message, "at most 8 subnets"));
	assert_int_equal(network.subnet_count, NK_NETWORK_SUBNETS_MAX);
}

static void test_gateway_is_the_first_host(void **state)
{
	static const struct {
		const char *subnet, *gateway;
	} cases[] = {
		{ "10.88.0.0/16", "10.88.0.1" },
		{ "192.0.2.252/30", "192.0.2.253" },
		{ "fd00:88::/64", "fd00:88::1" },
		{ "2001:db8::fffc/126", "2001:db8::fffd" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nk_network network = network_of(cases[i].subnet, NULL);
		struct addr gateway = subnet_gateway(&network.subnets[0]);

		assert_addr(&gateway, cases[i].gateway);
	}
}

static void test_subnet_of_an_address(void **state)
{
	struct nk_network network = network_of("10.88.0.0/16", "fd00:88::/64");
	struct addr v4 = addr_of("10.88.255.255"), v6 = addr_of("fd00:88::ffff");
	struct addr outside[] = { addr_of("10.89.0.0"), addr_of("fd00:88:0:1::"), addr_of("::") };

	(void)state;
	assert_ptr_equal(network_subnet_of(&network, &v4), &network.subnets[0]);
	assert_ptr_equal(network_subnet_of(&network, &v6), &network.subnets[1]);
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++)
		assert_null(network_subnet_of(&network, &outside[i]));
}

static void test_has_family(void **state)
{
	struct nk_network v4 = network_of("10.88.0.0/16", NULL), none = { 0 };
	struct nk_network v6 = network_of("fd00:88::/64", NULL);

	(void)state;
	assert_true(network_has_family(&v4, AF_INET));
	assert_false(network_has_family(&v4, AF_INET6));
	assert_true(network_has_family(&v6, AF_INET6));
	assert_false(network_has_family(&v6, AF_INET));
	assert_false(network_has_family(&none, AF_INET));
}

static void test_overlap_of_networks_names_the_subnet(void **state)
{
	struct nk_network network = network_of("10.88.0.0/16", "fd00:88::/64");
	struct nk_network apart = network_of("10.89.0.0/16", "fd00:89::/64");
	struct nk_network inside = network_of("192.0.2.0/24", "fd00:88::8000:0:0:0/65");
	struct nk_network around = network_of("10.0.0.0/8", NULL), none = { 0 };

	(void)state;
	assert_null(network_overlap(&network, &apart));
	assert_null(network_overlap(&network, &none));
	assert_null(network_overlap(&none, &network));
	assert_ptr_equal(network_overlap(&network, &network), &network.subnets[0]);
	assert_ptr_equal(network_overlap(&network, &inside), &network.subnets[1]);
	assert_ptr_equal(network_overlap(&inside, &network), &inside.subnets[1]);
	assert_ptr_equal(network_overlap(&network, &around), &network.subnets[0]);
}

static void test_mtu_bounds(void **state)
{
	static const struct {
		uint32_t mtu;
		bool with_v6;
		int ret;
	} cases[] = {
		{ 0, false, -EINVAL },     { 67, false, -EINVAL },        { 68, false, 0 },
		{ 1279, false, 0 },        { 1279, true, -EINVAL },       { 1280, true, 0 },
		{ 1500, true, 0 },         { 65535, false, 0 },           { 65535, true, 0 },
		{ 65536, false, -EINVAL }, { UINT32_MAX, true, -EINVAL },
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (mtu_check(cases[i].mtu, cases[i].with_v6, &err) != cases[i].ret)
			fail_msg("MTU %u, IPv6 %d should give %d", cases[i].mtu, cases[i].with_v6,
				 cases[i].ret);
	assert_int_equal(mtu_check(67, false, &err), -EINVAL);
	assert_non_null(strstr(err.message, "67 is out of range: 68 to 65535"));
	assert_int_equal(mtu_check(68, true, &err), -EINVAL);
	assert_non_null(strstr(err.message, "1280 to 65535 with IPv6"));
}

static void test_modes_parse_as_they_print(void **state)
{
	static const enum nk_mode modes[] = { NK_MODE_L3, NK_MODE_L2 };
	static const char *const strangers[] = { "", "L3", "l3 ", "l4", "l" };
	enum nk_mode mode = (enum nk_mode)77;
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
		assert_int_equal(mode_parse(strangers[i], &mode, &err), -EINVAL);
	assert_int_equal(mode, 77);
	assert_string_equal(err.message, "mode 'l' is neither l3 nor l2");
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(mode_parse(mode_name(modes[i]), &mode, NULL), 0);
		assert_int_equal(mode, modes[i]);
	}
}

static void test_devices_parse_as_they_print(void **state)
{
	static const enum nk_device devices[] = { NK_DEVICE_AUTO, NK_DEVICE_NETKIT,
						  NK_DEVICE_VETH };
	static const char *const strangers[] = { "", "Veth", "veth0", "bridge" };
	enum nk_device device = (enum nk_device)77;
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
		assert_int_equal(device_parse(strangers[i], &device, &err), -EINVAL);
	assert_int_equal(device, 77);
	assert_string_equal(err.message, "device 'bridge' is none of auto, netkit and veth");
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		assert_int_equal(device_parse(device_name(devices[i]), &device, NULL), 0);
		assert_int_equal(device, devices[i]);
	}
}

static void test_auto_masquerades_private_addresses(void **state)
{
	static const char *const private[] = {
		"10.0.0.0",    "10.255.255.255", "172.16.0.0",      "172.31.255.255",
		"192.168.0.0", "192.168.255.1",  "100.64.0.0",      "100.127.255.255",
		"fc00::",      "fd00:88::2",     "fdff:ffff::ffff",
	};
	static const char *const public[] = {
		"9.255.255.255", "11.0.0.0",        "172.15.255.255", "172.32.0.0",
		"192.167.0.1",   "192.169.0.0",     "100.63.255.255", "100.128.0.0",
		"198.51.100.7",  "fbff:ffff::ffff", "fe00::",         "2001:db8::1",
		"::ffff:a00:1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(private); i++) {
		struct addr addr = addr_of(private[i]);

		if (!masquerade_applies(NK_MASQUERADE_AUTO, &addr))
			fail_msg("%s is private", private[i]);
		assert_false(masquerade_applies(NK_MASQUERADE_OFF, &addr));
	}
	for (size_t i = 0; i < ARRAY_SIZE(public); i++) {
		struct addr addr = addr_of(public[i]);

		if (masquerade_applies(NK_MASQUERADE_AUTO, &addr))
			fail_msg("%s isn't private", public[i]);
		assert_true(masquerade_applies(NK_MASQUERADE_ON, &addr));
	}
}

static void test_a_subnet_may_have_private_addresses(void **state)
{
	struct nk_network private = network_of("172.0.0.0/8", "fd00:88::/64");
	struct nk_network public = network_of("198.51.100.0/24", "2001:db8::/64");

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_true(masquerade_may_apply(NK_MASQUERADE_AUTO, &private.subnets[i]));
		assert_false(masquerade_may_apply(NK_MASQUERADE_OFF, &private.subnets[i]));
		assert_false(masquerade_may_apply(NK_MASQUERADE_AUTO, &public.subnets[i]));
		assert_true(masquerade_may_apply(NK_MASQUERADE_ON, &public.subnets[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_has_one_subnet_of_each_family),
		cmocka_unit_test(test_subnets_are_zero_where_unused),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_host_bits_are_told_with_the_right_subnet),
		cmocka_unit_test(test_subnets_must_be_of_unicast_addresses),
		cmocka_unit_test(test_overlap_inside_a_network_is_refused),
		cmocka_unit_test(test_subnets_are_counted),
		cmocka_unit_test(test_gateway_is_the_first_host),
		cmocka_unit_test(test_subnet_of_an_address),
		cmocka_unit_test(test_has_family),
		cmocka_unit_test(test_overlap_of_networks_names_the_subnet),
		cmocka_unit_test(test_mtu_bounds),
		cmocka_unit_test(test_modes_parse_as_they_print),
		cmocka_unit_test(test_devices_parse_as_they_print),
		cmocka_unit_test(test_auto_masquerades_private_addresses),
		cmocka_unit_test(test_a_subnet_may_have_private_addresses),
	};

	return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
