/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way out of a container for what translation has to look at.
 *
 * The functions are verified one by one (not static), and what is seldom has one of its own: a
 * flow's packet passes few branches, and the verifier has little to multiply.
 */
#ifndef NKCTL_BPF_FROM_CTR_NAT_H
#define NKCTL_BPF_FROM_CTR_NAT_H

#include "egress.h"
#include "fib.h"
#include "inbound.h"
#include "nat.h"
#include "nat_error.h"
#include "ttl.h"

/* An error about a translated packet. Returns NK_UNDECIDED for one about another. */
__noinline int from_ctr_error_v4(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_upper upper = { .offset = ETH_HLEN + sizeof(struct iphdr),
				  .protocol = IPPROTO_ICMP };
	union nk_fib fib;
	struct nk_flow *flow = error_rewrite_v4(skb, ETH_HLEN, skb->ifindex);
	struct nk_linear linear = linear_get(skb);
	struct iphdr *ip = linear.data + ETH_HLEN;
	enum nk_route route;

	if (!flow)
		return NK_UNDECIDED;
	if ((void *)(ip + 1) > linear.end)
		return drop(NK_DROP_TRUNCATED);
	frame_protocol_set(linear.data, ETH_P_IP);
	if (flow->target.ifindex) {
		ttl_decrement(ip);
		return endpoint_redirect(&flow->target, skb, linear.data, hook);
	}
	fib_question_v4(skb, ip, &upper, &fib);
	route = fib_route(skb, &fib, &upper, false, true);
	if (route == NK_ROUTE_STACK || route == NK_ROUTE_TOO_BIG || route == NK_ROUTE_ENCAPSULATED)
		return drop(NK_DROP_NO_ANSWER);
	ttl_decrement(ip);
	return fib_redirect(&fib.lookup, linear.data, route);
}

__noinline int from_ctr_error_v6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_upper upper = { .offset = ETH_HLEN + sizeof(struct ipv6hdr),
				  .protocol = IPPROTO_ICMPV6 };
	union nk_fib fib;
	struct nk_flow *flow = error_rewrite_v6(skb, ETH_HLEN, skb->ifindex);
	struct nk_linear linear = linear_get(skb);
	struct ipv6hdr *ip6 = linear.data + ETH_HLEN;
	enum nk_route route;

	if (!flow)
		return NK_UNDECIDED;
	if ((void *)(ip6 + 1) > linear.end || ip6->hop_limit <= NK_TTL_EXPIRES)
		return drop(NK_DROP_NO_ANSWER);
	frame_protocol_set(linear.data, ETH_P_IPV6);
	if (flow->target.ifindex) {
		hop_limit_decrement(skb, ip6);
		return endpoint_redirect(&flow->target, skb, linear.data, hook);
	}
	fib_question_v6(skb, ip6, &upper, &fib);
	route = fib_route(skb, &fib, &upper, false, true);
	if (route == NK_ROUTE_STACK || route == NK_ROUTE_TOO_BIG || route == NK_ROUTE_ENCAPSULATED)
		return drop(NK_DROP_NO_ANSWER);
	hop_limit_decrement(skb, ip6);
	return fib_redirect(&fib.lookup, linear.data, route);
}

/*
 * Options are the stack's, which would forward the packet as it is: what would have to be
 * translated is dropped instead. The stack keeps what is for the host itself.
 */
static __always_inline int from_ctr_options(struct __sk_buff *skb, const struct nk_flow_key *key,
					    const struct nk_endpoint *sender)
{
	if (!nk_config.nat || !(sender->flags & NK_ENDPOINT_MASQUERADE) ||
	    destination_is_exempt(key) || destination_is_not_forwarded(skb, key))
		return NK_STACK;
	return drop(NK_DROP_NAT_PROTOCOL);
}

