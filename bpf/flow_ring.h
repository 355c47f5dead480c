/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The places of flows.
 *
 * Theory of operation: an endpoint can only use up what is its own: its flows hang in a ring of
 * slots, one a flow, and a new flow takes the next slot that is free. Slots of living flows are
 * passed over (CLOCK's second chance), and when there are many of these, the least worthy of those
 * just seen goes: a sampled LRU. So there is no count that could drift, no list to lock, and
 * nothing to be done in the background: expired flows stay until somebody needs their place.
 *
 * The ring hands a slot to one CPU, until it has come round. Of those that come to one at once, one
 * can insert its key, and the others look for another. As a flow's entries are there before, a
 * place that is taken is never seen without its flow (but while an upgrade replaces programs that
 * wrote them afterwards).
 */
#ifndef NKCTL_BPF_FLOW_RING_H
#define NKCTL_BPF_FLOW_RING_H

#include <linux/errno.h>

#include "flow.h"

/* Slots of living flows that are passed over before one of the flows goes. */
#define NK_SLOT_TRIES 16

/* Rings that chance chooses from when the table is full, and how often. */
#define NK_RING_OWNERS   1024
#define NK_RECLAIM_TRIES 4

/*
 * Deletes a flow that may be alive, and remembers it. What still comes in for it isn't the stack's,
 * whose answer would end the connection before the container's next packet makes the flow again;
 * and one that began outside is made again by the container's packet as well. One that began with
 * the container is to have its port again, by which the peer knows it.
 * @key: of the original direction
 */
static __always_inline void flow_evict(struct nk_flow_plan *plan, const struct nk_flow_key *key)
{
	const struct nk_flow *flow = bpf_map_lookup_elem(&flows, key);
	const struct nk_flow *reply = flow ? flow_other(key, flow, &plan->other) : NULL;

	if (flow && reply && nk_flow_is_answered(flow, reply)) {
		plan->evicted = (struct nk_evicted){
			.other = *key,
			.since_ns = plan->now_ns,
			.state = flow->state,
		};
		(void)bpf_map_update_elem(&evicted, &plan->other, &plan->evicted, BPF_ANY);
		if (flow->sender) {
			plan->evicted = (struct nk_evicted){
				.other = plan->other,
				.state = reply->state,
			};
			(void)bpf_map_update_elem(&evicted, key, &plan->evicted, BPF_ANY);
		}
	}
	(void)flow_delete(key);
}

/*
 * The worth of a flow whose place is wanted: answered ones before others, then the last used. One
 * that nobody would miss has none, nor has an original alone: a reply is written before it, so that
 * is no flow in the making.
 */
#define NK_WORTH_NOTHING  0
#define NK_WORTH_ANSWERED (1ULL << 63)
#define NK_WORTH_NO_FLOW  (~0ULL) /* above all: no flow was seen yet */

static __always_inline __u64 flow_worth(const struct nk_flow_key *key, const struct nk_flow *flow,
					struct nk_flow_plan *plan)
{
	const struct nk_flow *reply = flow_other(key, flow, &plan->other);
	__u64 seen_ns = flow->seen_ns;

	if (!reply)
		return NK_WORTH_NOTHING;
	if (reply->seen_ns > seen_ns)
		seen_ns = reply->seen_ns;
	return nk_flow_is_answered(flow, reply) ? seen_ns | NK_WORTH_ANSWERED : seen_ns;
}

/* Owners of rings, the last that came, for chance to choose from; and how many there ever were. */
static __u32 ring_owners[NK_RING_OWNERS];
static __u64 ring_count;

static __always_inline void ring_make(__u32 owner)
{
	struct nk_flow_ring ring = { .size = NK_FLOW_RING_MIN };

	if (!bpf_map_update_elem(&flow_rings, &owner, &ring, BPF_NOEXIST))
		ring_owners[__sync_fetch_and_add(&ring_count, 1) % NK_RING_OWNERS] = owner;
}

static __always_inline __u32 ring_size(const struct nk_flow_ring *ring,
				       const struct nk_nat *settings)
{
	return ring->size < settings->endpoint_flows ? ring->size : settings->endpoint_flows;
}

/*
 * The slot to look at in a step of the search: for a place the next one; for a victim any one that
 * was ever taken, and as an endpoint with few flows may have them anywhere, the last ones as well.
 */
static __always_inline __u32 slot_next(const struct nk_flow_plan *plan, struct nk_flow_ring *ring,
				       __u32 size, __u32 step)
{
	__u64 taken = ring->taken, used = taken < size ? taken : size;
	__u32 back = step % 2 ? bpf_get_prandom_u32() : step / 2;

	if (!plan->evicts)
		return __sync_fetch_and_add(&ring->taken, 1) % size;
	return used ? (taken - 1 - back % used) % size : 0;
}

/* One step of the search: looks at a slot of the ring. Returns 1 to end it. */
static long slot_try(__u32 step, void *none __attribute__((unused)))
{
	struct nk_flow_plan *plan = flow_plan_get();
	const struct nk_nat *settings = nat_settings();
	struct nk_flow_slot place = { 0 };
	struct nk_flow_ring *ring;
	struct nk_flow_key *key;
	struct nk_flow *flow;
	__u64 worth;

	if (!plan || !settings)
		return 1;
	place.owner = plan->ring_owner;
	ring = bpf_map_lookup_elem(&flow_rings, &place.owner);
	if (!ring || !ring_size(ring, settings))
		return 1;
	place.slot = slot_next(plan, ring, ring_size(ring, settings), step);
	key = bpf_map_lookup_elem(&flow_slots, &place);
	if (key)
		plan->place_key = *key; /* of an entry that is deleted, another has the memory */
	flow = key ? bpf_map_lookup_elem(&flows, &plan->place_key) : NULL;
	/* The flow's own place of before is free: former_delete(). */
	if (!flow || flow->owner != place.owner || flow->slot != place.slot ||
	    key_equal(&plan->place_key, &plan->key)) {
		if (plan->evicts)
			return 0;
		plan->slot = place.slot;
		plan->found = true;
		return 1;
	}
	worth = flow_is_expired(&plan->place_key, flow, plan->now_ns, true)
			? NK_WORTH_NOTHING
			: flow_worth(&plan->place_key, flow, plan);
	if (worth < plan->victim_worth) {
		plan->victim_worth = worth;
		plan->victim_slot = place.slot;
		plan->victim_seen_ns = flow->seen_ns;
		plan->victim = plan->place_key;
	}
	return worth == NK_WORTH_NOTHING;
}

static __always_inline __u32 ring_slots(__u32 owner)
{
	const struct nk_flow_ring *ring = bpf_map_lookup_elem(&flow_rings, &owner);

	return ring ? ring->size : 0;
}

/*
 * Where all that were looked at are alive, the ring gets longer, and the new part is next.
 * @size: what it was when they were
 */
static __always_inline bool ring_grow(__u32 owner, __u32 size)
{
	const struct nk_nat *settings = nat_settings();
	struct nk_flow_ring *ring = bpf_map_lookup_elem(&flow_rings, &owner);

	if (!ring || !settings || size >= settings->endpoint_flows)
		return false;
	/* Of CPUs that come at once, one makes it longer, and all find it so. */
	if (__sync_val_compare_and_swap(&ring->size, size, 2 * size) == size)
		ring->taken = size;
	return true;
}

static __always_inline void slots_search(struct nk_flow_plan *plan, __u32 owner, bool evicts)
{
	plan->found = false;
	plan->evicts = evicts;
	plan->ring_owner = owner;
	plan->victim_worth = NK_WORTH_NO_FLOW;
	(void)bpf_loop(NK_SLOT_TRIES, slot_try, NULL, 0);
}

/*
 * Whether of those who want a flow's place at once this one is to delete it. If each did, one that
 * is late would take the place from the flow that has it by then. The others find it taken.
 */
static __always_inline bool victim_take(const struct nk_flow_plan *plan)
{
	struct nk_flow *flow = bpf_map_lookup_elem(&flows, &plan->victim);
	__u64 seen_ns = plan->victim_seen_ns;

	return flow && __sync_val_compare_and_swap(&flow->seen_ns, seen_ns, 0) == seen_ns;
}

/* Finds a place in the owner's ring, and makes one if need be. Verified by itself. */
__noinline int slot_take(bool evicts)
{
	struct nk_flow_plan *plan = flow_plan_get();
	struct nk_flow_slot place;
	__u32 owner, size;

	if (!plan)
		return false;
	owner = plan->original.owner;
	ring_make(owner);
	size = ring_slots(owner);
	slots_search(plan, owner, evicts);
	if (!plan->found && plan->victim_worth != NK_WORTH_NOTHING && !evicts &&
	    ring_grow(owner, size))
		slots_search(plan, owner, evicts);
	if (plan->found) {
		place = (struct nk_flow_slot){ .owner = owner, .slot = plan->slot };
		place_free(&place, &plan->place_key); /* of a flow that is gone, if any */
		return true;
	}
	if (plan->victim_worth == NK_WORTH_NO_FLOW)
		return false;
	plan->slot = plan->victim_slot;
	if (!victim_take(plan))
		return !evicts; /* somebody else has made room, for himself */
	if (plan->victim_worth != NK_WORTH_NOTHING)
		flow_evict(plan, &plan->victim);
	else
		(void)flow_delete(&plan->victim);
	return true;
}

/* Somebody else's ring, as a rule. */
static __always_inline __u32 ring_choose(__u32 own)
{
	__u64 count = ring_count < NK_RING_OWNERS ? ring_count : NK_RING_OWNERS, place;
	__u32 owner = own;

	for (int i = 0; count && owner == own && i < NK_RECLAIM_TRIES; i++) {
		place = bpf_get_prandom_u32() % count;
		barrier_var(place); /* clang sees that the next line can do without %, the verifier
				       not */
		owner = ring_owners[place % NK_RING_OWNERS];
	}
	return owner;
}

/*
 * The table is full: a flow goes that is expired or was never answered, whosoever it is. Those that
 * nobody misses stay in the table until their owner needs their place, and he may never do so.
 */
static __always_inline bool table_reclaim(struct nk_flow_plan *plan)
{
	for (int i = 0; i < NK_RECLAIM_TRIES; i++) {
		slots_search(plan, ring_choose(plan->original.owner), true);
		if (plan->victim_worth < NK_WORTH_ANSWERED) {
			(void)flow_delete(&plan->victim); /* gone already is as good */
			return true;
		}
	}
	return false;
}

/* Room for an entry, by a flow that goes. Verified by itself. */
__noinline int table_make_room(void)
{
	struct nk_flow_plan *plan = flow_plan_get();

	return plan && (table_reclaim(plan) || slot_take(true));
}

/* Writes an entry, if need be in the place of somebody else's. */
static __always_inline bool table_write(void *table, const void *key, const void *value,
					__u64 flags)
{
	long result = bpf_map_update_elem(table, key, value, flags);

	if (!result || result == -EEXIST)
		return !result;
	return table_make_room() && !bpf_map_update_elem(table, key, value, flags);
}

#endif
