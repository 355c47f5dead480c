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
#include "nat.h"
#include "nat_error.h"
#include "nd.h"
#include "parse.h"
#include "ttl.h"

/* An error about a translated packet. Where it's about another, pointers are invalid all the same.
 */
__noinline int from_ctr_error_v4(struct __sk_buff *skb, enum nk_hook hook)
{
	struct bpf_fib_lookup fib = { .family = AF_INET, .l4_protocol = IPPROTO_ICMP };
	struct nk_upper upper = { .offset = ETH_HLEN + sizeof(struct iphdr) };
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
	fib.tot_len = fib_len(skb, &upper);
	fib.ifindex = skb->ifindex;
	fib.tos = ip->tos;
	fib.ipv4_src = ip->saddr;
	fib.ipv4_dst = ip->daddr;
	route = fib_route(skb, &fib, &upper, false, true);
	if (route == NK_ROUTE_STACK || route == NK_ROUTE_TOO_BIG)
		return drop(NK_DROP_NO_ANSWER);
	ttl_decrement(ip);
	return fib_redirect(&fib, linear.data, route);
}

__noinline int from_ctr_error_v6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct bpf_fib_lookup fib = { .family = AF_INET6, .l4_protocol = IPPROTO_ICMPV6 };
	struct nk_upper upper = { .offset = ETH_HLEN + sizeof(struct ipv6hdr) };
	struct nk_flow *flow = error_rewrite_v6(skb, ETH_HLEN, skb->ifindex);
	struct nk_linear linear = linear_get(skb);
	struct ipv6hdr *ip6 = linear.data + ETH_HLEN;
	enum nk_route route;

	if (!flow)
		return NK_UNDECIDED;
	if ((void *)(ip6 + 1) > linear.end)
		return drop(NK_DROP_TRUNCATED);
	frame_protocol_set(linear.data, ETH_P_IPV6);
	if (flow->target.ifindex) {
		hop_limit_decrement(skb, ip6);
		return endpoint_redirect(&flow->target, skb, linear.data, hook);
	}
	fib.tot_len = fib_len(skb, &upper);
	fib.ifindex = skb->ifindex;
	fib.flowinfo = *(__be32 *)ip6 & bpf_htonl(NK_IPV6_FLOWINFO_MASK);
	__builtin_memcpy(fib.ipv6_src, &ip6->saddr, sizeof(fib.ipv6_src));
	__builtin_memcpy(fib.ipv6_dst, &ip6->daddr, sizeof(fib.ipv6_dst));
	route = fib_route(skb, &fib, &upper, ip6->hop_limit <= NK_TTL_EXPIRES, true);
	if (route == NK_ROUTE_STACK || route == NK_ROUTE_TOO_BIG || route == NK_ROUTE_EXPIRED)
		return drop(NK_DROP_NO_ANSWER);
	hop_limit_decrement(skb, ip6);
	return fib_redirect(&fib, linear.data, route);
}

/*
 * Options are the stack's, which would forward the packet as it is: what would have to be
 * translated is dropped instead. The stack keeps what is for the host itself.
 */
