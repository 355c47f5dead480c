/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every packet that a program drops is counted under its reason. */
#ifndef NKCTL_BPF_DROP_H
#define NKCTL_BPF_DROP_H

#include "compat.h"
#include <nkctl/drop_reason.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NK_DROP_REASONS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} drops SEC(".maps");

/* What a check returns when it finds no reason to drop the packet. */
#define NK_KEEP NK_DROP_REASON_COUNT

static __always_inline int drop(enum nk_drop_reason reason)
{
	__u32 key = reason;
	__u64 *count = bpf_map_lookup_elem(&drops, &key);

	if (count)
		*count += 1; /* per CPU, and bottom halves are off: nobody else writes */
	return NK_DROP;
}

#endif
