/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every operation works with: the host's rtnetlink socket and the datapath. */
#ifndef NKCTL_OPS_NODE_H
#define NKCTL_OPS_NODE_H

#include <stdbool.h>

#include "bpf/claims.h"
#include "bpf/datapath.h"
#include "bpf/drops.h"
#include "bpf/networks.h"
#include "bpf/uplinks.h"
#include "model/network.h"
#include "nl/nlsock.h"

/**
 * struct node - the host, for the time of one command.
 * @loaded_now: this command loaded the datapath
 * @ipv6: what node_has_ipv6() found
 */
struct node {
	struct nlsock *nl;
	struct datapath datapath;
	bool loaded_now;
	enum { NODE_IPV6_UNKNOWN, NODE_IPV6_OFF, NODE_IPV6_ON } ipv6;
};

#define NODE_CLOSED                         \
	{                                   \
		.datapath = DATAPATH_CLOSED \
	}

/* node_open() - with the datapath loaded, if need be now. */
int node_open(struct node *node, enum pins_lock lock, struct error *err);

/* node_open_loaded() - Return: 0; -ENOENT where nothing is loaded, so that nothing is attached. */
int node_open_loaded(struct node *node, enum pins_lock lock, struct error *err);

/* Whether something is attached whose pins were lost, where node_open_loaded() finds none. */
bool node_is_orphaned(void);

/**
 * node_open_to_show() - node_open_loaded(), for a verb that shows what there is.
 * @ret_known: false: pins of what is attached were lost, of which it warns: nothing tells what
 *	the programs have and do, and it returns -ENOENT
 */
int node_open_to_show(struct node *node, bool *ret_known, struct error *err);

/* node_open_live() - node_open_loaded(), with lost pins put back: see bpf/rescue.h. */
int node_open_live(struct node *node, enum pins_lock lock, struct error *err);

/**
 * node_open_unloaded() - where nothing is loaded: for a command that has things to check before it
 * loads. Networks are read as if none were added.
 */
int node_open_unloaded(struct node *node, struct error *err);

/* node_load() - load the datapath now, unless it is. */
int node_load(struct node *node, struct error *err);

void node_close(struct node *node);
#define _cleanup_node_ __attribute__((cleanup(node_close)))

/**
 * node_network() - a network by its name; "default" exists also when nobody added it.
 *
 * Return: 0; -ENOENT.
 */
int node_network(struct node *node, const char *name, struct nk_network *ret_network,
		 struct error *err);

/**
 * node_has_ipv6() - whether endpoints may have IPv6 addresses: neither was the kernel booted
 * without, nor is it off (net.ipv6.conf.lo.disable_ipv6) where the gateways' addresses are.
 */
bool node_has_ipv6(struct node *node);

#endif