static __always_inline int from_ctr_options(struct __sk_buff *skb, const struct nk_flow_key *key,
					    const struct nk_endpoint *sender)
{
	if (!nk_config.nat || !(sender->flags & NK_ENDPOINT_MASQUERADE) ||
	    destination_is_exempt(key) || destination_is_local(skb, key))
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

/*
 * To a container of this node, by a port that it publishes. The stack can't answer for it.
 *
 * Verified by themselves, as what is seldom is.
 */
__noinline int from_ctr_hairpin_v4(struct __sk_buff *skb, enum nk_hook hook)
{
	const struct nk_nat_packet *packet = nat_packet_get();
	struct nk_flow *flow = packet ? packet_flow(packet, skb->ifindex) : NULL;
	struct nk_upper upper = { .offset = ETH_HLEN + sizeof(struct iphdr) };
	struct nk_linear linear = linear_get(skb);
	struct iphdr *ip = linear.data + ETH_HLEN;

	if (!flow || (void *)(ip + 1) > linear.end)
		return drop(NK_DROP_NAT_FLOWS);
	upper.protocol = ip->protocol;
	if (!endpoint_takes(&flow->target, skb, ETH_HLEN, &upper))
		return drop(NK_DROP_NO_ANSWER);
	packet_count(skb, packet, flow);
	frame_protocol_set(linear.data, ETH_P_IP);
	rewrite_ipv4(ip, flow);
	ttl_decrement(ip);
	if (packet->kind != NK_NAT_LATER &&
	    !rewrite_upper(skb, linear, ip + 1, upper.offset, flow, true))
		return drop(NK_DROP_TRUNCATED);
	return endpoint_redirect_again(&flow->target, skb, hook);
}

__noinline int from_ctr_hairpin_v6(struct __sk_buff *skb, __u32 upper_offset, enum nk_hook hook)
{
	const struct nk_nat_packet *packet = nat_packet_get();
	struct nk_flow *flow = packet ? packet_flow(packet, skb->ifindex) : NULL;
	struct nk_upper upper = { .offset = upper_offset };
	struct nk_linear linear = linear_get(skb);
	struct ipv6hdr *ip6 = linear.data + ETH_HLEN;

	if (!flow || (void *)(ip6 + 1) > linear.end)
		return drop(NK_DROP_NAT_FLOWS);
	upper.protocol = packet->key.protocol;
	if (ip6->hop_limit <= NK_TTL_EXPIRES)
		return icmp6_answer(skb, ETH_HLEN, NK_ICMP6_TIME_EXCEEDED, 0);
	if (!endpoint_takes(&flow->target, skb, ETH_HLEN, &upper))
		return icmp6_answer(skb, ETH_HLEN, NK_ICMP6_PACKET_TOO_BIG, flow->target.mtu);
	packet_count(skb, packet, flow);
	frame_protocol_set(linear.data, ETH_P_IPV6);
	rewrite_ipv6(ip6, flow);
	hop_limit_decrement(skb, ip6);
	if (packet->kind != NK_NAT_LATER &&
	    !rewrite_upper(skb, linear, NULL, upper_offset, flow, false))
		return drop(NK_DROP_TRUNCATED);
	return endpoint_redirect_again(&flow->target, skb, hook);
}

static __always_inline int from_ctr_egress_v4(struct __sk_buff *skb, struct nk_linear linear,
					      const struct nk_upper *upper,
					      const struct nk_endpoint *sender, enum nk_hook hook)
{
	struct iphdr *ip = linear.data + ETH_HLEN;
	struct nk_nat_packet *packet = NULL;
	struct nk_flow *flow = NULL;
	int miss = NK_NAT_AS_IT_IS;
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
	enum nk_route route;
	int verdict;

	if (nk_config.nat && nat_concerns(sender, upper)) {
		packet = nat_packet_get();
		if (!packet)
			return drop(NK_DROP_NAT_FLOWS);
		nat_packet_v4(skb, linear, ip, upper->offset, packet);
		flow = packet_flow(packet, skb->ifindex);
		if (unlikely(!flow)) {
			miss = from_ctr_settle(skb);
			if (miss < NK_DROP_REASON_COUNT)
				return drop(miss);
		}
		if (miss == NK_NAT_FLOW_MADE || (flow && flow->target.ifindex))
			return from_ctr_hairpin_v4(skb, hook);
		if (flow && flow->state & NK_FLOW_ROUTED) {
			packet_count(skb, packet, flow);
			flow = NULL;
		}
	}
	route = fib_route(skb, &fib, upper, false, flow || miss == NK_NAT_MASQUERADES);
	if (route == NK_ROUTE_TOO_BIG && (flow || miss == NK_NAT_MASQUERADES))
		ipv4_forbid_fragments(ip);
	if (route == NK_ROUTE_STACK || route == NK_ROUTE_TOO_BIG)
		return NK_STACK;
	if (packet && miss == NK_NAT_MASQUERADES) {
		miss = from_ctr_masquerade(skb);
		if (miss == NK_NAT_PLANNED)
			miss = flow_make(skb);
		if (miss < NK_DROP_REASON_COUNT)
			return drop(miss);
		flow = packet_flow(packet, skb->ifindex);
		if (!flow)
			return drop(NK_DROP_NAT_FLOWS);
	}
	frame_protocol_set(linear.data, ETH_P_IP);
	ttl_decrement(ip);
	if (packet && flow) {
		packet_count(skb, packet, flow);
		rewrite_ipv4(ip, flow);
	}
	verdict = fib_redirect(&fib, linear.data, route);
	if (packet && flow && packet->kind != NK_NAT_LATER &&
	    !rewrite_upper(skb, linear, ip + 1, upper->offset, flow, true))
		return drop(NK_DROP_TRUNCATED);
	return verdict;
}

/* Verified by itself, like each family's way in uplink.h: the other's isn't on the stack. */
__noinline int from_ctr_ipv4(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_pull(skb, ETH_HLEN + NK_IPV4_HEADERS_LEN);
	struct iphdr *ip = linear.data + ETH_HLEN;
	struct nk_upper upper = { 0 };
	enum nk_drop_reason reason = ipv4_parse(skb, linear, &upper);
	struct nk_endpoint *sender, *endpoint;
	int verdict;

	if (reason != NK_KEEP)
		return drop(reason);
	if (upper_is_udp(&upper, NK_DHCP_SERVER_PORT, NK_DHCP_CLIENT_PORT))
		return drop(NK_DROP_DHCP_SERVER);
	sender = endpoint_find_v4(&ip->saddr);
	if (!endpoint_is_sender(sender, skb))
		return drop(ip->saddr ? NK_DROP_SOURCE : NK_DROP_LINK_LOCAL);
	if (ipv4_is_martian(ip->daddr))
		return drop(NK_DROP_MARTIAN);
	if (ipv4_is_multicast(ip->daddr) || ip->ttl <= NK_TTL_EXPIRES ||
	    skb->pkt_type != PACKET_HOST)
		return NK_STACK;
	if (upper.has_options)
		return from_ctr_options_v4(skb, ip, sender);

	endpoint = endpoint_find_v4(&ip->daddr);
	if (!endpoint) {
		if (nk_config.nat && unlikely(upper.protocol == IPPROTO_ICMP)) {
			verdict = from_ctr_error_v4(skb, hook);
			if (verdict != NK_UNDECIDED)
				return verdict;
			linear = linear_get(skb);
			if (linear.data + ETH_HLEN + sizeof(*ip) > linear.end)
				return drop(NK_DROP_TRUNCATED);
		}
		return from_ctr_egress_v4(skb, linear, &upper, sender, hook);
	}
	if (!endpoint_takes(endpoint, skb, ETH_HLEN, &upper))
		return NK_STACK;
	frame_protocol_set(linear.data, ETH_P_IP);
	ttl_decrement(ip);
	return endpoint_redirect(endpoint, skb, linear.data, hook);
}

static __always_inline int from_ctr_egress_v6(struct __sk_buff *skb, struct nk_linear linear,
					      const struct nk_upper *upper,
					      const struct nk_endpoint *sender, enum nk_hook hook)
{
	struct ipv6hdr *ip6 = linear.data + ETH_HLEN;
	struct nk_nat_packet *packet = NULL;
	struct nk_flow *flow = NULL;
	int miss = NK_NAT_AS_IT_IS;
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
	int verdict;

	if (nk_config.nat && nat_concerns(sender, upper)) {
		packet = nat_packet_get();
		if (!packet)
			return drop(NK_DROP_NAT_FLOWS);
		nat_packet_v6(skb, linear, ip6, upper, packet);
		flow = packet_flow(packet, skb->ifindex);
		if (unlikely(!flow)) {
			miss = from_ctr_settle(skb);
			if (miss < NK_DROP_REASON_COUNT)
				return drop(miss);
		}
		if (miss == NK_NAT_FLOW_MADE || (flow && flow->target.ifindex))
			return from_ctr_hairpin_v6(skb, upper->offset, hook);
		if (flow && flow->state & NK_FLOW_ROUTED) {
			packet_count(skb, packet, flow);
			flow = NULL;
		}
	}
	__builtin_memcpy(fib.ipv6_src, &ip6->saddr, sizeof(fib.ipv6_src));
	__builtin_memcpy(fib.ipv6_dst, &ip6->daddr, sizeof(fib.ipv6_dst));
	route = fib_route(skb, &fib, upper, ip6->hop_limit <= NK_TTL_EXPIRES,
			  flow || miss == NK_NAT_MASQUERADES);
	if (route == NK_ROUTE_STACK)
		return NK_STACK;
	if (route == NK_ROUTE_EXPIRED)
		return ipv6_refuse(skb, hook, NK_ICMP6_TIME_EXCEEDED, 0);
	if (route == NK_ROUTE_TOO_BIG)
		return ipv6_refuse(skb, hook, NK_ICMP6_PACKET_TOO_BIG, fib.mtu_result);
	if (packet && miss == NK_NAT_MASQUERADES) {
		miss = from_ctr_masquerade(skb);
		if (miss == NK_NAT_PLANNED)
			miss = flow_make(skb);
		if (miss < NK_DROP_REASON_COUNT)
			return drop(miss);
		flow = packet_flow(packet, skb->ifindex);
		if (!flow)
			return drop(NK_DROP_NAT_FLOWS);
	}
	frame_protocol_set(linear.data, ETH_P_IPV6);
	hop_limit_decrement(skb, ip6);
	if (packet && flow) {
		packet_count(skb, packet, flow);
		rewrite_ipv6(ip6, flow);
	}
	verdict = fib_redirect(&fib, linear.data, route);
	if (packet && flow && packet->kind != NK_NAT_LATER &&
	    !rewrite_upper(skb, linear, ipv6_upper(ip6, upper), upper->offset, flow, false))
		return drop(NK_DROP_TRUNCATED);
	return verdict;
}

/* Of a container's own link-local traffic only neighbour discovery is for anybody. */
static __always_inline int from_ctr_foreign_v6(const struct in6_addr *source)
{
	if (ipv6_is_link_local(source) || ipv6_is_unspecified(source))
		return drop(NK_DROP_LINK_LOCAL);
	return drop(NK_DROP_SOURCE);
}

__noinline int from_ctr_ipv6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_pull(skb, ETH_HLEN + NK_IPV6_HEADERS_LEN);
	struct ipv6hdr *ip6 = linear.data + ETH_HLEN;
	struct nk_upper upper = { 0 };
	enum nk_drop_reason reason = ipv6_parse(skb, linear, &upper);
	struct nk_endpoint *sender, *endpoint;
	int verdict;

	if (reason != NK_KEEP)
		return drop(reason);
	if (nd_is(&upper))
		return from_ctr_nd(skb, &upper);
	if (upper_is_udp(&upper, NK_DHCPV6_SERVER_PORT, NK_DHCPV6_CLIENT_PORT))
		return drop(NK_DROP_DHCP_SERVER);
	sender = endpoint_find_v6(&ip6->saddr);
	if (!endpoint_is_sender(sender, skb))
		return from_ctr_foreign_v6(&ip6->saddr);
	if (ipv6_is_martian(&ip6->daddr))
		return drop(NK_DROP_MARTIAN);
	/* Multicast and link-local destinations are refused by bpf_fib_lookup() itself. */
	if (skb->pkt_type != PACKET_HOST)
		return NK_STACK;
	if (ipv6_is_for_stack(upper.has_options))
		return from_ctr_options_v6(skb, ip6, sender);

	endpoint = endpoint_find_v6(&ip6->daddr);
	if (!endpoint) {
		if (nk_config.nat && unlikely(upper.protocol == IPPROTO_ICMPV6)) {
			verdict = from_ctr_error_v6(skb, hook);
			if (verdict != NK_UNDECIDED)
				return verdict;
			linear = linear_get(skb);
			if (linear.data + ETH_HLEN + sizeof(*ip6) > linear.end)
				return drop(NK_DROP_TRUNCATED);
		}
		return from_ctr_egress_v6(skb, linear, &upper, sender, hook);
	}
	if (ip6->hop_limit <= NK_TTL_EXPIRES)
		return ipv6_refuse(skb, hook, NK_ICMP6_TIME_EXCEEDED, 0);
	if (!endpoint_takes(endpoint, skb, ETH_HLEN, &upper))
		return ipv6_refuse(skb, hook, NK_ICMP6_PACKET_TOO_BIG, endpoint->mtu);
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
