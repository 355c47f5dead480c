// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Theory of operation
 *
 * The configuration is the network: it is handed to the attach as it is, and kept nowhere. Without
 * "ipam" addresses are claimed in the kernel, as they are for the CLI. With "ipam" the delegated
 * plugin is asked first, so whatever fails later has to give its address back; what fails because
 * the attachment exists must not, since the address is that attachment's. So that is looked at
 * before the plugin is asked.
 *
 * While the plugin works, the attach goes on as far as it can without addresses, which takes about
 * as long (ops/attach.c). It waits for the answer with locks held, so not without an end: then the
 * attach is given up, and made once more when the answer is there. A plugin that was started is
 * always waited for, and if it fails, that is the failure that is told.
 */
#include "cni/verbs.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cni/attachment.h"
#include "cni/code.h"
#include "cni/config.h"
#include "cni/ipam.h"
#include "cni/result.h"
#include "core/cleanup.h"
#include "core/netns.h"
#include "ops/attach.h"

/**
 * struct add - an ADD under way.
 * @ns: path of @netns_fd, which is opened once
 * @call: of the delegated plugin
 * @is_answered: whether it is over, well or not
 * @answer: that it gave; @ipam borrows from it
 * @routes: that the container is to get, where addresses are delegated
 */
struct add {
	const struct cni_request *request;
	struct cni_config config;
	int netns_fd;
	char ns[32];
	struct ipam_call call;
	bool is_answered;
	json_t *answer;
	struct cni_result ipam;
	struct endpoint_routes routes;
	struct attach_request attach;
};

int cni_netns_open(const struct cni_request *request, int *ret_fd, struct error *err)
{
	if (!netns_open(request->environment->netns, ret_fd, err))
		return 0;
	(void)error_prefix(err, "CNI_NETNS");
	return cni_recode(err, CNI_INVALID_ENVIRONMENT);
}

/* What is asked of the attach ------------------------------------------------------------------ */

/*
 * "If a HostIP is given, only process the entry if host and container address families match", as
 * portmap has it (portmap_iptables.go); but a port that nothing else leads to it is refused.
 */
static void ports_take(struct add *add)
{
	attachment_fit_ports(&add->attach, &add->config.ports);
	add->attach.ports = add->config.ports;
}

static void request_take_config(struct add *add)
{
	const struct cni_config *config = &add->config;
	struct attach_request *attach = &add->attach;

	*attach = (struct attach_request){
		.ns = add->ns,
		.identity = add->request->identity,
		.network = &config->network,
		.ranges = &config->ranges,
		.address_count = config->address_count,
		.auto_addresses = true,
		.mode = ATTACH_UNSET,
		.device = ATTACH_UNSET,
		.masquerade = ATTACH_UNSET,
		.ports = config->ports,
		.bandwidth = config->bandwidth,
	};
	memcpy(attach->addresses, config->addresses, sizeof(attach->addresses));
	memcpy(attach->mac, config->mac, sizeof(attach->mac));
	if (!config->ipam_type)
		ports_take(add);
}

/* The gateway that the plugin told beside an address of the family; family 0: none. */
static struct addr ipam_gateway(const struct add *add, uint8_t family)
{
	for (size_t i = 0; i < add->ipam.ip_count; i++)
		if (add->ipam.ips[i].gateway.family == family)
			return add->ipam.ips[i].gateway;
	return (struct addr){ 0 };
}

static bool routes_have_default(const struct endpoint_routes *routes, uint8_t family)
{
	for (size_t i = 0; i < routes->count; i++)
		if (!routes->routes[i].dst.len && routes->routes[i].dst.addr.family == family)
			return true;
	return false;
}

/* Where none is told it is the first address, as with the reference plugin bridge. */
static void gateways_assume(struct add *add)
{
	for (size_t i = 0; i < add->ipam.ip_count; i++) {
		struct cni_ip *ip = &add->ipam.ips[i];
		struct addr base = prefix_first(&ip->address), first = addr_add(&base, 1);

		if (!ip->gateway.family && ip->address.len <= addr_bits(base.family) - 2 &&
		    !addr_equal(&ip->address.addr, &first))
			ip->gateway = first;
	}
}

