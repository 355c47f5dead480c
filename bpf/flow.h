/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table: what is translated into what.
 *
 * Theory of operation: a flow is found by what its packet is, in one look-up, whichever way it
 * goes; both of its entries know the whole rewriting, checksums included, so that a packet costs
 * no decision. Each direction writes into its own entry alone.
 *
 * How a flow is made is in flow_create.h, which place it has in flow_ring.h, and which port in
 * flow_port.h.
 */
#ifndef NKCTL_BPF_FLOW_H
#define NKCTL_BPF_FLOW_H

#include "checksum.h"
#include "drop.h"
#include "maps.h"
#include "parse.h"
#include "port.h"

#define NK_TCP_FIN 0x01
#define NK_TCP_SYN 0x02
#define NK_TCP_RST 0x04
#define NK_TCP_ACK 0x10

/**
 * enum nk_claim - what becomes of a claim to a reply's key, by which a flow has its port.
 * @NK_CLAIM_TAKEN: another flow has it
 * @NK_CLAIM_MADE: the entry is written
 * @NK_CLAIM_NO_ROOM: nobody has it, but the table takes no further entry
 */
enum nk_claim { NK_CLAIM_TAKEN, NK_CLAIM_MADE, NK_CLAIM_NO_ROOM };

/**
 * struct nk_flow_plan - a flow about to be made.
 * @key: of the original direction
 * @original, @reply: its entries. What the caller fills in of @original: to (but for a sport to
 *	be chosen), target, sender, owner, state; of @reply: target, sender
 * @chooses_port: take a port of the masquerading range for original.to.sport
 * @reply_key: of the reply's direction
 * @former_place, @former_reply: of the flow that the original's entry is taken from
 * @has_former: there is one
 * @other: what flow_other() asked for last: most functions here write it
 * @evicted: room for a value
 * @port: room for a port
 * @tuple: of the reply, for host_has_socket()
 * @now_ns: when the flow begins
 * @port_offset: of the first port that is tried in the range, modulo its length
 * @takes_finished: a finished connection's port is as good as a free one
 * @evicts: look for a flow to evict, not for a place
 * @ring_owner: whose ring is searched
 * @found: @slot is free
 * @place_key: of the flow whose place was looked at last
 * @victim, @victim_slot, @victim_worth: the least worthy flow that the search for a place saw
 * @victim_seen_ns: its original's seen_ns then
 * @claim: what became of the claim to @reply_key
 */
struct nk_flow_plan {
	struct nk_flow_key key;
	struct nk_flow_key reply_key;
	struct nk_flow_key former_reply;
	struct nk_flow_slot former_place;
	struct nk_flow original;
	struct nk_flow reply;
	struct nk_flow_key place_key;
	struct nk_flow_key victim;
	struct nk_flow_key other;
	struct nk_evicted evicted;
	struct nk_port port;
	struct bpf_sock_tuple tuple;
	__u64 port_offset;
	__u64 victim_worth;
	__u64 victim_seen_ns;
	__u64 now_ns;
	__u32 victim_slot;
	__u32 ring_owner;
	__u32 slot;
	__u32 chooses_port;
	__u32 takes_finished;
	__u32 evicts;
	__u32 found;
	enum nk_claim claim;
	__u32 has_former;
};

/* Too big for the stack. Programs don't interrupt each other: bottom halves are off. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nk_flow_plan);
} flow_plans SEC(".maps");

static __always_inline struct nk_flow_plan *flow_plan_get(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&flow_plans, &key);
}

static __always_inline bool key_is_v4(const struct nk_flow_key *key)
{
	return ip_is_v4(&key->daddr);
}

static __always_inline bool key_equal(const struct nk_flow_key *a, const struct nk_flow_key *b)
{
	const __u64 *x = (const void *)a, *y = (const void *)b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4]));
}

/* Whether @key is what nk_flow_key_turn() makes of @to, without room for it. */
static __always_inline bool key_is_turned(const struct nk_flow_key *key,
					  const struct nk_flow_key *to)
{
	const __u64 *saddr = (const void *)&key->saddr, *to_saddr = (const void *)&to->saddr;
	const __u64 *daddr = (const void *)&key->daddr, *to_daddr = (const void *)&to->daddr;

	return !((saddr[0] ^ to_daddr[0]) | (saddr[1] ^ to_daddr[1]) | (daddr[0] ^ to_saddr[0]) |
		 (daddr[1] ^ to_saddr[1]) | (key->sport ^ to->dport) | (key->dport ^ to->sport) |
		 (key->protocol ^ to->protocol));
}

/**
 * flow_other - the entry of a flow's other direction. One that doesn't lead back is another flow's.
 * @key: of @flow
 * @ret_key: its key, also where there is none; the caller has zeroed its padding
 */
static __always_inline struct nk_flow *
flow_other(const struct nk_flow_key *key, const struct nk_flow *flow, struct nk_flow_key *ret_key)
{
	struct nk_flow *other;

	/* nk_flow_key_turn() in place: a copy takes more stack than there is. */
	ret_key->saddr = flow->to.daddr;
	ret_key->daddr = flow->to.saddr;
	ret_key->sport = flow->to.dport;
	ret_key->dport = flow->to.sport;
	ret_key->protocol = flow->to.protocol;
	other = bpf_map_lookup_elem(&flows, ret_key);
	return other && key_is_turned(key, &other->to) ? other : NULL;
}

/*
 * Whether nobody would miss a flow.
 * @key: of @flow
 * @counts_reset: whether a reset has ended it
 *
 * Verified by itself.
 */
