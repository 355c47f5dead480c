/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which packets are translated, and into what; both families alike.
 *
 * Theory of operation: a container's packet to the world gets the host's address (masquerading),
 * a packet to a published port the container's. A container that speaks to a published port of
 * its own node gets both, so that the answer comes back through here (hairpin). All of them are
 * flows; a packet of a known flow is only looked up.
 *
 * Who has a route to a private subnet may speak to its containers by their own addresses. What
 * they answer must stay as it is: such a conversation is a flow, too, in which nothing changes
 * ("routed"). It is made by what shows who began: the SYN+ACK of a TCP connection, or for UDP and
 * SCTP, which have none, the packet that comes in.
 *
 * The stack never forwards what should have been translated: it gets such packets only to answer
 * them.
 */
#ifndef NKCTL_BPF_NAT_H
#define NKCTL_BPF_NAT_H

#include "endpoint.h"
#include "flow_create.h"
#include "host_addresses.h"
#include "nat_packet.h"
#include "published.h"

/* Length of a prefix that is one address, in the exempt map. */
#define NK_EXEMPT_LEN_MAX 128

/**
 * enum nk_nat_step - what is to be done with a packet: one of these, or to drop it, step_drop().
 * @NK_NAT_AS_IT_IS: it isn't translated
 * @NK_NAT_PLANNED: it begins the flow of flow_plan_get()
 * @NK_NAT_ANSWERS: the same, and it isn't translated
 * @NK_NAT_MASQUERADES: it may only be forwarded in a flow, see from_ctr_masquerade()
 * @NK_NAT_FLOW: it is of a flow
 * @NK_NAT_HAIRPIN: of one that leads to a container of this node
 *
 * Behind the reasons to drop it, so that one number tells both.
 */
enum nk_nat_step {
	NK_NAT_AS_IT_IS = NK_DROP_REASON_COUNT,
	NK_NAT_PLANNED,
	NK_NAT_ANSWERS,
	NK_NAT_MASQUERADES,
	NK_NAT_FLOW,
	NK_NAT_HAIRPIN,
};

/* Steps that are a reason to drop the packet. */
static __always_inline enum nk_nat_step step_drop(enum nk_drop_reason reason)
{
	return (enum nk_nat_step)reason;
}

static __always_inline bool step_is_drop(enum nk_nat_step step)
{
	return step < NK_NAT_AS_IT_IS;
}

static __always_inline enum nk_drop_reason step_reason(enum nk_nat_step step)
{
	return (enum nk_drop_reason)step;
}

/* Out of a container -------------------------------------------------------------------------- */

/*
 * Whether packets of this sender to this destination's port can have to do with translation. Those
 * whose port isn't known here can: SCTP's, and later fragments.
 */
static __always_inline bool nat_concerns(const struct nk_endpoint *sender,
					 const struct nk_upper *upper)
{
	return sender->flags & (NK_ENDPOINT_MASQUERADE | NK_ENDPOINT_PUBLISHED) || !upper->dport ||
	       nat_port_is_watched(upper->dport);
}

static __always_inline bool destination_is_exempt(const struct nk_flow_key *key)
{
	struct nk_exempt address = { .prefix_len = NK_EXEMPT_LEN_MAX, .addr = key->daddr };

	return bpf_map_lookup_elem(&exempt, &address);
}

static __always_inline void fib_ports_set(struct bpf_fib_lookup *fib, const struct nk_flow_key *key)
{
	if (key->protocol != IPPROTO_TCP && key->protocol != IPPROTO_UDP)
		return;
	fib->sport = key->sport;
	fib->dport = key->dport;
}

/*
 * The address that the host would speak to the destination from, and by which device. It is asked
 * for as the way is (fib_question_v4(), nat_packet_upper()), so that both answers are of one route.
 */
static __always_inline bool host_address_v4(struct __sk_buff *skb, const struct nk_flow_key *key,
					    struct nk_flow *flow)
{
	struct bpf_fib_lookup fib = {
		.family = AF_INET,
		.l4_protocol = key->protocol,
		.tot_len = sizeof(struct iphdr),
		.ifindex = skb->ifindex,
		.ipv4_src = key->saddr.words[3],
		.ipv4_dst = key->daddr.words[3],
	};

