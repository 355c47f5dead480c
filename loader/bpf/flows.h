/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flow table, which the programs fill: the pinned maps "flows", "flow_slots", "flow_rings". */
#ifndef NKCTL_BPF_FLOWS_H
#define NKCTL_BPF_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/datapath.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "nkctl/nat.h"

/**
 * struct flow - a flow: both its entries, or one, where the other has just come or gone.
 * @key: of the original direction
 * @reply_key: of the other
 * @original, @reply: zero where it is missing
 */
struct flow {
	struct nk_flow_key key;
	struct nk_flow_key reply_key;
	struct nk_flow original;
	struct nk_flow reply;
	bool has_original;
	bool has_reply;
};

/* struct flow_list - flows by owner, and those of one by protocol, addresses and ports. */
struct flow_list {
	struct flow *flows;
	size_t count;
};

int flow_list_read(struct datapath *datapath, struct flow_list *ret_list, struct error *err);
void flow_list_free(struct flow_list *list);
#define _cleanup_flow_list_ _cleanup_(flow_list_free)

/* flow_delete() - both entries, and its place in the ring. Return: 0, also where it was gone. */
int flow_delete(struct datapath *datapath, const struct flow *flow, struct error *err);

/*
 * flow_evict() - the same for a flow that goes on: what comes in for it before the container's next
 * packet makes it again isn't given to the host's stack, which would reset the connection.
 * @now_ns: CLOCK_MONOTONIC_COARSE
 */
int flow_evict(struct datapath *datapath, const struct flow *flow, uint64_t now_ns,
	       struct error *err);

/**
 * flow_ring_delete() - delete the flows in an owner's ring.
 * @from: only those in this slot and behind it; 0: all, and the ring itself
 *
 * Return: 0, also where it has no ring.
 */
int flow_ring_delete(struct datapath *datapath, uint32_t owner, uint32_t from, struct error *err);

/* flow_owners_read() - the primaries that have a ring; free() *ret_owners. */
int flow_owners_read(struct datapath *datapath, uint32_t **ret_owners, size_t *ret_count,
		     struct error *err);

#endif
