// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Theory of operation
 *
 * The gateway address is the host's own as containers see it. It is on the loopback device, where
 * it serves all endpoints, and has scope link, so that the kernel doesn't choose it for other
 * traffic. IPv6 addresses have no such scope: a host without a global one of its own takes it.
 *
 * An address of a subnet that no endpoint has would follow the default route, out to a router
 * that may well send it back. So the whole subnet is unreachable, with the last metric there is:
 * routes to endpoints are longer, and any other route of the same length is better.
 *
 * The route goes first: where the address is, the route is too. A host may have had the address
 * itself, and keeps it then.
 */
#include "ops/gateway.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "core/netns.h"
#include "model/network.h"
#include "nl/address.h"
#include "nl/inet.h"
#include "ops/node.h"

#define LAST_METRIC 0xffffffff

static struct inet_route subnet_route(const struct nk_subnet *subnet)
{
	return (struct inet_route){ .dst = subnet_prefix(subnet),
				    .metric = LAST_METRIC,
				    .unreachable = true };
}

static struct prefix gateway_prefix(const struct nk_subnet *subnet)
{
	return (struct prefix){ subnet_gateway(subnet), addr_bits(subnet->family) };
}

int gateway_add(struct nlsock *host, const struct nk_subnet *subnet, bool *ret_new,
		struct error *err)
{
	struct inet_route route = subnet_route(subnet);
	struct prefix address = gateway_prefix(subnet);
	int ret = inet_route_add(host, &route, err);

	*ret_new = !ret;
	if (!ret || ret == -EEXIST)
		ret = inet_addr_add(host, LOOPBACK_IFINDEX, &address, RT_SCOPE_LINK, err);
	if (ret && ret != -EEXIST)
		return error_prefix(err, "give the host the gateway address %s",
				    prefix_format(&address).text);
	return 0;
}

/* As gateway_add() makes it, and hardly anybody else: of that scope, or without DAD. */
static bool gateway_is_ours(const struct device_address *address)
{
	return address->local.family == AF_INET ? address->scope == RT_SCOPE_LINK
						: address->flags & IFA_F_NODAD;
}

static int gateway_address_remove(struct nlsock *host, const struct prefix *gateway,
				  struct error *err)
{
	_cleanup_device_address_list_ struct device_address_list list = { 0 };
	int ret = device_address_list_read(host, &list, err);

	for (size_t i = 0; !ret && i < list.count; i++) {
		const struct device_address *address = &list.addresses[i];

		if (address->ifindex == LOOPBACK_IFINDEX &&
		    addr_equal(&address->local, &gateway->addr) && gateway_is_ours(address))
			ret = inet_addr_delete(host, LOOPBACK_IFINDEX, gateway, err);
	}
	return ret == -EADDRNOTAVAIL ? 0 : ret;
}

int gateway_route_remove(struct nlsock *host, const struct nk_subnet *subnet, struct error *err)
{
	struct inet_route route = subnet_route(subnet);
	int ret = inet_route_delete(host, &route, err);

	if (ret && ret != -ESRCH)
		return error_prefix(err, "take the route to %s off the host",
				    prefix_format(&route.dst).text);
	return 0;
}

int gateway_remove(struct nlsock *host, const struct nk_subnet *subnet, struct error *err)
{
	struct prefix address = gateway_prefix(subnet);
	int ret = gateway_address_remove(host, &address, err);

	if (ret)
		return error_prefix(err, "take the gateway address %s off the host",
				    prefix_format(&address).text);
	return gateway_route_remove(host, subnet, err);
}

static int gateways_sweep_family(struct nlsock *host, uint8_t family, struct error *err)
{
	_cleanup_inet_route_list_ struct inet_route_list list = { 0 };
	int ret = inet_unreachable_list_read(host, family, &list, err);

	for (size_t i = 0; !ret && i < list.count; i++) {
		struct nk_network network = { 0 };

		if (list.entries[i].is_ours &&
		    !network_add_subnet(&network, &list.entries[i].dst, NULL))
			ret = gateway_remove(host, &network.subnets[0], err);
	}
	return ret;
}

int gateways_sweep(struct nlsock *host, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < ADDR_FAMILIES; i++)
		ret = gateways_sweep_family(host, addr_families[i], err);
	return ret;
}
