// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The list of what a node has published: a port's entries are found in it, and no others. */
#include <endian.h>

#include "bpf/published.h"
#include "core/cleanup.h"
#include "unit.h"

#define ENTRY(protocol_, port_)                                           \
	{                                                                 \
		.key = {.port = htobe16(port_), .protocol = (protocol_) } \
	}

static size_t count_of(const struct published_list *list, uint8_t protocol, uint16_t port)
{
	size_t first = published_list_find(list, protocol, port), i = first;

	while (published_list_has(list, i, protocol, port))
		i++;
	return i - first;
}

static void test_each_port_is_found(void **state)
{
	struct published_entry entries[] = {
		ENTRY(IPPROTO_TCP, 1),      ENTRY(IPPROTO_TCP, 80),    ENTRY(IPPROTO_TCP, 80),
		ENTRY(IPPROTO_TCP, 0x0100), ENTRY(IPPROTO_TCP, 65535), ENTRY(IPPROTO_UDP, 80),
		ENTRY(IPPROTO_UDP, 65535),
	};
	static const struct {
		uint8_t protocol;
		uint16_t port;
		size_t count;
	} cases[] = {
		{ IPPROTO_TCP, 1, 1 },     { IPPROTO_TCP, 80, 2 },     { IPPROTO_TCP, 0x0100, 1 },
		{ IPPROTO_TCP, 65535, 1 }, { IPPROTO_UDP, 80, 1 },     { IPPROTO_UDP, 65535, 1 },
		{ IPPROTO_TCP, 0, 0 },     { IPPROTO_TCP, 2, 0 },      { IPPROTO_TCP, 79, 0 },
		{ IPPROTO_TCP, 81, 0 },    { IPPROTO_TCP, 0x0101, 0 }, { IPPROTO_UDP, 1, 0 },
		{ IPPROTO_UDP, 65534, 0 }, { IPPROTO_SCTP, 80, 0 },    { IPPROTO_ICMP, 80, 0 },
	};

	(void)state;
	for (size_t end = 0; end <= ARRAY_SIZE(entries); end++) {
		const struct published_list list = { entries, end };

		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			size_t expected = 0;

			for (size_t j = 0; j < end; j++)
				expected += entries[j].key.protocol == cases[i].protocol &&
					    be16toh(entries[j].key.port) == cases[i].port;
			assert_int_equal(count_of(&list, cases[i].protocol, cases[i].port),
					 expected);
			if (end == ARRAY_SIZE(entries))
				assert_int_equal(expected, cases[i].count);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_port_is_found),
	};

	return cmocka_run_group_tests_name("published", tests, NULL, NULL);
}
