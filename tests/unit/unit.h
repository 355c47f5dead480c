/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every unit test includes: cmocka with what it needs before it, and values from text. */
#ifndef NKCTL_TESTS_UNIT_H
#define NKCTL_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/addr.h"

/* An address, or a prefix, that the test knows to be well-formed. */
static inline struct addr addr_of(const char *text)
{
	struct addr addr = { 0 };

	if (addr_parse(text, &addr))
		fail_msg("'%s' should be an address", text);
	return addr;
}

static inline struct prefix prefix_of(const char *text)
{
	struct prefix prefix = { 0 };

	if (prefix_parse(text, &prefix))
		fail_msg("'%s' should be a prefix", text);
	return prefix;
}

#define assert_addr(addr, expected) assert_string_equal(addr_format(addr).text, expected)

#endif
