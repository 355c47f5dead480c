// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The addresses of an attach: which ones, and that nobody else has them. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "core/log.h"
#include "model/pool.h"
#include "nl/inet.h"
#include "ops/attach_step.h"
#include "ops/bandwidth.h"
#include "ops/collect.h"
#include "ops/nat.h"

struct nk_endpoint claim_value(const struct attach *attach)
{
	struct nk_endpoint value = { .ifindex = (__u32)attach->ifindex, .mtu = attach->pair.mtu };

	if (attach->kind == NK_DEVICE_NETKIT && attach->pair.mode == NK_MODE_L3)
		return value;
	memcpy(value.mac, attach->pair.peer_mac, NK_ETH_ALEN);
	memcpy(value.gateway_mac, attach->pair.primary_mac, NK_ETH_ALEN);
	return value;
}

uint32_t claim_flags(const struct attach *attach, const struct addr *addr)
{
	return (masquerade_applies(attach_masquerade(attach), addr) ? NK_ENDPOINT_MASQUERADE : 0) |
	       (attach_has_no_metadata(attach) ? NK_ENDPOINT_NO_METADATA : 0) |
	       bandwidth_flags(&attach->bandwidth);
}

/* What is claimed, and @next, which is about to be, goes down in the kernel first. */
static int owner_note(struct attach *attach, const struct addr *next, struct error *err)
{
	struct addr addrs[NK_ENDPOINT_ADDRESSES_MAX];

	for (size_t i = 0; i < attach->claimed; i++)
		addrs[i] = attach->addresses[i].addr;
	addrs[attach->claimed] = *next;
	return owner_set(&attach->node->datapath, attach->ifindex, addrs, attach->claimed + 1, err);
}

static int address_claim(struct attach *attach, const struct prefix *address, struct error *err)
{
	struct nk_endpoint value = claim_value(attach);
	int ret;

	if (attach->claimed == NK_ENDPOINT_ADDRESSES_MAX)
		return error_set(err, E2BIG, "an endpoint has at most %d addresses",
				 NK_ENDPOINT_ADDRESSES_MAX);
	value.flags = claim_flags(attach, &address->addr);
	ret = owner_note(attach, &address->addr, err);
	if (!ret)
		ret = claim_insert(&attach->node->datapath, &address->addr, &value, err);
	if (!ret)
		attach->addresses[attach->claimed++] = *address;
	return ret;
}

/* One that is on another device's link as well is somebody's there, perhaps. */
static void address_note_link(struct attach *attach, const struct addr *addr,
			      const struct inet_route_match *match)
{
	if (match->type != RTN_UNICAST || match->is_ours || match->has_gateway || !match->dst.len)
		return;
	attach->result.on_link = (struct attach_on_link){ *addr, match->ifindex };
}

/*
 * What comes in for a claimed address goes to the container: it must be neither the host's own nor
 * one that the host has a way to already.
 *
 * @ret_taken: the destination of the host's route
 *
 * Return: 0; -EADDRINUSE.
 */
static int address_check_host(struct attach *attach, const struct addr *addr,
			      struct prefix *ret_taken, struct error *err)
{
	struct inet_route_match match;
	int ret = inet_route_match(attach->node->nl, addr, &match, err);

	if (ret)
		return ret;
	*ret_taken = match.dst;
	if (match.type == RTN_LOCAL || match.type == RTN_BROADCAST)
		return error_set(err, EADDRINUSE, "address %s is this host's own",
				 addr_format(addr).text);
	if (match.dst.len == addr_bits(addr->family) && !match.is_ours)
		return error_set(err, EADDRINUSE,
				 "this host has a route to %s, which isn't nkctl's: choose another "
				 "address, or delete it",
				 addr_format(addr).text);
	address_note_link(attach, addr, &match);
	return 0;
}

static int address_claim_given(struct attach *attach, const struct prefix *address,
			       struct error *err)
{
	struct link_info owner = { 0 };
	struct prefix taken;
	size_t dead;
	int ret = address_check_host(attach, &address->addr, &taken, err);

	if (!ret)
		ret = address_claim(attach, address, err);
	if (ret == -ENOSPC) {
		ret = collect_claims(attach->node, &dead, err);
		ret = ret ? ret : address_claim(attach, address, err);
	}
	if (ret != -EEXIST)
		return ret;
	ret = collect_address(attach->node, &address->addr, &owner, err);
	if (!ret)
		ret = address_claim(attach, address, err);
	if (ret != -EEXIST)
		return ret;
	return error_set(err, EADDRINUSE, "address %s is taken by %s (%s)",
			 addr_format(&address->addr).text, owner_text(&owner), owner.name);
}

/*
 * Most of a full subnet is passed over by a look at the map.
 *
 * @ret_taken: what to pass over: the address, or all that is the host's by the same route
 *
 * Return: 0; -EEXIST.
 */
static int address_claim_free(struct attach *attach, const struct prefix *address,
			      struct prefix *ret_taken, struct error *err)
{
	struct nk_endpoint claim;
	int ret = claim_get(&attach->node->datapath, &address->addr, &claim, err);

	*ret_taken = *address;
	if (ret != -ENOENT)
		return ret ? ret : -EEXIST;
	ret = address_check_host(attach, &address->addr, ret_taken, err);
	if (ret)
		return ret == -EADDRINUSE ? -EEXIST : ret;
	*ret_taken = *address;
	return address_claim(attach, address, err);
}

