/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table: what is translated into what.
 *
 * Theory of operation: a flow is found by what its packet is, in one look-up, whichever way it
 * goes; both of its entries know the whole rewriting, checksums included, so that a packet costs
 * no decision. Each direction writes into its own entry alone.
 *
 * An endpoint can only use up what is its own: its flows hang in a ring of slots, one a flow, and
 * a new flow takes the next slot that is free. Slots of living flows are passed over (CLOCK's
 * second chance), and when there are many of these, the least worthy of those just seen goes: a
 * sampled LRU. So there is no count that could drift, no list to lock, and nothing to be done in
 * the background: expired flows stay until somebody needs their place.
 *
 * Two CPUs with the first packets of one flow find out by the reply's key, which only one of them
 * can insert. The ring hands each slot to one CPU.
 */
#ifndef NKCTL_BPF_FLOW_H
#define NKCTL_BPF_FLOW_H

#include <linux/errno.h>

#include "checksum.h"
#include "drop.h"
#include "maps.h"
#include "parse.h"
#include "port.h"

/* Slots of living flows that are passed over before one of the flows goes. */
#define NK_SLOT_TRIES 16

/* Rings that chance chooses from when the table is full, and how often. */
#define NK_RING_OWNERS   1024
#define NK_RECLAIM_TRIES 4

/* Ports tried for a flow. */
#define NK_PORT_TRIES 32

#define NK_TCP_FIN 0x01
#define NK_TCP_SYN 0x02
#define NK_TCP_RST 0x04
#define NK_TCP_ACK 0x10

/**
 * struct nk_flow_plan - a flow about to be made.
 * @key: of the original direction
 * @original, @reply: its entries. What the caller fills in of @original: to (but for a sport to
 *	be chosen), target, sender, owner, state; of @reply: target, sender
 * @chooses_port: take a port of the masquerading range for original.to.sport
 * @reply_key: of the reply's direction
 * @other: room for a key: flow_other()'s
 * @evicted: room for a value
 * @port: room for a port
 * @tuple: of the reply, for host_has_socket()
 * @now_ns: when the flow begins
 * @hash: where the search for a port begins
 * @takes_finished: a finished connection's port is as good as a free one
 * @evicts: look for a flow to evict, not for a place
 * @ring_owner: whose ring is searched
 * @found: @slot is free
 * @victim, @victim_slot, @victim_worth: the least worthy flow that the search for a place saw
 * @result: NK_KEEP, or why it can't be made
 */
