// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/claims.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/invalidator.h"
#include "bpf/table.h"

static enum datapath_map claim_map(uint8_t family)
{
	return family == AF_INET ? MAP_ENDPOINTS_V4 : MAP_ENDPOINTS_V6;
}

int claim_insert(struct datapath *datapath, const struct addr *addr,
		 const struct nk_endpoint *endpoint, struct error *err)
{
	int ret = table_set(datapath, claim_map(addr->family), addr->bytes, endpoint, BPF_NOEXIST,
			    err);

	return ret ? ret : invalidator_tell(&datapath->pins, err);
}

int claim_get(struct datapath *datapath, const struct addr *addr, struct nk_endpoint *ret_endpoint,
	      struct error *err)
{
	return table_get(datapath, claim_map(addr->family), addr->bytes, ret_endpoint, err);
}

static int claim_delete(struct datapath *datapath, const struct addr *addr, struct error *err)
{
	int ret = table_delete(datapath, claim_map(addr->family), addr->bytes, err);

	return ret ? ret : invalidator_tell(&datapath->pins, err);
}

int claim_release(struct datapath *datapath, int ifindex, const struct addr *addr,
		  struct error *err)
{
	struct nk_endpoint endpoint;
	int ret = claim_get(datapath, addr, &endpoint, err);

	if (ret || endpoint.ifindex != (__u32)ifindex)
		return ret == -ENOENT ? 0 : ret;
	return claim_delete(datapath, addr, err);
}

static void owner_append(struct nk_owner *owner, const struct addr *addr)
{
	void *slot = addr->family == AF_INET ? (void *)&owner->v4[owner->v4_count++]
					     : (void *)&owner->v6[owner->v6_count++];

	memcpy(slot, addr->bytes, addr_size(addr->family));
}

int owner_set(struct datapath *datapath, int ifindex, const struct addr *addrs, size_t count,
	      struct error *err)
{
	struct nk_owner owner = { 0 };

	assert(count <= NK_ENDPOINT_ADDRESSES_MAX);
	for (size_t i = 0; i < count; i++)
		owner_append(&owner, &addrs[i]);
	return table_set(datapath, MAP_OWNERS, &ifindex, &owner, BPF_ANY, err);
}

static void owner_append_to(struct addr *addrs, size_t *count, uint8_t family, const void *bytes)
{
	struct addr *addr = &addrs[*count];

	if (*count == NK_ENDPOINT_ADDRESSES_MAX)
		return; /* the sum of both families is no more: this isn't our note */
	*addr = (struct addr){ .family = family };
	memcpy(addr->bytes, bytes, addr_size(family));
	(*count)++;
}

int owner_addresses(struct datapath *datapath, int ifindex,
		    struct addr addrs[NK_ENDPOINT_ADDRESSES_MAX], size_t *ret_count,
		    struct error *err)
{
	struct nk_owner owner;
	int ret = table_get(datapath, MAP_OWNERS, &ifindex, &owner, err);

	*ret_count = 0;
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	for (__u32 i = 0; i < owner.v4_count && i < NK_ENDPOINT_ADDRESSES_MAX; i++)
		owner_append_to(addrs, ret_count, AF_INET, &owner.v4[i]);
	for (__u32 i = 0; i < owner.v6_count && i < NK_ENDPOINT_ADDRESSES_MAX; i++)
		owner_append_to(addrs, ret_count, AF_INET6, &owner.v6[i]);
	return 0;
}

/* struct owned - the claims of a primary. */
struct owned {
	struct claim claims[NK_ENDPOINT_ADDRESSES_MAX];
	size_t count;
};

/*
 * IPv4 first, each family in the order in which its addresses were claimed. The note may name an
 * address that somebody else was quicker to claim.
 */
static int owned_read(struct datapath *datapath, int ifindex, struct owned *owned,
		      struct error *err)
{
	struct addr addrs[NK_ENDPOINT_ADDRESSES_MAX];
	size_t count;
	int ret = owner_addresses(datapath, ifindex, addrs, &count, err);

	owned->count = 0;
	for (size_t i = 0; !ret && i < count; i++) {
		struct claim *claim = &owned->claims[owned->count];

		claim->addr = addrs[i];
		ret = claim_get(datapath, &claim->addr, &claim->endpoint, err);
		owned->count += !ret && claim->endpoint.ifindex == (__u32)ifindex;
		if (ret == -ENOENT)
			ret = 0;
	}
	return ret;
}

