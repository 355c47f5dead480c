/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The pinned map "exempt": prefixes that endpoints reach with their own addresses. */
#ifndef NKCTL_BPF_EXEMPT_H
#define NKCTL_BPF_EXEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/datapath.h"
#include "core/addr.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "nkctl/nat.h"

/**
 * exempt_add() - add a reason for a prefix to be exempt. Needs the node's lock, as
 * exempt_remove() does: an entry is read and written.
 * @prefix: host bits zero
 *
 * Return: 0, also where it had that reason; -ENOSPC where there are NK_EXEMPT_MAX.
 */
int exempt_add(struct datapath *datapath, const struct prefix *prefix, enum nk_exempt_reason reason,
	       struct error *err);

/* exempt_remove() - take a reason away. Return: 0, also where the prefix hadn't that one. */
int exempt_remove(struct datapath *datapath, const struct prefix *prefix,
		  enum nk_exempt_reason reason, struct error *err);

/**
 * exempt_is_network() - whether a network's subnet has been added already.
 * @subnet: no other network's overlaps it
 */
bool exempt_is_network(struct datapath *datapath, const struct prefix *subnet);

/* exempt_doubt() - have exempt_is_network() say no of one that is, until exempt_add() again. */
int exempt_doubt(struct datapath *datapath, const struct prefix *subnet, struct error *err);

/* struct exempt_entry - @reasons: enum nk_exempt_reason */
struct exempt_entry {
	struct prefix prefix;
	uint32_t reasons;
};

struct exempt_list {
	struct exempt_entry *entries;
	size_t count;
};

/* exempt_list_read() - all of them, IPv4 first, in order. */
int exempt_list_read(struct datapath *datapath, struct exempt_list *ret_list, struct error *err);
/* exempt_list_reasons() - why a prefix, itself, is exempt; 0: it isn't. */
uint32_t exempt_list_reasons(const struct exempt_list *list, const struct prefix *prefix);

void exempt_list_free(struct exempt_list *list);
#define _cleanup_exempt_list_ _cleanup_(exempt_list_free)

#endif