struct nk_flow_plan {
	struct nk_flow_key key;
	struct nk_flow_key reply_key;
	struct nk_flow original;
	struct nk_flow reply;
	struct nk_flow_key victim;
	struct nk_flow_key other;
	struct nk_evicted evicted;
	struct nk_port port;
	struct bpf_sock_tuple tuple;
	__u64 hash;
	__u64 victim_worth;
	__u64 now_ns;
	__u32 victim_slot;
	__u32 ring_owner;
	__u32 slot;
	__u32 chooses_port;
	__u32 takes_finished;
	__u32 evicts;
	__u32 found;
	__u32 result;
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

static __always_inline struct nk_flow *flow_other(const struct nk_flow *flow)
{
	struct nk_flow_plan *plan = flow_plan_get();

	if (!plan)
		return NULL;
	plan->other = nk_flow_key_turn(&flow->to);
	return bpf_map_lookup_elem(&flows, &plan->other);
}

/*
 * Whether nobody would miss a flow.
 * @counts_reset: whether a reset has ended it
 *
 * Verified by itself.
 */
__noinline int flow_is_expired(const struct nk_flow *flow, __u64 now_ns, bool counts_reset)
{
	const struct nk_flow *other;
	__u64 seen_ns;
	__u32 lifetime_s;

	if (!flow)
		return true;
	other = flow_other(flow);
	if (!other)
		return true;
	seen_ns = flow->seen_ns;
	if (other->seen_ns > seen_ns)
		seen_ns = other->seen_ns;
	lifetime_s = nk_flow_lifetime(flow, other, counts_reset && nk_flow_is_reset(flow, other));
	return now_ns > seen_ns && now_ns - seen_ns > lifetime_s * NK_NS_PER_S;
}

/* Whether it's a TCP connection that both ends have finished. */
static __always_inline bool flow_is_finished(const struct nk_flow *flow)
{
	const struct nk_flow *other = flow_other(flow);

	return flow->to.protocol == IPPROTO_TCP && other && nk_flow_is_finished(flow, other);
}

/* Whether it has expired, for every packet: most flows had one a moment ago. */
static __always_inline bool flow_is_over(const struct nk_flow *flow, __u64 now_ns)
{
	return unlikely(now_ns > flow->seen_ns + NK_LIFETIME_SHORTEST * NK_NS_PER_S) &&
	       flow_is_expired(flow, now_ns, false);
}

/* A new connection with the addresses and ports of an old one. */
__noinline int flow_renew(const struct nk_flow_key *key)
{
	struct nk_flow *flow = key ? bpf_map_lookup_elem(&flows, key) : NULL;
	struct nk_flow *reply = flow ? flow_other(flow) : NULL;

	if (!flow || !reply)
		return 0;
	flow->created_ns = reply->created_ns = bpf_ktime_get_coarse_ns();
	flow->state &= NK_FLOW_ORIGINAL | NK_FLOW_ROUTED;
	reply->state &= NK_FLOW_ROUTED;
	flow->packets = flow->bytes = reply->packets = reply->bytes = 0;
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
	else if (!(tcp_flags & NK_TCP_ACK) && flow->state & NK_FLOW_ORIGINAL)
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

/* Making flows --------------------------------------------------------------------------------- */

/* The place of a flow may be another's by now. */
static __always_inline void slot_free(const struct nk_flow *original, const struct nk_flow_key *key)
{
	struct nk_flow_slot place = { .owner = original->owner, .slot = original->slot };
	const struct nk_flow_key *found = bpf_map_lookup_elem(&flow_slots, &place);

	if (found && key_equal(found, key))
		(void)bpf_map_delete_elem(&flow_slots, &place);
}

/*
 * flow_delete - both entries of a flow, and its place.
 * @key: of either direction
 */
__noinline int flow_delete(const struct nk_flow_key *key)
{
	const struct nk_flow *flow = key ? bpf_map_lookup_elem(&flows, key) : NULL;
	const struct nk_flow *other = flow ? flow_other(flow) : NULL; /* its key: plan->other */
	struct nk_flow_plan *plan = flow_plan_get();

	if (!flow || !plan)
		return false;
	if (flow->state & NK_FLOW_ORIGINAL)
		slot_free(flow, key);
	else if (other)
		slot_free(other, &plan->other);
	(void)bpf_map_delete_elem(&flows, &plan->other); /* gone already is as good */
	(void)bpf_map_delete_elem(&flows, key);
	return true;
}

/*
 * Deletes a flow that may be alive, and remembers it. What still comes in for it isn't the stack's,
 * whose answer would end the connection before the container's next packet makes the flow again;
 * and one that began outside is made again by the container's packet as well.
 * @key: of the original direction
 */
static __always_inline void flow_evict(struct nk_flow_plan *plan, const struct nk_flow_key *key)
{
	const struct nk_flow *flow = bpf_map_lookup_elem(&flows, key);
	const struct nk_flow *reply = flow ? flow_other(flow) : NULL; /* its key: plan->other */

	if (flow && reply && nk_flow_is_answered(flow, reply)) {
		plan->evicted = (struct nk_evicted){
			.original = *key,
			.since_ns = plan->now_ns,
			.state = flow->state,
		};
		(void)bpf_map_update_elem(&evicted, &plan->other, &plan->evicted, BPF_ANY);
	}
	(void)flow_delete(key);
}

static __always_inline void flow_diffs_set(struct nk_flow *flow, const struct nk_flow_key *from)
{
	flow->addr_diff =
		sum_fold(bpf_csum_diff((void *)&from->saddr, 2 * sizeof(from->saddr),
				       (void *)&flow->to.saddr, 2 * sizeof(from->saddr), 0));
	flow->port_diff =
		sum_fold(bpf_csum_diff((void *)&from->sport, 4, (void *)&flow->to.sport, 4, 0));
}

/* Mixes the secret in, so that nobody outside can tell the port of a flow that he knows of. */
static __always_inline __u64 flow_hash(const struct nk_flow_key *key, __u64 secret)
{
	const __u64 *words = (const void *)key;
	__u64 hash = secret;

	for (unsigned int i = 0; i < sizeof(*key) / sizeof(*words); i++) {
		hash = (hash ^ words[i]) * NK_HASH_FACTOR;
		hash ^= hash >> 32;
	}
	return hash;
}

/* The worth of a flow whose place is wanted: answered ones before others, then the last used. */
static __always_inline __u64 flow_worth(const struct nk_flow *flow)
{
	const struct nk_flow *reply = flow_other(flow);
	__u64 seen_ns = flow->seen_ns;

	if (!reply)
		return 0;
	if (reply->seen_ns > seen_ns)
		seen_ns = reply->seen_ns;
	return nk_flow_is_answered(flow, reply) ? seen_ns | 1ULL << 63 : seen_ns;
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
	flow = key ? bpf_map_lookup_elem(&flows, key) : NULL;
	if (!flow || flow->owner != place.owner || flow->slot != place.slot) {
		plan->slot = place.slot;
		plan->found = !plan->evicts;
		return plan->found;
	}
	worth = flow_is_expired(flow, plan->now_ns, true) ? 0 : flow_worth(flow);
	if (worth < plan->victim_worth && !key_equal(key, &plan->key)) {
		plan->victim_worth = worth;
		plan->victim_slot = place.slot;
		plan->victim = *key;
	}
	return !worth;
}

/* Where all that were looked at are alive, the ring gets longer, and the new part is next. */
static __always_inline bool ring_grow(__u32 owner)
{
	const struct nk_nat *settings = nat_settings();
	struct nk_flow_ring *ring = bpf_map_lookup_elem(&flow_rings, &owner);
	__u32 size;

	if (!ring || !settings)
		return false;
	size = ring->size;
	if (size >= settings->endpoint_flows)
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
	plan->victim_worth = ~0ULL;
	(void)bpf_loop(NK_SLOT_TRIES, slot_try, NULL, 0);
}

/* Finds a place in the owner's ring, and makes one if need be. */
static __always_inline bool slot_take(struct nk_flow_plan *plan, bool evicts)
{
	__u32 owner = plan->original.owner;

	ring_make(owner);
	slots_search(plan, owner, evicts);
	if (!plan->found && plan->victim_worth && !evicts && ring_grow(owner))
		slots_search(plan, owner, evicts);
	if (plan->found)
		return true;
	if (plan->victim_worth == ~0ULL)
		return false;
	if (plan->victim_worth)
		flow_evict(plan, &plan->victim);
	else
		(void)flow_delete(&plan->victim);
	plan->slot = plan->victim_slot;
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
		if (!(plan->victim_worth >> 63))
			return flow_delete(&plan->victim);
	}
	return false;
}

/*
 * Whether a socket of the host would take what comes in for a port: no flow may have it.
 * @tuple: zeroes, room for the question
 */
static __always_inline bool host_has_socket(struct __sk_buff *skb, const struct nk_flow_key *key,
					    struct bpf_sock_tuple *tuple)
{
	struct bpf_sock *sock = NULL;
	__u32 size = sizeof(tuple->ipv6);

