/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A flow, from what its first packet asks for to the entries of the table. */
#ifndef NKCTL_BPF_FLOW_CREATE_H
#define NKCTL_BPF_FLOW_CREATE_H

#include "flow_port.h"
#include "flow_ring.h"

/* Places that are tried for a flow: another CPU may be faster at each. */
#define NK_PLACE_TRIES 4

/**
 * flow_plan_begin - an empty plan with what all flows need.
 * @key: of a packet, which isn't in the plan itself
 * @is_reply: the packet isn't the original's, but the reply's
 * @owner: primary of the endpoint that it counts for
 */
static __always_inline struct nk_flow_plan *flow_plan_begin(const struct nk_flow_key *key,
							    bool is_reply, __u32 owner)
{
	struct nk_flow_plan *plan = flow_plan_get();

	if (!plan)
		return NULL;
	__builtin_memset(plan, 0, sizeof(*plan));
	plan->key = is_reply ? nk_flow_key_turn(key) : *key;
	plan->original.to = plan->key;
	plan->original.owner = owner;
	plan->original.state = NK_FLOW_ORIGINAL;
	return plan;
}

/* Where the search for a port begins: at the one that the flow had when it was evicted. */
static __always_inline __u64 port_begin(const struct nk_flow_plan *plan,
					const struct nk_nat *settings)
{
	const struct nk_evicted *former = bpf_map_lookup_elem(&evicted, &plan->key);

	if (former && !(former->state & NK_FLOW_ORIGINAL))
		return bpf_ntohs(former->other.dport) - settings->port_min;
	return flow_hash(&plan->key, settings->secret);
}

/* The reply's entry. Returns NK_KEEP, or the reason why it can't be written. */
static __always_inline int flow_claim(struct __sk_buff *skb, struct nk_flow_plan *plan)
{
	const struct nk_nat *settings = nat_settings();

	plan->claim = NK_CLAIM_TAKEN;
	if (plan->chooses_port && settings) {
		plan->port_offset = port_begin(plan, settings);
		port_choose(skb, plan);
	} else if (!plan->original.sender || !port_is_published(plan)) {
		plan->claim = reply_claim(plan); /* its own port: SCTP can't change it */
	}
	if (plan->claim == NK_CLAIM_TAKEN)
		return NK_DROP_NAT_PORTS;
	if (plan->claim == NK_CLAIM_NO_ROOM &&
	    !table_write(&flows, &plan->reply_key, &plan->reply, BPF_NOEXIST))
		return NK_DROP_NAT_FLOWS; /* it may be another CPU's by now */
	return NK_KEEP;
}

/*
 * What a flow leaves behind whose original's entry is another one now: its place, and unless it is
 * the new one's, too, its reply. Verified by itself.
 */
__noinline int former_delete(void)
{
	struct nk_flow_plan *plan = flow_plan_get();
	const struct nk_flow *reply;

	if (!plan || !plan->has_former)
		return 0;
	place_free(&plan->former_place, &plan->key);
	if (key_equal(&plan->former_reply, &plan->reply_key))
		return 0;
	reply = bpf_map_lookup_elem(&flows, &plan->former_reply);
	if (reply && key_equal(&reply->to, &plan->reply.to))
		(void)bpf_map_delete_elem(&flows, &plan->former_reply);
	return 0;
}

/* There may be one, of an earlier owner of the address or for another device. */
static __always_inline void former_note(struct nk_flow_plan *plan)
{
	const struct nk_flow *former = bpf_map_lookup_elem(&flows, &plan->key);

	if (!former)
		return;
	plan->former_place = flow_place(former);
	plan->former_reply = nk_flow_key_turn(&former->to);
	plan->has_former = true;
}

/*
 * Writes the original's entry, by which the flow is one, and takes its place. A former one is there
 * until this is: another CPU may have a packet of it at work.
 */
static __always_inline bool flow_commit(struct nk_flow_plan *plan)
{
	struct nk_flow_slot place;

	former_note(plan);
	flow_diffs_set(&plan->original, &plan->key);
	for (int i = 0; i < NK_PLACE_TRIES && slot_take(false); i++) {
		plan->original.slot = plan->slot;
		if (!table_write(&flows, &plan->key, &plan->original, BPF_ANY))
			return false;
		(void)former_delete();
		place = flow_place(&plan->original);
		if (table_write(&flow_slots, &place, &plan->key, BPF_NOEXIST))
			return true;
	}
	return false;
}

/**
 * flow_create - make the flow that flow_plan_get() describes.
 *
 * Returns NK_KEEP, or the reason why it can't be made.
 */
__noinline int flow_create(struct __sk_buff *skb)
{
	struct nk_flow_plan *plan = flow_plan_get();
	int reason;

	if (!plan)
		return NK_DROP_NAT_FLOWS;
	plan->now_ns = bpf_ktime_get_coarse_ns();
	plan->reply_key = nk_flow_key_turn(&plan->original.to);
	plan->reply.to = nk_flow_key_turn(&plan->key);
	plan->reply.owner = plan->original.owner;
	plan->original.created_ns = plan->reply.created_ns = plan->now_ns;
	plan->original.seen_ns = plan->reply.seen_ns = plan->now_ns;
	reason = flow_claim(skb, plan);
	if (reason != NK_KEEP || flow_commit(plan))
		return reason;
	(void)flow_delete(&plan->reply_key);
	return NK_DROP_NAT_FLOWS;
}

#endif
