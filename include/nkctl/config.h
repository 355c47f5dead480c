/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the loader sets before a load and the verifier then takes for constant: the .rodata of
 * the programs. The frozen map stays pinned, so that every later command reads here how the
 * programs in the kernel were configured.
 */
#ifndef NKCTL_CONFIG_H
#define NKCTL_CONFIG_H

#include <linux/types.h>

#define NK_VERSION_SIZE 32

/**
 * struct nk_config - the configuration of a loaded set of programs.
 * @abi_version: NK_ABI_VERSION of the build that loaded them
 * @neigh_refresh_jiffies: how long a next hop's packets may go past the neighbour table before
 *	one is sent through it, which keeps the entry confirmed. Shorter than a minute, after which
 *	the kernel may forget an unused entry (gc_stale_time); longer than the pace of a ping, for
 *	that one packet to an unreachable next hop is the one that gets no answer
 * @stack_forwards_ipv6: the host's stack forwards IPv6 for a device that is told to; where it
 *	doesn't, the programs answer what it would
 * @nat: somebody masquerades or publishes ports; without, the programs have no code for it
 * @version: that build's version, zero-terminated
 * @path_cache: paths are kept (bpf/path.h), since the kernel tells when they change
 * @paces: they know of NK_ENDPOINT_PACED; those of an earlier build didn't
 * @withholds: they know of NK_ENDPOINT_NO_METADATA; the same
 */
struct nk_config {
	__u32 abi_version;
	__u32 neigh_refresh_jiffies;
	__u32 stack_forwards_ipv6;
	__u32 nat;
	char version[NK_VERSION_SIZE];
	__u32 path_cache;
	__u32 paces;
	__u32 withholds;
};

#endif
