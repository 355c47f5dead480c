/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The host's own way to published ports: programs on its sockets, only while any is published. */
#ifndef NKCTL_OPS_SOCKETS_H
#define NKCTL_OPS_SOCKETS_H

#include "core/error.h"
#include "ops/node.h"

/**
 * node_sockets_sync() - after a change of what is published: attach the programs where anything
 * is, tell them the host's addresses, and take them off where nothing is any more.
 * @node: the caller has the node's lock, or the exclusive one
 *
 * Return: 0; errors of sockets_attach(): the host itself then doesn't reach published ports, and
 * others do.
 */
int node_sockets_sync(struct node *node, struct error *err);

#endif
