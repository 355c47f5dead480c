// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/lifecycle.h"

#include <errno.h>
#include <string.h>

#include "bpf/hook.h"
#include "bpf/sockets.h"
#include "core/cleanup.h"
#include "core/netns.h"
#include "model/identity.h"
#include "nl/observe.h"
#include "ops/bandwidth.h"
#include "ops/endpoint.h"
#include "ops/sockets.h"
#include "ops/uplink.h"

static int endpoint_upgrade(struct node *node, const struct link_info *link, size_t *replaced,
			    struct error *err)
{
	enum datapath_program program = endpoint_program(link);
	uint32_t id, current;
	int ret = hook_find(program, link->ifindex, &id, NULL, err);

	if (ret || !id)
		return ret; /* none: somebody took it off, and `list` tells */
	ret = datapath_program_need(&node->datapath, program, err);
	if (ret >= 0)
		ret = program_id(&node->datapath, program, &current, err);
	if (ret || id == current)
		return ret;
	ret = hook_replace(&node->datapath, program, link->ifindex, id, err);
	if (!ret)
		(*replaced)++;
	return ret;
}

static int endpoint_upgrade_limits(struct node *node, const struct link_info *link,
				   const struct netns_name_list *names, struct error *err)
{
	const char *netns = netns_name_find(names, link->peer_netnsid);
	_cleanup_close_ int netns_fd = -1;
	struct bandwidth_pair pair = { .ifindex = link->ifindex,
				       .peer_ifindex = link->peer_ifindex,
				       .netkit = endpoint_program(link) == PROGRAM_FROM_CTR };
	uint32_t flags;
	int ret = owner_flags(&node->datapath, link->ifindex, &flags, err);

	if (ret || !(flags & BANDWIDTH_FLAGS))
		return ret;
	if (netns)
		(void)netns_open_known(node->nl, netns, link->peer_netnsid, &netns_fd,
				       NULL); /* then it isn't known */
	pair.netns_fd = netns_fd;
	return bandwidth_upgrade(node, &pair, err);
}

static int endpoints_upgrade(struct node *node, size_t *ret_replaced, struct error *err)
{
	_cleanup_netns_name_list_ struct netns_name_list names = { 0 };
	_cleanup_link_list_ struct link_list links = { 0 };
	size_t replaced = 0;
	int ret = link_list_read(NK_LINK_GROUP, &links, err);

	if (!ret)
		ret = netns_name_list_read(node->nl, &names, err);
	for (size_t i = 0; !ret && i < links.count; i++) {
		ret = endpoint_upgrade(node, &links.links[i], &replaced, err);
		if (!ret)
			ret = endpoint_upgrade_limits(node, &links.links[i], &names, err);
		if (ret && link_is_gone(links.links[i].ifindex))
			ret = 0; /* its namespace died meanwhile */
	}
	*ret_replaced = replaced;
	return ret;
}

int datapath_upgrade(struct node *node, struct upgrade_report *ret_report, struct error *err)
{
	struct upgrade_report report = { 0 };
	int ret;

	memcpy(report.from, node->datapath.config.version, sizeof(report.from));
	ret = datapath_put_back(&node->datapath, err);
	if (!ret)
		ret = datapath_load(&node->datapath, err);
	if (!ret)
		ret = endpoints_upgrade(node, &report.endpoints, err);
	if (!ret)
		ret = uplinks_upgrade(node, &report.uplinks, err);
	if (!ret)
		ret = sockets_update(&node->datapath, err);
	if (!ret)
		ret = datapath_commit(&node->datapath, err);
	if (!ret)
		(void)node_sockets_sync(node, NULL); /* an attach that failed once: doctor tells */
	if (!ret)
		*ret_report = report;
	return ret;
}
