/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps that tell what is published: the datapath's, and those of the host's own sockets. */
#ifndef NKCTL_BPF_PUBLISHED_MAPS_H
#define NKCTL_BPF_PUBLISHED_MAPS_H

#include "compat.h"
#include "settings_map.h"
#include <nkctl/nat.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NK_PUBLISHED_MAX);
	__type(key, struct nk_port);
	__type(value, struct nk_published);
} published SEC(".maps");

#endif
