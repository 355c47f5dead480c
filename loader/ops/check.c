// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/check.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/hook.h"
#include "bpf/sockets.h"
#include "core/cleanup.h"
#include "core/sysctl.h"
#include "nl/address.h"
#include "nl/inet.h"
#include "nl/link.h"
#include "ops/bandwidth.h"
#include "ops/endpoint.h"
#include "ops/publish.h"
#include "ops/uplink.h"

/* struct check - a comparison under way: @primary and @peer are the two ends as they are. */
struct check {
	struct node *node;
	const struct endpoint_expectation *expectation;
	struct nlsock *container;
	struct link_info primary, peer;
};

static bool check_has_family(const struct check *check, uint8_t family)
{
	for (size_t i = 0; i < check->expectation->address_count; i++)
		if (check->expectation->addresses[i].addr.family == family)
			return true;
	return false;
}

/* The pair ------------------------------------------------------------------------------------- */

static int check_primary(struct check *check, struct error *err)
{
	struct link_info *primary = &check->primary;
	int ret = endpoint_locate(check->node, check->expectation->identity, primary, err);

	if (ret)
		return ret;
	if (primary->is_unfinished)
		return error_set(err, ESTALE,
				 "%s is the remains of an attach or a detach that was killed",
				 primary->name);
	if (!(primary->flags & IFF_UP))
		return error_set(err, ESTALE, "%s, the host's end of the pair, is down",
				 primary->name);
	return 0;
}

/* How the kernel shows the mode: in l3 mode nobody asks for a MAC address. */
static int check_mode(const struct check *check, const struct link_info *link, struct error *err)
{
	bool is_l3 = check->expectation->mode == NK_MODE_L3;

	if (!(link->flags & IFF_NOARP) != is_l3)
		return 0;
	return error_set(err, ESTALE, "%s has ARP %s, which it had %s: `ip link set %s arp %s`",
			 link->name, is_l3 ? "on" : "off", is_l3 ? "off" : "on", link->name,
			 is_l3 ? "off" : "on");
}

static int check_primary_settings(struct check *check, struct error *err)
{
	const struct endpoint_expectation *expectation = check->expectation;
	const struct link_info *primary = &check->primary;

	if (expectation->host_mtu && primary->mtu != expectation->host_mtu)
		return error_set(err, ESTALE, "%s has the MTU %u instead of %u", primary->name,
				 primary->mtu, expectation->host_mtu);
	if (expectation->host_mac && memcmp(expectation->host_mac, primary->mac, NK_ETH_ALEN) != 0)
		return error_set(err, ESTALE,
				 "%s, the host's end of the pair, has another MAC address",
				 primary->name);
	return check_mode(check, primary, err);
}

static int check_peer(struct check *check, struct error *err)
{
	const char *ifname = check->expectation->identity->ifname;
	struct link_info *peer = &check->peer;
	int ret = link_get_by_name(check->container, ifname, peer, err);

	if (ret == -ENODEV)
		return error_set(err, ESTALE, "the container has no interface %s", ifname);
	if (ret)
		return ret;
	if (peer->ifindex != check->primary.peer_ifindex)
		return error_set(err, ESTALE, "the container's %s isn't the other end of %s",
				 ifname, check->primary.name);
	if (!(peer->flags & IFF_UP))
		return error_set(err, ESTALE, "%s is down in the container", ifname);
	return 0;
}

static int check_peer_settings(struct check *check, struct error *err)
{
	const struct endpoint_expectation *expectation = check->expectation;
	uint32_t mtu = expectation->mtu ? expectation->mtu : check->primary.mtu;

	if (check->peer.mtu != mtu)
		return error_set(err, ESTALE, "the container's %s has the MTU %u instead of %u",
				 check->peer.name, check->peer.mtu, mtu);
	if (expectation->mac && memcmp(expectation->mac, check->peer.mac, NK_ETH_ALEN) != 0)
		return error_set(err, ESTALE, "the container's %s has another MAC address",
				 check->peer.name);
	return check_mode(check, &check->peer, err);
}

