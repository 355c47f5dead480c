/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The settings of address translation, for all objects. */
#ifndef NKCTL_BPF_SETTINGS_MAP_H
#define NKCTL_BPF_SETTINGS_MAP_H

#include "compat.h"
#include <nkctl/nat.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nk_nat);
} nat SEC(".maps");

#endif
