/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way into a container, from a device that the host has its traffic by too: everything but
 * a plain packet to an endpoint passes untouched, and the first question is therefore whether the
 * destination is one. A forged source isn't looked for: an upstream router's filters and the
 * container's own stack are better placed, and every packet would pay for it.
 */
#ifndef NKCTL_BPF_UPLINK_H
#define NKCTL_BPF_UPLINK_H

#include "endpoint.h"
#include "icmp6.h"
#include "ipv4.h"
#include "ipv6.h"
#include "nat.h"
#include "nat_error.h"
#include "parse.h"
#include "ttl.h"

/* First byte of a header without options. */
#define NK_IPV4_PLAIN 0x45

/* Frames for another host or for many, and those with a VLAN tag, which names another device. */
static __always_inline bool uplink_frame_is_ours(struct __sk_buff *skb)
{
	return skb->pkt_type == PACKET_HOST && !skb->vlan_present;
}

/* Whether a port may be of a flow, or published: asked of every packet, before all else. */
static __always_inline bool uplink_port_is_watched(struct nk_linear linear, const void *header,
						   __u8 protocol)
{
	const __be16 *ports = header;

	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
		return header + NK_UPPER_LEN <= linear.end && nat_port_is_watched(ports[1]);
	return protocol == IPPROTO_SCTP || protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* Translated packets that are at their end. The host can't answer for the container yet. */
static __always_inline int uplink_translated_v4(struct __sk_buff *skb, struct nk_linear linear,
						const struct nk_upper *upper,
						const struct nk_flow *flow, bool is_later,
						enum nk_hook hook)
{
	struct iphdr *ip = linear.data + l3_offset(hook);

	if (ip->ttl <= NK_TTL_EXPIRES ||
	    !endpoint_takes(&flow->target, skb, l3_offset(hook), upper))
		return drop(NK_DROP_NO_ANSWER);
	rewrite_ipv4(ip, flow);
	ttl_decrement(ip);
	if (!is_later && !rewrite_upper(skb, linear, ip + 1, upper->offset, flow, true))
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

static __always_inline int uplink_nat_v4(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_pull(skb, l3_offset(hook) + NK_IPV4_HEADERS_LEN);
	struct iphdr *ip = linear.data + l3_offset(hook);
	struct nk_upper upper = { .offset = l3_offset(hook) + sizeof(*ip) };
	struct nk_nat_packet *packet = nat_packet_get();
	struct nk_flow *flow;
	int miss;

	if (!packet || (void *)(ip + 1) > linear.end || *(__u8 *)ip != NK_IPV4_PLAIN)
		return NK_UNDECIDED;
	if (likely(!ipv4_is_later_fragment(ip)) &&
	    likely(!uplink_port_is_watched(linear, ip + 1, ip->protocol)))
		return NK_UNDECIDED;
	if (!uplink_frame_is_ours(skb))
		return NK_UNDECIDED;
	upper.protocol = ip->protocol;
	nat_packet_v4(skb, linear, ip, upper.offset, packet);
	if (packet->kind == NK_NAT_ERROR)
		return uplink_error_v4(skb, hook);
	flow = packet_flow(packet, 0);
	if (unlikely(!flow)) {
		miss = uplink_miss(skb);
		if (miss == NK_NAT_PLANNED)
			miss = flow_make(skb);
		if (miss < NK_DROP_REASON_COUNT)
			return drop(miss);
		flow = miss == NK_NAT_FLOW_MADE ? packet_flow(packet, 0) : NULL;
		if (!flow)
			return NK_UNDECIDED;
	}
	packet_count(skb, packet, flow);
	return uplink_translated_v4(skb, linear, &upper, flow, packet->kind == NK_NAT_LATER, hook);
}

static __always_inline int uplink_translated_v6(struct __sk_buff *skb, struct nk_linear linear,
						const struct nk_upper *upper,
						const struct nk_flow *flow, bool is_later,
						enum nk_hook hook)
{
	struct ipv6hdr *ip6 = linear.data + l3_offset(hook);

	if (ip6->hop_limit <= NK_TTL_EXPIRES)
		return icmp6_answer(skb, l3_offset(hook), NK_ICMP6_TIME_EXCEEDED, 0);
	if (!endpoint_takes(&flow->target, skb, l3_offset(hook), upper))
		return icmp6_answer(skb, l3_offset(hook), NK_ICMP6_PACKET_TOO_BIG,
				    flow->target.mtu);
	rewrite_ipv6(ip6, flow);
	hop_limit_decrement(skb, ip6);
	if (!is_later &&
	    !rewrite_upper(skb, linear, ipv6_upper(ip6, upper), upper->offset, flow, false))
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

static __always_inline int uplink_nat_v6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_pull(skb, l3_offset(hook) + NK_IPV6_HEADERS_LEN);
	struct ipv6hdr *ip6 = linear.data + l3_offset(hook);
	struct nk_upper upper = { .offset = l3_offset(hook) + sizeof(*ip6) };
	struct nk_nat_packet *packet = nat_packet_get();
	struct nk_flow *flow;
	int miss;

	if (!packet || (void *)(ip6 + 1) > linear.end || ip6->version != 6)
		return NK_UNDECIDED;
	if (likely(ip6->nexthdr != IPPROTO_FRAGMENT) &&
	    likely(!uplink_port_is_watched(linear, ip6 + 1, ip6->nexthdr)))
		return NK_UNDECIDED;
	if (!uplink_frame_is_ours(skb))
		return NK_UNDECIDED;
	upper.protocol = ip6->nexthdr;
	if (ip6->nexthdr == IPPROTO_FRAGMENT && ipv6_extensions_parse(skb, &upper) != NK_KEEP)
		return NK_UNDECIDED;
	nat_packet_v6(skb, linear, ip6, &upper, packet);
	if (packet->kind == NK_NAT_ERROR)
		return uplink_error_v6(skb, hook);
	flow = packet_flow(packet, 0);
	if (unlikely(!flow)) {
		miss = uplink_miss(skb);
		if (miss == NK_NAT_PLANNED)
			miss = flow_make(skb);
		if (miss < NK_DROP_REASON_COUNT)
			return drop(miss);
		flow = miss == NK_NAT_FLOW_MADE ? packet_flow(packet, 0) : NULL;
		if (!flow)
			return NK_UNDECIDED;
	}
	packet_count(skb, packet, flow);
	return uplink_translated_v6(skb, linear, &upper, flow, packet->kind == NK_NAT_LATER, hook);
}

static __always_inline void uplink_routed_v4(struct __sk_buff *skb, struct nk_linear linear,
					     const struct iphdr *ip, const struct nk_upper *upper)
{
	struct nk_nat_packet *packet = nat_packet_get();

	if (!packet)
		return;
	nat_packet_v4(skb, linear, ip, upper->offset, packet);
	(void)uplink_routed(skb);
}

static __always_inline void uplink_routed_v6(struct __sk_buff *skb, struct nk_linear linear,
					     const struct ipv6hdr *ip6,
					     const struct nk_upper *upper)
{
	struct nk_nat_packet *packet = nat_packet_get();

	if (!packet)
		return;
	nat_packet_v6(skb, linear, ip6, upper, packet);
	(void)uplink_routed(skb);
}

static __always_inline int uplink_ipv4(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_pull(skb, l3_offset(hook) + sizeof(struct iphdr));
	struct iphdr *ip = linear.data + l3_offset(hook);
	struct nk_upper upper = { .offset = l3_offset(hook) + sizeof(*ip) };
	struct nk_endpoint *endpoint;

	if ((void *)(ip + 1) > linear.end)
		return NK_STACK;
	endpoint = endpoint_find_v4(&ip->daddr);
	if (!endpoint || !uplink_frame_is_ours(skb))
		return NK_STACK;
	if (*(__u8 *)ip != NK_IPV4_PLAIN || ip->ttl <= NK_TTL_EXPIRES)
		return NK_STACK;
	upper.protocol = ip->protocol;
	if (!endpoint_takes(endpoint, skb, l3_offset(hook), &upper))
		return NK_STACK;
	if (nk_config.nat && endpoint->flags & NK_ENDPOINT_MASQUERADE &&
	    (ip->protocol == IPPROTO_UDP || ip->protocol == IPPROTO_SCTP))
		uplink_routed_v4(skb, linear, ip, &upper);
	ttl_decrement(ip);
	return endpoint_redirect(endpoint, skb, linear.data, hook);
}

static __always_inline int uplink_ipv6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_pull(skb, l3_offset(hook) + sizeof(struct ipv6hdr));
	struct ipv6hdr *ip6 = linear.data + l3_offset(hook);
	struct nk_upper upper = { .offset = l3_offset(hook) + sizeof(*ip6) };
	struct nk_endpoint *endpoint;

	if ((void *)(ip6 + 1) > linear.end)
		return NK_STACK;
	endpoint = endpoint_find_v6(&ip6->daddr);
	if (!endpoint || !uplink_frame_is_ours(skb))
		return NK_STACK;
	if (ip6->version != 6 || ipv6_is_for_stack(ipv6_is_for_routers(ip6->nexthdr)))
		return NK_STACK;
	if (ip6->hop_limit <= NK_TTL_EXPIRES)
		return ipv6_refuse(skb, hook, NK_ICMP6_TIME_EXCEEDED, 0);
	upper.protocol = ip6->nexthdr;
	if (!endpoint_takes(endpoint, skb, l3_offset(hook), &upper))
		return ipv6_refuse(skb, hook, NK_ICMP6_PACKET_TOO_BIG, endpoint->mtu);
	if (nk_config.nat && endpoint->flags & NK_ENDPOINT_MASQUERADE &&
	    (ip6->nexthdr == IPPROTO_UDP || ip6->nexthdr == IPPROTO_SCTP))
		uplink_routed_v6(skb, linear, ip6, &upper);
	hop_limit_decrement(skb, ip6);
	return endpoint_redirect(endpoint, skb, linear.data, hook);
}

static __always_inline int uplink(struct __sk_buff *skb, enum nk_hook hook)
{
	int verdict = NK_UNDECIDED;

	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		if (nk_config.nat)
			verdict = uplink_nat_v4(skb, hook);
		return verdict == NK_UNDECIDED ? uplink_ipv4(skb, hook) : verdict;
	case bpf_htons(ETH_P_IPV6):
		if (nk_config.nat)
			verdict = uplink_nat_v6(skb, hook);
		return verdict == NK_UNDECIDED ? uplink_ipv6(skb, hook) : verdict;
	default:
		return NK_STACK;
	}
}

#endif
