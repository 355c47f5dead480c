// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/verbs.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/code.h"
#include "cni/config.h"
#include "cni/ipam.h"
#include "cni/result.h"
#include "core/cleanup.h"
#include "ops/check.h"
#include "ops/node.h"

/*
 * struct expected - what prevResult says of the attachment.
 * @index: of the container's interface; -1: it isn't there
 */
struct expected {
	struct cni_result previous;
	int index;
	struct prefix addresses[NK_ENDPOINT_ADDRESSES_MAX];
	size_t address_count;
	struct addr gateways[NK_ENDPOINT_ADDRESSES_MAX];
	size_t gateway_count;
};

static int interface_find(const struct cni_request *request, struct expected *expected,
			  struct error *err)
{
	const struct cni_result *previous = &expected->previous;

	for (size_t i = 0; i < previous->interface_count; i++) {
		const char *sandbox = previous->interfaces[i].sandbox;

		if (sandbox && !strcmp(sandbox, request->environment->netns) &&
		    !strcmp(previous->interfaces[i].name, request->identity.ifname)) {
			expected->index = (int)i;
			return 0;
		}
	}
	return cni_error(err, CNI_CHECK_FAILED, "prevResult has no interface %s in %s",
			 request->identity.ifname, request->environment->netns);
}

static void gateway_take(struct expected *expected, const struct addr *gateway)
{
	if (gateway->family)
		expected->gateways[expected->gateway_count++] = *gateway;
}

static int addresses_take(struct expected *expected, struct error *err)
{
	const struct cni_result *previous = &expected->previous;

	for (size_t i = 0; i < previous->ip_count; i++) {
		if (previous->ips[i].interface != expected->index)
			continue;
		if (expected->address_count == NK_ENDPOINT_ADDRESSES_MAX)
			return cni_error(err, CNI_CHECK_FAILED,
					 "prevResult has more than %d addresses",
					 NK_ENDPOINT_ADDRESSES_MAX);
		expected->addresses[expected->address_count++] = previous->ips[i].address;
		gateway_take(expected, &previous->ips[i].gateway);
	}
	if (!expected->address_count)
		return cni_error(err, CNI_CHECK_FAILED, "prevResult has no address of it");
	return 0;
}

/* One that is in the container beside ours and may have routes of its own. */
static bool is_other(const struct expected *expected, int index)
{
	const struct cni_interface *interface;

	if (index < 0 || (size_t)index >= expected->previous.interface_count)
		return false;
	interface = &expected->previous.interfaces[index];
	return interface->sandbox && index != expected->index && strcmp(interface->name, "lo") != 0;
}

/* Whether nothing but our interface leads to a gateway. */
static bool gateway_is_ours(const struct expected *expected, const struct addr *gateway)
{
	const struct cni_result *previous = &expected->previous;
	bool is_ours = false;

	for (size_t i = 0; i < previous->ip_count; i++) {
		const struct cni_ip *ip = &previous->ips[i];

		if (!ip->gateway.family || !addr_equal(&ip->gateway, gateway))
			continue;
		if (is_other(expected, ip->interface))
			return false;
		is_ours |= ip->interface == expected->index;
	}
	return is_ours;
}

/*
 * Routes say nothing of the interface. Where another plugin of the chain has made one in the
 * container as well, whose they are can't be told, but for those by our own gateway.
 */
static void routes_take(struct expected *expected)
{
	struct endpoint_routes *routes = &expected->previous.routes;
	size_t kept = 0;
	bool alone = true;

	for (size_t i = 0; i < expected->previous.interface_count; i++)
		alone &= !is_other(expected, (int)i);
	for (size_t i = 0; !alone && i < routes->count; i++)
		if (gateway_is_ours(expected, &routes->routes[i].gateway))
			routes->routes[kept++] = routes->routes[i];
	routes->count = alone ? routes->count : kept;
}

static int expected_parse(const struct cni_request *request, const struct cni_config *config,
			  struct expected *expected, struct error *err)
{
	int ret;

