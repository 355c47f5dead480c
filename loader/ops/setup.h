/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The two sides of a new pair, made ready for traffic: forwarding, addresses, routes. */
#ifndef NKCTL_OPS_SETUP_H
#define NKCTL_OPS_SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/error.h"
#include "nkctl/maps.h"
#include "nl/link.h"
#include "nl/nlsock.h"

/* Routes of a container at most: those that come with its addresses, and those asked for. */
#define ENDPOINT_ROUTES_MAX 64

/**
 * struct endpoint_route - a route in a container.
 * @gateway: next hop; family 0: on the link
 * @metric, @table: 0: the kernel's default, main
 * @mtu, @advmss: in bytes; 0: none of its own
 * @scope: RT_SCOPE_*, if @has_scope; else it follows from the gateway
 */
struct endpoint_route {
	struct prefix dst;
	struct addr gateway;
	uint32_t metric, table;
	uint32_t mtu, advmss;
	bool has_scope;
	uint8_t scope;
};

struct endpoint_routes {
	struct endpoint_route routes[ENDPOINT_ROUTES_MAX];
	size_t count;
};

/**
 * struct endpoint_setup - a pair and what it is to have.
 * @host, @container: rtnetlink sockets of the two namespaces
 * @netns_fd: the container's namespace
 * @primary_name, @ifindex: the host's end
 * @has_ipv6: the host's end has IPv6 turned on
 * @alias: that it is to have, being new; NULL: it has one
 * @peer_name, @peer_ifindex, @peer_mac: the container's end
 * @noarp: l3 mode: neither end asks for, or has a use for, MAC addresses
 * @network: of which the addresses are; one that is in none of its subnets has no gateway
 * @routes: what the container is to reach by this interface; NULL: everything, or where it has a
 *	default route already, the subnets of its addresses
 * @addresses: with the prefix length that the container is to see
 */
struct endpoint_setup {
	struct nlsock *host, *container;
	int netns_fd;
	const char *primary_name, *peer_name, *alias;
	int ifindex, peer_ifindex;
	const uint8_t *peer_mac;
	bool noarp, has_ipv6;
	const struct nk_network *network;
	const struct endpoint_routes *routes;
	const struct prefix *addresses;
	size_t address_count;
};

/**
 * host_setup() - the primary has its alias, forwards and is up, and the host has its routes.
 * @new_gateways: gets a bit set, 1 << its index in the network, for each subnet whose gateway the
 *	host hadn't; NULL: nobody asks
 */
int host_setup(const struct endpoint_setup *setup, uint32_t *new_gateways, struct error *err);

/**
 * container_setup() - the peer is up, with its addresses and routes; so is the loopback device.
 * What it has of that already stays.
 * @ret_routes: the routes that it got: a default route that another interface has is left out
 */
int container_setup(const struct endpoint_setup *setup, struct endpoint_routes *ret_routes,
		    struct error *err);

/**
 * links_await() - wait, but not for ever, until both ends can send, and say so.
 * @ret_link: the primary
 */
int links_await(const struct endpoint_setup *setup, struct link_info *ret_link, struct error *err);

#endif
