/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The cloud's metadata service, which hands out a host's credentials to whoever asks for them from
 * that host. An endpoint may be kept away from it (NK_ENDPOINT_NO_METADATA).
 *
 * Asked only where a packet's path isn't known: one that is dropped never becomes known (path.h).
 */
#ifndef NKCTL_BPF_METADATA_H
#define NKCTL_BPF_METADATA_H

#include "compat.h"
#include <nkctl/nat.h>

/* 169.254.169.254, and fd00:ec2::254 */
#define NK_METADATA_V4      0xa9fea9fe
#define NK_METADATA_V6_HIGH 0xfd000ec2
#define NK_METADATA_V6_LOW  0x254

static __always_inline bool endpoint_has_no_metadata(const struct nk_endpoint *endpoint)
{
	return endpoint->flags & NK_ENDPOINT_NO_METADATA;
}

static __always_inline bool ipv4_is_metadata(__be32 daddr)
{
	return daddr == bpf_htonl(NK_METADATA_V4);
}

static __always_inline bool ipv6_is_metadata(const struct in6_addr *daddr)
{
	return daddr->s6_addr32[0] == bpf_htonl(NK_METADATA_V6_HIGH) && !daddr->s6_addr32[1] &&
	       !daddr->s6_addr32[2] && daddr->s6_addr32[3] == bpf_htonl(NK_METADATA_V6_LOW);
}

#endif
