/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which address of a subnet to try next: the one after the last that was claimed, with
 * wrap-around, so that a freed address isn't used again at once.
 */
#ifndef NKCTL_MODEL_POOL_H
#define NKCTL_MODEL_POOL_H

#include <stdbool.h>

#include "core/addr.h"
#include "nkctl/maps.h"

#define POOL_RANGES_MAX 16

/**
 * struct pool_range - addresses of a subnet that may be given out.
 * @subnet: its number in the network
 * @first, @last: both included; of family 0: the subnet's own
 * @excluded: prefixes that are passed over
 * @set: number of its range set: ranges of one family and set give out one address together
 */
struct pool_range {
	size_t subnet;
	struct addr first, last;
	const struct prefix *excluded;
	size_t excluded_count;
	size_t set;
};

/* struct pool_ranges - what a network gives out; a subnet may have several. */
struct pool_ranges {
	struct pool_range ranges[POOL_RANGES_MAX];
	size_t count;
};

/* pool_ranges_whole() - all of each subnet, all in one set. */
void pool_ranges_whole(const struct nk_network *network, struct pool_ranges *ret_ranges);

/* pool_range_has() - whether an address is one that the range may give out, but for exclusions. */
bool pool_range_has(const struct nk_network *network, const struct pool_range *range,
		    const struct addr *addr);

/* pool_range_overlaps() - whether two ranges may give out the same address. */
bool pool_range_overlaps(const struct nk_network *network, const struct pool_range *range,
			 const struct pool_range *other);

/* pool_set_is_same() - whether two ranges give out one address together. */
bool pool_set_is_same(const struct nk_network *network, const struct pool_range *range,
		      const struct pool_range *other);

/* pool_set_begins() - of each set, the first range stands for it. */
bool pool_set_begins(const struct nk_network *network, const struct pool_ranges *ranges,
		     size_t index);

/* struct pool - an iteration over the addresses of a subnet; private to pool_*(). */
struct pool {
	struct addr first, last; /* what may be given out, both included */
	struct addr start, next; /* where the iteration began, and goes on */
	bool started, empty;
	const struct prefix *excluded;
	size_t excluded_count;
};

/**
 * pool_init() - begin after the address that was claimed last.
 * @range: NULL: all of the subnet; must live as long as @ret_pool
 * @cursor: that address; NULL or one outside the range: begin with the first
 *
 * The subnet's base address, its gateway (the one after) and, in IPv4, its broadcast address
 * are never given out.
 */
void pool_init(struct pool *ret_pool, const struct nk_subnet *subnet,
	       const struct pool_range *range, const struct addr *cursor);

/* pool_next() - the next candidate. Return: false after each has been given out once. */
bool pool_next(struct pool *pool, struct addr *ret_addr);

/* pool_pass_over() - leave out all of a prefix that the candidate just given is in. */
void pool_pass_over(struct pool *pool, const struct addr *candidate, const struct prefix *prefix);

/* pool_usable() - whether an address of the subnet may be given to a container at all. */
bool pool_usable(const struct nk_subnet *subnet, const struct addr *addr);

#endif
