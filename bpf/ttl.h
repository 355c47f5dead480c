/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a router does to each packet that it forwards. */
#ifndef NKCTL_BPF_TTL_H
#define NKCTL_BPF_TTL_H

#include "compat.h"

/* A packet that a hop may not forward any more: the stack tells its sender. */
#define NK_TTL_EXPIRES 1

/*
 * The header's checksum grows by what the TTL shrinks by (RFC 1624, section 3, and the kernel's
 * ip_decrease_ttl() in include/net/ip.h). The sum over the whole header stays the same, so a
 * CHECKSUM_COMPLETE of the device stays right too.
 */
static __always_inline void ttl_decrement(struct iphdr *ip)
{
	__u32 check = ip->check + bpf_htons(0x0100);

	ip->check = check + (check >= 0xffff);
	ip->ttl--;
}

/*
 * IPv6 has no header checksum: what a device summed up over the whole packet is corrected
 * instead, else the receiver reports a hardware checksum failure. The hop limit is the lower byte
 * of its 16-bit word; to subtract one is to add its ones' complement.
 */
static __always_inline void hop_limit_decrement(struct __sk_buff *skb, struct ipv6hdr *ip6)
{
	ip6->hop_limit--;
	/* Refused where there is no such sum. */
	(void)bpf_csum_update(skb, (__u16)~bpf_htons(1));
}

#endif
