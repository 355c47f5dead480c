/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's interface to netkit (6.7; include/uapi/linux/if_link.h) under names of our own,
 * since Debian 12's headers are older than it.
 */
#ifndef NKCTL_NL_NETKIT_UAPI_H
#define NKCTL_NL_NETKIT_UAPI_H

enum {
	NK_IFLA_NETKIT_PEER_INFO = 1,
	NK_IFLA_NETKIT_POLICY = 3,
	NK_IFLA_NETKIT_PEER_POLICY = 4,
	NK_IFLA_NETKIT_MODE = 5,
	NK_IFLA_NETKIT_SCRUB = 6, /* 6.13, in 6.12 stable */
	NK_IFLA_NETKIT_PEER_SCRUB = 7,
	NK_IFLA_NETKIT_HEADROOM = 8, /* 6.14 */
	NK_IFLA_NETKIT_TAILROOM = 9,
	NK_IFLA_NETKIT_PAIRING = 10, /* 7.x */
};

enum { NK_NETKIT_L2 = 0, NK_NETKIT_L3 = 1 };

/* enum netkit_action: as a policy these two are called forward and blackhole. */
enum { NK_NETKIT_PASS = 0, NK_NETKIT_DROP = 2 };

/* include/uapi/linux/veth.h, which libc-dev doesn't always bring. */
enum { NK_VETH_INFO_PEER = 1 };

#endif
