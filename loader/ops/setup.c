// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/setup.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "core/netns.h"
#include "core/pause.h"
#include "core/sysctl.h"
#include "model/network.h"
#include "nl/inet.h"
#include "nl/link.h"
#include "ops/gateway.h"
#include "ops/node.h"

/*
 * What the kernel does by itself, in a moment, is waited for, so that the container can be spoken
 * to when the attach has ended; how long, and how often to look. A kernel that takes longer has too
 * much to do, and gets to it.
 */
#define AWAIT_US    1000000
#define LOOK_US     200
#define LOOK_MAX_US 20000

static bool setup_has_ipv6(const struct endpoint_setup *setup)
{
	for (size_t i = 0; i < setup->address_count; i++)
		if (setup->addresses[i].addr.family == AF_INET6)
			return true;
	return false;
}

/*
 * In IPv6 the device's own `forwarding` serves bpf_fib_lookup(), but the stack goes by the global
 * switch, or from 6.17 on by the device's force_forwarding (ip6_forward(), net/ipv6/ip6_output.c).
 * On an earlier kernel the programs do what the stack won't: see bpf/icmp6.h.
 */
static int primary_force_forwarding(const char *name, struct error *err)
{
	int ret = sysctl_write_dev("ipv6", name, "force_forwarding", 1, err);

	return ret == -ENOENT ? 0 : ret;
}

/*
 * The host's end of a container without an IPv6 address has no use for IPv6: it would have a
 * link-local address, and a route in a list of all devices' that the kernel searches for each new
 * one. Where that can't be written it stays so.
 */
static void primary_disable_ipv6(const char *name)
{
	(void)sysctl_write_dev("ipv6", name, "disable_ipv6", 1, NULL);
}

/* bpf_fib_lookup() and the stack both want forwarding on the device a packet comes in by. */
static int primary_forward(const struct endpoint_setup *setup, struct error *err)
{
	const char *name = setup->primary_name;
	const struct link_config config = { .alias = setup->alias,
					    .forwarding = true,
					    .no_link_local = setup_has_ipv6(setup) };
	int ret = link_configure(setup->host, setup->ifindex, &config, err);

	if (ret)
		return error_prefix(err, "configure the device %s", name);
	/* Under repair (no alias) nobody may know all its addresses any more. */
	if (!config.no_link_local && setup->alias)
		primary_disable_ipv6(name);
	if (!config.no_link_local)
		return 0;
	if (!setup->has_ipv6) /* new devices have it off, here, and an address asks for it */
		ret = sysctl_write_dev("ipv6", name, "disable_ipv6", 0, err);
	if (!ret)
		ret = sysctl_write_dev("ipv6", name, "forwarding", 1, err);
	return ret ? ret : primary_force_forwarding(name, err);
}

static int host_gateway_add(const struct endpoint_setup *setup, const struct nk_subnet *subnet,
			    uint32_t *new_gateways, struct error *err)
{
	bool is_new = false;
	int ret = gateway_add(setup->host, subnet, &is_new, err);

	if (is_new && new_gateways)
		*new_gateways |= 1U << (subnet - setup->network->subnets);
	return ret;
}

static int host_route_add(const struct endpoint_setup *setup, const struct addr *addr,
			  bool with_source, uint32_t *new_gateways, struct error *err)
{
	const struct nk_subnet *subnet = network_subnet_of(setup->network, addr);
	struct inet_route route = { .dst = { *addr, addr_bits(addr->family) },
				    .ifindex = setup->ifindex };
	struct addr gateway;
	int ret = 0;

	if (subnet) {
		gateway = subnet_gateway(subnet);
		route.prefsrc = with_source ? &gateway : NULL;
		ret = host_gateway_add(setup, subnet, new_gateways, err);
	}
	if (!ret)
		ret = inet_route_replace(setup->host, &route, err);
	return ret ? error_prefix(err, "route %s to the container", addr_format(addr).text) : 0;
}

/* In l2 mode the host knows the container's MAC address from us, and never asks for it. */
static int host_neigh_add(const struct endpoint_setup *setup, const struct addr *addr,
			  struct error *err)
{
	if (setup->noarp)
		return 0;
	return inet_neigh_add(setup->host, setup->ifindex, addr, setup->peer_mac, err);
}

int host_setup(const struct endpoint_setup *setup, uint32_t *new_gateways, struct error *err)
{
	struct link_info loopback;
	int ret = primary_forward(setup, err);

	if (!ret)
		ret = link_up(setup->host, setup->ifindex, err);
	if (!ret)
		ret = link_get_by_index(setup->host, LOOPBACK_IFINDEX, &loopback, err);
	for (size_t i = 0; !ret && i < setup->address_count; i++) {
		const struct addr *addr = &setup->addresses[i].addr;

		/* Addresses of a loopback device that is down are no source for a route. */
		ret = host_route_add(setup, addr, loopback.flags & IFF_UP, new_gateways, err);
		if (!ret)
			ret = host_neigh_add(setup, addr, err);
	}
	return ret;
}

