// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/verbs.h"

#include <errno.h>

#include "cni/config.h"
#include "cni/ipam.h"
#include "nl/link.h"
#include "ops/attach.h"
#include "ops/endpoint.h"
#include "ops/node.h"

/* Where somebody has removed the pins a device may still be there; all else hangs on it. */
static int device_del(struct node *node, const struct identity *identity, struct error *err)
{
	struct link_info link;
	int ret = node_open_unloaded(node, err);

	if (!ret)
		ret = endpoint_find(node, identity, &link, err);
	return ret ? ret : link_delete(node->nl, link.ifindex, err);
}

/*
 * The identity alone tells what to remove: the namespace may be gone, or be another container's by
 * now. Where another device has the name, ours isn't there.
 */
static int endpoint_del(const struct cni_request *request, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = node_open_loaded(&node, PINS_SHARED, err);

	if (ret == -ENOENT)
		ret = device_del(&node, &request->identity, err);
	else if (!ret)
		ret = endpoint_detach(&node, &request->identity, err);
	return ret == -ENODEV || ret == -EEXIST ? 0 : ret;
}

/* First the endpoint, so that its addresses are nobody's when they are given back. */
int cni_del(const struct cni_request *request, struct error *err)
{
	const char *ipam_type;
	int ret = cni_config_parse_ipam(request, &ipam_type, err);

	if (!ret)
		ret = endpoint_del(request, err);
	if (!ret && ipam_type)
		ret = ipam_run(request, ipam_type, "DEL", err);
	return ret;
}
