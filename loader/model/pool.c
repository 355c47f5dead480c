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

void pool_init(struct pool *ret_pool, const struct nk_subnet *subnet, const struct addr *cursor)
{
	struct pool pool = { 0 };

	pool_bounds(&pool, subnet);
	pool.start =
		cursor && pool_contains(&pool, cursor) ? pool_after(&pool, cursor) : pool.first;
	pool.next = pool.start;
	*ret_pool = pool;
}

bool pool_next(struct pool *pool, struct addr *ret_addr)
{
	if (pool->started && addr_equal(&pool->next, &pool->start))
		return false;
	pool->started = true;
	*ret_addr = pool->next;
	pool->next = pool_after(pool, &pool->next);
	return true;
}

bool pool_usable(const struct nk_subnet *subnet, const struct addr *addr)
{
	struct pool pool = { 0 };

	pool_bounds(&pool, subnet);
	return pool_contains(&pool, addr);
}
