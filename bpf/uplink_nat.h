/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The way into a container for what translation has to look at; see from_ctr_nat.h. */
#ifndef NKCTL_BPF_UPLINK_NAT_H
#define NKCTL_BPF_UPLINK_NAT_H

#include "endpoint.h"
#include "icmp6.h"
#include "nat.h"
#include "nat_error.h"
#include "ttl.h"

/* The stack would take a translated packet for its own, so the answers are written here. */
static __always_inline int uplink_translated_v4(struct __sk_buff *skb, struct nk_linear linear,
						const struct nk_nat_packet *packet,
						const struct nk_flow *flow, enum nk_hook hook)
{
	struct nk_upper upper = nat_packet_upper(packet);
	struct iphdr *ip = linear.data + l3_offset(hook);

	if (ip->ttl <= NK_TTL_EXPIRES)
		return icmp4_answer(skb, l3_offset(hook), NK_ICMP_TIME_EXCEEDED, 0, 0);
	if (!endpoint_takes(&flow->target, skb, l3_offset(hook), &upper))
		return icmp4_answer(skb, l3_offset(hook), NK_ICMP_UNREACHABLE,
				    NK_ICMP_FRAGMENTATION_NEEDED, flow->target.mtu);
	rewrite_ipv4(ip, flow);
	ttl_decrement(ip);
	if (packet->kind != NK_NAT_LATER && !rewrite_upper(skb, packet->upper_offset, flow))
		return drop(NK_DROP_TRUNCATED);
	return endpoint_redirect_again(&flow->target, skb, hook);
}

__noinline int uplink_error_v4(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_flow *flow = error_rewrite_v4(skb, l3_offset(hook), 0);
	struct nk_linear linear = linear_get(skb);
	struct iphdr *ip = linear.data + l3_offset(hook);

	if (!flow)
		return NK_UNDECIDED;
	if ((void *)(ip + 1) > linear.end || ip->ttl <= NK_TTL_EXPIRES)
		return drop(NK_DROP_NO_ANSWER);
	ttl_decrement(ip);
	return endpoint_redirect_again(&flow->target, skb, hook);
}

/**
 * uplink_nat_v4 - a packet to a port that is watched, or one whose port can't be seen.
 *
 * Verified by itself. Returns NK_UNDECIDED for one that isn't translated.
 */
__noinline int uplink_nat_v4(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_get(skb);
	struct iphdr *ip = linear.data + l3_offset(hook);
	struct nk_nat_packet *packet = nat_packet_get();
	struct nk_flow *flow;
	enum nk_nat_step step;

	if (!packet || (void *)(ip + 1) > linear.end)
		return NK_UNDECIDED;
	nat_packet_v4(skb, linear, ip, l3_offset(hook), packet);
	if (packet->kind == NK_NAT_ERROR)
		return uplink_error_v4(skb, hook);
	flow = uplink_flow(skb, packet, &step);
	if (unlikely(!flow))
		return step_is_drop(step) ? drop(step_reason(step)) : NK_UNDECIDED;
	packet_count(skb, packet, flow);
	return uplink_translated_v4(skb, linear, packet, flow, hook);
}

/* BIG TCP's header of its own isn't in the segments that the container gets. */
static __always_inline bool endpoint_takes_v6(const struct nk_endpoint *endpoint,
					      struct __sk_buff *skb, __u32 l3_offset,
					      const struct ipv6hdr *ip6,
					      const struct nk_upper *upper)
{
	return endpoint_takes(endpoint, skb, l3_offset, upper) ||
	       (ip6->nexthdr == IPPROTO_HOPOPTS && /* of which nothing else comes here */
		endpoint_takes(endpoint, skb, l3_offset + NK_IPV6_JUMBO_LEN, upper));
}

static __always_inline int uplink_translated_v6(struct __sk_buff *skb, struct nk_linear linear,
						const struct nk_nat_packet *packet,
						const struct nk_flow *flow, enum nk_hook hook)
{
	struct nk_upper upper = nat_packet_upper(packet);
	struct ipv6hdr *ip6 = linear.data + l3_offset(hook);

	if (ip6->hop_limit <= NK_TTL_EXPIRES)
		return icmp6_answer(skb, l3_offset(hook), NK_ICMP6_TIME_EXCEEDED, 0);
	if (!endpoint_takes_v6(&flow->target, skb, l3_offset(hook), ip6, &upper))
		return icmp6_answer(skb, l3_offset(hook), NK_ICMP6_PACKET_TOO_BIG,
				    flow->target.mtu);
	rewrite_ipv6(skb, ip6, flow);
	hop_limit_decrement(skb, ip6);
	if (packet->kind != NK_NAT_LATER && !rewrite_upper(skb, packet->upper_offset, flow))
		return drop(NK_DROP_TRUNCATED);
	return endpoint_redirect_again(&flow->target, skb, hook);
}

__noinline int uplink_error_v6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_flow *flow = error_rewrite_v6(skb, l3_offset(hook), 0);
	struct nk_linear linear = linear_get(skb);
	struct ipv6hdr *ip6 = linear.data + l3_offset(hook);

	if (!flow)
		return NK_UNDECIDED;
	if ((void *)(ip6 + 1) > linear.end || ip6->hop_limit <= NK_TTL_EXPIRES)
		return drop(NK_DROP_NO_ANSWER);
	hop_limit_decrement(skb, ip6);
	return endpoint_redirect_again(&flow->target, skb, hook);
}

/* uplink_nat_v6 - the same. */
__noinline int uplink_nat_v6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_get(skb);
	struct ipv6hdr *ip6 = linear.data + l3_offset(hook);
	struct nk_nat_packet *packet = nat_packet_get();
	struct nk_flow *flow;
	enum nk_nat_step step;

	if (!packet || (void *)(ip6 + 1) > linear.end)
		return NK_UNDECIDED;
	nat_packet_v6(skb, linear, ip6, l3_offset(hook), packet);
	if (packet->kind == NK_NAT_ERROR)
		return uplink_error_v6(skb, hook);
	flow = uplink_flow(skb, packet, &step);
	if (unlikely(!flow))
		return step_is_drop(step) ? drop(step_reason(step)) : NK_UNDECIDED;
	packet_count(skb, packet, flow);
	return uplink_translated_v6(skb, linear, packet, flow, hook);
}

/*
 * From outside to the own address of a container that is masqueraded: its answer must not be.
 */
__noinline int uplink_routed_v4(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_nat_packet *packet = nat_packet_get();
	struct nk_linear linear = linear_get(skb);
	struct iphdr *ip = linear.data + l3_offset(hook);

	if (!packet || (void *)(ip + 1) > linear.end)
		return 0;
	nat_packet_v4(skb, linear, ip, l3_offset(hook), packet);
	return uplink_routed(skb);
}

__noinline int uplink_routed_v6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_nat_packet *packet = nat_packet_get();
	struct nk_linear linear = linear_get(skb);
	struct ipv6hdr *ip6 = linear.data + l3_offset(hook);

	if (!packet || (void *)(ip6 + 1) > linear.end)
		return 0;
	nat_packet_v6(skb, linear, ip6, l3_offset(hook), packet);
	return uplink_routed(skb);
}

#endif