static int check_program(struct check *check, struct error *err)
{
	uint32_t id = 0;
	int ret = hook_find(endpoint_program(&check->primary), check->primary.ifindex, &id, NULL,
			    err);

	if (!ret && !id)
		return error_set(err, ESTALE, "the program of %s was taken off",
				 check->primary.name);
	return ret;
}

static int check_forwarding(struct check *check, struct error *err)
{
	int on = 0, ret = 0;

	for (size_t i = 0; !ret && i < ADDR_FAMILIES; i++) {
		const char *family = addr_families[i] == AF_INET ? "ipv4" : "ipv6";

		if (!check_has_family(check, addr_families[i]))
			continue;
		ret = sysctl_read_dev(family, check->primary.name, "forwarding", &on, err);
		if (!ret && !on)
			return error_set(err, ESTALE, "net.%s.conf.%s.forwarding is off", family,
					 check->primary.name);
	}
	return ret;
}

/* Addresses ------------------------------------------------------------------------------------ */

/* Where packets are sent to: what changes the address behind our back cuts the container off. */
static bool claim_has_mac(const uint8_t claimed[NK_ETH_ALEN], const struct link_info *link)
{
	static const uint8_t none[NK_ETH_ALEN];

	return !memcmp(claimed, none, NK_ETH_ALEN) || !memcmp(claimed, link->mac, NK_ETH_ALEN);
}

static int check_claim(struct check *check, const struct addr *addr, struct error *err)
{
	bool masquerades = masquerade_applies(check->expectation->masquerade, addr);
	struct nk_endpoint claim;
	int ret = claim_get(&check->node->datapath, addr, &claim, err);

	if (ret == -ENOENT || (!ret && claim.ifindex != (uint32_t)check->primary.ifindex))
		return error_set(err, ESTALE, "address %s is %s in the endpoint map",
				 addr_format(addr).text, ret ? "missing" : "another endpoint's");
	if (!ret && claim.mtu != check->primary.mtu)
		return error_set(err, ESTALE, "%s has the MTU %u, and was attached with %u",
				 check->primary.name, check->primary.mtu, claim.mtu);
	if (!ret && !(claim.flags & NK_ENDPOINT_MASQUERADE) == masquerades)
		return error_set(err, ESTALE, "address %s is %smasqueraded", addr_format(addr).text,
				 masquerades ? "not " : "");
	if (!ret && !claim_has_mac(claim.mac, &check->peer))
		return error_set(err, ESTALE,
				 "the container's %s has another MAC address than it was attached "
				 "with: packets don't reach it",
				 check->peer.name);
	if (!ret && !claim_has_mac(claim.gateway_mac, &check->primary))
		return error_set(err, ESTALE,
				 "%s has another MAC address than it was attached with: the "
				 "container's packets don't reach the host",
				 check->primary.name);
	return ret;
}

static bool peer_has_address(const struct check *check, const struct device_address_list *list,
			     const struct prefix *address)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->addresses[i].ifindex == check->peer.ifindex &&
		    addr_equal(&list->addresses[i].local, &address->addr) &&
		    list->addresses[i].prefix.len == address->len)
			return true;
	return false;
}

static bool list_has_address(const struct device_address_list *list, const struct addr *addr)
{
	for (size_t i = 0; i < list->count; i++)
		if (addr_equal(&list->addresses[i].local, addr))
			return true;
	return false;
}

/* In l2 mode the host never asks for it. */
static int check_neigh(const struct check *check, const struct addr *addr, struct error *err)
{
	bool has = true;
	int ret = 0;

	if (check->expectation->mode == NK_MODE_L2)
		ret = inet_neigh_has(check->node->nl, check->primary.ifindex, addr, check->peer.mac,
				     &has, err);
	if (!ret && !has)
		return error_set(err, ESTALE,
				 "the host has no neighbour entry for %s on %s: `nkctl repair` "
				 "puts it back",
				 addr_format(addr).text, check->primary.name);
	return ret;
}