__noinline int flow_is_expired(const struct nk_flow_key *key, const struct nk_flow *flow,
			       __u64 now_ns, bool counts_reset)
{
	struct nk_flow_plan *plan = flow_plan_get();
	const struct nk_flow *other;
	__u64 seen_ns;
	__u32 lifetime_s;

	if (!key || !flow || !plan)
		return true;
	other = flow_other(key, flow, &plan->other);
	if (!other)
		return now_ns > flow->seen_ns + NK_LIFETIME_REMNANT * NK_NS_PER_S;
	seen_ns = flow->seen_ns;
	if (other->seen_ns > seen_ns)
		seen_ns = other->seen_ns;
	lifetime_s = nk_flow_lifetime(flow, other, counts_reset && nk_flow_is_reset(flow, other));
	return now_ns > seen_ns && now_ns - seen_ns > lifetime_s * NK_NS_PER_S;
}

/* Whether it's a TCP connection that both ends have finished. */
static __always_inline bool flow_is_finished(const struct nk_flow_key *key,
					     const struct nk_flow *flow, struct nk_flow_plan *plan)
{
	const struct nk_flow *other = flow_other(key, flow, &plan->other);

	return flow->to.protocol == IPPROTO_TCP && other && nk_flow_is_finished(flow, other);
}

/* Whether it has expired, for every packet: most flows had one a moment ago. */
static __always_inline bool flow_is_over(const struct nk_flow_key *key, const struct nk_flow *flow,
					 __u64 now_ns)
{
	return unlikely(now_ns > flow->seen_ns + NK_LIFETIME_SHORTEST * NK_NS_PER_S) &&
	       flow_is_expired(key, flow, now_ns, false);
}

/*
 * A new connection with the addresses and ports of an old one.
 * @key: of either direction
 */
__noinline int flow_renew(const struct nk_flow_key *key)
{
	struct nk_flow *flow = key ? bpf_map_lookup_elem(&flows, key) : NULL;
	struct nk_flow_plan *plan = flow_plan_get();
	struct nk_flow *other;

	if (!flow || !plan)
		return 0;
	other = flow_other(key, flow, &plan->other);
	if (!other)
		return 0;
	flow->created_ns = other->created_ns = bpf_ktime_get_coarse_ns();
	flow->state &= NK_FLOW_ORIGINAL | NK_FLOW_ROUTED;
	other->state &= NK_FLOW_ORIGINAL | NK_FLOW_ROUTED;
	flow->packets = flow->bytes = other->packets = other->bytes = 0;
	return 0;
}

static __always_inline void flow_track_tcp(struct nk_flow *flow, const struct nk_flow_key *key,
					   __u8 tcp_flags)
{
	if (likely(!(tcp_flags & (NK_TCP_FIN | NK_TCP_SYN | NK_TCP_RST)))) {
		/* After a reset: somebody forged it. */
		if (unlikely((flow->state & (NK_FLOW_RST | NK_FLOW_ACKED)) != NK_FLOW_ACKED))
			flow->state = (flow->state & ~NK_FLOW_RST) | NK_FLOW_ACKED;
		return;
	}
	if (tcp_flags & NK_TCP_RST)
		flow->state |= NK_FLOW_RST;
	else if (tcp_flags & NK_TCP_FIN)
		flow->state |= NK_FLOW_FIN;
	/* Of a connection that is routed in, the answer to its SYN is the first to be seen here. */
	else if (flow->state & (tcp_flags & NK_TCP_ACK ? NK_FLOW_ROUTED : NK_FLOW_ORIGINAL))
		(void)flow_renew(key);
}

/**
 * flow_find - the flow that a packet belongs to.
 * @sender: primary that it comes from; 0: an uplink. A forged packet from elsewhere has none
 */
static __always_inline struct nk_flow *flow_find(const struct nk_flow_key *key, __u32 sender)
{
	struct nk_flow *flow = bpf_map_lookup_elem(&flows, key);

	return flow && flow->sender == sender ? flow : NULL;
}

static __always_inline void flow_diffs_set(struct nk_flow *flow, const struct nk_flow_key *from)
{
	flow->addr_diff =
		sum_fold(bpf_csum_diff((void *)&from->saddr, 2 * sizeof(from->saddr),
				       (void *)&flow->to.saddr, 2 * sizeof(from->saddr), 0));
	flow->port_diff =
		sum_fold(bpf_csum_diff((void *)&from->sport, 4, (void *)&flow->to.sport, 4, 0));
}

static __always_inline struct nk_flow_slot flow_place(const struct nk_flow *original)
{
	return (struct nk_flow_slot){ .owner = original->owner, .slot = original->slot };
}

/* The place of a flow may be another's by now. */
static __always_inline void place_free(const struct nk_flow_slot *place,
				       const struct nk_flow_key *key)
{
	const struct nk_flow_key *found = bpf_map_lookup_elem(&flow_slots, place);

	if (found && key_equal(found, key))
		(void)bpf_map_delete_elem(&flow_slots, place);
}

/*
 * flow_delete - both entries of a flow, and its place.
 * @key: of either direction
 */
__noinline int flow_delete(const struct nk_flow_key *key)
{
	const struct nk_flow *flow = key ? bpf_map_lookup_elem(&flows, key) : NULL;
	struct nk_flow_plan *plan = flow_plan_get();
	const struct nk_flow *other;
	struct nk_flow_slot place;

	if (!flow || !plan)
		return false;
	other = flow_other(key, flow, &plan->other);
	if (flow->state & NK_FLOW_ORIGINAL) {
		place = flow_place(flow);
		place_free(&place, key);
	} else if (other) {
		place = flow_place(other);
		place_free(&place, &plan->other);
	}
	/* Gone already is as good. */
	if (other)
		(void)bpf_map_delete_elem(&flows, &plan->other);
	(void)bpf_map_delete_elem(&flows, key);
	return true;
}

#endif