static __always_inline int from_ctr_options_v4(struct __sk_buff *skb, const struct iphdr *ip,
					       const struct nk_endpoint *sender)
{
	struct nk_flow_key key = {
		.saddr = ip_from_v4(ip->saddr),
		.daddr = ip_from_v4(ip->daddr),
		.protocol = ip->protocol,
	};

	return from_ctr_options(skb, &key, sender);
}

static __always_inline int from_ctr_options_v6(struct __sk_buff *skb, const struct ipv6hdr *ip6,
					       const struct nk_endpoint *sender)
{
	struct nk_flow_key key = {
		.saddr = ip_from_v6(&ip6->saddr),
		.daddr = ip_from_v6(&ip6->daddr),
		.protocol = ip6->nexthdr,
	};

	return from_ctr_options(skb, &key, sender);
}

/* Whether a flow's container still is the one at its address. */
static __always_inline bool flow_leads_to(const struct nk_flow *flow,
					  const struct nk_endpoint *endpoint)
{
	return endpoint && endpoint->ifindex == flow->target.ifindex;
}

/*
 * A flow counts for who began it, and goes when he does (collect.bpf.c). The other container's
 * death is seen by its next packet, which takes it away; those behind that one begin anew.
 */
static __always_inline int hairpin_is_over(const struct nk_nat_packet *packet)
{
	(void)flow_delete(&packet->key);
	return drop(NK_DROP_NAT_NO_FLOW);
}

/*
 * To a container of this node, by a port that it publishes. The stack can't answer for it.
 *
 * Verified by themselves, as what is seldom is.
 */
__noinline int from_ctr_hairpin_v4(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_nat_packet *packet = nat_packet_get();
	struct nk_flow *flow = packet ? packet_flow(packet, skb->ifindex) : NULL;
	struct nk_upper upper;
	struct nk_linear linear = linear_get(skb);
	struct iphdr *ip = linear.data + ETH_HLEN;

	if (!flow || (void *)(ip + 1) > linear.end)
		return drop(NK_DROP_NAT_FLOWS);
	if (!flow_leads_to(flow, inbound_find_v4(&flow->to.daddr.words[3])))
		return hairpin_is_over(packet);
	upper = nat_packet_upper(packet);
	if (!endpoint_takes(&flow->target, skb, ETH_HLEN, &upper))
		return icmp4_answer(skb, ETH_HLEN, NK_ICMP_UNREACHABLE,
				    NK_ICMP_FRAGMENTATION_NEEDED, flow->target.mtu);
	packet_count(skb, packet, flow);
	frame_protocol_set(linear.data, ETH_P_IP);
	rewrite_ipv4(ip, flow);
	ttl_decrement(ip);
	if (packet->kind != NK_NAT_LATER && !rewrite_upper(skb, packet->upper_offset, flow))
		return drop(NK_DROP_TRUNCATED);
	return endpoint_redirect_again(&flow->target, skb, hook);
}

__noinline int from_ctr_hairpin_v6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_nat_packet *packet = nat_packet_get();
	struct nk_flow *flow = packet ? packet_flow(packet, skb->ifindex) : NULL;
	struct nk_upper upper;
	struct nk_linear linear = linear_get(skb);
	struct ipv6hdr *ip6 = linear.data + ETH_HLEN;

	if (!flow || (void *)(ip6 + 1) > linear.end)
		return drop(NK_DROP_NAT_FLOWS);
	if (!flow_leads_to(flow, inbound_find_v6((const void *)&flow->to.daddr)))
		return hairpin_is_over(packet);
	upper = nat_packet_upper(packet);
	if (ip6->hop_limit <= NK_TTL_EXPIRES)
		return icmp6_answer(skb, ETH_HLEN, NK_ICMP6_TIME_EXCEEDED, 0);
	if (!endpoint_takes(&flow->target, skb, ETH_HLEN, &upper))
		return icmp6_answer(skb, ETH_HLEN, NK_ICMP6_PACKET_TOO_BIG, flow->target.mtu);
	packet_count(skb, packet, flow);
	frame_protocol_set(linear.data, ETH_P_IPV6);
	rewrite_ipv6(skb, ip6, flow);
	hop_limit_decrement(skb, ip6);
	if (packet->kind != NK_NAT_LATER && !rewrite_upper(skb, packet->upper_offset, flow))
		return drop(NK_DROP_TRUNCATED);
	return endpoint_redirect_again(&flow->target, skb, hook);
}

