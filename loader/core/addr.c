// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const uint8_t addr_families[] = { AF_INET, AF_INET6 };

size_t addr_size(uint8_t family)
{
	assert(family == AF_INET || family == AF_INET6);
	return family == AF_INET ? 4 : 16;
}

uint8_t addr_bits(uint8_t family)
{
	return (uint8_t)(addr_size(family) * 8);
}

const char *family_name(uint8_t family)
{
	return family == AF_INET ? "IPv4" : "IPv6";
}

int addr_parse(const char *text, struct addr *ret_addr)
{
	struct addr addr = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

	if (inet_pton(addr.family, text, addr.bytes) != 1)
		return -EINVAL;
	*ret_addr = addr;
	return 0;
}

/* Digits only: strtoul() would take a sign, white space and nothing at all. */
static int length_parse(const char *text, uint8_t bits_max, uint8_t *ret_len)
{
	unsigned long len;

	if (strlen(text) < 1 || strlen(text) > 3 || strspn(text, "0123456789") != strlen(text))
		return -EINVAL;
	len = strtoul(text, NULL, 10);
	if (len > bits_max)
		return -EINVAL;
	*ret_len = (uint8_t)len;
	return 0;
}

int prefix_parse(const char *text, struct prefix *ret_prefix)
{
	const char *slash = strchr(text, '/');
	size_t addr_len = slash ? (size_t)(slash - text) : strlen(text);
	char addr_text[ADDR_TEXT_SIZE];
	struct prefix prefix;

	if (addr_len >= sizeof(addr_text))
		return -EINVAL;
	memcpy(addr_text, text, addr_len);
	addr_text[addr_len] = '\0';
	if (addr_parse(addr_text, &prefix.addr))
		return -EINVAL;
	prefix.len = addr_bits(prefix.addr.family);
	if (slash && length_parse(slash + 1, prefix.len, &prefix.len))
		return -EINVAL;
	*ret_prefix = prefix;
	return 0;
}

struct addr_text addr_format(const struct addr *addr)
{
	struct addr_text ret = { "?" };

	(void)inet_ntop(addr->family, addr->bytes, ret.text, sizeof(ret.text)); /* large enough */
	return ret;
}

struct prefix_text prefix_format(const struct prefix *prefix)
{
	struct prefix_text ret;

	(void)snprintf(ret.text, sizeof(ret.text), "%s/%u", addr_format(&prefix->addr).text,
		       prefix->len);
	return ret;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool addr_is_any(const struct addr *addr)
{
	const struct addr any = { .family = addr->family };

	return addr_equal(addr, &any);
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	assert(a->family == b->family);
	return memcmp(a->bytes, b->bytes, addr_size(a->family));
}

struct addr addr_add(const struct addr *addr, uint64_t distance)
{
	struct addr ret = *addr;
	unsigned int sum = 0;

	for (size_t i = addr_size(addr->family); i-- > 0; distance >>= 8) {
		sum = (sum >> 8) + ret.bytes[i] + (uint8_t)distance;
		ret.bytes[i] = (uint8_t)sum;
	}
	return ret;
}

/* The mask of a prefix in one of its bytes: 0xff inside it, 0 behind it. */
static uint8_t prefix_mask(const struct prefix *prefix, size_t byte)
{
	int bits = prefix->len - (int)byte * 8;

	if (bits >= 8)
		return 0xff;
	return bits <= 0 ? 0 : (uint8_t)(0xff << (8 - bits));
}

struct addr prefix_first(const struct prefix *prefix)
{
	struct addr ret = prefix->addr;

	for (size_t i = 0; i < addr_size(ret.family); i++)
		ret.bytes[i] &= prefix_mask(prefix, i);
	return ret;
}

struct addr prefix_last(const struct prefix *prefix)
{
	struct addr ret = prefix->addr;

	for (size_t i = 0; i < addr_size(ret.family); i++)
		ret.bytes[i] |= (uint8_t)~prefix_mask(prefix, i);
	return ret;
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

bool prefix_contains(const struct prefix *prefix, const struct addr *addr)
{
	struct prefix other = { *addr, prefix->len };
	struct addr first = prefix_first(prefix), other_first;

	if (addr->family != prefix->addr.family)
		return false;
	other_first = prefix_first(&other);
	return addr_equal(&first, &other_first);
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return a->len <= b->len ? prefix_contains(a, &b->addr) : prefix_contains(b, &a->addr);
}