	fib_ports_set(&fib, key);
	if (bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct iphdr, tos), &fib.tos,
			       sizeof(fib.tos)) ||
	    bpf_fib_lookup(skb, &fib, sizeof(fib), NK_FIB_LOOKUP_SKIP_NEIGH | NK_FIB_LOOKUP_SRC))
		return false;
	flow->to.saddr = ip_from_v4(fib.ipv4_src);
	flow->egress = fib.ifindex;
	return fib.ipv4_src;
}

static __always_inline bool host_address_v6(struct __sk_buff *skb, const struct nk_flow_key *key,
					    struct nk_flow *flow)
{
	struct bpf_fib_lookup fib = {
		.family = AF_INET6,
		.l4_protocol = key->protocol,
		.tot_len = sizeof(struct ipv6hdr),
		.ifindex = skb->ifindex,
	};
	const struct in6_addr *source = (const void *)fib.ipv6_src;
	__be32 word;

	__builtin_memcpy(fib.ipv6_src, &key->saddr, sizeof(fib.ipv6_src));
	__builtin_memcpy(fib.ipv6_dst, &key->daddr, sizeof(fib.ipv6_dst));
	fib_ports_set(&fib, key);
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &word, sizeof(word)))
		return false;
	fib.flowinfo = word & bpf_htonl(NK_IPV6_FLOWINFO_MASK);
	if (bpf_fib_lookup(skb, &fib, sizeof(fib), NK_FIB_LOOKUP_SKIP_NEIGH | NK_FIB_LOOKUP_SRC))
		return false;
	flow->to.saddr = ip_from_v6(source);
	flow->egress = fib.ifindex;
	return !ipv6_is_link_local(source) && !ipv6_is_unspecified(source);
}

/*
 * The flow by which a container speaks to the world. SCTP keeps its port: the checksum (CRC32c, RFC
 * 9260, section 6.8) covers it, and no helper could make up for that.
 */
static __always_inline enum nk_nat_step
masquerade(struct __sk_buff *skb, const struct nk_flow_key *key, const struct nk_endpoint *sender)
{
	struct nk_flow_plan *plan = flow_plan_begin(key, false, skb->ifindex);
	bool found;

	if (!plan)
		return step_drop(NK_DROP_NAT_FLOWS);
	if (key_is_v4(key))
		found = host_address_v4(skb, key, &plan->original);
	else
		found = host_address_v6(skb, key, &plan->original);
	if (!found)
		return step_drop(NK_DROP_NAT_ROUTE);
	plan->chooses_port = key->protocol != IPPROTO_SCTP;
	plan->original.sender = skb->ifindex;
	plan->reply.target = *sender;
	return NK_NAT_PLANNED;
}

/*
 * The flow by which a container speaks to a published port of its node. It comes from the address
 * that it was sent to, which any container answers to by way of the host.
 */
static __always_inline enum nk_nat_step hairpin(struct __sk_buff *skb,
						const struct nk_flow_key *key,
						const struct nk_endpoint *sender,
						const struct nk_published *to)
{
	const struct nk_endpoint *endpoint = published_endpoint(to);
	struct nk_flow_plan *plan = flow_plan_begin(key, false, skb->ifindex);

	if (!plan || !endpoint)
		return step_drop(NK_DROP_NAT_NO_FLOW);
	plan->chooses_port = key->protocol != IPPROTO_SCTP;
	plan->original.sender = skb->ifindex;
	plan->original.target = *endpoint;
	plan->original.to.saddr = key->daddr;
	plan->original.to.daddr = to->addr;
	plan->original.to.dport = to->port;
	plan->reply.sender = endpoint->ifindex;
	plan->reply.target = *sender;
	return NK_NAT_PLANNED;
}

/* From the plan of a flow to the flow. Returns a reason to drop the packet, or NK_NAT_FLOW. */
static __always_inline enum nk_nat_step flow_make(struct __sk_buff *skb)
{
	enum nk_drop_reason reason = flow_create(skb);

	return reason == NK_KEEP ? NK_NAT_FLOW : step_drop(reason);
}

