// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/exempt.h"
#include "core/cleanup.h"
#include "model/identity.h"
#include "nl/observe.h"
#include "ops/collect.h"
#include "ops/endpoint.h"
#include "ops/gateway.h"

int networks_read(struct node *node, struct network_list *ret_list, struct error *err)
{
	struct network_list list = { 0 };
	struct network_entry *grown;
	int ret = network_list_read(&node->datapath, &list, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < list.count; i++) {
		if (!strcmp(list.entries[i].key.name, DEFAULT_NETWORK)) {
			*ret_list = list;
			return 0;
		}
	}
	grown = reallocarray(list.entries, list.count + 1, sizeof(*grown));
	if (!grown) {
		network_list_free(&list);
		return error_sys(err, ENOMEM, "read the networks");
	}
	memmove(grown + 1, grown, list.count * sizeof(*grown));
	grown[0] = (struct network_entry){ .key.name = DEFAULT_NETWORK };
	network_default(&grown[0].network);
	*ret_list = (struct network_list){ grown, list.count + 1 };
	return 0;
}

static int endpoints_of(struct node *node, const char *name, const char *action, struct error *err)
{
	_cleanup_endpoint_list_ struct endpoint_list list = { 0 };
	int ret = endpoint_list_read(node, &list, err);

	for (size_t i = 0; !ret && i < list.count; i++)
		if (!strcmp(list.endpoints[i].identity.network, name))
			return error_set(err, EBUSY,
					 "network %s is in use by %s: detach it before you %s",
					 name, list.endpoints[i].identity.id, action);
	return ret;
}

static int network_check_overlap(const struct network_list *networks, const char *name,
				 const struct nk_network *network, struct error *err)
{
	for (size_t i = 0; i < networks->count; i++) {
		const struct network_entry *other = &networks->entries[i];
		const struct nk_subnet *overlap = network_overlap(network, &other->network);
		struct prefix prefix;

		if (!overlap || !strcmp(other->key.name, name))
			continue;
		prefix = subnet_prefix(overlap);
		return error_set(err, EEXIST, "subnet %s overlaps network %s",
				 prefix_format(&prefix).text, other->key.name);
	}
	return 0;
}

static int subnets_exempt_locked(struct node *node, const struct nk_network *network,
				 struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < network->subnet_count; i++) {
		struct prefix subnet = subnet_prefix(&network->subnets[i]);

		ret = exempt_add(&node->datapath, &subnet, NK_EXEMPT_NETWORK, err);
	}
	return ret;
}

static bool network_has_subnet(const struct nk_network *network, const struct prefix *prefix)
{
	for (size_t i = 0; i < network->subnet_count; i++) {
		struct prefix subnet = subnet_prefix(&network->subnets[i]);

		if (prefix_equal(&subnet, prefix))
			return true;
	}
	return false;
}

static bool networks_have_subnet(const struct network_list *networks, const struct prefix *prefix)
{
	for (size_t i = 0; i < networks->count; i++)
		if (network_has_subnet(&networks->entries[i].network, prefix))
			return true;
	return false;
}

static int subnet_is_claimed(struct node *node, const struct prefix *prefix, bool *ret_claimed,
			     struct error *err)
{
	_cleanup_claim_list_ struct claim_list claims = { 0 };
	int ret = claim_list_read(&node->datapath, &claims, err);

	*ret_claimed = false;
	for (size_t i = 0; !ret && i < claims.count; i++)
		*ret_claimed |= prefix_contains(prefix, &claims.claims[i].addr);
	return ret;
}

/* Whether another subnet, longer or shorter, has the same gateway. */
static int gateway_is_shared(struct node *node, const struct prefix *subnet, bool *ret_shared,
			     struct error *err)
{
	_cleanup_exempt_list_ struct exempt_list list = { 0 };
	int ret = exempt_list_read(&node->datapath, &list, err);

	*ret_shared = false;
	for (size_t i = 0; !ret && i < list.count; i++)
		*ret_shared |= list.entries[i].reasons & NK_EXEMPT_NETWORK &&
			       addr_equal(&list.entries[i].prefix.addr, &subnet->addr) &&
			       list.entries[i].prefix.len != subnet->len;
	return ret;
}