/* "If omitted, a default gateway is assumed (as determined by the CNI plugin)." */
static void routes_take_ipam(struct add *add)
{
	add->routes = add->ipam.routes;
	for (size_t i = 0; i < add->routes.count; i++) {
		struct endpoint_route *route = &add->routes.routes[i];

		if (!route->gateway.family)
			route->gateway = ipam_gateway(add, route->dst.addr.family);
	}
}

static int routes_add_default(struct add *add, struct error *err)
{
	for (size_t i = 0; i < add->ipam.ip_count; i++) {
		uint8_t family = add->ipam.ips[i].address.addr.family;

		if (routes_have_default(&add->routes, family))
			continue;
		if (add->routes.count == ENDPOINT_ROUTES_MAX)
			return cni_error(err, CNI_FAILED,
					 "a container gets at most %d routes, the default one "
					 "among them",
					 ENDPOINT_ROUTES_MAX);
		add->routes.routes[add->routes.count++] =
			(struct endpoint_route){ .dst.addr.family = family,
						 .gateway = ipam_gateway(add, family) };
	}
	return 0;
}

/* "The error message must contain the key and value of the unsupported field." */
static int gateway_check_first(const struct add *add, const struct cni_ip *ip,
			       const struct prefix *subnet, struct error *err)
{
	const char *key = add->config.is_default_gateway ? "isDefaultGateway" : "isGateway";
	bool has_first = subnet->len <= addr_bits(subnet->addr.family) - 2;
	struct addr first = addr_add(&subnet->addr, 1);

	if (!has_first)
		return cni_error(err, CNI_UNSUPPORTED_FIELD,
				 "%s: 'true' isn't supported with the gateway %s: it must be the "
				 "first address of a subnet, and %s is none",
				 key, addr_format(&ip->gateway).text,
				 prefix_format(&ip->address).text);
	if (!addr_equal(&ip->gateway, &first))
		return cni_error(err, CNI_UNSUPPORTED_FIELD,
				 "%s: 'true' isn't supported with the gateway %s: it must be the "
				 "first address of %s, %s",
				 key, addr_format(&ip->gateway).text, prefix_format(subnet).text,
				 addr_format(&first).text);
	return 0;
}

/* The host gets a gateway's address with the subnet of which that is the first. */
static int gateway_take_ipam(struct add *add, const struct cni_ip *ip, struct error *err)
{
	struct prefix subnet = { prefix_first(&ip->address), ip->address.len };
	int ret;

	if (!ip->gateway.family)
		return 0;
	ret = gateway_check_first(add, ip, &subnet, err);
	if (!ret)
		ret = network_add_subnet(&add->config.network, &subnet, err);
	return ret == -EEXIST ? 0 : ret; /* the subnet of another address, too */
}

static int request_take_ipam(struct add *add, struct error *err)
{
	const struct cni_result *ipam = &add->ipam;
	struct attach_request *attach = &add->attach;
	int ret = 0;

	assert(ipam->ip_count <= NK_ENDPOINT_ADDRESSES_MAX); /* ipam_add_end() */
	for (size_t i = 0; i < ipam->ip_count; i++)
		attach->addresses[i] = ipam->ips[i].address;
	attach->address_count = ipam->ip_count;
	attach->auto_addresses = false;
	ports_take(add);
	attach->ranges = NULL;
	attach->routes = &add->routes;
	if (add->config.is_gateway)
		gateways_assume(add);
	routes_take_ipam(add);
	if (add->config.is_default_gateway)
		ret = routes_add_default(add, err);
	for (size_t i = 0; !ret && add->config.is_gateway && i < ipam->ip_count; i++)
		ret = gateway_take_ipam(add, &ipam->ips[i], err);
	return ret;
}

/* The answer ----------------------------------------------------------------------------------- */

static void result_take_addresses(const struct add *add, const struct attach_result *attached,
				  struct cni_result *result)
{
	const struct nk_network *network = &add->config.network;

	for (size_t i = 0; i < attached->endpoint.address_count; i++) {
		const struct nk_subnet *subnet =
			network_subnet_of(network, &attached->prefixes[i].addr);
		struct cni_ip *ip = &result->ips[i];

		*ip = (struct cni_ip){ .address = attached->prefixes[i], .interface = 1 };
		if (add->config.ipam_type)
			ip->gateway = add->ipam.ips[i].gateway;
		else if (subnet)
			ip->gateway = subnet_gateway(subnet);
	}
	result->ip_count = attached->endpoint.address_count;
}

