/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Translation of addresses and ports: whether the programs do it, and its settings. */
#ifndef NKCTL_OPS_NAT_H
#define NKCTL_OPS_NAT_H

#include "core/error.h"
#include "ops/node.h"

/**
 * nat_enable() - have programs loaded that translate: at once where nothing is loaded, else by
 * replacing every attached one, atomically. They stay until everything is taken down.
 * @node: holds the shared lock, or nothing is loaded; holds the shared lock afterwards. No lock of
 *	an endpoint may be held: whoever waits for that one holds the shared lock, too
 *
 * Return: 0; errors of datapath_upgrade().
 */
int nat_enable(struct node *node, struct error *err);

#endif
