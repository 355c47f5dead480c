/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flow table and its settings (nkctl/nat.h): the datapath's, and the collector's. */
#ifndef NKCTL_BPF_FLOW_MAPS_H
#define NKCTL_BPF_FLOW_MAPS_H

#include "compat.h"
#include "settings_map.h"
#include <nkctl/nat.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * NK_FLOWS_MAX);
	__type(key, struct nk_flow_key);
	__type(value, struct nk_flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NK_FLOWS_MAX);
	__type(key, struct nk_flow_slot);
	__type(value, struct nk_flow_key);
} flow_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NK_ENDPOINTS_MAX);
	__type(key, __u32);
	__type(value, struct nk_flow_ring);
} flow_rings SEC(".maps");

#endif
