/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Parts of the kernel's bpf(2) interface (include/uapi/linux/bpf.h) that Debian 12's headers are
 * too old to have, under names of our own.
 */
#ifndef NKCTL_BPF_UAPI_H
#define NKCTL_BPF_UAPI_H

enum {
	NK_BPF_TCX_INGRESS = 46, /* 6.6 */
	NK_BPF_TCX_EGRESS = 47,  /* 6.6 */
	NK_BPF_NETKIT_PEER = 55, /* 6.7 */
};

/* Flags of bpf_fib_lookup(). */
enum {
	NK_BPF_FIB_LOOKUP_TBID = 1 << 3, /* 6.5 */
	NK_BPF_FIB_LOOKUP_SRC = 1 << 4,  /* 6.7, 6.6.19 */
	NK_BPF_FIB_LOOKUP_MARK = 1 << 5, /* 6.10 */
};

/* Flag of BPF_PROG_ATTACH: before the other programs. */
enum { NK_BPF_F_BEFORE = 1 << 3 }; /* 6.6 */

/* Flag of bpf_redirect_peer(): out by the peer, instead of in at it. */
enum { NK_BPF_F_EGRESS = 1 << 1 }; /* 7.x */

#endif
