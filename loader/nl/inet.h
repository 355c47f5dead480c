/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses, routes and neighbours, of either family. */
#ifndef NKCTL_NL_INET_H
#define NKCTL_NL_INET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/error.h"
#include "nkctl/maps.h"
#include "nl/nlsock.h"

/* Mark of our routes (rtm_protocol): no daemon's number in iproute2's rt_protos. */
#define NK_ROUTE_PROTOCOL 110

/**
 * inet_addr_add() - give a device an address, usable at once (no duplicate address detection).
 * @scope: RT_SCOPE_*; IPv4 only
 *
 * Return: 0; -EEXIST where the device has it.
 */
int inet_addr_add(struct nlsock *nl, int ifindex, const struct prefix *address, uint8_t scope,
		  struct error *err);

/* inet_addr_delete() - Return: 0; -EADDRNOTAVAIL where the device doesn't have it. */
int inet_addr_delete(struct nlsock *nl, int ifindex, const struct prefix *address,
		     struct error *err);

/**
 * inet_addr_is_local() - whether packets to an address are taken in, which for an IPv6 address
 * begins a moment after it was added: the kernel leaves its local route to a work queue
 * (addrconf_dad_completed() in net/ipv6/addrconf.c).
 *
 * Return: 1 or 0; a negative errno.
 */
int inet_addr_is_local(struct nlsock *nl, const struct addr *addr, struct error *err);

/**
 * struct inet_route_match - the route by which this namespace's own packets to an address leave.
 * @type: RTN_*; RTN_UNREACHABLE also where there is none
 * @dst: its destination
 * @ifindex: the device that it leaves by; 0: none, or several
 * @has_gateway: the address isn't on the device's link
 * @is_ours: marked with NK_ROUTE_PROTOCOL
 */
struct inet_route_match {
	uint8_t type;
	struct prefix dst;
	int ifindex;
	bool has_gateway;
	bool is_ours;
};

int inet_route_match(struct nlsock *nl, const struct addr *addr, struct inet_route_match *ret_match,
		     struct error *err);

/**
 * struct inet_route - a route to add.
 * @dst: destination; length 0 is the default route
 * @ifindex: device it leaves by
 * @gateway: next hop; NULL: on the link
 * @prefsrc: source for packets of this host; NULL: the kernel's choice
 * @metric: 0: the kernel's default
 * @table: 0: main
 * @mtu, @advmss: in bytes; 0: none of its own
 * @scope: RT_SCOPE_*, if @has_scope; else it follows from the gateway
 * @unreachable: lead nowhere and have the kernel say so; @ifindex and @gateway are empty then
 */
struct inet_route {
	struct prefix dst;
	int ifindex;
	const struct addr *gateway;
	const struct addr *prefsrc;
	uint32_t metric;
	uint32_t table;
	uint32_t mtu, advmss;
	bool has_scope;
	uint8_t scope;
	bool unreachable;
};

/* inet_route_add() - Return: 0; -EEXIST where there is one to the same destination. */
int inet_route_add(struct nlsock *nl, const struct inet_route *route, struct error *err);

/* inet_route_replace() - add a route, in place of one to the same destination. */
int inet_route_replace(struct nlsock *nl, const struct inet_route *route, struct error *err);

/* inet_route_delete() - Return: 0; -ESRCH where there is no such route of ours. */
int inet_route_delete(struct nlsock *nl, const struct inet_route *route, struct error *err);

/**
 * inet_multicast_route_delete() - take the route to all multicast addresses (ff00::/8) off that the
 * kernel makes for each device that has IPv6.
 *
 * Return: 0; -ESRCH where the device has none.
 */
int inet_multicast_route_delete(struct nlsock *nl, int ifindex, struct error *err);

/**
 * struct inet_route_entry - a route that the kernel has.
 * @ifindex: the device by which it leaves; 0: several
 * @gateway: next hop; family 0: on the link
 * @is_ours: marked with NK_ROUTE_PROTOCOL
 * @is_kernels: made by the kernel, of an address
 */
struct inet_route_entry {
	int ifindex;
	struct prefix dst;
	struct addr gateway;
	uint32_t table;
	bool is_ours, is_kernels;
};

struct inet_route_list {
	struct inet_route_entry *entries;
	size_t count;
};

/**
 * inet_route_list_read() - the unicast routes of a family that leave by a device, of all tables.
 * Freed by inet_route_list_free().
 * @ifindex: 0: by any
 */
int inet_route_list_read(struct nlsock *nl, uint8_t family, int ifindex,
			 struct inet_route_list *ret_list, struct error *err);
void inet_route_list_free(struct inet_route_list *list);
#define _cleanup_inet_route_list_ _cleanup_(inet_route_list_free)

/* inet_unreachable_list_read() - the same of the unreachable routes that are ours. */
int inet_unreachable_list_read(struct nlsock *nl, uint8_t family, struct inet_route_list *ret_list,
			       struct error *err);

/* Whether there is a route to just that destination. @table: 0: any */
bool inet_route_list_has(const struct inet_route_list *list, const struct prefix *dst,
			 uint32_t table);

/* inet_neigh_add() - a permanent neighbour entry. */
int inet_neigh_add(struct nlsock *nl, int ifindex, const struct addr *addr,
		   const uint8_t mac[NK_ETH_ALEN], struct error *err);

/* inet_neigh_has() - whether there is such an entry, with that MAC address. */
int inet_neigh_has(struct nlsock *nl, int ifindex, const struct addr *addr,
		   const uint8_t mac[NK_ETH_ALEN], bool *ret_has, struct error *err);

/**
 * struct default_route - a device that a default route leaves by.
 * @mtu: the route's own MTU; 0: it has none, the device's counts
 */
struct default_route {
	int ifindex;
	uint32_t mtu;
};

/**
 * inet_default_routes() - the devices of the default routes of a family, each once.
 * @routes: filled in the kernel's order
 * @max: entries of @routes; further ones are left out
 * @ret_count: entries used
 *
 * Uses a socket of its own, since it reads only the head of the IPv4 table, where the default
 * route stands, and then breaks the dump off: a node with a million routes costs no more.
 */
int inet_default_routes(uint8_t family, struct default_route *routes, size_t max, size_t *ret_count,
			struct error *err);

#endif
