/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Adding, listing and removing named networks, which live in a pinned map. */
#ifndef NKCTL_OPS_NETWORK_H
#define NKCTL_OPS_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "model/pool.h"
#include "ops/node.h"

/**
 * network_add() - make a network, or change "default" before it is used.
 *
 * Return: 0; -EEXIST where the name is taken or a subnet overlaps another network's.
 */
int network_add(struct node *node, const char *name, const struct nk_network *network,
		struct error *err);

/**
 * network_remove() - forget a network, and take its gateway addresses off the host; not those of
 * subnets that endpoints of a runtime's configuration have as well. What is killed before its end,
 * the next call finishes.
 *
 * @node must hold the exclusive lock, so that no attach is under way.
 *
 * Return: 0; -ENOENT; -EBUSY where endpoints use it.
 */
int network_remove(struct node *node, const char *name, struct error *err);

/* networks_read() - all networks, "default" among them even when nobody added it. */
int networks_read(struct node *node, struct network_list *ret_list, struct error *err);

/* gateways_remove() - take a network's gateway addresses off the host; absent ones are fine. */
int gateways_remove(struct node *node, const struct nk_network *network, struct error *err);

/**
 * network_has_room() - whether an endpoint could have one more address of a range set; addresses of
 * the dead are free. Nothing is changed.
 * @set: the number of its first range (pool_set_begins())
 */
int network_has_room(struct node *node, const struct nk_network *network,
		     const struct pool_ranges *ranges, size_t set, bool *ret_room,
		     struct error *err);

/**
 * network_exempt() - have endpoints reach a network's subnets with their own addresses, wherever
 * those are. To be called after an address of theirs is claimed. A subnet that wasn't known yet is
 * a sign that others may have been given up: those that belong to no network and no endpoint are
 * taken off the host (ops/gateway.c).
 *
 * Return: 0, also where it is so already; -ENOSPC where the table is full.
 */
int network_exempt(struct node *node, const struct nk_network *network, struct error *err);

#endif
