/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way out of a container.
 *
 * Theory of operation: first whatever nobody may send is dropped, so that neither the host nor
 * a neighbour has to trust a container. Of what is left, the programs forward the plain packets;
 * all that wants a thought or an answer goes to the host's stack, which acts and answers as Linux
 * does. It finds the packet as it was: the TTL is decremented only by who forwards.
 */
#ifndef NKCTL_BPF_FROM_CTR_H
#define NKCTL_BPF_FROM_CTR_H

#include "arp.h"
#include "drop.h"
#include "endpoint.h"
#include "fib.h"
#include "icmp6.h"
#include "ipv4.h"
#include "ipv6.h"
#include "nd.h"
#include "parse.h"
#include "ttl.h"

static __always_inline int from_ctr_egress_v4(struct __sk_buff *skb, struct ethhdr *eth,
					      struct iphdr *ip, const struct nk_upper *upper)
{
	struct bpf_fib_lookup fib = {
		.family = AF_INET,
		.l4_protocol = upper->protocol,
		.sport = upper->sport,
		.dport = upper->dport,
		.tot_len = fib_len(skb, upper),
		.ifindex = skb->ifindex,
		.tos = ip->tos,
		.ipv4_src = ip->saddr,
		.ipv4_dst = ip->daddr,
	};
	enum nk_route route = fib_route(skb, &fib, upper, false);

	if (route == NK_ROUTE_STACK || route == NK_ROUTE_TOO_BIG)
		return NK_STACK;
	frame_protocol_set(eth, ETH_P_IP);
	ttl_decrement(ip);
	return fib_redirect(&fib, eth, route);
}

static __always_inline int from_ctr_ipv4(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_pull(skb, ETH_HLEN + NK_IPV4_HEADERS_LEN);
	struct iphdr *ip = linear.data + ETH_HLEN;
	struct nk_upper upper = { 0 };
	enum nk_drop_reason reason = ipv4_parse(skb, linear, &upper);
	struct nk_endpoint *endpoint;

	if (reason != NK_KEEP)
		return drop(reason);
	if (upper_is_udp(&upper, NK_DHCP_SERVER_PORT, NK_DHCP_CLIENT_PORT))
		return drop(NK_DROP_DHCP_SERVER);
	if (!endpoint_is_sender(endpoint_find_v4(&ip->saddr), skb))
		return drop(ip->saddr ? NK_DROP_SOURCE : NK_DROP_LINK_LOCAL);
	if (ipv4_is_martian(ip->daddr))
		return drop(NK_DROP_MARTIAN);
	if (ipv4_is_multicast(ip->daddr) || upper.has_options || ip->ttl <= NK_TTL_EXPIRES ||
	    skb->pkt_type != PACKET_HOST)
		return NK_STACK;

	endpoint = endpoint_find_v4(&ip->daddr);
	if (!endpoint)
		return from_ctr_egress_v4(skb, linear.data, ip, &upper);
	if (!endpoint_takes(endpoint, skb, ETH_HLEN, &upper))
		return NK_STACK;
	frame_protocol_set(linear.data, ETH_P_IP);
	ttl_decrement(ip);
	return endpoint_redirect(endpoint, skb, linear.data, hook);
}

static __always_inline int from_ctr_egress_v6(struct __sk_buff *skb, struct ethhdr *eth,
					      struct ipv6hdr *ip6, const struct nk_upper *upper,
					      enum nk_hook hook)
{
	struct bpf_fib_lookup fib = {
		.family = AF_INET6,
		.l4_protocol = upper->protocol,
		.sport = upper->sport,
		.dport = upper->dport,
		.tot_len = fib_len(skb, upper),
		.ifindex = skb->ifindex,
		.flowinfo = *(__be32 *)ip6 & bpf_htonl(NK_IPV6_FLOWINFO_MASK),
	};
	enum nk_route route;

