/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every program includes first, and what the packaged headers may lack: Debian 12's are
 * from Linux 6.1. Packet headers come from the uapi, not from vmlinux.h, whose relocations would
 * make libbpf parse the kernel's BTF at each load.
 */
#ifndef NKCTL_BPF_COMPAT_H
#define NKCTL_BPF_COMPAT_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define NK_NS_PER_S 1000000000ULL

/* 2^64 / golden ratio: spreads keys over the upper bits (Knuth, TAOCP 3, section 6.4). */
#define NK_HASH_FACTOR 0x9e3779b97f4a7c15ULL

/* <sys/socket.h> can't be included for the BPF target. */
#define AF_INET  2
#define AF_INET6 10

/* An skb's gso_size when its segments differ in size (include/linux/skbuff.h). */
#define GSO_BY_FRAGS 0xffff

/**
 * enum nk_verdict - what a program returns when it doesn't redirect.
 * @NK_STACK: the host's stack goes on with the packet, after the programs behind this one
 * @NK_DROP: nobody does
 *
 * netkit and tcx agree on the values: enum netkit_action (include/uapi/linux/if_link.h, Linux
 * 6.7, commit 35dfaad7188c) and enum tcx_action_base (include/uapi/linux/bpf.h, Linux 6.6,
 * commit e420bed02507). netkit_xmit() takes NETKIT_NEXT from the last program for a pass.
 */
enum nk_verdict { NK_STACK = -1, NK_DROP = 2 };

/* What a step returns that leaves the verdict to the next one. */
#define NK_UNDECIDED (-2)

/**
 * enum nk_hook - where a program runs; constant in each, so that the others' code isn't in it.
 * @NK_HOOK_NETKIT: a netkit peer's transmit
 * @NK_HOOK_TCX: tcx ingress of a device with Ethernet headers
 * @NK_HOOK_TCX_L3: tcx ingress of a device whose packets begin with the IP header
 */
enum nk_hook { NK_HOOK_NETKIT, NK_HOOK_TCX, NK_HOOK_TCX_L3 };

/* Where the IP header is in a packet there. */
static __always_inline __u32 l3_offset(enum nk_hook hook)
{
	return hook == NK_HOOK_TCX_L3 ? 0 : ETH_HLEN;
}

/*
 * Flags of bpf_fib_lookup(): Linux 6.3, commit 31de4105f00d, and 6.7, commit dab4e1f06cab (6.6.19,
 * commit b96f500dbbc3).
 */
enum { NK_FIB_LOOKUP_SKIP_NEIGH = 1 << 2, NK_FIB_LOOKUP_SRC = 1 << 4 };

#endif
