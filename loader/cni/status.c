// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/verbs.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

#include "cni/code.h"
#include "cni/config.h"
#include "cni/ipam.h"
#include "core/cleanup.h"
#include "nl/observe.h"
#include "ops/network.h"
#include "ops/node.h"
#include "ops/uplink.h"

static int status_kernel(const struct cni_config *config, struct error *err)
{
	int ret = datapath_try(err);

	if (!ret && config->network.device == NK_DEVICE_NETKIT && !datapath_has_netkit_hook())
		return error_set(err, EOPNOTSUPP,
				 "this kernel has no netkit devices: see `nkctl doctor`");
	return ret;
}

static int status_pool(struct node *node, const struct cni_config *config, struct error *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int ret = 0;

	for (size_t i = 0; !ret && i < sizeof(families); i++) {
		bool room = true;

		if (!network_has_family(&config->network, families[i]) ||
		    (families[i] == AF_INET6 && !node_has_ipv6()))
			continue;
		ret = network_has_room(node, &config->network, config->limits, families[i], &room,
				       err);
		if (!ret && !room)
			return error_set(err, ENOSPC, "no %s address is free any more",
					 family_name(families[i]));
	}
	return ret;
}

/* Whether packets from outside still reach the containers that there are. */
static int status_uplinks(struct node *node, struct error *err)
{
	_cleanup_free_ struct uplink_state *uplinks = NULL;
	size_t count = 0;
	int ret = uplinks_observe(node, &uplinks, &count, err);

	for (size_t i = 0; !ret && i < count; i++)
		if (!uplinks[i].excluded && !uplinks[i].attached)
			return cni_error(
				err, CNI_LIMITED_CONNECTIVITY,
				"the program of the uplink %s was taken off: the next ADD, "
				"or `nkctl uplink add %s`, puts it back",
				uplinks[i].name, uplinks[i].name);
	return ret;
}

static int status_loaded(struct node *node, const struct cni_config *config, struct error *err)
{
	int ret = status_pool(node, config, err);

	return ret ? ret : status_uplinks(node, err);
}

/* Endpoints without a datapath are what is left where somebody has removed the pins. */
static int status_unloaded(const struct cni_config *config, struct error *err)
{
	_cleanup_link_list_ struct link_list links = { 0 };
	int ret = status_kernel(config, err);

	if (!ret)
		ret = link_list_read(NK_LINK_GROUP, &links, err);
	if (!ret && links.count)
		return cni_error(err, CNI_LIMITED_CONNECTIVITY,
				 "%zu endpoints are there, and the datapath's pins are not: "
				 "`nkctl doctor` tells more",
				 links.count);
	return ret;
}

static int status_node(const struct cni_config *config, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = node_open_loaded(&node, PINS_SHARED, err);

	if (ret == -ENOENT)
		return status_unloaded(config, err);
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
