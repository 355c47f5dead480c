// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/attachment.h"

#include <errno.h>
#include <stdbool.h>

#include "nl/link.h"
#include "ops/collect.h"
#include "ops/endpoint.h"
#include "ops/node.h"

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
	struct unlisting unlisting = { .expedite_fd = -1 }; /* its lock was among the pins */
	struct link_info link;
	int ret = node_open_unloaded(node, err);

	if (!ret)
		ret = endpoint_locate(node, identity, &link, err);
	return ret ? ret : link_unlist(node->nl, link.ifindex, &unlisting, err);
}

/*
 * The identity alone tells what to remove: the namespace may be gone, or be another container's by
 * now. Where another device has the name, ours isn't there.
 */
int attachment_remove(const struct identity *identity, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = node_open_loaded(&node, PINS_SHARED, err);

	if (ret == -ENOENT)
		ret = device_remove(&node, identity, err);
	else if (!ret)
		ret = endpoint_detach(&node, identity, false, err);
	return ret == -ENODEV || ret == -EEXIST ? 0 : ret;
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
	if (!*link.alias)
		return 0;
	return error_set(err, EEXIST, "already attached to network %s by the device %s",
			 identity->network, link.name);
}