	if (key_is_v4(key)) {
		size = sizeof(tuple->ipv4);
		tuple->ipv4.saddr = key->saddr.words[3];
		tuple->ipv4.daddr = key->daddr.words[3];
		tuple->ipv4.sport = key->sport;
		tuple->ipv4.dport = key->dport;
	} else {
		__builtin_memcpy(tuple->ipv6.saddr, &key->saddr, sizeof(key->saddr));
		__builtin_memcpy(tuple->ipv6.daddr, &key->daddr, sizeof(key->daddr));
		tuple->ipv6.sport = key->sport;
		tuple->ipv6.dport = key->dport;
	}
	if (key->protocol == IPPROTO_TCP)
		sock = bpf_skc_lookup_tcp(skb, tuple, size, BPF_F_CURRENT_NETNS, 0);
	else if (key->protocol == IPPROTO_UDP)
		sock = bpf_sk_lookup_udp(skb, tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sock)
		return false;
	bpf_sk_release(sock);
	return true;
}

/*
 * Claims the reply's key. Where another flow has it, nothing is settled: returns false.
 */
static __always_inline bool reply_claim(struct nk_flow_plan *plan)
{
	const struct nk_flow *other;
	long result;

	flow_diffs_set(&plan->reply, &plan->reply_key);
	result = bpf_map_update_elem(&flows, &plan->reply_key, &plan->reply, BPF_NOEXIST);
	if (result == -EEXIST) {
		other = bpf_map_lookup_elem(&flows, &plan->reply_key);
		if (!other)
			return false;
		if (other->owner != plan->reply.owner || !key_equal(&other->to, &plan->reply.to)) {
			if (!flow_is_expired(other, plan->now_ns, true) &&
			    !(plan->takes_finished && flow_is_finished(other)))
				return false;
			(void)flow_delete(&plan->reply_key);
		}
		/* Another CPU's work, what was left of this flow, or nobody's: the same entry. */
		result = bpf_map_update_elem(&flows, &plan->reply_key, &plan->reply, BPF_ANY);
	}
	plan->result = result ? NK_DROP_NAT_FLOWS : NK_KEEP;
	return true;
}

/* Whether a port of the host is published: what comes in for it isn't an answer. */
static __always_inline bool port_is_published(struct nk_flow_plan *plan)
{
	plan->port.addr = plan->reply_key.daddr;
	plan->port.port = plan->reply_key.dport;
	plan->port.protocol = plan->reply_key.protocol;
	return published_lookup(&plan->port);
}

static __always_inline bool protocol_has_ports(__u8 protocol)
{
	return protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6;
}

/* One step of the search for a port. Returns 1 to end it. */
static long port_try(__u32 i, struct __sk_buff **skb)
{
	struct nk_flow_plan *plan = flow_plan_get();
	const struct nk_nat *settings = nat_settings();
	__u32 size;

	if (!plan || !settings || settings->port_max < settings->port_min)
		return 1;
	size = settings->port_max - settings->port_min + 1;
	if (size > NK_ICMP_IDS_MAX && !protocol_has_ports(plan->key.protocol))
		size = NK_ICMP_IDS_MAX;
	plan->original.to.sport = bpf_htons(settings->port_min + (plan->hash + i) % size);
	plan->reply_key.dport = plan->original.to.sport;
	if (port_is_published(plan) || host_has_socket(*skb, &plan->reply_key, &plan->tuple))
		return 0;
	return reply_claim(plan);
}

/* Writes an entry, if need be in the place of somebody else's. */
static __always_inline bool table_write(struct nk_flow_plan *plan, void *table, const void *key,
					const void *value)
{
	if (!bpf_map_update_elem(table, key, value, BPF_ANY))
		return true;
	return (table_reclaim(plan) || slot_take(plan, true)) &&
	       !bpf_map_update_elem(table, key, value, BPF_ANY);
}

/*
 * Where each port that is tried is taken, a finished connection gives its own away, as netfilter's
 * does (nf_nat_used_tuple_harder(), net/netfilter/nf_nat_core.c). It waited for segments that are
 * late; the remote host tells those from a new connection's (RFC 6191).
 */
static __always_inline void port_choose(struct __sk_buff *skb, struct nk_flow_plan *plan)
{
	(void)bpf_loop(NK_PORT_TRIES, port_try, &skb, 0);
	if (plan->result != NK_DROP_NAT_PORTS)
		return;
	plan->takes_finished = true;
	(void)bpf_loop(NK_PORT_TRIES, port_try, &skb, 0);
}

static __always_inline void flow_claim(struct __sk_buff *skb, struct nk_flow_plan *plan)
{
	const struct nk_nat *settings = nat_settings();

	plan->result = NK_DROP_NAT_PORTS;
	if (plan->chooses_port && settings) {
		plan->hash = flow_hash(&plan->key, settings->secret);
		port_choose(skb, plan);
	} else if (!plan->original.sender || !port_is_published(plan)) {
		(void)reply_claim(plan); /* with the port that it has: SCTP can't change it */
	}
	if (plan->result == NK_DROP_NAT_FLOWS &&
	    table_write(plan, &flows, &plan->reply_key, &plan->reply))
		plan->result = NK_KEEP;
}

/* Writes the original's entry, by which the flow is one. */
static __always_inline bool flow_commit(struct nk_flow_plan *plan)
{
	struct nk_flow_slot place = { .owner = plan->original.owner };
	const struct nk_flow *former = bpf_map_lookup_elem(&flows, &plan->key);

	/* An earlier owner of the address may have left one. */
	if (former && !key_equal(&former->to, &plan->original.to))
		(void)flow_delete(&plan->key);
	if (!slot_take(plan, false))
		return false;
	place.slot = plan->original.slot = plan->slot;
	flow_diffs_set(&plan->original, &plan->key);
	return table_write(plan, &flow_slots, &place, &plan->key) &&
	       table_write(plan, &flows, &plan->key, &plan->original);
}

/**
 * flow_create - make the flow that flow_plan_get() describes.
 *
 * Returns NK_KEEP, or the reason why it can't be made.
 */
__noinline int flow_create(struct __sk_buff *skb)
{
	struct nk_flow_plan *plan = flow_plan_get();

	if (!plan)
		return NK_DROP_NAT_FLOWS;
	plan->now_ns = bpf_ktime_get_coarse_ns();
	plan->reply_key = nk_flow_key_turn(&plan->original.to);
	plan->reply.to = nk_flow_key_turn(&plan->key);
	plan->reply.owner = plan->original.owner;
	plan->original.created_ns = plan->reply.created_ns = plan->now_ns;
	plan->original.seen_ns = plan->reply.seen_ns = plan->now_ns;
	flow_claim(skb, plan);
	if (plan->result != NK_KEEP || flow_commit(plan))
		return plan->result;
	/* Of no use without the original. */
	(void)bpf_map_delete_elem(&flows, &plan->reply_key);
	return NK_DROP_NAT_FLOWS;
}

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

#endif
