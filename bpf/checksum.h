/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Internet checksums (RFC 1071), and what they change by (RFC 1624, section 3). */
#ifndef NKCTL_BPF_CHECKSUM_H
#define NKCTL_BPF_CHECKSUM_H

#include "compat.h"

/* A sum of 32 bits as one of 16, so that adding it to a checksum needs one carry. */
static __always_inline __u32 sum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* @diff: of 16 bits, see sum_fold() */
static __always_inline __sum16 checksum_add(__sum16 checksum, __u32 diff)
{
	__u32 sum = (__u16)~checksum + diff;

	return ~((sum & 0xffff) + (sum >> 16));
}

/**
 * checksum_of - the checksum of what is in memory.
 * @len: in bytes, a multiple of 4
 * @sum: what else belongs to it
 */
static __always_inline __sum16 checksum_of(void *data, __u32 len, __u32 sum)
{
	return ~sum_fold(bpf_csum_diff(NULL, 0, data, len, sum));
}

#endif
