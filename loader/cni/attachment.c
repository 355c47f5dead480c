// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/attachment.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "core/cleanup.h"
#include "core/netns.h"
#include "nl/link.h"
#include "nl/observe.h"
#include "ops/collect.h"
#include "ops/endpoint.h"
#include "ops/node.h"

static bool host_has_ipv6(void)
{
	_cleanup_node_ struct node node = NODE_CLOSED;

	return !node_open_unloaded(&node, NULL) && node_has_ipv6(&node);
}

static bool container_gets_family(const struct attach_request *request, uint8_t family)
{
	for (size_t i = 0; i < request->address_count; i++)
		if (request->addresses[i].addr.family == family)
			return true;
	return request->auto_addresses && network_has_family(request->network, family) &&
	       (family == AF_INET || host_has_ipv6());
}

void attachment_fit_ports(const struct attach_request *request, struct publish_list *ports)
{
	for (size_t i = 0; ports->count && i < ADDR_FAMILIES; i++)
		if (!container_gets_family(request, addr_families[i]))
			publish_list_without_family(ports, addr_families[i]);
}

/* What a killed attach holds nobody needs, and only its own next attach, or GC, would look for it.
 */
static bool may_be_of_remains(int ret)
{
	return ret == -ENOSPC || ret == -EADDRINUSE;
}

int attachment_make(const struct attach_request *request, struct attach_result *ret_result,
		    struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = node_open_live(&node, PINS_SHARED, err);
	bool was_loaded = !ret;

	if (ret == -ENOENT)
		ret = node_open_unloaded(&node, err);
	if (!ret)
		ret = endpoint_attach(&node, request, ret_result, err);
	if (was_loaded && may_be_of_remains(ret) && !collect_unfinished(&node, NULL))
		ret = endpoint_attach(&node, request, ret_result, err);
	return ret;
}

/* Where somebody has removed the pins a device may still be there; all else hangs on it. */
static int device_remove(struct node *node, const struct identity *identity, struct error *err)
{
	struct unlisting unlisting = { .expedite_fd = -1 }; /* its lock is among the pins */
	struct link_info link;
	int ret = node_open_unloaded(node, err);

	if (!ret)
		ret = endpoint_locate(node, identity, &link, err);
	return ret ? ret : link_unlist(node->nl, link.ifindex, &unlisting, err);
}

/*
 * A device that has the name, but not our group. It may be somebody's own, or one of ours that was
 * changed: that its other end is in the container tells.
 */
static int changed_device_look(struct node *node, const struct identity *identity,
			       const char *netns, struct error *err)
{
	_cleanup_close_ int netns_fd = -1;
	char name[IF_NAMESIZE];
	struct link_info link;

	identity_device_name(identity, name);
	if (!netns || !*netns || link_get_by_name(node->nl, name, &link, NULL) ||
	    netns_open_known(node->nl, netns, link.peer_netnsid, &netns_fd, NULL))
		return 0;
	if (link.group == NK_LINK_GROUP)
		return 0; /* another endpoint of the same hash */
	return error_set(err, EEXIST,
			 "the other end of %s is in the container, and its group was changed, so "
			 "that it isn't known as nkctl's: delete it",
			 name);
}

/*
 * The identity alone tells what to remove: the namespace may be gone, or be another container's by
 * now. Where another device has the name, ours isn't there.
 */
int attachment_remove(const struct identity *identity, const char *netns, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = node_open_loaded(&node, PINS_SHARED, err);

	if (ret == -ENOENT || ret == -EPROTO)
		ret = device_remove(&node, identity, err);
	else if (!ret)
		ret = endpoint_detach(&node, identity, false, err);
	if (ret == -EEXIST)
		ret = changed_device_look(&node, identity, netns, err);
	return ret == -ENODEV ? 0 : ret;
}

int attachment_check_absent(const struct identity *identity, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	struct link_info link;
	int ret = node_open_unloaded(&node, err);

	if (!ret)
		ret = endpoint_find(&node, identity, &link, err);
	if (ret)
		return ret == -ENODEV ? 0 : ret;
	if (link.is_unfinished)
		return 0;
	return error_set(err, EEXIST, "already attached to network %s by the device %s",
			 identity->network, link.name);
}