/* Somebody outside began; the packet is his, or the container's answer. */
static __always_inline enum nk_nat_step routed(const struct nk_flow_key *key, bool is_reply,
					       const struct nk_endpoint *endpoint)
{
	struct nk_flow_plan *plan = flow_plan_begin(key, is_reply, endpoint->ifindex);

	if (!plan)
		return step_drop(NK_DROP_NAT_FLOWS);
	plan->original.state |= NK_FLOW_ROUTED;
	plan->original.target = *endpoint;
	plan->reply.state = NK_FLOW_ROUTED;
	plan->reply.sender = endpoint->ifindex;
	return NK_NAT_PLANNED;
}

/* Somebody outside speaks to a published port. */
static __always_inline enum nk_nat_step publish(const struct nk_flow_key *key,
						const struct nk_published *to)
{
	const struct nk_endpoint *endpoint = published_endpoint(to);
	struct nk_flow_plan *plan = flow_plan_begin(key, false, to->ifindex);

	if (!plan || !endpoint)
		return step_drop(NK_DROP_NAT_FLOWS);
	if (endpoint_of(&key->saddr)) /* forged: it would take that container's own flow away */
		return step_drop(NK_DROP_SOURCE);
	plan->original.target = *endpoint;
	plan->original.to.daddr = to->addr;
	plan->original.to.dport = to->port;
	plan->reply.sender = endpoint->ifindex;
	return NK_NAT_PLANNED;
}

/* How long an evicted flow is remembered: longer than TCP waits with what isn't acknowledged. */
#define NK_EVICTED_NS (120 * NK_NS_PER_S)

/* The flow that a packet answers in, if that was evicted alive; not of one that begins another. */
static __always_inline const struct nk_evicted *evicted_find(const struct nk_nat_packet *packet)
{
	const struct nk_evicted *flow = bpf_map_lookup_elem(&evicted, &packet->key);

	if (!flow || !(flow->state & NK_FLOW_ORIGINAL) || packet->kind != NK_NAT_PLAIN ||
	    packet->tcp_flags & NK_TCP_SYN)
		return NULL;
	return bpf_ktime_get_coarse_ns() - flow->since_ns < NK_EVICTED_NS ? flow : NULL;
}

/* A container goes on with a conversation that somebody outside began. */
static __always_inline enum nk_nat_step evicted_again(struct __sk_buff *skb,
						      const struct nk_nat_packet *packet,
						      const struct nk_evicted *flow,
						      const struct nk_endpoint *sender)
{
	const struct nk_published *to;

	if (flow->state & NK_FLOW_ROUTED)
		return routed(&packet->key, true, sender) == NK_NAT_PLANNED
			       ? NK_NAT_ANSWERS
			       : step_drop(NK_DROP_NAT_FLOWS);
	to = published_find(skb, &flow->other);
	return to ? publish(&flow->other, to) : step_drop(NK_DROP_NAT_NO_FLOW);
}

/*
 * Of a masquerading container, what goes out with its own address all the same: to exempt
 * destinations, and answers. Those of which no flow is known are answers to packets that were
 * routed in; where something of them is to follow that doesn't show it, they make one.
 */
static __always_inline enum nk_nat_step masquerading_miss(struct __sk_buff *skb,
							  const struct nk_nat_packet *packet,
							  const struct nk_endpoint *sender)
{
	const __u8 syn_ack = NK_TCP_SYN | NK_TCP_ACK;

	if (packet->kind == NK_NAT_ANSWER && !packet->is_fragment)
		return NK_NAT_AS_IT_IS;
	if (packet->tcp_flags & NK_TCP_RST || destination_is_exempt(&packet->key))
		return NK_NAT_AS_IT_IS;
	if (packet->kind != NK_NAT_ANSWER && (packet->tcp_flags & syn_ack) != syn_ack)
		return NK_NAT_MASQUERADES;
	if (destination_is_not_forwarded(skb, &packet->key))
		return NK_NAT_AS_IT_IS;
	return routed(&packet->key, true, sender) == NK_NAT_PLANNED ? NK_NAT_ANSWERS
								    : step_drop(NK_DROP_NAT_FLOWS);
}

