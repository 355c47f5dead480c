// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/node.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bpf/rescue.h"
#include "core/log.h"
#include "core/netns.h"
#include "core/privilege.h"
#include "model/identity.h"
#include "nl/link.h"
#include "nl/observe.h"

static int node_check_privilege(struct error *err)
{
	if (geteuid() != 0)
		return error_set(
			err, EPERM,
			"must be run as root: eBPF programs and their maps are root's alone");
	for (size_t i = 0; i < PRIVILEGE_CAPABILITIES; i++)
		if (privilege_missing(i))
			return error_set(err, EPERM,
					 "must be run with %s: `nkctl doctor` tells more",
					 privilege_missing(i));
	if (!privilege_is_initial())
		return error_set(err, EPERM, "must be run in the initial user namespace");
	return 0;
}

int node_open(struct node *node, enum pins_lock lock, struct error *err)
{
	int ret = node_check_privilege(err);

	if (!ret)
		ret = datapath_open(&node->datapath, lock, err);
	if (!ret)
		ret = nlsock_open(&node->nl, err);
	log_step("node_open");
	return ret;
}

int node_open_loaded(struct node *node, enum pins_lock lock, struct error *err)
{
	int ret = node_check_privilege(err);

	if (!ret)
		ret = datapath_open_loaded(&node->datapath, lock, err);
	if (!ret)
		ret = nlsock_open(&node->nl, err);
	return ret;
}

bool node_is_orphaned(void)
{
	_cleanup_link_list_ struct link_list links = { 0 };

	return (!link_list_read(NK_LINK_GROUP, &links, NULL) && links.count) ||
	       rescue_is_possible();
}

int node_open_to_show(struct node *node, bool *ret_known, struct error *err)
{
	int ret = node_open_loaded(node, PINS_SHARED, err);

	*ret_known = ret != -ENOENT || !node_is_orphaned();
	if (!*ret_known)
		log_warning("pins below " BPFFS_PATH " are gone: what is attached goes on, but not "
			    "all of it can be told: see `nkctl repair`");
	return ret;
}

int node_open_live(struct node *node, enum pins_lock lock, struct error *err)
{
	int ret = node_open_loaded(node, lock, err);

	return ret == -ENOENT && node_is_orphaned() ? node_open(node, lock, err) : ret;
}

int node_open_unloaded(struct node *node, struct error *err)
{
	int ret = node_check_privilege(err);

	return ret ? ret : nlsock_open(&node->nl, err);
}

int node_load(struct node *node, struct error *err)
{
	int ret;

	if (datapath_is_open(&node->datapath))
		return 0;
	ret = datapath_open(&node->datapath, PINS_SHARED, err);
	node->loaded_now = !ret;
	log_step("node_load");
	return ret;
}

void node_close(struct node *node)
{
	nlsock_close(node->nl);
	node->nl = NULL;
	datapath_close(&node->datapath);
}

int node_network(struct node *node, const char *name, struct nk_network *ret_network,
		 struct error *err)
{
	int ret = network_get(&node->datapath, name, ret_network, err);

	if (ret == -ENOENT && !strcmp(name, DEFAULT_NETWORK)) {
		network_default(ret_network);
		return 0;
	}
	if (ret == -ENOENT)
		return error_set(err, ENOENT,
				 "there is no network '%s': `nkctl network add %s --subnet ...` "
				 "makes one",
				 name, name);
	return ret;
}

bool node_has_ipv6(struct node *node)
{
	struct link_info loopback;

	if (node->ipv6 == NODE_IPV6_UNKNOWN)
		/* Where that isn't known it is tried: silence would be an address less. */
		node->ipv6 = link_get_by_index(node->nl, LOOPBACK_IFINDEX, &loopback, NULL) ||
					     loopback.has_ipv6
				     ? NODE_IPV6_ON
				     : NODE_IPV6_OFF;
	return node->ipv6 == NODE_IPV6_ON;
}
