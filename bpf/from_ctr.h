/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way out of a container.
 *
 * Theory of operation: first whatever nobody may send is dropped, so that neither the host nor
 * a neighbour has to trust a container. Of what is left, the programs forward the plain packets;
 * all that wants a thought or an answer goes to the host's stack, which acts and answers as Linux
 * does. It finds the packet as it was: the TTL is decremented only by who forwards. Of most packets
 * all that has been decided already, when the first of their kind was sent: plain.h comes first.
 */
#ifndef NKCTL_BPF_FROM_CTR_H
#define NKCTL_BPF_FROM_CTR_H

#include "answer.h"
#include "arp.h"
#include "drop.h"
#include "egress.h"
#include "endpoint.h"
#include "from_ctr_nat.h"
#include "icmp6.h"
#include "ipv4.h"
#include "ipv6.h"
#include "metadata.h"
#include "nd.h"
#include "parse.h"
#include "path.h"
#include "plain.h"
#include "ttl.h"

/* A packet that goes its path, if that is known: the stack knows what to do with any other. */
static __always_inline bool ipv4_is_plain(struct __sk_buff *skb, const struct iphdr *ip,
					  const struct nk_upper *upper)
{
	return !upper->has_options && ip->ttl > NK_TTL_EXPIRES && skb->pkt_type == PACKET_HOST;
}

/* A plain packet whose path is known, and that fits it. */
static __always_inline int from_ctr_known_v4(struct nk_linear linear, const struct nk_path *path,
					     __u32 slot, enum nk_hook hook)
{
	if (nk_config.nat && path->kind == NK_PATH_NAT)
		return nat_undecided(slot);
	frame_protocol_set(linear.data, ETH_P_IP);
	ttl_decrement(linear.data + ETH_HLEN);
	return path_redirect(path, linear.data, hook);
}

/*
 * Each family is verified by itself: the other isn't on its stack. So is the short way of the
 * packets that have a known path, which comes before the long one. Both return NK_UNDECIDED for
 * what translation has to look at.
 */
__noinline int from_ctr_plain_v4(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_get(skb);
	struct nk_path *path;
	__u32 slot;

	path = plain_path_v4(skb, linear, &slot);
	return path ? from_ctr_known_v4(linear, path, slot, hook) : NK_LONG_WAY;
}

__noinline int from_ctr_ipv4(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_pull(skb, ETH_HLEN + NK_IPV4_HEADERS_LEN);
	struct iphdr *ip = linear.data + ETH_HLEN;
	struct nk_upper upper = { 0 };
	enum nk_drop_reason reason = ipv4_parse(skb, linear, &upper);
	struct nk_endpoint *sender, *endpoint;
	union nk_fib question;
	struct nk_path *path;
	__u32 slot;

	if (reason != NK_KEEP)
		return drop(reason);
	fib_question_v4(skb, ip, &upper, &question);
	slot = path_slot(&question);
	path = path_at(slot);
	if (likely(path_is_known(path, &question)) && likely(ipv4_is_plain(skb, ip, &upper)) &&
	    likely(path_takes(path, skb, &upper)) && !answer_may_be_in(ipv4_is_fragment(ip)))
		return from_ctr_known_v4(linear, path, slot, hook);
	path_begin(path, &question);

	if (upper_is_udp(&upper, NK_DHCP_SERVER_PORT, NK_DHCP_CLIENT_PORT))
		return drop(NK_DROP_DHCP_SERVER);
	sender = endpoint_find_v4(&ip->saddr);
	if (!endpoint_is_sender(sender, skb))
		return drop(ip->saddr ? NK_DROP_SOURCE : NK_DROP_LINK_LOCAL);
	if (ipv4_is_martian(ip->daddr))
		return drop(NK_DROP_MARTIAN);
	if (unlikely(ipv4_is_metadata(ip->daddr)) && endpoint_has_no_metadata(sender))
		return drop(NK_DROP_METADATA);
	if (ipv4_is_multicast(ip->daddr) || ip->ttl <= NK_TTL_EXPIRES ||
	    skb->pkt_type != PACKET_HOST)
		return NK_STACK;
	if (upper.has_options)
		return from_ctr_options_v4(skb, ip, sender);
	if (answer_is_for_stack(skb, slot))
		return NK_STACK;

	endpoint = endpoint_find_v4(&ip->daddr);
	if (!endpoint && nk_config.nat && nat_concerns(sender, &upper))
		return nat_undecided(slot);
	if (!endpoint)
		return from_ctr_egress_v4(skb, linear, &upper, &question, path, NK_PATH_OUT);
	if (!endpoint_takes(endpoint, skb, ETH_HLEN, &upper))
		return NK_STACK;
	path_keep_endpoint(path, endpoint);
	frame_protocol_set(linear.data, ETH_P_IP);
	ttl_decrement(ip);
	return endpoint_redirect(endpoint, skb, linear.data, hook);
}

/* Of a container's own link-local traffic only neighbour discovery is for anybody. */
static __always_inline int from_ctr_foreign_v6(const struct in6_addr *source)
{
	if (ipv6_is_link_local(source) || ipv6_is_unspecified(source))
		return drop(NK_DROP_LINK_LOCAL);
	return drop(NK_DROP_SOURCE);
}

