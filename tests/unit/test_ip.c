// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Addresses in the maps of address translation. */
#include "bpf/ip.h"
#include "core/cleanup.h"
#include "unit.h"

/* As nat.h has them: IPv4 addresses as ::ffff:a.b.c.d. */
static void test_ip_of_the_maps_is_mapped(void **state)
{
	static const struct {
		const char *addr, *ip;
	} cases[] = {
		{ "192.0.2.1", "::ffff:192.0.2.1" },
		{ "0.0.0.0", "::ffff:0.0.0.0" },
		{ "2001:db8::1", "2001:db8::1" },
		{ "::", "::" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct addr addr = addr_of(cases[i].addr), expected = addr_of(cases[i].ip), back;
		struct nk_ip ip = addr_to_ip(&addr);

		assert_memory_equal(&ip, expected.bytes, sizeof(ip));
		back = addr_from_ip(&ip);
		assert_memory_equal(&back, &addr, sizeof(back));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip_of_the_maps_is_mapped),
	};

	return cmocka_run_group_tests_name("ip", tests, NULL, NULL);
}