/* Return: 0; -ENOSPC where each address of the range is taken. */
static int address_claim_next(struct attach *attach, const struct pool_range *range,
			      struct error *err)
{
	const struct nk_subnet *subnet = &attach->network.subnets[range->subnet];
	struct addr cursor;
	struct prefix address = { .len = addr_bits(subnet->family) }, taken;
	struct pool pool;
	int ret = cursor_get(&attach->node->datapath, subnet, &cursor, err);

	if (ret && ret != -ENOENT)
		return ret;
	pool_init(&pool, subnet, range, ret ? NULL : &cursor);
	while (pool_next(&pool, &address.addr)) {
		ret = address_claim_free(attach, &address, &taken, err);
		if (!ret) /* where it can't be noted the next one begins where this one did */
			(void)cursor_set(&attach->node->datapath, subnet, &address.addr, NULL);
		if (!ret)
			return 0;
		if (ret != -EEXIST)
			return ret;
		pool_pass_over(&pool, &address.addr, &taken);
	}
	return error_set(err, ENOSPC, "no %s address of network %s is free any more",
			 family_name(subnet->family), attach->request->identity.network);
}

/* The range that might have given out an address, or else the first one of its subnet, or NULL. */
static const struct pool_range *range_of(const struct attach *attach, const struct addr *addr)
{
	const struct nk_subnet *subnet = network_subnet_of(&attach->network, addr);
	const struct pool_range *found = NULL;

	for (size_t i = attach->ranges.count; i-- > 0;) {
		const struct pool_range *range = &attach->ranges.ranges[i];

		if (&attach->network.subnets[range->subnet] != subnet)
			continue;
		if (pool_range_has(&attach->network, range, addr))
			return range;
		found = range;
	}
	return found;
}

static bool set_has_address(const struct attach *attach, const struct pool_range *set)
{
	for (size_t i = 0; i < attach->claimed; i++) {
		const struct pool_range *range = range_of(attach, &attach->addresses[i].addr);

		if (range && pool_set_is_same(&attach->network, range, set))
			return true;
	}
	return false;
}

/* @set: the number of its first range */
static int address_claim_set(struct attach *attach, size_t set, struct error *err)
{
	const struct pool_range *ranges = attach->ranges.ranges;
	int ret = -ENOSPC;

	for (size_t i = set; ret == -ENOSPC && i < attach->ranges.count; i++)
		if (pool_set_is_same(&attach->network, &ranges[i], &ranges[set]))
			ret = address_claim_next(attach, &ranges[i], err);
	return ret;
}

/* The dead may have kept their claims until now: an exhausted pool needs them. */
static int address_claim_auto(struct attach *attach, size_t set, struct error *err)
{
	size_t dead;
	int ret = address_claim_set(attach, set, err);

	if (ret != -ENOSPC)
		return ret;
	ret = collect_claims(attach->node, &dead, err);
	return ret ? ret : address_claim_set(attach, set, err);
}

/* One of each set, in order, but of those that have one already. */
static int addresses_claim_auto(struct attach *attach, struct error *err)
{
	const struct nk_network *network = &attach->network;
	int ret = 0;

	if (attach->request->ranges)
		attach->ranges = *attach->request->ranges;
	else
		pool_ranges_whole(network, &attach->ranges);
	for (size_t i = 0; !ret && i < attach->ranges.count; i++) {
		const struct pool_range *range = &attach->ranges.ranges[i];

		if (attach_wants_family(attach, network->subnets[range->subnet].family) &&
		    pool_set_begins(network, &attach->ranges, i) && !set_has_address(attach, range))
			ret = address_claim_auto(attach, i, err);
	}
	return ret;
}

/*
 * Subnets of two networks may overlap where a runtime configures them: what is to be the host's own
 * address mustn't be an endpoint's.
 */
static int gateway_check(struct attach *attach, const struct nk_subnet *subnet, struct error *err)
{
	const struct addr gateway = subnet_gateway(subnet);
	const struct prefix prefix = subnet_prefix(subnet);
	struct link_info owner = { 0 };
	struct nk_endpoint claim;
	int ret = claim_get(&attach->node->datapath, &gateway, &claim, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	ret = collect_address(attach->node, &gateway, &owner, err);
	if (ret != -EEXIST)
		return ret;
	return error_set(err, EADDRINUSE, "the gateway %s of subnet %s is the address of %s (%s)",
			 addr_format(&gateway).text, prefix_format(&prefix).text,
			 owner_text(&owner), owner.name);
}

static int gateways_check(struct attach *attach, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < attach->claimed; i++) {
		const struct nk_subnet *subnet =
			network_subnet_of(&attach->network, &attach->addresses[i].addr);

		ret = subnet ? gateway_check(attach, subnet, err) : 0;
	}
	return ret;
}

int addresses_claim(struct attach *attach, struct error *err)
{
	const struct attach_request *request = attach->request;
	int ret = 0;

	for (size_t i = 0; !ret && i < request->address_count; i++)
		ret = address_claim_given(attach, &request->addresses[i], err);
	if (!ret && request->auto_addresses)
		ret = addresses_claim_auto(attach, err);
	if (!ret)
		ret = gateways_check(attach, err);
	log_step("addresses_claim");
	return ret;
}

/*
 * By the addresses, not by the note of them: where the device has gone meanwhile the collector has
 * taken that away, perhaps before the last claim.
 */
void claims_undo(struct attach *attach)
{
	for (size_t i = 0; i < attach->claimed; i++)
		(void)claim_release(&attach->node->datapath, attach->ifindex,
				    &attach->addresses[i].addr, NULL);
}
