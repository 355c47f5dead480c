/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The datapath as a whole: replaced while it works, and removed without a trace. */
#ifndef NKCTL_OPS_LIFECYCLE_H
#define NKCTL_OPS_LIFECYCLE_H

#include <stddef.h>

#include "core/error.h"
#include "nkctl/config.h"
#include "ops/node.h"

/**
 * struct upgrade_report - what an upgrade did.
 * @from: version that was loaded before
 * @endpoints, @uplinks: programs replaced; fewer than there are where some were current
 */
struct upgrade_report {
	char from[NK_VERSION_SIZE];
	size_t endpoints, uplinks;
};

/**
 * datapath_upgrade() - load this build's programs on the live maps and put them in the place of
 * every attached one, each atomically. Killed half way it leaves a mix that works as what was
 * loaded before, and that the next upgrade completes. @node must hold the exclusive lock.
 *
 * Return: 0; -EPROTO where the maps' layout differs.
 */
int datapath_upgrade(struct node *node, struct upgrade_report *ret_report, struct error *err);

/* struct down_report - what was removed. */
struct down_report {
	size_t endpoints, uplinks, networks;
};

/**
 * datapath_down() - detach everything and remove every trace: endpoints, uplinks' programs and
 * settings, gateway addresses, pins; then look whether any of it is left.
 *
 * @node must hold the exclusive lock. Goes on after an error and returns the first. Where an uplink
 * couldn't be given back as it was, the pins stay for the next one.
 *
 * Return: 0; -EBUSY where something is left.
 */
int datapath_down(struct node *node, struct down_report *ret_report, struct error *err);

/*
 * datapath_down_unused() - the same, if nothing is attached, and no network, uplink or exemption
 * was added meanwhile.
 */
void datapath_down_unused(struct node *node);

/*
 * datapath_down_unfinished() - remove what a load that was killed left, where nothing is loaded.
 *
 * Return: 0; -EAGAIN where something has been loaded meanwhile, without an error.
 */
int datapath_down_unfinished(struct error *err);

#endif