static int check_addresses(struct check *check, struct error *err)
{
	_cleanup_device_address_list_ struct device_address_list list = { 0 };
	const struct endpoint_expectation *expectation = check->expectation;
	int ret = device_address_list_read(check->container, &list, err);

	for (size_t i = 0; !ret && i < expectation->address_count; i++) {
		const struct prefix *address = &expectation->addresses[i];

		ret = check_claim(check, &address->addr, err);
		if (!ret)
			ret = check_neigh(check, &address->addr, err);
		if (!ret && !peer_has_address(check, &list, address))
			return error_set(err, ESTALE, "the container's %s has no address %s",
					 check->peer.name, prefix_format(address).text);
	}
	return ret;
}

/*
 * Without it the host has another source address for what it sends to the container, and the
 * container's packets to it are no packets to the host. What the kernel makes of a route from it is
 * no help: one of IPv6 stays (fib6_remove_prefsrc(), net/ipv6/route.c).
 */
static int check_gateways(struct check *check, struct error *err)
{
	_cleanup_device_address_list_ struct device_address_list list = { 0 };
	const struct endpoint_expectation *expectation = check->expectation;
	int ret = device_address_list_read(check->node->nl, &list, err);

	for (size_t i = 0; !ret && i < expectation->gateway_count; i++) {
		const struct addr *gateway = &expectation->gateways[i];

		if (!list_has_address(&list, gateway))
			return error_set(err, ESTALE, "the host has no gateway address %s",
					 addr_format(gateway).text);
	}
	return ret;
}

/* Routes --------------------------------------------------------------------------------------- */

static int check_host_routes(struct check *check, uint8_t family, struct error *err)
{
	_cleanup_inet_route_list_ struct inet_route_list list = { 0 };
	const struct endpoint_expectation *expectation = check->expectation;
	int ret = inet_route_list_read(check->node->nl, family, check->primary.ifindex, &list, err);

	for (size_t i = 0; !ret && i < expectation->address_count; i++) {
		const struct addr *addr = &expectation->addresses[i].addr;
		struct prefix dst = { *addr, addr_bits(family) };

		if (addr->family == family && !inet_route_list_has(&list, &dst, 0))
			return error_set(err, ESTALE, "the host has no route to %s by %s",
					 addr_format(addr).text, check->primary.name);
	}
	return ret;
}

/* On a link without ARP a next hop means nothing: container_route_add(), ops/setup.c. */
static bool route_has_gateway(const struct check *check, const struct endpoint_route *route)
{
	return route->gateway.family && !(check->peer.flags & IFF_NOARP);
}

static bool container_has_route(const struct check *check, const struct inet_route_list *list,
				const struct endpoint_route *route)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct inet_route_entry *entry = &list->entries[i];

		if (prefix_equal(&entry->dst, &route->dst) &&
		    (!route->table || entry->table == route->table) &&
		    (!route_has_gateway(check, route) ||
		     addr_equal(&entry->gateway, &route->gateway)))
			return true;
	}
	return false;
}

static int route_missing(const struct check *check, const struct endpoint_route *route,
			 struct error *err)
{
	bool has_gateway = route_has_gateway(check, route);

	return error_set(err, ESTALE, "the container has no route to %s by %s%s%s",
			 prefix_format(&route->dst).text, check->peer.name,
			 has_gateway ? ", with the gateway " : "",
			 has_gateway ? addr_format(&route->gateway).text : "");
}

static int check_container_routes(struct check *check, uint8_t family, struct error *err)
{
	_cleanup_inet_route_list_ struct inet_route_list list = { 0 };
	const struct endpoint_routes *routes = check->expectation->routes;
	int ret = inet_route_list_read(check->container, family, check->peer.ifindex, &list, err);

	for (size_t i = 0; !ret && i < routes->count; i++) {
		const struct endpoint_route *route = &routes->routes[i];

		if (route->dst.addr.family == family && !container_has_route(check, &list, route))
			return route_missing(check, route, err);
	}
	return ret;
}

