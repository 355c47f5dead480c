/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What errors of both families have in common. */
#ifndef NKCTL_BPF_ICMP_H
#define NKCTL_BPF_ICMP_H

#include "frame.h"

#define NK_ICMP_TTL 64

/*
 * Answers in one tick of the timer, on all CPUs, more or less (RFC 4443, section 2.4 f; RFC 1812,
 * section 4.3.2.8).
 */
#define NK_ICMP_BURST 16

/* Not a struct: clang takes a static one apart, and leaves BTF of it that the kernel refuses. */
static __u64 icmp_answers_jiffies, icmp_answers_count;

/* CPUs that race let through a few more, or fewer. */
static __always_inline bool icmp_is_too_often(void)
{
	__u64 now_jiffies = bpf_jiffies64();

	if (icmp_answers_jiffies != now_jiffies) {
		icmp_answers_jiffies = now_jiffies;
		icmp_answers_count = 0;
	}
	return icmp_answers_count++ >= NK_ICMP_BURST;
}

/*
 * A length that is within its bounds anyway, so that the verifier sees it, too: clang 13 keeps
 * lengths in half a word of the stack, of which the verifier remembers nothing.
 */
static __always_inline __u32 icmp_len(__u32 len, __u32 least, __u32 most)
{
	barrier_var(len);
	if (len < least)
		return least;
	return len < most ? len : most;
}

/*
 * Makes the packet @len bytes long; what is behind its Ethernet header is lost.
 *
 * Where the packet left the checksum of TCP or UDP to a device (CHECKSUM_PARTIAL), that would be
 * written into the middle of the answer. It no longer is once the data that it begins with is
 * pulled (skb_postpull_rcsum() in include/linux/skbuff.h): the first @len bytes, for a packet whose
 * checksum is behind them can't be cut there (__bpf_skb_min_len() in net/core/filter.c). What was
 * to be segmented isn't any more, either.
 */
static __always_inline bool icmp_resize(struct __sk_buff *skb, __u32 len)
{
	return !bpf_skb_change_tail(skb, len, 0) && !bpf_skb_change_tail(skb, 2 * len, 0) &&
	       !bpf_skb_adjust_room(skb, -(__s32)len, BPF_ADJ_ROOM_MAC, 0);
}

static __always_inline bool icmp_frame_turn(struct __sk_buff *skb, __u16 protocol)
{
	struct ethhdr eth, turned = { .h_proto = bpf_htons(protocol) };

	if (bpf_skb_load_bytes(skb, 0, &eth, sizeof(eth)))
		return false;
	mac_copy(turned.h_dest, eth.h_source);
	mac_copy(turned.h_source, eth.h_dest);
	return !bpf_skb_store_bytes(skb, 0, &turned, sizeof(turned), 0);
}

#endif
