/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Turning a packet into what its flow says. The checksums of a flow's packets all change by the
 * same sums, which the flow keeps.
 */
#ifndef NKCTL_BPF_REWRITE_H
#define NKCTL_BPF_REWRITE_H

#include "checksum.h"
#include "nat_packet.h"

/* No packet that is translated has its upper layer's header behind this. */
#define NK_UPPER_OFFSET_MAX 1024

/* Where checksums are in their headers. */
#define NK_TCP_CHECK_OFFSET  16
#define NK_UDP_CHECK_OFFSET  6
#define NK_ICMP_CHECK_OFFSET 2
#define NK_ICMP_ID_OFFSET    4

static __always_inline void rewrite_ipv4(struct iphdr *ip, const struct nk_flow *flow)
{
	ip->saddr = flow->to.saddr.words[3];
	ip->daddr = flow->to.daddr.words[3];
	ip->check = checksum_add(ip->check, flow->addr_diff);
}

/*
 * No header checksum makes up for IPv6's addresses, and what a device summed up over the whole
 * packet (CHECKSUM_COMPLETE) has to be told; the helper for the upper layer's forgets to.
 */
static __always_inline void rewrite_ipv6(struct __sk_buff *skb, struct ipv6hdr *ip6,
					 const struct nk_flow *flow)
{
	(void)bpf_csum_update(skb, flow->addr_diff); /* refused where there is no such sum */

	__builtin_memcpy(&ip6->saddr, &flow->to.saddr, sizeof(ip6->saddr));
	__builtin_memcpy(&ip6->daddr, &flow->to.daddr, sizeof(ip6->daddr));
}

/* The upper layer's header in place, if that much of it is, or can be made so. */
static __always_inline void *upper_in_place(struct __sk_buff *skb, __u32 offset, __u32 len)
{
	struct nk_linear linear;
	void *header;

	if (offset > NK_UPPER_OFFSET_MAX)
		return NULL;
	linear = linear_pull(skb, offset + len);
	header = linear.data + offset;
	return header + len <= linear.end ? header : NULL;
}

/*
 * Whether a checksum is left to a device (CHECKSUM_PARTIAL): it has only the addresses in it yet,
 * and, other than a whole one, grew by what they did. Programs aren't told in any other way.
 */
static __always_inline bool checksum_is_partial(__u16 before, __u16 after, __u32 addr_diff)
{
	__u32 grown = sum_fold(before + addr_diff);

	return (grown ? grown : 0xffff) == (after ? after : 0xffff); /* two ways to write zero */
}

/*
 * TCP and UDP. The helper knows what else a checksum has to do with (skb->csum, and which kind it
 * is), but it takes one sum at a time, and that of the ports doesn't need it.
 */
static __always_inline bool rewrite_ports(struct __sk_buff *skb, __u32 offset, __u32 check_offset,
					  const struct nk_flow *flow)
{
	bool is_udp = flow->to.protocol == IPPROTO_UDP;
	__u64 flags = is_udp ? BPF_F_MARK_MANGLED_0 : 0;
	void *header = upper_in_place(skb, offset, check_offset + sizeof(__sum16));
	__u16 before, after;

	if (!header)
		return false;
	*(__u32 *)header = *(const __u32 *)&flow->to.sport;
	before = *(__u16 *)(header + check_offset);
	if (is_udp && !before) { /* none stays none, and doesn't make up for the ports */
		(void)bpf_csum_update(skb, flow->port_diff); /* see rewrite_ipv6() */
		return true;
	}
	if (bpf_l4_csum_replace(skb, offset + check_offset, 0, flow->addr_diff,
				flags | BPF_F_PSEUDO_HDR))
		return false;
	if (!flow->addr_diff || flow->addr_diff == 0xffff)
		return !bpf_l4_csum_replace(skb, offset + check_offset, 0, flow->port_diff, flags);
	header = upper_in_place(skb, offset, check_offset + sizeof(__sum16));
	if (!header)
		return false;
	after = *(__u16 *)(header + check_offset);
	if (checksum_is_partial(before, after, flow->addr_diff))
		return true;
	after = checksum_add(after, flow->port_diff);
	*(__u16 *)(header + check_offset) = is_udp && !after ? 0xffff : after;
	return true;
}

/* Echo has its identifier for a port; only ICMPv6's checksum has the addresses in it. */
static __always_inline bool rewrite_echo(struct __sk_buff *skb, __u32 offset,
					 const struct nk_flow *flow)
{
	__be16 id = flow->to.sport | flow->to.dport; /* one of them is zero */

	if (bpf_skb_store_bytes(skb, offset + NK_ICMP_ID_OFFSET, &id, sizeof(id), 0))
		return false;
	offset += NK_ICMP_CHECK_OFFSET;
	if (flow->to.protocol == IPPROTO_ICMPV6 &&
	    bpf_l4_csum_replace(skb, offset, 0, flow->addr_diff, BPF_F_PSEUDO_HDR))
		return false;
	return !bpf_l4_csum_replace(skb, offset, 0, flow->port_diff, 0);
}

/**
 * rewrite_upper - ports and checksums of a packet whose addresses are rewritten.
 * @offset: of the upper layer's header
 *
 * SCTP's checksum has no addresses in it, and its ports don't change.
 *
 * Verified by itself. Pointers into the packet are invalid afterwards. Returns false where the
 * packet is too short for what it says it is.
 */
__noinline int rewrite_upper(struct __sk_buff *skb, __u32 offset, const struct nk_flow *flow)
{
	if (!flow)
		return false;
	switch (flow->to.protocol) {
	case IPPROTO_TCP:
		return rewrite_ports(skb, offset, NK_TCP_CHECK_OFFSET, flow);
	case IPPROTO_UDP:
		return rewrite_ports(skb, offset, NK_UDP_CHECK_OFFSET, flow);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return rewrite_echo(skb, offset, flow);
	default:
		return true;
	}
}

#endif