int owner_release(struct datapath *datapath, int ifindex, struct error *err)
{
	struct owned owned;
	int ret = owned_read(datapath, ifindex, &owned, err);

	for (size_t i = 0; !ret && i < owned.count; i++)
		ret = claim_delete(datapath, &owned.claims[i].addr, err);
	return ret ? ret : table_delete(datapath, MAP_OWNERS, &ifindex, err);
}

int owner_first_address(struct datapath *datapath, int ifindex, uint8_t family,
			struct addr *ret_addr, struct error *err)
{
	struct owned owned;
	int ret = owned_read(datapath, ifindex, &owned, err);

	for (size_t i = 0; !ret && i < owned.count; i++) {
		if (owned.claims[i].addr.family != family)
			continue;
		*ret_addr = owned.claims[i].addr;
		return 0;
	}
	return ret ? ret : -ENOENT;
}

int owner_exists(struct datapath *datapath, int ifindex, bool *ret_exists, struct error *err)
{
	struct nk_owner owner;
	int ret = table_get(datapath, MAP_OWNERS, &ifindex, &owner, err);

	if (ret && ret != -ENOENT)
		return ret;
	*ret_exists = !ret;
	return 0;
}

int owner_flags(struct datapath *datapath, int ifindex, uint32_t *ret_flags, struct error *err)
{
	struct owned owned;
	int ret = owned_read(datapath, ifindex, &owned, err);

	if (!ret)
		*ret_flags = owned.count ? owned.claims[0].endpoint.flags : 0;
	return ret;
}

int owner_change_flags(struct datapath *datapath, int ifindex, uint32_t set, uint32_t clear,
		       struct error *err)
{
	struct owned owned;
	int ret = owned_read(datapath, ifindex, &owned, err);

	for (size_t i = 0; !ret && i < owned.count; i++) {
		struct claim *claim = &owned.claims[i];

		claim->endpoint.flags = (claim->endpoint.flags | set) & ~clear;
		ret = table_set(datapath, claim_map(claim->addr.family), claim->addr.bytes,
				&claim->endpoint, BPF_EXIST, err);
	}
	return ret ? ret : invalidator_tell(&datapath->pins, err);
}

int owner_list_read(struct datapath *datapath, uint32_t **ret_ifindexes, size_t *ret_count,
		    struct error *err)
{
	struct table_dump dump = { 0 };
	int ret = table_read(datapath, MAP_OWNERS, sizeof(uint32_t), sizeof(struct nk_owner), &dump,
			     err);

	if (ret)
		return ret;
	free(dump.values);
	*ret_ifindexes = (uint32_t *)dump.keys;
	*ret_count = dump.count;
	return 0;
}

static int claim_order(const void *a, const void *b)
{
	const struct claim *left = a, *right = b;

	if (left->addr.family != right->addr.family)
		return left->addr.family == AF_INET ? -1 : 1;
	return addr_compare(&left->addr, &right->addr);
}

static void claim_fill(struct claim *claim, uint8_t family, const void *key,
		       const struct nk_endpoint *endpoint)
{
	*claim = (struct claim){ .addr.family = family, .endpoint = *endpoint };
	memcpy(claim->addr.bytes, key, addr_size(family));
}

static void claim_fill_v4(void *entry, const void *key, const void *value)
{
	claim_fill(entry, AF_INET, key, value);
}

static void claim_fill_v6(void *entry, const void *key, const void *value)
{
	claim_fill(entry, AF_INET6, key, value);
}

int claim_list_read(struct datapath *datapath, struct claim_list *ret_list, struct error *err)
{
	static const struct table_layout v4 = {
		.map = MAP_ENDPOINTS_V4,
		.key_size = sizeof(struct in_addr),
		.value_size = sizeof(struct nk_endpoint),
		.entry_size = sizeof(struct claim),
		.fill = claim_fill_v4,
	};
	static const struct table_layout v6 = {
		.map = MAP_ENDPOINTS_V6,
		.key_size = sizeof(struct in6_addr),
		.value_size = sizeof(struct nk_endpoint),
		.entry_size = sizeof(struct claim),
		.fill = claim_fill_v6,
		.order = claim_order,
	};
	void *claims = NULL;
	size_t count = 0;
	int ret = table_read_entries(datapath, &v4, &claims, &count, err);

	if (!ret)
		ret = table_read_entries(datapath, &v6, &claims, &count, err);
	if (ret) {
		free(claims);
		return ret;
	}
	*ret_list = (struct claim_list){ claims, count };
	return 0;
}

void claim_list_free(struct claim_list *list)
{
	free(list->claims);
	*list = (struct claim_list){ 0 };
}