/* With its own address, as if there were no translation. */
__noinline int from_ctr_as_it_is_v4(struct __sk_buff *skb)
{
	struct nk_nat_packet *packet = nat_packet_get();
	struct nk_linear linear = linear_get(skb);
	struct iphdr *ip = linear.data + ETH_HLEN;
	struct nk_path *path;
	struct nk_upper upper;
	union nk_fib fib;

	if (!packet || (void *)(ip + 1) > linear.end)
		return drop(NK_DROP_TRUNCATED);
	path = nat_packet_path(packet);
	if (path_is_answered(path)) {
		frame_protocol_set(linear.data, ETH_P_IP);
		ttl_decrement(ip);
		return path_redirect_out(path, linear.data);
	}
	upper = nat_packet_upper(packet);
	fib_question_v4(skb, ip, &upper, &fib);
	return from_ctr_egress_v4(skb, linear, &upper, &fib, path, NK_PATH_NAT);
}

__noinline int from_ctr_as_it_is_v6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_nat_packet *packet = nat_packet_get();
	struct nk_linear linear = linear_get(skb);
	struct ipv6hdr *ip6 = linear.data + ETH_HLEN;
	struct nk_path *path;
	struct nk_upper upper;
	union nk_fib fib;

	if (!packet || (void *)(ip6 + 1) > linear.end)
		return drop(NK_DROP_TRUNCATED);
	path = nat_packet_path(packet);
	if (path_is_answered(path)) {
		frame_protocol_set(linear.data, ETH_P_IPV6);
		hop_limit_decrement(skb, ip6);
		return path_redirect_out(path, linear.data);
	}
	upper = nat_packet_upper(packet);
	fib_question_v6(skb, ip6, &upper, &fib);
	return from_ctr_egress_v6(skb, linear, &upper, &fib, path, NK_PATH_NAT, hook);
}

/*
 * The way out of a packet that is to be translated, and that asks the FIB as it came. @fib gets
 * the device alone where the way is known.
 */
static __always_inline enum nk_route from_ctr_nat_route_v4(struct __sk_buff *skb,
							   const struct iphdr *ip,
							   const struct nk_nat_packet *packet,
							   struct nk_path *path, union nk_fib *fib)
{
	struct nk_upper upper;
	enum nk_route route;

	if (path_is_answered(path)) {
		fib->lookup.ifindex = path->ifindex;
		return NK_ROUTE_KNOWN;
	}
	upper = nat_packet_upper(packet);
	fib_question_v4(skb, ip, &upper, fib);
	route = fib_route(skb, fib, &upper, false, true);
	fib_keep(path, &fib->lookup, route, NK_PATH_NAT);
	return route;
}

static __always_inline enum nk_route from_ctr_nat_route_v6(struct __sk_buff *skb,
							   const struct ipv6hdr *ip6,
							   const struct nk_nat_packet *packet,
							   struct nk_path *path, union nk_fib *fib)
{
	struct nk_upper upper;
	enum nk_route route;

	if (path_is_answered(path)) {
		fib->lookup.ifindex = path->ifindex;
		return NK_ROUTE_KNOWN;
	}
	upper = nat_packet_upper(packet);
	fib_question_v6(skb, ip6, &upper, fib);
	route = fib_route(skb, fib, &upper, ip6->hop_limit <= NK_TTL_EXPIRES, true);
	fib_keep(path, &fib->lookup, route, NK_PATH_NAT);
	return route;
}

