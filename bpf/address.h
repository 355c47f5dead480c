/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses of both families as one kind, see nkctl/nat.h. */
#ifndef NKCTL_BPF_ADDRESS_H
#define NKCTL_BPF_ADDRESS_H

#include "compat.h"
#include <nkctl/nat.h>

static __always_inline struct nk_ip ip_from_v4(__be32 addr)
{
	return (struct nk_ip){ .words = { 0, 0, bpf_htonl(0xffff), addr } };
}

static __always_inline struct nk_ip ip_from_v6(const struct in6_addr *addr)
{
	return (struct nk_ip){ .words = { addr->s6_addr32[0], addr->s6_addr32[1],
					  addr->s6_addr32[2], addr->s6_addr32[3] } };
}

static __always_inline bool ip_is_v4(const struct nk_ip *ip)
{
	return ip->words[2] == bpf_htonl(0xffff) && !(ip->words[0] | ip->words[1]);
}

static __always_inline bool ip_equal(const struct nk_ip *a, const struct nk_ip *b)
{
	return !((a->words[0] ^ b->words[0]) | (a->words[1] ^ b->words[1]) |
		 (a->words[2] ^ b->words[2]) | (a->words[3] ^ b->words[3]));
}

/* 0.0.0.0 or :: */
static __always_inline bool ip_is_any(const struct nk_ip *ip)
{
	return !(ip->words[0] | ip->words[1] | ip->words[3]) &&
	       (!ip->words[2] || ip->words[2] == bpf_htonl(0xffff));
}

/* Any address of the same family. */
static __always_inline void ip_set_any(struct nk_ip *ip)
{
	ip->words[3] = 0;
	if (!ip_is_v4(ip))
		__builtin_memset(ip, 0, sizeof(*ip));
}

#endif