	*expected = (struct expected){ .index = -1 };
	if (!config->previous.value)
		return cni_error(err, CNI_INVALID_CONFIG,
				 "prevResult is missing: CHECK compares with it");
	ret = cni_result_parse(&config->previous, &expected->previous, err);
	if (!ret)
		ret = interface_find(request, expected, err);
	if (!ret)
		ret = addresses_take(expected, err);
	if (!ret)
		routes_take(expected);
	return ret;
}

/* A gateway that an IPAM plugin tells is nobody's business here, unless the host is to be it. */
static bool host_is_gateway(const struct cni_config *config)
{
	return !config->ipam_type || config->is_gateway;
}

/* What another plugin of the chain has made on the host is its own to look at. */
static void host_end_take(const struct expected *expected, struct endpoint_expectation *expectation)
{
	const struct cni_result *previous = &expected->previous;
	char name[IF_NAMESIZE];

	identity_device_name(expectation->identity, name);
	for (size_t i = 0; i < previous->interface_count; i++) {
		const struct cni_interface *interface = &previous->interfaces[i];

		if (interface->sandbox || strcmp(interface->name, name) != 0)
			continue;
		expectation->host_mac = interface->has_mac ? interface->mac : NULL;
		expectation->host_mtu = interface->mtu;
	}
}

static bool expected_has_family(const struct expected *expected, uint8_t family)
{
	for (size_t i = 0; i < expected->address_count; i++)
		if (expected->addresses[i].addr.family == family)
			return true;
	return false;
}

/* As ADD does. */
static void ports_take(const struct expected *expected, struct publish_list *ports)
{
	for (size_t i = 0; i < ADDR_FAMILIES; i++)
		if (!expected_has_family(expected, addr_families[i]))
			publish_list_without_family(ports, addr_families[i]);
}

static int endpoint_compare(const struct cni_request *request, const struct cni_config *config,
			    const struct expected *expected, struct error *err)
{
	const struct cni_interface *interface = &expected->previous.interfaces[expected->index];
	_cleanup_node_ struct node node = NODE_CLOSED;
	_cleanup_close_ int netns_fd = -1;
	struct endpoint_expectation expectation = {
		.identity = &request->identity,
		.addresses = expected->addresses,
		.address_count = expected->address_count,
		.gateways = expected->gateways,
		.gateway_count = host_is_gateway(config) ? expected->gateway_count : 0,
		.routes = &expected->previous.routes,
		.mac = interface->has_mac ? interface->mac : NULL,
		.mtu = interface->mtu,
		.mode = (enum nk_mode)config->network.mode,
		.masquerade = (enum nk_masquerade)config->network.masquerade,
		.ports = &config->ports,
		.bandwidth = &config->bandwidth,
	};
	int ret = cni_netns_open(request, &netns_fd, err);

	if (ret)
		return ret;
	expectation.netns_fd = netns_fd;
	host_end_take(expected, &expectation);
	ret = node_open_loaded(&node, PINS_SHARED, err);
	if (ret == -ENOENT)
		return cni_error(err, CNI_CHECK_FAILED,
				 "not attached: nothing is loaded on this host");
	if (!ret)
		ret = endpoint_check(&node, &expectation, err);
	return ret == -ESTALE || ret == -ENODEV ? cni_recode(err, CNI_CHECK_FAILED) : ret;
}

int cni_check(const struct cni_request *request, struct error *err)
{
	struct cni_config config;
	struct expected expected;
	int ret = cni_config_parse(request, &config, err);

	if (!ret)
		ret = expected_parse(request, &config, &expected, err);
	if (!ret)
		ports_take(&expected, &config.ports);
	if (!ret)
		ret = endpoint_compare(request, &config, &expected, err);
	if (!ret && config.ipam_type)
		ret = ipam_run(request, config.ipam_type, "CHECK", err);
	cni_config_free(&config);
	return ret;
}
