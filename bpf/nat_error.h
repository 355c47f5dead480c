/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors about translated packets (RFC 5508, section 4): the packet that one quotes is what
 * the other side got, so, turned round, it is the key of a flow, and that flow's entry says what
 * both the quotation and the error's own addresses become.
 */
#ifndef NKCTL_BPF_NAT_ERROR_H
#define NKCTL_BPF_NAT_ERROR_H

#include "rewrite.h"

/* An ICMP header; what it quotes is behind it. */
#define NK_ICMP_LEN 8

/* What is looked at of a quotation: RFC 792 promises no more. */
struct nk_quote4 {
	struct iphdr ip;
	__u8 upper[NK_UPPER_LEN];
};

struct nk_quote6 {
	struct ipv6hdr ip6;
	__u8 upper[NK_UPPER_LEN];
};

/*
 * The quotation under way, before and after: no stack has room for them.
 * @protocol: the quoted upper layer's, of IPv6
 */
struct nk_quotes {
	union {
		struct nk_quote4 v4;
		struct nk_quote6 v6;
	} old, new;
	__u8 protocol;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nk_quotes);
} nat_quotes SEC(".maps");

static __always_inline struct nk_quotes *quotes_get(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&nat_quotes, &key);
}

/*
 * The flow that a quotation belongs to.
 * @key: its addresses and protocol; ports are filled in, and it is turned round
 */
static __always_inline struct nk_flow *quote_flow(const __u8 *upper, struct nk_flow_key *key,
						  __u32 sender)
{
	const __be16 *ports = (const void *)upper;

	switch (key->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		key->sport = ports[0];
		key->dport = ports[1];
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (key_set_icmp(key, (const void *)upper) == NK_NAT_ERROR)
			return NULL;
		break;
	default:
		return NULL;
	}
	*key = nk_flow_key_turn(key);
	return flow_find(key, sender);
}

/*
 * The quoted ports and checksums, from what the flow's packets are to what they become; the
 * quotation goes the other way. TCP's checksum isn't within the first eight bytes. Volatile, since
 * clang would make one store of several and choose its place by a bitwise or, which the verifier
 * refuses on pointers.
 */
static __always_inline void quote_upper_rewrite(volatile __be16 *words, const struct nk_flow *flow)
{
	__u32 diff = sum_fold(flow->addr_diff + flow->port_diff);

	switch (flow->to.protocol) {
	case IPPROTO_ICMP:
		words[1] = checksum_add(words[1], flow->port_diff);
		words[2] = flow->to.sport | flow->to.dport;
		return;
	case IPPROTO_ICMPV6:
		words[1] = checksum_add(words[1], diff);
		words[2] = flow->to.sport | flow->to.dport;
		return;
	case IPPROTO_UDP:
		/* None stays none, and a sum of zero is written as 0xffff (RFC 768). */
		if (words[3])
			words[3] = checksum_add(words[3], diff) ?: 0xffff;
	}
	words[0] = flow->to.dport;
	words[1] = flow->to.sport;
}

/* TCP's quoted checksum, where there is so much. Returns what it adds to the error's. */
static __always_inline __u32 quote_tcp_rewrite(struct __sk_buff *skb, __u32 offset,
					       const struct nk_flow *flow)
{
	__be16 old[2] = { 0 }, new[2] = { 0 };

	if (flow->to.protocol != IPPROTO_TCP)
		return 0;
	offset += NK_TCP_CHECK_OFFSET;
	if (bpf_skb_load_bytes(skb, offset, old, sizeof(old[0])))
		return 0;
	new[0] = checksum_add(old[0], sum_fold(flow->addr_diff + flow->port_diff));
	if (bpf_skb_store_bytes(skb, offset, new, sizeof(new[0]), 0))
		return 0;
	return bpf_csum_diff((void *)old, sizeof(old), (void *)new, sizeof(new), 0);
}

/**
 * error_rewrite_v4 - translate an ICMP error.
 * @sender: primary that it comes from; 0: an uplink
 *
 * Returns the flow that it belongs to, or NULL: it is left as it was.
 */
static __always_inline struct nk_flow *error_rewrite_v4(struct __sk_buff *skb, __u32 l3_offset,
							__u32 sender)
{
	__u32 offset = l3_offset + sizeof(struct iphdr) + NK_ICMP_LEN;
	struct nk_flow_key key = { 0 };
	struct nk_quotes *quotes = quotes_get();
	struct nk_quote4 *old, *new;
	struct iphdr ip, outer;
	struct nk_flow *flow;
	__u32 diff;

	if (!quotes)
		return NULL;
	old = &quotes->old.v4;
	new = &quotes->new.v4;
	if (bpf_skb_load_bytes(skb, offset, old, sizeof(*old)) ||
	    *(__u8 *)&old->ip != NK_IPV4_PLAIN || ipv4_is_later_fragment(&old->ip) ||
	    bpf_skb_load_bytes(skb, l3_offset, &ip, sizeof(ip)))
		return NULL;
	key.saddr = ip_from_v4(old->ip.saddr);
	key.daddr = ip_from_v4(old->ip.daddr);
	key.protocol = old->ip.protocol;
	flow = quote_flow(old->upper, &key, sender);
	if (!flow || flow->state & NK_FLOW_ROUTED || ip.daddr != old->ip.saddr)
		return NULL;
	*new = *old;
	new->ip.saddr = flow->to.daddr.words[3];
	new->ip.daddr = flow->to.saddr.words[3];
	new->ip.check = checksum_add(old->ip.check, flow->addr_diff);
	quote_upper_rewrite((void *)new->upper, flow);
	outer = ip;
	/* A router on the way keeps its own address; one behind the host is hidden by it. */
	if (sender || ip.saddr == old->ip.daddr)
		outer.saddr = flow->to.saddr.words[3];
	outer.daddr = flow->to.daddr.words[3];
	outer.check = checksum_add(ip.check, sum_fold(bpf_csum_diff((void *)&ip.saddr, 8,
								    (void *)&outer.saddr, 8, 0)));
	diff = bpf_csum_diff((void *)old, sizeof(*old), (void *)new, sizeof(*new), 0);
	if (bpf_skb_store_bytes(skb, offset, new, sizeof(*new), 0) ||
	    bpf_skb_store_bytes(skb, l3_offset, &outer, sizeof(outer), 0))
		return NULL;
	diff = sum_fold(diff) +
	       sum_fold(quote_tcp_rewrite(skb, offset + sizeof(struct iphdr), flow));
	(void)bpf_l4_csum_replace(skb, l3_offset + sizeof(ip) + NK_ICMP_CHECK_OFFSET, 0,
				  sum_fold(diff), 0);
	return flow;
}

