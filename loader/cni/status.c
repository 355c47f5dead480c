// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/verbs.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

#include "cni/code.h"
#include "cni/config.h"
#include "cni/ipam.h"
#include "core/cleanup.h"
#include "core/netns.h"
#include "core/sysctl.h"
#include "model/pool.h"
#include "nl/link.h"
#include "nl/observe.h"
#include "ops/check.h"
#include "ops/network.h"
#include "ops/node.h"

/* In a namespace of its own, which is gone with it. */
static int netkit_try(struct error *err)
{
	struct pair_spec pair = { .primary_name = "primary",
				  .peer_name = "peer",
				  .mtu = MTU_MIN_V6 };
	_cleanup_nlsock_ struct nlsock *nl = NULL;
	_cleanup_close_ int netns_fd = -1;
	int ret = netns_create(&netns_fd, err);

	if (!ret)
		ret = nlsock_open_in(netns_fd, &nl, err);
	if (ret)
		return ret;
	pair.peer_netns_fd = netns_fd;
	return netkit_create(nl, &pair, err);
}

/* "auto" and veth do everywhere. */
static int status_device(const struct cni_config *config, struct error *err)
{
	int ret = config->network.device == NK_DEVICE_NETKIT ? netkit_try(err) : 0;

	if (ret == -EOPNOTSUPP)
		return error_set(err, ret, "this kernel has no netkit devices: see `nkctl doctor`");
	return ret;
}

/* An ADD needs an address of each set. */
static int status_pool(struct node *node, const struct cni_config *config, struct error *err)
{
	const struct nk_network *network = &config->network;
	int ret = 0;

	for (size_t i = 0; !ret && i < config->ranges.count; i++) {
		const uint8_t family = network->subnets[config->ranges.ranges[i].subnet].family;
		bool room = true;

		if (!pool_set_begins(network, &config->ranges, i) ||
		    (family == AF_INET6 && !node_has_ipv6(node)))
			continue;
		ret = network_has_room(node, network, &config->ranges, i, &room, err);
		if (!ret && !room)
			return error_set(err, ENOSPC, "no %s address is free any more",
					 family_name(family));
	}
	return ret;
}

static int status_loaded(struct node *node, const struct cni_config *config, struct error *err)
{
	int ret = status_pool(node, config, err);

	if (!ret)
		ret = uplinks_check(node, true, err); /* the next ADD takes the others */
	return ret == -ESTALE ? cni_recode(err, CNI_LIMITED_CONNECTIVITY) : ret;
}

/* Endpoints without a datapath are what is left where somebody has removed the pins. */
static int status_unloaded(struct error *err)
{
	_cleanup_link_list_ struct link_list links = { 0 };
	int ret = datapath_try(NULL, err);

	if (!ret)
		ret = link_list_read(NK_LINK_GROUP, &links, err);
	if (!ret && links.count)
		return cni_error(err, CNI_LIMITED_CONNECTIVITY,
				 "%zu endpoint%s attached, and the datapath's pins are gone: the "
				 "next ADD, or `nkctl repair`, puts them back",
				 links.count, links.count == 1 ? " is" : "s are");
	return ret;
}

static int status_node(const struct cni_config *config, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = status_device(config, err);

	if (!ret)
		ret = sysctl_check_writable(err);
	if (!ret)
		ret = pins_check_writable(err);
	if (!ret)
		ret = node_open_loaded(&node, PINS_SHARED, err);
	if (ret == -ENOENT)
		return status_unloaded(err);
	return ret ? ret : status_loaded(&node, config, err);
}

static int status_ipam(const struct cni_request *request, const char *type, struct error *err)
{
	char path[PATH_MAX];

	if (ipam_find(request, type, path, err))
		return cni_recode(err, CNI_NOT_AVAILABLE);
	return ipam_run(request, type, "STATUS", err);
}

int cni_status(const struct cni_request *request, struct error *err)
{
	struct cni_config config;
	int ret = cni_config_parse(request, &config, err);

	if (!ret) {
		ret = status_node(&config, err);
		/* Whatever else is wrong, an ADD would fail for it. */
		if (ret && cni_code(err) != CNI_LIMITED_CONNECTIVITY)
			ret = cni_recode(err, CNI_NOT_AVAILABLE);
	}
	if (!ret && config.ipam_type)
		ret = status_ipam(request, config.ipam_type, err);
	cni_config_free(&config);
	return ret;
}