static __always_inline int from_ctr_nat_redirect(const struct nk_path *path,
						 const union nk_fib *fib, struct ethhdr *eth,
						 enum nk_route route)
{
	if (likely(path && route == NK_ROUTE_KNOWN))
		return path_redirect_out(path, eth);
	return fib_redirect(&fib->lookup, eth, route);
}

/*
 * A flow that was made for another device goes on where the host has the same address there: the
 * plan's. Returns whether it does. Verified by itself.
 */
__noinline int flow_moves(void)
{
	const struct nk_flow_plan *plan = flow_plan_get();
	struct nk_flow *flow = plan ? bpf_map_lookup_elem(&flows, &plan->key) : NULL;

	if (!flow || !ip_equal(&plan->original.to.saddr, &flow->to.saddr))
		return false;
	flow->egress = plan->original.egress;
	return true;
}

/*
 * The flow of a packet that is forwarded now by a device, and can't be without one: the one that it
 * has, unless that was made for another device and has its address.
 *
 * Returns NULL where the packet is to be dropped, for *@ret_reason.
 */
static __always_inline struct nk_flow *
from_ctr_masqueraded(struct __sk_buff *skb, struct nk_nat_packet *packet, __u32 sender,
		     struct nk_flow *flow, __u32 egress, enum nk_drop_reason *ret_reason)
{
	enum nk_nat_step step;

	barrier_var(flow); /* see path_keep_endpoint() */
	if (likely(flow && (!flow->egress || flow->egress == egress)))
		return flow;
	step = from_ctr_masquerade(skb);
	if (step == NK_NAT_PLANNED)
		step = flow && flow_moves() ? NK_NAT_FLOW : flow_make(skb);
	*ret_reason = step_is_drop(step) ? step_reason(step) : NK_DROP_NAT_FLOWS;
	return step == NK_NAT_FLOW ? packet_flow(packet, sender) : NULL;
}

/**
 * from_ctr_nat_v4 - a packet that leaves the node, or goes to it, from a container that is
 * masqueraded or publishes ports, or to a port that somebody may publish.
 */
__noinline int from_ctr_nat_v4(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_nat_packet *packet = nat_packet_get();
	struct nk_linear linear = linear_get(skb);
	struct iphdr *ip = linear.data + ETH_HLEN;
	union nk_fib fib;
	struct nk_path *path;
	__u32 sender = skb->ifindex;
	struct nk_flow *flow;
	enum nk_drop_reason reason;
	enum nk_nat_step step;
	enum nk_route route;
	int verdict;

	if (!packet || (void *)(ip + 1) > linear.end)
		return drop(NK_DROP_TRUNCATED);
	nat_packet_v4(skb, linear, ip, ETH_HLEN, packet);
	if (unlikely(packet->kind == NK_NAT_ERROR)) {
		verdict = from_ctr_error_v4(skb, hook);
		return verdict == NK_UNDECIDED ? from_ctr_as_it_is_v4(skb) : verdict;
	}
	flow = from_ctr_flow(skb, packet, sender, &step);
	if (unlikely(!flow)) {
		if (step_is_drop(step))
			return drop(step_reason(step));
		if (step == NK_NAT_AS_IT_IS)
			return from_ctr_as_it_is_v4(skb);
		if (step == NK_NAT_HAIRPIN)
			return from_ctr_hairpin_v4(skb, hook);
	}

	path = nat_packet_path(packet);
	route = from_ctr_nat_route_v4(skb, ip, packet, path, &fib);
	if (unlikely(route == NK_ROUTE_STACK))
		return NK_STACK;
	if (unlikely(route == NK_ROUTE_ENCAPSULATED))
		return drop(NK_DROP_NAT_ROUTE);
	if (unlikely(route == NK_ROUTE_TOO_BIG))
		return icmp4_answer(skb, ETH_HLEN, NK_ICMP_UNREACHABLE,
				    NK_ICMP_FRAGMENTATION_NEEDED, fib.lookup.mtu_result);
	if (unlikely(route == NK_ROUTE_UNRESOLVED) && next_hop_fails(&fib.lookup))
		return icmp4_answer(skb, ETH_HLEN, NK_ICMP_UNREACHABLE, NK_ICMP_HOST_UNREACHABLE,
				    0);
	flow = from_ctr_masqueraded(skb, packet, sender, flow, fib.lookup.ifindex, &reason);
	if (unlikely(!flow))
		return drop(reason);
	packet_count(skb, packet, flow);
	frame_protocol_set(linear.data, ETH_P_IP);
	ttl_decrement(ip);
	rewrite_ipv4(ip, flow);
	verdict = from_ctr_nat_redirect(path, &fib, linear.data, route);
	if (likely(packet->kind != NK_NAT_LATER) && !rewrite_upper(skb, packet->upper_offset, flow))
		return drop(NK_DROP_TRUNCATED);
	return verdict;
}