	__builtin_memcpy(fib.ipv6_src, &ip6->saddr, sizeof(fib.ipv6_src));
	__builtin_memcpy(fib.ipv6_dst, &ip6->daddr, sizeof(fib.ipv6_dst));
	route = fib_route(skb, &fib, upper, ip6->hop_limit <= NK_TTL_EXPIRES);
	if (route == NK_ROUTE_STACK)
		return NK_STACK;
	if (route == NK_ROUTE_EXPIRED)
		return ipv6_refuse(skb, hook, ip6, NK_ICMP6_TIME_EXCEEDED, 0);
	if (route == NK_ROUTE_TOO_BIG)
		return ipv6_refuse(skb, hook, ip6, NK_ICMP6_PACKET_TOO_BIG, fib.mtu_result);
	frame_protocol_set(eth, ETH_P_IPV6);
	hop_limit_decrement(skb, ip6);
	return fib_redirect(&fib, eth, route);
}

/* Of a container's own link-local traffic only neighbour discovery is for anybody. */
static __always_inline int from_ctr_foreign_v6(const struct in6_addr *source)
{
	if (ipv6_is_link_local(source) || ipv6_is_unspecified(source))
		return drop(NK_DROP_LINK_LOCAL);
	return drop(NK_DROP_SOURCE);
}

static __always_inline int from_ctr_ipv6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_pull(skb, ETH_HLEN + NK_IPV6_HEADERS_LEN);
	struct ipv6hdr *ip6 = linear.data + ETH_HLEN;
	struct nk_upper upper = { 0 };
	enum nk_drop_reason reason = ipv6_parse(skb, linear, &upper);
	struct nk_endpoint *endpoint;

	if (reason != NK_KEEP)
		return drop(reason);
	if (nd_is(&upper))
		return from_ctr_nd(skb, &upper);
	if (upper_is_udp(&upper, NK_DHCPV6_SERVER_PORT, NK_DHCPV6_CLIENT_PORT))
		return drop(NK_DROP_DHCP_SERVER);
	if (!endpoint_is_sender(endpoint_find_v6(&ip6->saddr), skb))
		return from_ctr_foreign_v6(&ip6->saddr);
	if (ipv6_is_martian(&ip6->daddr))
		return drop(NK_DROP_MARTIAN);
	/* Multicast and link-local destinations are refused by bpf_fib_lookup() itself. */
	if (ipv6_is_for_stack(upper.has_options) || skb->pkt_type != PACKET_HOST)
		return NK_STACK;

	endpoint = endpoint_find_v6(&ip6->daddr);
	if (!endpoint)
		return from_ctr_egress_v6(skb, linear.data, ip6, &upper, hook);
	if (ip6->hop_limit <= NK_TTL_EXPIRES)
		return ipv6_refuse(skb, hook, ip6, NK_ICMP6_TIME_EXCEEDED, 0);
	if (!endpoint_takes(endpoint, skb, ETH_HLEN, &upper))
		return ipv6_refuse(skb, hook, ip6, NK_ICMP6_PACKET_TOO_BIG, endpoint->mtu);
	frame_protocol_set(linear.data, ETH_P_IPV6);
	hop_limit_decrement(skb, ip6);
	return endpoint_redirect(endpoint, skb, linear.data, hook);
}

static __always_inline int from_ctr(struct __sk_buff *skb, enum nk_hook hook)
{
	if (skb->vlan_present)
		return drop(NK_DROP_VLAN);
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		return from_ctr_ipv4(skb, hook);
	case bpf_htons(ETH_P_IPV6):
		return from_ctr_ipv6(skb, hook);
	case bpf_htons(ETH_P_ARP):
		return from_ctr_arp(skb);
	case bpf_htons(ETH_P_8021Q):
	case bpf_htons(ETH_P_8021AD):
		return drop(NK_DROP_VLAN);
	default:
		return drop(NK_DROP_ETHERTYPE);
	}
}

#endif