/* With a gateway the kernel would take the host's routes away that have it for a source. */
static int subnet_remove(struct node *node, const struct prefix *prefix,
			 const struct nk_subnet *subnet, struct error *err)
{
	bool shared = false;
	int ret = gateway_is_shared(node, prefix, &shared, err);

	if (ret)
		return ret;
	return shared ? gateway_route_remove(node->nl, subnet, err)
		      : gateway_remove(node->nl, subnet, err);
}

/*
 * An attach claims its address, looks whether the subnet is exempt and then gives the host the
 * gateway's address. So either it is seen here, after the exemption was doubted, or it finds it
 * doubted, and waits for the node's lock. The entry goes last: killed before, `down` knows of it.
 */
static int subnet_give_up_locked(struct node *node, const struct prefix *prefix, struct error *err)
{
	struct nk_network network = { 0 };
	bool claimed = false;
	int ret = subnet_is_claimed(node, prefix, &claimed, err);

	if (ret || claimed || network_add_subnet(&network, prefix, NULL))
		return ret;
	ret = exempt_doubt(&node->datapath, prefix, err);
	if (!ret)
		ret = subnet_is_claimed(node, prefix, &claimed, err);
	if (!ret && claimed)
		return exempt_add(&node->datapath, prefix, NK_EXEMPT_NETWORK, err);
	if (!ret)
		ret = subnet_remove(node, prefix, &network.subnets[0], err);
	if (!ret)
		cursor_delete(&node->datapath, &network.subnets[0]);
	return ret ? ret : exempt_remove(&node->datapath, prefix, NK_EXEMPT_NETWORK, err);
}

/* Those of a network; what is somebody's by another network stays. */
static int subnets_give_up_locked(struct node *node, const struct nk_network *network,
				  struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < network->subnet_count; i++) {
		struct prefix subnet = subnet_prefix(&network->subnets[i]);

		ret = subnet_give_up_locked(node, &subnet, err);
	}
	return ret;
}

/* Those that belong to no network and no endpoint, but for @keep's. */
static int subnets_collect_locked(struct node *node, const struct nk_network *keep,
				  struct error *err)
{
	_cleanup_network_list_ struct network_list networks = { 0 };
	_cleanup_exempt_list_ struct exempt_list list = { 0 };
	int ret = networks_read(node, &networks, err);

	if (!ret)
		ret = exempt_list_read(&node->datapath, &list, err);
	for (size_t i = 0; !ret && i < list.count; i++) {
		const struct prefix *prefix = &list.entries[i].prefix;

		if (list.entries[i].reasons & NK_EXEMPT_NETWORK &&
		    !networks_have_subnet(&networks, prefix) && !network_has_subnet(keep, prefix))
			ret = subnet_give_up_locked(node, prefix, err);
	}
	return ret;
}

int network_exempt(struct node *node, const struct nk_network *network, struct error *err)
{
	_cleanup_close_ int lock_fd = -1;
	bool missing = false;
	int ret;

	for (size_t i = 0; i < network->subnet_count; i++) {
		struct prefix subnet = subnet_prefix(&network->subnets[i]);

		missing |= !exempt_is_network(&node->datapath, &subnet);
	}
	if (!missing)
		return 0;
	ret = pins_lock_node(&node->datapath.pins, &lock_fd, err);
	if (!ret)
		ret = subnets_exempt_locked(node, network, err);
	if (!ret)
		(void)subnets_collect_locked(node, network, NULL); /* another one may succeed */
	return ret;
}

/* @links: of living endpoints; NULL: whoever claims an address lives */
static bool address_is_free(struct node *node, const struct addr *addr,
			    const struct link_list *links)
{
	struct nk_endpoint claim;
	int ret = claim_get(&node->datapath, addr, &claim, NULL);

	return ret == -ENOENT || (!ret && links && !link_list_find(links, (int)claim.ifindex));
}

static bool range_has_room(struct node *node, const struct nk_subnet *subnet,
			   const struct pool_range *range, const struct link_list *links)
{
	struct addr cursor, addr;
	struct pool pool;
	int ret = cursor_get(&node->datapath, subnet, &cursor, NULL);

	pool_init(&pool, subnet, range, ret ? NULL : &cursor);
	while (pool_next(&pool, &addr))
		if (address_is_free(node, &addr, links))
			return true;
	return false;
}