/* from_ctr_nat_v6 - the same. */
__noinline int from_ctr_nat_v6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_nat_packet *packet = nat_packet_get();
	struct nk_linear linear = linear_get(skb);
	struct ipv6hdr *ip6 = linear.data + ETH_HLEN;
	union nk_fib fib;
	struct nk_path *path;
	__u32 sender = skb->ifindex;
	struct nk_flow *flow;
	enum nk_drop_reason reason;
	enum nk_nat_step step;
	enum nk_route route;
	int verdict;

	if (!packet || (void *)(ip6 + 1) > linear.end)
		return drop(NK_DROP_TRUNCATED);
	nat_packet_v6(skb, linear, ip6, ETH_HLEN, packet);
	if (unlikely(packet->kind == NK_NAT_ERROR)) {
		verdict = from_ctr_error_v6(skb, hook);
		return verdict == NK_UNDECIDED ? from_ctr_as_it_is_v6(skb, hook) : verdict;
	}
	flow = from_ctr_flow(skb, packet, sender, &step);
	if (unlikely(!flow)) {
		if (step_is_drop(step))
			return drop(step_reason(step));
		if (step == NK_NAT_AS_IT_IS)
			return from_ctr_as_it_is_v6(skb, hook);
		if (step == NK_NAT_HAIRPIN)
			return from_ctr_hairpin_v6(skb, hook);
	}

	path = nat_packet_path(packet);
	route = from_ctr_nat_route_v6(skb, ip6, packet, path, &fib);
	if (unlikely(route == NK_ROUTE_STACK))
		return NK_STACK;
	if (unlikely(route == NK_ROUTE_ENCAPSULATED))
		return drop(NK_DROP_NAT_ROUTE);
	if (unlikely(route == NK_ROUTE_EXPIRED))
		return ipv6_refuse(skb, hook, NK_ICMP6_TIME_EXCEEDED, 0);
	if (unlikely(route == NK_ROUTE_TOO_BIG))
		return icmp6_answer(skb, ETH_HLEN, NK_ICMP6_PACKET_TOO_BIG, fib.lookup.mtu_result);
	if (unlikely(route == NK_ROUTE_UNRESOLVED) && next_hop_fails(&fib.lookup))
		return icmp6_answer(skb, ETH_HLEN, NK_ICMP6_UNREACHABLE, 0);
	flow = from_ctr_masqueraded(skb, packet, sender, flow, fib.lookup.ifindex, &reason);
	if (unlikely(!flow))
		return drop(reason);
	packet_count(skb, packet, flow);
	frame_protocol_set(linear.data, ETH_P_IPV6);
	hop_limit_decrement(skb, ip6);
	rewrite_ipv6(skb, ip6, flow);
	verdict = from_ctr_nat_redirect(path, &fib, linear.data, route);
	if (likely(packet->kind != NK_NAT_LATER) && !rewrite_upper(skb, packet->upper_offset, flow))
		return drop(NK_DROP_TRUNCATED);
	return verdict;
}

#endif