/*
 * quote6_load - read a quotation of IPv6, of which the upper layer may be behind extension headers:
 * that a first fragment was too big is told with its header between.
 * @offset: of the quotation
 *
 * Verified by itself. Returns the offset of the upper layer; 0 where that isn't quoted.
 */
__noinline int quote6_load(struct __sk_buff *skb, __u32 offset)
{
	struct nk_quotes *quotes = quotes_get();
	struct nk_quote6 *quote = quotes ? &quotes->old.v6 : NULL;
	struct nk_upper upper = { 0 };

	if (!quote || bpf_skb_load_bytes(skb, offset, &quote->ip6, sizeof(quote->ip6)))
		return 0;
	upper.offset = offset + sizeof(quote->ip6);
	upper.protocol = quote->ip6.nexthdr;
	if (ipv6_extensions_find(skb, &upper) != NK_KEEP || upper.is_later ||
	    bpf_skb_load_bytes(skb, upper.offset, quote->upper, sizeof(quote->upper)))
		return 0;
	quotes->protocol = upper.protocol;
	return (int)upper.offset;
}

/*
 * error_rewrite_v6 - the same for ICMPv6, whose checksum has the error's addresses in it. The
 * packet at work tells where the error is: it may have extension headers of its own.
 */
static __always_inline struct nk_flow *error_rewrite_v6(struct __sk_buff *skb, __u32 l3_offset,
							__u32 sender)
{
	const struct nk_nat_packet *packet = nat_packet_get();
	struct nk_ip addrs[2], outer[2]; /* source, destination */
	struct nk_flow_key key = { 0 };
	struct nk_quotes *quotes = quotes_get();
	struct nk_quote6 *old, *new;
	__u32 offset, upper_offset;
	struct nk_flow *flow;
	__u32 diff, addr_diff;

	if (!quotes || !packet)
		return NULL;
	old = &quotes->old.v6;
	new = &quotes->new.v6;
	offset = packet->upper_offset + NK_ICMP_LEN;
	upper_offset = (__u32)quote6_load(skb, offset);
	key.protocol = quotes->protocol;
	if (!upper_offset || bpf_skb_load_bytes(skb, l3_offset + offsetof(struct ipv6hdr, saddr),
						addrs, sizeof(addrs)))
		return NULL;
	key.saddr = ip_from_v6(&old->ip6.saddr);
	key.daddr = ip_from_v6(&old->ip6.daddr);
	flow = quote_flow(old->upper, &key, sender);
	if (!flow || flow->state & NK_FLOW_ROUTED || !ip_equal(&addrs[1], &key.daddr))
		return NULL;
	*new = *old;
	__builtin_memcpy(&new->ip6.saddr, &flow->to.daddr, sizeof(new->ip6.saddr));
	__builtin_memcpy(&new->ip6.daddr, &flow->to.saddr, sizeof(new->ip6.daddr));
	quote_upper_rewrite((void *)new->upper, flow);
	outer[0] = sender || ip_equal(&addrs[0], &key.saddr) ? flow->to.saddr : addrs[0];
	outer[1] = flow->to.daddr;
	addr_diff = sum_fold(
		bpf_csum_diff((void *)addrs, sizeof(addrs), (void *)outer, sizeof(outer), 0));
	diff = bpf_csum_diff((void *)old, sizeof(*old), (void *)new, sizeof(*new), 0);
	if (bpf_skb_store_bytes(skb, offset, &new->ip6, sizeof(new->ip6), 0) ||
	    bpf_skb_store_bytes(skb, upper_offset, new->upper, sizeof(new->upper), 0) ||
	    bpf_skb_store_bytes(skb, l3_offset + offsetof(struct ipv6hdr, saddr), outer,
				sizeof(outer), 0))
		return NULL;
	diff = sum_fold(diff) + sum_fold(quote_tcp_rewrite(skb, upper_offset, flow));
	offset = packet->upper_offset + NK_ICMP_CHECK_OFFSET;
	(void)bpf_l4_csum_replace(skb, offset, 0, addr_diff, BPF_F_PSEUDO_HDR);
	(void)bpf_csum_update(skb, addr_diff);
	(void)bpf_l4_csum_replace(skb, offset, 0, sum_fold(diff), 0);
	return flow;
}

#endif
