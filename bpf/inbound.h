/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose the destinations of packets are that come in by an uplink, kept for the packets behind
 * them.
 *
 * Theory of operation: as that of path.h, on the way in. The question is the destination alone, and
 * the answer the endpoint that has claimed it, or that none has: the host's own packets ask as
 * often as those for containers. It holds for a generation of the host's state, of which each
 * change of a claim makes another; nothing else changes it, so it may last. (Where the programs
 * that tell of devices' ends are lost, packets for a dead container's address are dropped in the
 * attempt to send them to its device until the address is claimed again.)
 */
#ifndef NKCTL_BPF_INBOUND_H
#define NKCTL_BPF_INBOUND_H

#include "endpoint.h"
#include "generation.h"
#include "maps.h"

/* Two destinations that share a place only cost each other time. */
#define NK_INBOUND_BITS 10
#define NK_INBOUND      (1 << NK_INBOUND_BITS)

/**
 * struct nk_inbound - a destination's endpoint.
 * @generation: in which it was looked up; NK_GENERATION_NONE: it isn't yet
 * @endpoint: a copy; its ifindex is 0 where nobody has claimed the address
 */
struct nk_inbound {
	__u64 generation;
	struct nk_endpoint endpoint;
};

struct nk_inbound_v4 {
	struct nk_inbound inbound;
	__be32 addr;
	__u32 reserved;
};

struct nk_inbound_v6 {
	struct nk_inbound inbound;
	__u64 addr[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NK_INBOUND);
	__type(key, __u32);
	__type(value, struct nk_inbound_v4);
} inbound_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NK_INBOUND);
	__type(key, __u32);
	__type(value, struct nk_inbound_v6);
} inbound_v6 SEC(".maps");

static __always_inline __u32 inbound_slot(__u64 destination)
{
	return destination * NK_HASH_FACTOR >> (64 - NK_INBOUND_BITS);
}

static __always_inline struct nk_endpoint *inbound_answer(struct nk_inbound *inbound)
{
	return inbound->endpoint.ifindex ? &inbound->endpoint : NULL;
}

/* inbound_begin - the generation, read before what is looked up then: see path_begin(). */
static __always_inline __u64 inbound_begin(struct nk_inbound *inbound)
{
	__u64 begun = generation;

	(void)__sync_lock_test_and_set(&inbound->generation, NK_GENERATION_NONE);
	return begun;
}

static __always_inline void inbound_keep(struct nk_inbound *inbound, __u64 begun,
					 const struct nk_endpoint *endpoint)
{
	if (endpoint)
		inbound->endpoint = *endpoint;
	else
		inbound->endpoint.ifindex = 0;
	if (!(begun & NK_GENERATION_LOST))
		inbound->generation = begun;
}

/* inbound_find_v4 - endpoint_find_v4(), for a packet that came in, or to a published port. */
static __always_inline struct nk_endpoint *inbound_find_v4(const __be32 *addr)
{
	__u32 slot = inbound_slot(*addr);
	struct nk_inbound_v4 *place;
	struct nk_endpoint *endpoint;
	__u64 begun;

	place = nk_config.path_cache ? bpf_map_lookup_elem(&inbound_v4, &slot) : NULL;
	if (!place)
		return endpoint_find_v4(addr);
	if (likely(place->addr == *addr) && likely(place->inbound.generation == generation))
		return inbound_answer(&place->inbound);
	begun = inbound_begin(&place->inbound);
	place->addr = *addr;
	endpoint = endpoint_find_v4(addr);
	inbound_keep(&place->inbound, begun, endpoint);
	return endpoint;
}

static __always_inline struct nk_endpoint *inbound_find_v6(const struct in6_addr *addr)
{
	const __u64 *words = (const void *)addr;
	__u32 slot = inbound_slot(words[0] + words[1]);
	struct nk_inbound_v6 *place;
	struct nk_endpoint *endpoint;
	__u64 begun;

	place = nk_config.path_cache ? bpf_map_lookup_elem(&inbound_v6, &slot) : NULL;
	if (!place)
		return endpoint_find_v6(addr);
	if (likely(place->addr[0] == words[0] && place->addr[1] == words[1]) &&
	    likely(place->inbound.generation == generation))
		return inbound_answer(&place->inbound);
	begun = inbound_begin(&place->inbound);
	place->addr[0] = words[0];
	place->addr[1] = words[1];
	endpoint = endpoint_find_v6(addr);
	inbound_keep(&place->inbound, begun, endpoint);
	return endpoint;
}

#endif
