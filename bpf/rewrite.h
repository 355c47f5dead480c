/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Turning a packet into what its flow says. The checksums of a flow's packets all change by the
 * same sums, which the flow keeps (RFC 1624, section 3).
 */
#ifndef NKCTL_BPF_REWRITE_H
#define NKCTL_BPF_REWRITE_H

#include "nat_packet.h"

/* Where checksums are in their headers. */
#define NK_TCP_CHECK_OFFSET  16
#define NK_UDP_CHECK_OFFSET  6
#define NK_ICMP_CHECK_OFFSET 2
#define NK_ICMP_ID_OFFSET    4

/* @diff: of 16 bits, see sum_fold() */
static __always_inline __sum16 checksum_add(__sum16 checksum, __u32 diff)
{
	__u32 sum = (__u16)~checksum + diff;

	return ~((sum & 0xffff) + (sum >> 16));
}

static __always_inline void rewrite_ipv4(struct iphdr *ip, const struct nk_flow *flow)
{
	ip->saddr = flow->to.saddr.words[3];
	ip->daddr = flow->to.daddr.words[3];
	ip->check = checksum_add(ip->check, flow->addr_diff);
}

static __always_inline void rewrite_ipv6(struct ipv6hdr *ip6, const struct nk_flow *flow)
{
	__builtin_memcpy(&ip6->saddr, &flow->to.saddr, sizeof(ip6->saddr));
	__builtin_memcpy(&ip6->daddr, &flow->to.daddr, sizeof(ip6->daddr));
}

static __always_inline bool rewrite_ports(struct __sk_buff *skb, struct nk_linear linear,
					  void *header, __u32 offset, const struct nk_flow *flow)
{
	__be16 id = flow->to.sport | flow->to.dport; /* one of them is zero */

	switch (flow->to.protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		if (likely(header && header + NK_UPPER_LEN <= linear.end)) {
			*(__u32 *)header = *(const __u32 *)&flow->to.sport;
			return true;
		}
		return !bpf_skb_store_bytes(skb, offset, &flow->to.sport, 4, 0);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return !bpf_skb_store_bytes(skb, offset + NK_ICMP_ID_OFFSET, &id, sizeof(id), 0);
	default:
		return true;
	}
}

/*
 * The two sums one by one: a checksum that is left to a device (CHECKSUM_PARTIAL) has only the
 * addresses in it yet. For IPv6 the helper forgets that the addresses themselves, which no header
 * checksum makes up for, changed in what a device summed up (CHECKSUM_COMPLETE).
 */
static __always_inline bool rewrite_checksum(struct __sk_buff *skb, __u32 offset,
					     const struct nk_flow *flow, bool is_v4)
{
	__u64 flags = 0;

	switch (flow->to.protocol) {
	case IPPROTO_TCP:
		offset += NK_TCP_CHECK_OFFSET;
		break;
	case IPPROTO_UDP:
		offset += NK_UDP_CHECK_OFFSET;
		flags = BPF_F_MARK_MANGLED_0; /* none stays none */
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		offset += NK_ICMP_CHECK_OFFSET;
		break;
	default:
		return true; /* SCTP's has neither addresses in it, nor do its ports change */
	}
	if (flow->to.protocol != IPPROTO_ICMP &&
	    bpf_l4_csum_replace(skb, offset, 0, flow->addr_diff, flags | BPF_F_PSEUDO_HDR))
		return false;
	if (!is_v4)
		(void)bpf_csum_update(skb, flow->addr_diff); /* refused where there is no sum */
	return !flow->port_diff || !bpf_l4_csum_replace(skb, offset, 0, flow->port_diff, flags);
}

/**
 * rewrite_upper - ports and checksums of a packet whose addresses are rewritten.
 * @header: the upper layer's, in place; NULL where it isn't right behind the IP header
 * @offset: of it
 *
 * Pointers into the packet are invalid afterwards. Returns false where the packet is too short for
 * what it says it is.
 */
static __always_inline bool rewrite_upper(struct __sk_buff *skb, struct nk_linear linear,
					  void *header, __u32 offset, const struct nk_flow *flow,
					  bool is_v4)
{
	return rewrite_ports(skb, linear, header, offset, flow) &&
	       rewrite_checksum(skb, offset, flow, is_v4);
}

#endif
