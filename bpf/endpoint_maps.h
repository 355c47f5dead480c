/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps that tell who has which address: the datapath's, and the collector's. */
#ifndef NKCTL_BPF_ENDPOINT_MAPS_H
#define NKCTL_BPF_ENDPOINT_MAPS_H

#include "compat.h"
#include <nkctl/maps.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NK_ENDPOINTS_MAX);
	__type(key, struct nk_addr4);
	__type(value, struct nk_endpoint);
} endpoints_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NK_ENDPOINTS_MAX);
	__type(key, struct nk_addr6);
	__type(value, struct nk_endpoint);
} endpoints_v6 SEC(".maps");

/* By the index of the primary. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NK_ENDPOINTS_MAX);
	__type(key, __u32);
	__type(value, struct nk_owner);
} owners SEC(".maps");

#endif