static bool set_has_room(struct node *node, const struct nk_network *network,
			 const struct pool_ranges *ranges, size_t set,
			 const struct link_list *links)
{
	for (size_t i = set; i < ranges->count; i++) {
		const struct pool_range *range = &ranges->ranges[i];

		if (pool_set_is_same(network, range, &ranges->ranges[set]) &&
		    range_has_room(node, &network->subnets[range->subnet], range, links))
			return true;
	}
	return false;
}

/* Only of a pool that seems exhausted it matters who is dead. */
int network_has_room(struct node *node, const struct nk_network *network,
		     const struct pool_ranges *ranges, size_t set, bool *ret_room,
		     struct error *err)
{
	_cleanup_link_list_ struct link_list links = { 0 };
	int ret;

	*ret_room = true;
	if (set_has_room(node, network, ranges, set, NULL))
		return 0;
	ret = link_list_read(NK_LINK_GROUP, &links, err);
	if (!ret)
		*ret_room = set_has_room(node, network, ranges, set, &links);
	return ret;
}

/* What "default" has by itself belongs to no network any more, once another one has its name. */
static int network_inserted(struct node *node, const char *name, const struct nk_network *network,
			    struct error *err)
{
	int ret = subnets_exempt_locked(node, network, err);

	if (!ret && !strcmp(name, DEFAULT_NETWORK))
		ret = subnets_collect_locked(node, network, err);
	if (ret) {
		(void)subnets_give_up_locked(node, network, NULL); /* @ret tells more */
		(void)network_delete(&node->datapath, name, NULL);
	}
	return ret;
}

static int network_add_locked(struct node *node, const char *name, const struct nk_network *network,
			      struct error *err)
{
	_cleanup_network_list_ struct network_list networks = { 0 };
	int ret = networks_read(node, &networks, err);

	if (!ret)
		ret = network_check_overlap(&networks, name, network, err);
	if (!ret && !strcmp(name, DEFAULT_NETWORK))
		ret = endpoints_of(node, name, "change it", err);
	if (ret)
		return ret;
	ret = network_insert(&node->datapath, name, network, err);
	if (ret == -EEXIST)
		return error_set(err, EEXIST, "network %s exists: remove it before you change it",
				 name);
	return ret ? ret : network_inserted(node, name, network, err);
}

int network_add(struct node *node, const char *name, const struct nk_network *network,
		struct error *err)
{
	_cleanup_close_ int lock_fd = -1;
	size_t dead;
	int ret = 0;

	if (!strcmp(name, DEFAULT_NETWORK)) /* the dead keep none of its subnets */
		ret = collect_claims(node, &dead, err);
	if (!ret)
		ret = pins_lock_node(&node->datapath.pins, &lock_fd, err);
	return ret ? ret : network_add_locked(node, name, network, err);
}

int gateways_remove(struct node *node, const struct nk_network *network, struct error *err)
{
	int ret = 0, one;

	for (size_t i = 0; i < network->subnet_count; i++) {
		one = gateway_remove(node->nl, &network->subnets[i], err);
		ret = ret ? ret : one;
	}
	return ret;
}

/* The network "default" has its own subnets again then. */
static int default_check_overlap(struct node *node, struct error *err)
{
	_cleanup_network_list_ struct network_list networks = { 0 };
	struct nk_network network;
	int ret = networks_read(node, &networks, err);

	if (ret)
		return ret;
	network_default(&network);
	ret = network_check_overlap(&networks, DEFAULT_NETWORK, &network, err);
	return ret ? error_prefix(err, "its own subnets would come back") : 0;
}

int network_remove(struct node *node, const char *name, struct error *err)
{
	struct nk_network network;
	size_t dead;
	int ret = network_get(&node->datapath, name, &network, err);

	if (ret == -ENOENT)
		return error_set(err, ENOENT, "there is no network '%s' that was added", name);
	if (!ret)
		ret = endpoints_of(node, name, "remove it", err);
	if (!ret && !strcmp(name, DEFAULT_NETWORK))
		ret = default_check_overlap(node, err);
	if (!ret)
		ret = collect_claims(node, &dead, err);
	if (!ret)
		ret = subnets_give_up_locked(node, &network, err);
	return ret ? ret : network_delete(&node->datapath, name, err);
}