static int check_routes(struct check *check, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < ADDR_FAMILIES; i++) {
		if (!check_has_family(check, addr_families[i]))
			continue;
		ret = check_host_routes(check, addr_families[i], err);
		if (!ret)
			ret = check_container_routes(check, addr_families[i], err);
	}
	return ret;
}

/* Where the kernel or the container that this runs in has none, there are none to miss. */
static int check_sockets(const struct check *check, struct error *err)
{
	if (sockets_are_attached(&check->node->datapath) || sockets_try(NULL))
		return 0;
	return error_set(err, ESTALE,
			 "the host's own sockets aren't led to published ports any more: `nkctl "
			 "repair` mends that");
}

static int check_ports(struct check *check, struct error *err)
{
	const struct endpoint_expectation *expectation = check->expectation;
	int ret;

	if (!expectation->ports->count)
		return 0;
	ret = publish_check(check->node, check->primary.ifindex, expectation->identity,
			    expectation->ports, err);
	if (ret == -ENOENT || ret == -EINVAL)
		err->code = ret = -ESTALE; /* the words are right */
	return ret ? ret : check_sockets(check, err);
}

static int check_bandwidth(struct check *check, struct error *err)
{
	const struct endpoint_expectation *expectation = check->expectation;
	struct bandwidth bandwidth = *expectation->bandwidth;
	const struct bandwidth_pair pair = { .container = check->container,
					     .netns_fd = expectation->netns_fd,
					     .ifindex = check->primary.ifindex,
					     .peer_ifindex = check->peer.ifindex,
					     .netkit = endpoint_program(&check->primary) ==
						       PROGRAM_FROM_CTR };
	uint32_t flags;
	int ret = owner_flags(&check->node->datapath, check->primary.ifindex, &flags, err);

	if (ret)
		return ret;
	bandwidth_complete(&bandwidth.ingress);
	bandwidth_complete(&bandwidth.egress);
	return bandwidth_verify(check->node, &pair, flags, &bandwidth, err);
}

static int uplink_check(const struct uplink_state *uplink, struct error *err)
{
	if (uplink->excluded || uplink->attached)
		return 0;
	if (!uplink->known)
		return error_set(
			err, ESTALE,
			"%s carries a default route since the last ADD and has no program: "
			"the next one, or `nkctl repair`, makes it an uplink",
			uplink->name);
	return error_set(err, ESTALE,
			 "the program of the uplink %s was taken off: the next ADD, or `nkctl "
			 "repair`, puts it back",
			 uplink->name);
}

int uplinks_check(struct node *node, bool known_only, struct error *err)
{
	_cleanup_free_ struct uplink_state *uplinks = NULL;
	size_t count = 0;
	int ret = uplinks_observe(node, &uplinks, &count, err);

	for (size_t i = 0; !ret && i < count; i++)
		if (uplinks[i].known || !known_only)
			ret = uplink_check(&uplinks[i], err);
	return ret;
}

/* What comes in by an uplink without it, the host's stack takes for its own. */
static int check_uplinks(struct check *check, struct error *err)
{
	return uplinks_check(check->node, false, err);
}

int endpoint_check(struct node *node, const struct endpoint_expectation *expectation,
		   struct error *err)
{
	static int (*const steps[])(struct check *, struct error *) = {
		check_primary,       check_primary_settings, check_peer,
		check_peer_settings, check_program,          check_forwarding,
		check_addresses,     check_gateways,         check_routes,
		check_ports,         check_bandwidth,        check_uplinks,
	};
	struct check check = { .node = node, .expectation = expectation };
	int ret = nlsock_open_in(expectation->netns_fd, &check.container, err);

	for (size_t i = 0; !ret && i < ARRAY_SIZE(steps); i++)
		ret = steps[i](&check, err);
	nlsock_close(check.container);
	return ret;
}
