/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps of all programs, and those that only the loader uses, made and pinned with them. */
#ifndef NKCTL_BPF_MAPS_H
#define NKCTL_BPF_MAPS_H

#include "compat.h"
#include "endpoint_maps.h"
#include "flow_maps.h"
#include "forwarded.h"
#include "host_addresses.h"
#include "published_maps.h"
#include <nkctl/config.h>
#include <nkctl/maps.h>
#include <nkctl/nat.h>

/* In a section of its own, so that its map holds this and nothing the compiler adds. */
SEC(".rodata.config") const volatile struct nk_config nk_config = { 0 };

/* Flows that were evicted alive: struct nk_evicted. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NK_EVICTED_MAX);
	__type(key, struct nk_flow_key);
	__type(value, struct nk_evicted);
} evicted SEC(".maps");

/* Which flow the later fragments of a packet belong to. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NK_FRAGMENTS_MAX);
	__type(key, struct nk_fragment);
	__type(value, struct nk_fragment_flow);
} fragments SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NK_EXEMPT_MAX);
	__type(key, struct nk_exempt);
	__type(value, __u32);
} exempt SEC(".maps");

/* The loader's own. */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NK_NETWORKS_MAX);
	__type(key, struct nk_network_key);
	__type(value, struct nk_network);
} networks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NK_SUBNETS_MAX);
	__type(key, struct nk_subnet);
	__type(value, struct nk_cursor);
} cursors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NK_UPLINKS_MAX);
	__type(key, __u32);
	__type(value, struct nk_uplink);
} uplinks SEC(".maps");

#endif