/**
 * from_ctr_miss - what to do with a container's packet (nat_packet_get()) that leaves the node, or
 * goes to it, and is of no flow.
 *
 * Verified by itself. Returns a reason to drop it, or NK_NAT_AS_IT_IS, NK_NAT_PLANNED,
 * NK_NAT_ANSWERS or NK_NAT_MASQUERADES.
 */
__noinline enum nk_nat_step from_ctr_miss(struct __sk_buff *skb)
{
	struct nk_nat_packet *packet = nat_packet_get();
	const struct nk_endpoint *sender;
	const struct nk_evicted *former;
	const struct nk_published *to;

	if (!packet)
		return step_drop(NK_DROP_NAT_FLOWS);
	sender = endpoint_of(&packet->key.saddr);
	if (!sender)
		return step_drop(NK_DROP_SOURCE);
	former = evicted_find(packet);
	if (former)
		return evicted_again(skb, packet, former, sender);
	if (packet->kind == NK_NAT_PLAIN && nat_port_is_watched(packet->key.dport)) {
		to = published_find(skb, &packet->key);
		/* What the host has no route to isn't to come to a neighbour instead. */
		if (to && address_is_hosts(&packet->key.daddr))
			return hairpin(skb, &packet->key, sender, to);
	}
	/*
	 * A later fragment that overtook its first one may be a published port's answer. Nothing
	 * tells it from what is routed, which goes on; of the other the packet is lost either way.
	 */
	if (!(sender->flags & NK_ENDPOINT_MASQUERADE))
		return NK_NAT_AS_IT_IS;
	return masquerading_miss(skb, packet, sender);
}

/*
 * The same, and the flow that comes of it: here and not there, as each call nests the stack.
 * Returns a reason to drop the packet, NK_NAT_AS_IT_IS, NK_NAT_MASQUERADES or NK_NAT_FLOW.
 */
static __always_inline enum nk_nat_step from_ctr_settle(struct __sk_buff *skb, __u32 sender)
{
	enum nk_nat_step step = from_ctr_miss(skb);

	if (step == NK_NAT_PLANNED)
		return flow_make(skb);
	if (step != NK_NAT_ANSWERS)
		return step;
	/* Without a flow, the next packet makes another try. */
	if (flow_create(skb) == NK_KEEP)
		(void)fragment_note(sender);
	return NK_NAT_AS_IT_IS;
}

/**
 * from_ctr_flow - the flow by which the packet at work leaves, from a container to somewhere else
 * than one.
 * @sender: its primary
 * @ret_step: where there is none, a reason to drop it, NK_NAT_AS_IT_IS, NK_NAT_MASQUERADES or
 *	NK_NAT_HAIRPIN
 */
static __always_inline struct nk_flow *from_ctr_flow(struct __sk_buff *skb,
						     struct nk_nat_packet *packet, __u32 sender,
						     enum nk_nat_step *ret_step)
{
	struct nk_flow *flow = packet_flow(packet, sender);

	if (unlikely(!flow)) {
		*ret_step = from_ctr_settle(skb, sender);
		if (*ret_step != NK_NAT_FLOW)
			return NULL;
		*ret_step = step_drop(NK_DROP_NAT_FLOWS);
		flow = packet_flow(packet, sender);
		if (!flow)
			return NULL;
	}
	if (unlikely(flow->target.ifindex)) {
		*ret_step = NK_NAT_HAIRPIN;
		return NULL;
	}
	if (likely(!(flow->state & NK_FLOW_ROUTED)))
		return flow;
	packet_count(skb, packet, flow);
	*ret_step = NK_NAT_AS_IT_IS;
	return NULL;
}

/**
 * from_ctr_masquerade - plan the flow of a packet that is forwarded now, and can't be without one.
 *
 * Verified by itself. Returns NK_NAT_PLANNED, or a reason to drop it.
 */
