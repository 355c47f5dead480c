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

/**
 * struct pool_limits - what of a subnet may be given out.
 * @first, @last: both included; of family 0: the subnet's own
 * @excluded: prefixes that are passed over
 * @set: number of its range set: subnets of one family and set give out one address together
 */
struct pool_limits {
	struct addr first, last;
	const struct prefix *excluded;
	size_t excluded_count;
	size_t set;
};

/**
 * pool_set_is_same() - whether two of a network's subnets give out one address together: of a
 * family, all do unless @limits tell.
 * @limits: for each of the subnets; NULL: none
 */
bool pool_set_is_same(const struct nk_network *network, const struct pool_limits *limits, size_t a,
		      size_t b);

/* pool_set_begins() - of each set, the first subnet stands for it. */
bool pool_set_begins(const struct nk_network *network, const struct pool_limits *limits,
		     size_t subnet_index);

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
 * @limits: NULL: none; must live as long as @ret_pool
 * @cursor: that address; NULL or one outside the limits: begin with the first
 *
 * The subnet's base address, its gateway (the one after) and, in IPv4, its broadcast address
 * are never given out.
 */
void pool_init(struct pool *ret_pool, const struct nk_subnet *subnet,
	       const struct pool_limits *limits, const struct addr *cursor);

/* pool_next() - the next candidate. Return: false after each has been given out once. */
bool pool_next(struct pool *pool, struct addr *ret_addr);

/* pool_usable() - whether an address of the subnet may be given to a container at all. */
bool pool_usable(const struct nk_subnet *subnet, const struct addr *addr);

#endif
