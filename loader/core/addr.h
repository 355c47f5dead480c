/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* IP addresses and prefixes of either family: values, parsing, printing, arithmetic. */
#ifndef NKCTL_CORE_ADDR_H
#define NKCTL_CORE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct addr - an IPv4 or IPv6 address.
 * @family: AF_INET or AF_INET6
 * @bytes: network byte order; IPv4 in the first four, the rest zero, so that two equal addresses
 *	are equal in memory
 */
struct addr {
	uint8_t family;
	uint8_t bytes[16];
};

/* struct prefix - an address and the number of leading bits that name its subnet. */
struct prefix {
	struct addr addr;
	uint8_t len;
};

/* Long enough for any address, and for any "address/length". */
#define ADDR_TEXT_SIZE   46
#define PREFIX_TEXT_SIZE 50

struct addr_text {
	char text[ADDR_TEXT_SIZE];
};
struct prefix_text {
	char text[PREFIX_TEXT_SIZE];
};

/* Both families, in the order in which things are done: IPv4, IPv6. */
#define ADDR_FAMILIES 2
extern const uint8_t addr_families[ADDR_FAMILIES];

/* Bytes (4, 16) and bits (32, 128) of an address of @family. */
size_t addr_size(uint8_t family);
uint8_t addr_bits(uint8_t family);
const char *family_name(uint8_t family);

/* Return: 0, or -EINVAL where @text is no address. */
int addr_parse(const char *text, struct addr *ret_addr);

/**
 * prefix_parse() - parse "ADDR/LEN" or "ADDR", which then has its family's full length.
 *
 * Return: 0, or -EINVAL.
 */
int prefix_parse(const char *text, struct prefix *ret_prefix);

/* For printing: addr_format(&addr).text lives to the end of the full expression. */
struct addr_text addr_format(const struct addr *addr);
struct prefix_text prefix_format(const struct prefix *prefix);

bool addr_equal(const struct addr *a, const struct addr *b);

/* Whether an address is 0.0.0.0 or ::, which stands for each of its family. */
bool addr_is_any(const struct addr *addr);

/* The address @distance after @addr (modulo the address space of the family). */
struct addr addr_add(const struct addr *addr, uint64_t distance);

/* Order of two addresses of one family: below, at or above 0, as memcmp. */
int addr_compare(const struct addr *a, const struct addr *b);

/* First and last address of a prefix: its host bits all zero, all one. */
struct addr prefix_first(const struct prefix *prefix);
struct addr prefix_last(const struct prefix *prefix);

bool prefix_equal(const struct prefix *a, const struct prefix *b);
bool prefix_contains(const struct prefix *prefix, const struct addr *addr);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);

#endif