__noinline enum nk_nat_step from_ctr_masquerade(struct __sk_buff *skb)
{
	struct nk_nat_packet *packet = nat_packet_get();
	const struct nk_endpoint *sender;

	if (!packet || packet->kind == NK_NAT_LATER)
		return step_drop(NK_DROP_NAT_FRAGMENT);
	if (packet->kind != NK_NAT_PLAIN)
		return step_drop(NK_DROP_NAT_PROTOCOL);
	sender = endpoint_of(&packet->key.saddr);
	return sender ? masquerade(skb, &packet->key, sender) : step_drop(NK_DROP_SOURCE);
}

/* Into a container ---------------------------------------------------------------------------- */

/* Destinations that are no host's on a wire: published at 127.0.0.1, a port is for the host itself.
 */
static __always_inline bool destination_is_martian(const struct nk_flow_key *key)
{
	const struct in6_addr *daddr = (const void *)&key->daddr;

	if (key_is_v4(key))
		return ipv4_is_martian(key->daddr.words[3]) ||
		       ipv4_is_multicast(key->daddr.words[3]);
	return ipv6_is_martian(daddr) || ipv6_is_multicast(daddr);
}

static __always_inline bool is_first_of_tcp(const struct nk_nat_packet *packet)
{
	return (packet->tcp_flags & (NK_TCP_SYN | NK_TCP_ACK)) == NK_TCP_SYN;
}

/**
 * uplink_miss - what to do with a packet from outside that is of no flow.
 *
 * Verified by itself. Returns a reason to drop it, NK_NAT_AS_IT_IS or NK_NAT_PLANNED.
 */
__noinline enum nk_nat_step uplink_miss(struct __sk_buff *skb)
{
	struct nk_nat_packet *packet = nat_packet_get();
	const struct nk_published *to;

	if (!packet || packet->kind != NK_NAT_PLAIN || !protocol_has_ports(packet->key.protocol) ||
	    destination_is_martian(&packet->key) ||
	    /* what never leaves its link: RFC 4291, section 2.5.6 */
	    ipv6_is_link_local((const void *)&packet->key.saddr))
		return NK_NAT_AS_IT_IS;
	to = published_find(skb, &packet->key);
	if (to) {
		/* The kernel chose that port for it, or it was there before. */
		if (!is_first_of_tcp(packet) && host_is_connected(skb, &packet->key))
			return NK_NAT_AS_IT_IS;
		return publish(&packet->key, to);
	}
	if (evicted_find(packet))
		return step_drop(NK_DROP_NAT_NO_FLOW);
	(void)fragment_forget(0);
	return NK_NAT_AS_IT_IS;
}

/**
 * uplink_flow - the flow of the packet at work, from outside.
 * @ret_step: where there is none, a reason to drop it, or NK_NAT_AS_IT_IS
 */
static __always_inline struct nk_flow *
uplink_flow(struct __sk_buff *skb, struct nk_nat_packet *packet, enum nk_nat_step *ret_step)
{
	struct nk_flow *flow = packet_flow(packet, 0);

	if (likely(flow))
		return flow;
	*ret_step = uplink_miss(skb);
	if (*ret_step == NK_NAT_PLANNED)
		*ret_step = flow_make(skb);
	if (*ret_step != NK_NAT_FLOW)
		return NULL;
	*ret_step = step_drop(NK_DROP_NAT_FLOWS);
	return packet_flow(packet, 0);
}

/**
 * uplink_routed - a packet from outside to a container's own address makes a flow, so that its
 * answers aren't masqueraded.
 *
 * Verified by itself. Without a flow, the next packet makes another try.
 */
__noinline int uplink_routed(struct __sk_buff *skb)
{
	struct nk_nat_packet *packet = nat_packet_get();
	const struct nk_endpoint *endpoint;
	struct nk_flow *flow;

	/* Of TCP the container's SYN+ACK tells who began, which nobody outside can forge. */
	if (!packet || packet->kind != NK_NAT_PLAIN || packet->key.protocol == IPPROTO_TCP)
		return 0;
	flow = packet_flow(packet, 0);
	endpoint = endpoint_of(&packet->key.daddr);
	if (!flow && endpoint && routed(&packet->key, false, endpoint) == NK_NAT_PLANNED &&
	    flow_create(skb) == NK_KEEP)
		flow = packet_flow(packet, 0);
	if (flow)
		packet_count(skb, packet, flow);
	return 0;
}

#endif
