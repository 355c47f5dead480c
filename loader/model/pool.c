// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/pool.h"

#include <sys/socket.h>

#include "model/network.h"

static bool pool_contains(const struct pool *pool, const struct addr *addr)
{
	return addr->family == pool->first.family && addr_compare(addr, &pool->first) >= 0 &&
	       addr_compare(addr, &pool->last) <= 0;
}

static struct addr pool_after(const struct pool *pool, const struct addr *addr)
{
	return addr_equal(addr, &pool->last) ? pool->first : addr_add(addr, 1);
}

static void pool_bounds(struct pool *pool, const struct nk_subnet *subnet)
{
	struct prefix prefix = subnet_prefix(subnet);
	struct addr gateway = subnet_gateway(subnet);

	pool->first = addr_add(&gateway, 1);
	pool->last = prefix_last(&prefix);
	/* The broadcast address is odd: taking one away is clearing its last bit. */
	if (subnet->family == AF_INET)
		pool->last.bytes[addr_size(AF_INET) - 1] &= 0xfe;
}

/* The excluded prefix that an address is in, or NULL. */
static const struct prefix *pool_exclusion_of(const struct pool *pool, const struct addr *addr)
{
	for (size_t i = 0; i < pool->excluded_count; i++)
		if (prefix_contains(&pool->excluded[i], addr))
			return &pool->excluded[i];
	return NULL;
}

/*
 * The first address from @addr on that isn't excluded, with wrap-around: of each exclusion all is
 * passed over at once, since it may be half an IPv6 subnet.
 *
 * Return: false where all are excluded: none is met more than twice before that is clear, once as a
 * whole and once from the middle.
 */
static bool pool_skip(const struct pool *pool, struct addr *addr)
{
	const struct prefix *exclusion = pool_exclusion_of(pool, addr);

	for (size_t i = 0; exclusion && i <= 2 * pool->excluded_count; i++) {
		struct addr last = prefix_last(exclusion);

		*addr = pool_after(pool, pool_contains(pool, &last) ? &last : &pool->last);
		exclusion = pool_exclusion_of(pool, addr);
	}
	return !exclusion;
}

static void pool_limit(struct pool *pool, const struct pool_range *limits)
{
	if (limits->first.family && addr_compare(&limits->first, &pool->first) > 0)
		pool->first = limits->first;
	if (limits->last.family && addr_compare(&limits->last, &pool->last) < 0)
		pool->last = limits->last;
	pool->excluded = limits->excluded;
	pool->excluded_count = limits->excluded_count;
	pool->empty = addr_compare(&pool->first, &pool->last) > 0;
}

void pool_init(struct pool *ret_pool, const struct nk_subnet *subnet,
	       const struct pool_range *range, const struct addr *cursor)
{
	struct pool pool = { 0 };

	pool_bounds(&pool, subnet);
	if (range)
		pool_limit(&pool, range);
	pool.start =
		cursor && pool_contains(&pool, cursor) ? pool_after(&pool, cursor) : pool.first;
	if (!pool.empty)
		pool.empty = !pool_skip(&pool, &pool.start);
	pool.next = pool.start;
	*ret_pool = pool;
}

bool pool_next(struct pool *pool, struct addr *ret_addr)
{
	if (pool->empty || (pool->started && addr_equal(&pool->next, &pool->start)))
		return false;
	pool->started = true;
	*ret_addr = pool->next;
	pool->next = pool_after(pool, &pool->next);
	return pool_skip(pool, &pool->next);
}

void pool_pass_over(struct pool *pool, const struct addr *candidate, const struct prefix *prefix)
{
	struct addr last = prefix_last(prefix);

	if (prefix_contains(prefix, &pool->start) && !addr_equal(candidate, &pool->start)) {
		pool->empty = true; /* all the way round */
		return;
	}
	pool->next = pool_after(pool, pool_contains(pool, &last) ? &last : &pool->last);
	(void)pool_skip(pool, &pool->next); /* not all are excluded: one was given */
}

bool pool_usable(const struct nk_subnet *subnet, const struct addr *addr)
{
	struct pool pool = { 0 };

	pool_bounds(&pool, subnet);
	return pool_contains(&pool, addr);
}

/* Ranges --------------------------------------------------------------------------------------- */

void pool_ranges_whole(const struct nk_network *network, struct pool_ranges *ret_ranges)
{
	*ret_ranges = (struct pool_ranges){ .count = network->subnet_count };
	for (size_t i = 0; i < network->subnet_count; i++)
		ret_ranges->ranges[i].subnet = i;
}

static struct pool range_bounds(const struct nk_network *network, const struct pool_range *range)
{
	struct pool pool = { 0 };

	pool_bounds(&pool, &network->subnets[range->subnet]);
	pool_limit(&pool, range);
	return pool;
}

bool pool_range_has(const struct nk_network *network, const struct pool_range *range,
		    const struct addr *addr)
{
	const struct pool pool = range_bounds(network, range);

	return pool_contains(&pool, addr);
}

bool pool_range_overlaps(const struct nk_network *network, const struct pool_range *range,
			 const struct pool_range *other)
{
	const struct pool pool = range_bounds(network, range);
	const struct pool other_pool = range_bounds(network, other);

	return range->subnet == other->subnet && addr_compare(&pool.first, &other_pool.last) <= 0 &&
	       addr_compare(&other_pool.first, &pool.last) <= 0;
}

bool pool_set_is_same(const struct nk_network *network, const struct pool_range *range,
		      const struct pool_range *other)
{
	return range->set == other->set &&
	       network->subnets[range->subnet].family == network->subnets[other->subnet].family;
}

bool pool_set_begins(const struct nk_network *network, const struct pool_ranges *ranges,
		     size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (pool_set_is_same(network, &ranges->ranges[i], &ranges->ranges[index]))
			return false;
	return true;
}