static int answer_make(const struct add *add, const struct attach_result *attached,
		       json_t **ret_answer, struct error *err)
{
	const struct endpoint *endpoint = &attached->endpoint;
	struct cni_result result = {
		.interfaces = { { .name = endpoint->link.name,
				  .has_mac = true,
				  .mtu = endpoint->link.mtu },
				{ .name = endpoint->identity.ifname,
				  .sandbox = add->request->environment->netns,
				  .has_mac = true,
				  .mtu = endpoint->link.mtu } },
		.interface_count = 2,
		.routes = attached->routes,
		.dns = add->config.dns ? add->config.dns : add->ipam.dns,
	};

	memcpy(result.interfaces[0].mac, endpoint->link.mac, NK_ETH_ALEN);
	memcpy(result.interfaces[1].mac, endpoint->mac, NK_ETH_ALEN);
	result_take_addresses(add, attached, &result);
	*ret_answer =
		cni_result_to_json(&result, add->request->version, add->config.previous.value);
	return *ret_answer ? 0 : cni_error(err, CNI_FAILED, "out of memory");
}

/* The transaction ------------------------------------------------------------------------------ */

static int endpoint_add(struct add *add, json_t **ret_answer, struct error *err)
{
	struct attach_result attached = { 0 };
	int ret = attachment_make(&add->attach, &attached, err);

	if (ret)
		return ret;
	ret = answer_make(add, &attached, ret_answer, err);
	if (ret)
		(void)attachment_remove(&add->attach.identity, NULL, NULL); /* @ret tells more */
	endpoint_free(&attached.endpoint);
	return ret;
}

static int answer_take(struct add *add, struct error *err)
{
	int ret = ipam_add_end(&add->call, &add->answer, &add->ipam, err);

	add->is_answered = true;
	add->attach.await = NULL;
	return ret ? ret : request_take_ipam(add, err);
}

/* Called by the attach, when it needs the addresses. */
static int answer_await(void *data, int wait_ms, struct error *err)
{
	struct add *add = data;

	if (ipam_add_is_over(&add->call, wait_ms))
		return answer_take(add, err);
	return error_set(err, EAGAIN, "the ipam plugin %s takes its time", add->call.type);
}

static int endpoint_add_meanwhile(struct add *add, json_t **ret_answer, struct error *err)
{
	struct error answer_err;
	int ret;

	add->attach.await = answer_await;
	add->attach.await_data = add;
	ret = endpoint_add(add, ret_answer, err);
	if (add->is_answered)
		return ret;
	if (answer_take(add, &answer_err)) {
		*err = answer_err;
		return err->code;
	}
	return ret == -EAGAIN ? endpoint_add(add, ret_answer, err) : ret;
}

static int add_delegated(struct add *add, json_t **ret_answer, struct error *err)
{
	const char *type = add->config.ipam_type;
	int ret = attachment_check_absent(&add->request->identity, err);

	if (!ret)
		ret = ipam_add_start(add->request, type, &add->call, err);
	if (ret)
		return ret;
	ret = endpoint_add_meanwhile(add, ret_answer, err);
	if (ret)
		ipam_give_back(add->request, type);
	return ret;
}

static int add_prepare(struct add *add, struct error *err)
{
	int ret = cni_config_parse(add->request, &add->config, err);

	if (!ret)
		ret = cni_netns_open(add->request, &add->netns_fd, err);
	if (ret)
		return ret;
	(void)snprintf(add->ns, sizeof(add->ns), "/proc/self/fd/%d", add->netns_fd);
	request_take_config(add);
	return 0;
}

int cni_add(const struct cni_request *request, json_t **ret_answer, struct error *err)
{
	struct add add = { .request = request, .netns_fd = -1 };
	int ret = add_prepare(&add, err);

	if (!ret)
		ret = add.config.ipam_type ? add_delegated(&add, ret_answer, err)
					   : endpoint_add(&add, ret_answer, err);
	json_decref(add.answer);
	cni_config_free(&add.config);
	cleanup_close(&add.netns_fd);
	return ret;
}
