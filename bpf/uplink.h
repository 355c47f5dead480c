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
#include "parse.h"
#include "ttl.h"

/* First byte of a header without options. */
#define NK_IPV4_PLAIN 0x45

/* Frames for another host or for many, and those with a VLAN tag, which names another device. */
static __always_inline bool uplink_frame_is_ours(struct __sk_buff *skb)
{
	return skb->pkt_type == PACKET_HOST && !skb->vlan_present;
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
		return ipv6_refuse(skb, hook, ip6, NK_ICMP6_TIME_EXCEEDED, 0);
	upper.protocol = ip6->nexthdr;
	if (!endpoint_takes(endpoint, skb, l3_offset(hook), &upper))
		return ipv6_refuse(skb, hook, ip6, NK_ICMP6_PACKET_TOO_BIG, endpoint->mtu);
	hop_limit_decrement(skb, ip6);
	return endpoint_redirect(endpoint, skb, linear.data, hook);
}

static __always_inline int uplink(struct __sk_buff *skb, enum nk_hook hook)
{
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		return uplink_ipv4(skb, hook);
	case bpf_htons(ETH_P_IPV6):
		return uplink_ipv6(skb, hook);
	default:
		return NK_STACK;
	}
}

#endif