/*
 * A device sends some time after it got its carrier: linkwatch_do_dev(), net/core/link_watch.c.
 * Asked for it alone, the kernel sees to that now (rtnl_getlink(), from 6.8 on).
 */
static int link_await(struct nlsock *nl, int ifindex, struct link_info *ret_link, struct error *err)
{
	int ret = link_get_by_index(nl, ifindex, ret_link, err);

	for (int waited_us = 0; !ret && !(ret_link->flags & IFF_RUNNING) && waited_us < AWAIT_US;) {
		waited_us += pause_before_look(waited_us, LOOK_US, LOOK_MAX_US);
		ret = link_get_by_index(nl, ifindex, ret_link, err);
	}
	return ret;
}

int links_await(const struct endpoint_setup *setup, struct link_info *ret_link, struct error *err)
{
	struct link_info primary, peer;
	int ret = link_await(setup->host, setup->ifindex, &primary, err);

	if (ret)
		return ret;
	*ret_link = primary;
	return link_await(setup->container, setup->peer_ifindex, &peer, err);
}

static int container_enable_ipv6(void *data, struct error *err)
{
	return sysctl_write_dev("ipv6", data, "disable_ipv6", 0, err);
}

/* Runtimes may hand over a namespace with IPv6 turned off: an address asks for it on. */
static int container_prepare_ipv6(const struct endpoint_setup *setup, struct error *err)
{
	char ifname[IF_NAMESIZE];
	struct link_info link;
	int ret;

	if (!setup_has_ipv6(setup))
		return 0;
	(void)strcpy(ifname, setup->peer_name); /* identity_init() checked its length */
	ret = link_get_by_index(setup->container, setup->peer_ifindex, &link, err);
	if (!ret && !link.has_ipv6)
		ret = netns_run(setup->netns_fd, container_enable_ipv6, ifname, err);
	/* Only a guest behind an Ethernet device has a use for link-local addresses. */
	if (!ret && setup->noarp)
		ret = link_configure(setup->container, setup->peer_ifindex,
				     &(struct link_config){ .no_link_local = true }, err);
	return ret;
}

static int container_address_add(const struct endpoint_setup *setup, const struct prefix *address,
				 struct error *err)
{
	int ret = inet_addr_add(setup->container, setup->peer_ifindex, address, RT_SCOPE_UNIVERSE,
				err);

	return ret && ret != -EEXIST ? error_prefix(err, "give the container the address %s",
						    prefix_format(address).text)
				     : 0;
}

/* On a link without ARP a next hop means nothing. With ARP it must be on the link to be asked for.
 */
static int container_gateway_reach(const struct endpoint_setup *setup, const struct addr *gateway,
				   struct error *err)
{
	struct inet_route link = { .dst = { *gateway, addr_bits(gateway->family) },
				   .ifindex = setup->peer_ifindex };

	return inet_route_replace(setup->container, &link, err);
}

static int container_route_add(const struct endpoint_setup *setup,
			       const struct endpoint_route *wanted, bool replace, struct error *err)
{
	bool has_gateway = wanted->gateway.family && !setup->noarp;
	struct inet_route route = { .dst = wanted->dst,
				    .ifindex = setup->peer_ifindex,
				    .gateway = has_gateway ? &wanted->gateway : NULL,
				    .metric = wanted->metric,
				    .table = wanted->table,
				    .mtu = wanted->mtu,
				    .advmss = wanted->advmss,
				    .has_scope = wanted->has_scope,
				    .scope = wanted->scope };
	int ret = 0;

	if (has_gateway)
		ret = container_gateway_reach(setup, &wanted->gateway, err);
	if (ret)
		return ret;
	return replace ? inet_route_replace(setup->container, &route, err)
		       : inet_route_add(setup->container, &route, err);
}

static bool route_is_others(const struct endpoint_setup *setup, const struct inet_route_list *list,
			    const struct endpoint_route *wanted)
{
	uint32_t table = wanted->table ? wanted->table : RT_TABLE_MAIN;

	for (size_t i = 0; i < list->count; i++) {
		const struct inet_route_entry *entry = &list->entries[i];

		if (entry->ifindex != setup->peer_ifindex && entry->table == table &&
		    prefix_equal(&entry->dst, &wanted->dst))
			return true;
	}
	return false;
}

/*
 * In place of the route to the same destination that the kernel has made for our own address.
 *
 * Return: -EEXIST where another interface has one, which stays: the kernel would replace that.
 */