static __always_inline bool ipv6_is_plain(struct __sk_buff *skb, const struct ipv6hdr *ip6,
					  const struct nk_upper *upper)
{
	return !ipv6_is_for_stack(upper->has_options) && ip6->hop_limit > NK_TTL_EXPIRES &&
	       skb->pkt_type == PACKET_HOST;
}

static __always_inline int from_ctr_known_v6(struct __sk_buff *skb, struct nk_linear linear,
					     const struct nk_path *path, __u32 slot,
					     enum nk_hook hook)
{
	if (nk_config.nat && path->kind == NK_PATH_NAT)
		return nat_undecided(slot);
	frame_protocol_set(linear.data, ETH_P_IPV6);
	hop_limit_decrement(skb, linear.data + ETH_HLEN);
	return path_redirect(path, linear.data, hook);
}

__noinline int from_ctr_plain_v6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_get(skb);
	struct nk_path *path;
	__u32 slot;

	path = plain_path_v6(skb, linear, &slot);
	return path ? from_ctr_known_v6(skb, linear, path, slot, hook) : NK_LONG_WAY;
}

__noinline int from_ctr_ipv6(struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_pull(skb, ETH_HLEN + NK_IPV6_HEADERS_LEN);
	struct ipv6hdr *ip6 = linear.data + ETH_HLEN;
	struct nk_upper upper = { 0 };
	enum nk_drop_reason reason = ipv6_parse(skb, linear, &upper);
	struct nk_endpoint *sender, *endpoint;
	union nk_fib question;
	struct nk_path *path;
	__u32 slot;

	if (reason != NK_KEEP)
		return drop(reason);
	if (nd_is(&upper))
		return from_ctr_nd(skb, &upper);
	fib_question_v6(skb, ip6, &upper, &question);
	slot = path_slot(&question);
	path = path_at(slot);
	if (likely(path_is_known(path, &question)) && likely(ipv6_is_plain(skb, ip6, &upper)) &&
	    likely(path_takes(path, skb, &upper)) && !answer_may_be_in(upper.is_fragment))
		return from_ctr_known_v6(skb, linear, path, slot, hook);
	path_begin(path, &question);

	if (upper_is_udp(&upper, NK_DHCPV6_SERVER_PORT, NK_DHCPV6_CLIENT_PORT))
		return drop(NK_DROP_DHCP_SERVER);
	sender = endpoint_find_v6(&ip6->saddr);
	if (!endpoint_is_sender(sender, skb))
		return from_ctr_foreign_v6(&ip6->saddr);
	if (ipv6_is_martian(&ip6->daddr))
		return drop(NK_DROP_MARTIAN);
	if (unlikely(ipv6_is_metadata(&ip6->daddr)) && endpoint_has_no_metadata(sender))
		return drop(NK_DROP_METADATA);
	/* Multicast and link-local destinations are refused by bpf_fib_lookup() itself. */
	if (skb->pkt_type != PACKET_HOST)
		return NK_STACK;
	if (ipv6_is_for_stack(upper.has_options))
		return from_ctr_options_v6(skb, ip6, sender);
	if (answer_is_for_stack(skb, slot))
		return NK_STACK;

	endpoint = endpoint_find_v6(&ip6->daddr);
	if (!endpoint && nk_config.nat && nat_concerns(sender, &upper))
		return nat_undecided(slot);
	if (!endpoint)
		return from_ctr_egress_v6(skb, linear, &upper, &question, path, NK_PATH_OUT, hook);
	if (ip6->hop_limit <= NK_TTL_EXPIRES)
		return ipv6_refuse(skb, hook, NK_ICMP6_TIME_EXCEEDED, 0);
	if (!endpoint_takes(endpoint, skb, ETH_HLEN, &upper))
		return ipv6_refuse(skb, hook, NK_ICMP6_PACKET_TOO_BIG, endpoint->mtu);
	path_keep_endpoint(path, endpoint);
	frame_protocol_set(linear.data, ETH_P_IPV6);
	hop_limit_decrement(skb, ip6);
	return endpoint_redirect(endpoint, skb, linear.data, hook);
}

static __always_inline int from_ctr(struct __sk_buff *skb, enum nk_hook hook)
{
	int verdict = NK_LONG_WAY;

	if (skb->vlan_present)
		return drop(NK_DROP_VLAN);
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		if (nk_config.path_cache)
			verdict = from_ctr_plain_v4(skb, hook);
		if (verdict == NK_LONG_WAY)
			verdict = from_ctr_ipv4(skb, hook);
		if (verdict == NK_UNDECIDED && nk_config.nat)
			verdict = from_ctr_nat_v4(skb, hook);
		return verdict;
	case bpf_htons(ETH_P_IPV6):
		if (nk_config.path_cache)
			verdict = from_ctr_plain_v6(skb, hook);
		if (verdict == NK_LONG_WAY)
			verdict = from_ctr_ipv6(skb, hook);
		if (verdict == NK_UNDECIDED && nk_config.nat)
			verdict = from_ctr_nat_v6(skb, hook);
		return verdict;
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
