/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way into a container, from a device that the host has its traffic by too: everything but
 * a plain packet to an endpoint passes untouched, and the first question is therefore whether the
 * destination is one. What is for the host itself is asked next whether it's a container's in
 * translation: no endpoint has an address of the host. A forged source isn't looked for: an
 * upstream router's filters and the container's own stack are better placed, and every packet would
 * pay for it.
 */
#ifndef NKCTL_BPF_UPLINK_H
#define NKCTL_BPF_UPLINK_H

#include "endpoint.h"
#include "icmp6.h"
#include "inbound.h"
#include "ipv4.h"
#include "ipv6.h"
#include "parse.h"
#include "ttl.h"
#include "uplink_nat.h"

#define NK_VLAN_ID_MASK 0x0fff

/*
 * Whether a frame is for this host by this device: not one for another host or for many, nor one
 * with a VLAN's tag, which names another device. A tag without an identifier tells a priority
 * alone: IEEE 802.1Q, and __netif_receive_skb_core(), net/core/dev.c.
 */
static __always_inline bool uplink_frame_is_ours(struct __sk_buff *skb)
{
	return skb->pkt_type == PACKET_HOST && !(skb->vlan_tci & NK_VLAN_ID_MASK);
}

/* What may be of a protocol in which only the packet that comes in shows who began. */
static __always_inline bool protocol_is_noted(__u8 protocol)
{
	return protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_FRAGMENT || protocol == IPPROTO_DSTOPTS;
}

/* Whether nothing but the packet's way is asked for: one question for most packets. */
static __always_inline bool endpoint_is_plain(const struct nk_endpoint *endpoint)
{
	return !(endpoint->flags & (NK_ENDPOINT_MASQUERADE | NK_ENDPOINT_PACED));
}

static __always_inline bool protocol_shows_port(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

/* Whether a port may be of a flow, or published: asked of every packet to the host. */
static __always_inline bool uplink_port_is_watched(struct nk_linear linear, const void *header)
{
	const __be16 *ports = header;

	return header + NK_UPPER_LEN <= linear.end && nat_port_is_watched(ports[1]);
}

static __always_inline bool uplink_is_watched_v4(struct nk_linear linear, const struct iphdr *ip)
{
	if (unlikely(ipv4_is_fragment(ip)))
		return true;
	if (likely(protocol_shows_port(ip->protocol)))
		return uplink_port_is_watched(linear, ip + 1);
	return ip->protocol == IPPROTO_SCTP || ip->protocol == IPPROTO_ICMP;
}

static __always_inline bool uplink_is_watched_v6(struct __sk_buff *skb, struct nk_linear linear,
						 const struct ipv6hdr *ip6)
{
	if (likely(protocol_shows_port(ip6->nexthdr)))
		return uplink_port_is_watched(linear, ip6 + 1);
	return ip6->nexthdr == IPPROTO_SCTP || ip6->nexthdr == IPPROTO_ICMPV6 ||
	       ip6->nexthdr == IPPROTO_FRAGMENT || ip6->nexthdr == IPPROTO_DSTOPTS ||
	       ipv6_is_jumbo(skb, ip6, linear.end);
}

/*
 * Whether translation has to look at a packet: at each fragment, too. A later one doesn't show its
 * port; the first one, though of no flow, ends what an earlier packet's identifier led to. Behind
 * IPv6's options for the destination nobody looks for the port here, so it has to look at all of
 * those; packets that begin with options for routers are the stack's.
 */
static __always_inline bool uplink_nat_concerns_v4(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_pull(skb, l3_offset(hook) + NK_IPV4_HEADERS_LEN);
	const struct iphdr *ip = linear.data + l3_offset(hook);

	return (void *)(ip + 1) <= linear.end && *(__u8 *)ip == NK_IPV4_PLAIN &&
	       uplink_is_watched_v4(linear, ip) && uplink_frame_is_ours(skb);
}

static __always_inline bool uplink_nat_concerns_v6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_pull(skb, l3_offset(hook) + NK_IPV6_HEADERS_LEN);
	const struct ipv6hdr *ip6 = linear.data + l3_offset(hook);

	return (void *)(ip6 + 1) <= linear.end && ip6->version == 6 &&
	       uplink_is_watched_v6(skb, linear, ip6) && uplink_frame_is_ours(skb);
}