static int container_route_replace(const struct endpoint_setup *setup,
				   const struct endpoint_route *wanted, struct error *err)
{
	_cleanup_inet_route_list_ struct inet_route_list list = { 0 };
	int ret = inet_route_list_read(setup->container, wanted->dst.addr.family, 0, &list, err);

	if (ret)
		return ret;
	if (route_is_others(setup, &list, wanted))
		return -EEXIST;
	return container_route_add(setup, wanted, true, err);
}

static int route_note(struct endpoint_routes *routes, const struct endpoint_route *route,
		      struct error *err)
{
	if (routes->count == ENDPOINT_ROUTES_MAX)
		return error_set(err, E2BIG, "a container gets at most %d routes",
				 ENDPOINT_ROUTES_MAX);
	routes->routes[routes->count++] = *route;
	return 0;
}

static bool routes_have(const struct endpoint_routes *routes, const struct prefix *dst)
{
	for (size_t i = 0; i < routes->count; i++)
		if (prefix_equal(&routes->routes[i].dst, dst))
			return true;
	return false;
}

/* A second interface of a container leaves its default route alone and serves its own subnet. */
static int container_route(const struct endpoint_setup *setup, const struct addr *addr,
			   struct endpoint_routes *routes, struct error *err)
{
	const struct nk_subnet *subnet = network_subnet_of(setup->network, addr);
	struct endpoint_route route = { .dst.addr.family = addr->family };
	int ret;

	if (routes_have(routes, &route.dst))
		return 0; /* by another address of the family */
	if (subnet)
		route.gateway = subnet_gateway(subnet);
	ret = container_route_add(setup, &route, false, err);
	if (ret == -EEXIST && subnet) {
		route.dst = subnet_prefix(subnet);
		ret = container_route_replace(setup, &route, err);
		if (ret == -EEXIST)
			return 0;
	}
	if (!ret && !routes_have(routes, &route.dst))
		ret = route_note(routes, &route, err);
	return ret ? error_prefix(err, "give the container its %s routes",
				  family_name(addr->family))
		   : 0;
}

/*
 * "Since another network might have already configured the default route, the CNI plugin should be
 * prepared to skip over its default route definition" (CNI spec, IP Allocation, Notes). So it is
 * with any other that another interface has.
 */
static int container_route_given(const struct endpoint_setup *setup,
				 const struct endpoint_route *route, struct endpoint_routes *routes,
				 struct error *err)
{
	int ret = container_route_add(setup, route, false, err);

	if (ret == -EEXIST && route->dst.len)
		ret = container_route_replace(setup, route, err);
	if (ret == -EEXIST)
		return 0;
	if (!ret)
		ret = route_note(routes, route, err);
	return ret ? error_prefix(err, "give the container the route to %s",
				  prefix_format(&route->dst).text)
		   : 0;
}

static int container_routes(const struct endpoint_setup *setup, struct endpoint_routes *routes,
			    struct error *err)
{
	int ret = 0;

	if (!setup->routes)
		for (size_t i = 0; !ret && i < setup->address_count; i++)
			ret = container_route(setup, &setup->addresses[i].addr, routes, err);
	for (size_t i = 0; setup->routes && !ret && i < setup->routes->count; i++)
		ret = container_route_given(setup, &setup->routes->routes[i], routes, err);
	return ret;
}

static int container_address_await(const struct endpoint_setup *setup, const struct addr *addr,
				   struct error *err)
{
	int ret = inet_addr_is_local(setup->container, addr, err);

	for (int waited_us = 0; !ret && waited_us < AWAIT_US;) {
		waited_us += pause_before_look(waited_us, LOOK_US, LOOK_MAX_US);
		ret = inet_addr_is_local(setup->container, addr, err);
	}
	return ret < 0 ? error_prefix(err, "look for the container's address %s",
				      addr_format(addr).text)
		       : 0;
}

static int container_addresses_await(const struct endpoint_setup *setup, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < setup->address_count; i++)
		if (setup->addresses[i].addr.family == AF_INET6)
			ret = container_address_await(setup, &setup->addresses[i].addr, err);
	return ret;
}

int container_setup(const struct endpoint_setup *setup, struct endpoint_routes *ret_routes,
		    struct error *err)
{
	int ret = container_prepare_ipv6(setup, err);

	ret_routes->count = 0;
	if (!ret)
		ret = link_up(setup->container, LOOPBACK_IFINDEX, err);
	/*
	 * An IPv6 address is taken in by a worker of the kernel, which needs the lock of all
	 * devices. When the pair has come up another one has that, as long as it takes to look at
	 * the node's routes.
	 */
	for (size_t i = 0; !ret && i < setup->address_count; i++)
		ret = container_address_add(setup, &setup->addresses[i], err);
	if (!ret)
		ret = link_up(setup->container, setup->peer_ifindex, err);
	if (!ret)
		ret = container_routes(setup, ret_routes, err);
	return ret ? ret : container_addresses_await(setup, err);
}
