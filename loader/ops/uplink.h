/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Uplinks: the host's devices that container traffic comes in by. Each has our program at its
 * tcx ingress and forwards for the packets that the program leaves to the host's stack.
 */
#ifndef NKCTL_OPS_UPLINK_H
#define NKCTL_OPS_UPLINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "ops/node.h"

/* uplinks_default_mtu() - the first default route's MTU in bytes; 0 where there is none. */
int uplinks_default_mtu(struct node *node, uint32_t *ret_mtu, struct error *err);

/**
 * uplinks_sync() - have every device that carries a default route as an uplink, and mend what
 * known uplinks lack.
 *
 * Forgets uplinks whose device is gone. Leaves alone what `uplink remove` excluded.
 */
int uplinks_sync(struct node *node, struct error *err);

/* uplink_add() - make a device an uplink by hand, or mend what it lacks of one. Idempotent.
 * Return: 0; -ENODEV. */
int uplink_add(struct node *node, const char *device, struct error *err);

/**
 * uplink_remove() - take the program off a device and restore its settings.
 *
 * A device that carries a default route stays excluded until it is added again.
 *
 * Return: 0; -ENOENT where it is no uplink.
 */
int uplink_remove(struct node *node, const char *device, struct error *err);

/*
 * uplinks_remove_all() - for `down`: goes on after an error, and keeps the record of what couldn't
 * be put back. @ret_removed: how many.
 */
int uplinks_remove_all(struct node *node, size_t *ret_removed, struct error *err);

/* Whether somebody has added an uplink, or excluded one, or that can't be told. */
bool uplinks_were_chosen(struct node *node);

/* uplinks_upgrade() - put the pinned program in the place of each uplink's earlier one. */
int uplinks_upgrade(struct node *node, size_t *ret_replaced, struct error *err);

/**
 * struct uplink_state - one uplink as it is.
 * @type: ARPHRD_*
 * @known: it is one already; else it carries a default route, and the next attach makes it one
 * @attached: our program is on it
 * @fits: that program works on the maps that are pinned
 * @forwards: the host's stack forwards what comes in by it
 * @others: foreign programs at the same hook
 */
struct uplink_state {
	char name[IF_NAMESIZE];
	int ifindex;
	uint32_t mtu;
	uint16_t type;
	bool known, excluded, default_route, attached, fits, forwards;
	uint32_t others;
};

/* uplinks_observe() - all that are known, excluded ones too, and then those that are to become
 * uplinks; free() *ret_states. */
int uplinks_observe(struct node *node, struct uplink_state **ret_states, size_t *ret_count,
		    struct error *err);

/* uplinks_expected() - uplinks_observe() where nothing is loaded, and so none is known. */
int uplinks_expected(struct nlsock *nl, struct uplink_state **ret_states, size_t *ret_count,
		     struct error *err);

/* uplink_program() - which program fits a device: the kind of its frames decides. */
enum datapath_program uplink_program(uint16_t arphrd_type);

#endif
