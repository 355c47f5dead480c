/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Taking away what the dead left. When a namespace dies, its pair, routes and program die with it;
 * only its claims may stay in the endpoint maps, and are free from then on, since their device is
 * gone and its index isn't used again.
 */
#ifndef NKCTL_OPS_COLLECT_H
#define NKCTL_OPS_COLLECT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/addr.h"
#include "core/error.h"
#include "nl/link.h"
#include "ops/node.h"

/**
 * owner_get() - the primary that something in the maps is for.
 *
 * Return: 0; -ENODEV where it is dead.
 */
int owner_get(struct node *node, int ifindex, struct link_info *ret_link, struct error *err);

/* owner_text() - whose a primary is, for a message: its alias, or why it has none. */
const char *owner_text(const struct link_info *owner);

/**
 * collect_address() - free an address, and all else of its owner, if the endpoint that claimed it
 * is dead.
 * @ret_owner: the primary that has it, where it lives
 *
 * Return: 0 where the address is free now; -EEXIST where its owner lives.
 */
int collect_address(struct node *node, const struct addr *addr, struct link_info *ret_owner,
		    struct error *err);

/**
 * collect_claims() - free the addresses and published ports of all dead endpoints.
 * @ret_dead: how many of these there were
 */
int collect_claims(struct node *node, size_t *ret_dead, struct error *err);

/*
 * collect_dead_claim() - free all that a device that is gone has claimed, and an address that it
 * has claimed without a note. Needs the node's lock.
 */
int collect_dead_claim(struct node *node, const struct addr *addr, int ifindex, struct error *err);

/**
 * collect_unfinished() - remove the remains of all attaches that were killed.
 *
 * Attaches that are under way are waited for, and are left alone.
 */
int collect_unfinished(struct node *node, struct error *err);

/**
 * collect_dead() - the same where the kernel has no collector, in passing: what fails is left to
 * the next one.
 * @newest: index of the newest device, for a look at those before it, and now and then at all; 0:
 * at all of them, now
 */
void collect_dead(struct node *node, int newest);

#endif