/* To the host, or to a container in translation. */
static __always_inline int uplink_to_host_v4(struct __sk_buff *skb, enum nk_hook hook)
{
	int verdict = NK_UNDECIDED;

	if (nk_config.nat && uplink_nat_concerns_v4(skb, hook))
		verdict = uplink_nat_v4(skb, hook);
	return verdict == NK_UNDECIDED ? NK_STACK : verdict;
}

static __always_inline int uplink_to_host_v6(struct __sk_buff *skb, enum nk_hook hook)
{
	int verdict = NK_UNDECIDED;

	if (nk_config.nat && uplink_nat_concerns_v6(skb, hook))
		verdict = uplink_nat_v6(skb, hook);
	return verdict == NK_UNDECIDED ? NK_STACK : verdict;
}

static __always_inline int uplink_ipv4(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_upper upper = { .offset = l3_offset(hook) + sizeof(struct iphdr) };
	struct nk_endpoint *endpoint;
	struct nk_linear linear;
	struct iphdr *ip;

	if (!linear_has(skb, l3_offset(hook) + sizeof(*ip), &linear))
		return NK_STACK;
	ip = linear.data + l3_offset(hook);
	endpoint = inbound_find_v4(&ip->daddr);
	if (!endpoint)
		return uplink_to_host_v4(skb, hook);
	if (!uplink_frame_is_ours(skb))
		return NK_STACK;
	if (*(__u8 *)ip != NK_IPV4_PLAIN || ip->ttl <= NK_TTL_EXPIRES)
		return NK_STACK;
	upper.protocol = ip->protocol;
	if (!endpoint_takes(endpoint, skb, l3_offset(hook), &upper))
		return NK_STACK;
	if (likely(endpoint_is_plain(endpoint))) {
		ttl_decrement(ip);
		return endpoint_redirect_by(endpoint, skb, linear.data, hook, false);
	}
	if (nk_config.nat && endpoint->flags & NK_ENDPOINT_MASQUERADE &&
	    protocol_is_noted(ip->protocol))
		(void)uplink_routed_v4(skb, hook);
	ttl_decrement(ip);
	return endpoint_redirect(endpoint, skb, linear.data, hook);
}

static __always_inline int uplink_ipv6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_upper upper = { .offset = l3_offset(hook) + sizeof(struct ipv6hdr) };
	struct nk_endpoint *endpoint;
	struct nk_linear linear;
	struct ipv6hdr *ip6;

	if (!linear_has(skb, l3_offset(hook) + sizeof(*ip6), &linear))
		return NK_STACK;
	ip6 = linear.data + l3_offset(hook);
	endpoint = inbound_find_v6(&ip6->daddr);
	if (!endpoint)
		return uplink_to_host_v6(skb, hook);
	if (!uplink_frame_is_ours(skb))
		return NK_STACK;
	if (ip6->version != 6 || ipv6_is_for_stack(ipv6_is_for_routers(ip6->nexthdr)))
		return NK_STACK;
	if (ip6->hop_limit <= NK_TTL_EXPIRES)
		return ipv6_refuse(skb, hook, NK_ICMP6_TIME_EXCEEDED, 0);
	upper.protocol = ip6->nexthdr;
	if (!endpoint_takes(endpoint, skb, l3_offset(hook), &upper))
		return ipv6_refuse(skb, hook, NK_ICMP6_PACKET_TOO_BIG, endpoint->mtu);
	if (likely(endpoint_is_plain(endpoint))) {
		hop_limit_decrement(skb, ip6);
		return endpoint_redirect_by(endpoint, skb, linear.data, hook, false);
	}
	if (nk_config.nat && endpoint->flags & NK_ENDPOINT_MASQUERADE &&
	    protocol_is_noted(ip6->nexthdr))
		(void)uplink_routed_v6(skb, hook);
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
