/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ethernet headers. Their fields, and MAC addresses in maps and on the stack, are aligned to two
 * bytes, which the packed struct ethhdr keeps from the compiler.
 */
#ifndef NKCTL_BPF_FRAME_H
#define NKCTL_BPF_FRAME_H

#include "compat.h"
#include <nkctl/maps.h>

static const __u8 gateway_mac[ETH_ALEN] __attribute__((aligned(2))) = NK_GATEWAY_MAC;

static __always_inline bool mac_equal(const void *a, const void *b)
{
	const __u16 *x = a, *y = b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]));
}

static __always_inline bool mac_is_zero(const void *mac)
{
	const __u16 *x = mac;

	return !(x[0] | x[1] | x[2]);
}

static __always_inline void mac_copy(void *to, const void *from)
{
	__builtin_memcpy(__builtin_assume_aligned(to, 2), __builtin_assume_aligned(from, 2),
			 ETH_ALEN);
}

/*
 * Destination and source at once. The alignment is that of the place in a map that they come from;
 * in the frame it is claimed, so that the copy takes two instructions instead of twelve: x86-64 and
 * arm64 load and store unaligned words. Where the kernel can't (HAVE_EFFICIENT_UNALIGNED_ACCESS),
 * its verifier refuses the program.
 */
static __always_inline void mac_pair_copy(struct ethhdr *eth, const void *pair)
{
	__builtin_memcpy(__builtin_assume_aligned(eth, 8), __builtin_assume_aligned(pair, 8),
			 2 * ETH_ALEN);
}

/*
 * To be written into each frame that is forwarded: a packet socket may have forged it to differ
 * from skb->protocol, which is what the programs and the stack go by.
 */
static __always_inline void frame_protocol_set(struct ethhdr *eth, __u16 protocol)
{
	*(__be16 *)((void *)eth + offsetof(struct ethhdr, h_proto)) = bpf_htons(protocol);
}

#endif
