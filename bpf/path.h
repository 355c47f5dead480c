/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ways that packets take, kept for the packets behind them.
 *
 * Theory of operation: to find out whose a source is, whether the destination is an endpoint and
 * what the FIB says of it costs several times what is left to do for a packet. A socket of the host
 * keeps the answer (its dst entry); a container's packets need their own memory of it. An answer
 * depends on the question alone, which is what the FIB is asked: addresses, device, and all else
 * that rules and multipath hashes look at; and on the state of the host, of which the generation
 * tells whether it's still the same (nkctl/generation.h). No packet that is sent after a change
 * goes by an answer from before it.
 *
 * What depends on the packet itself (TTL, options, length) is not part of an answer: a packet that
 * isn't plain goes the long way, as if nothing were kept. Nor is what becomes of it in translation,
 * but for its way out. An answer is kept no longer than until its next hop is to be confirmed
 * (fib.h): that also bounds what time changes without anybody's doing (routes of router
 * advertisements that expire), and what is missed where the programs that tell of changes are lost.
 *
 * Each CPU has its own ways. Bottom halves are off where the programs run, so nobody interferes.
 */
#ifndef NKCTL_BPF_PATH_H
#define NKCTL_BPF_PATH_H

#include "endpoint.h"
#include "frame.h"
#include "generation.h"
#include "maps.h"
#include "parse.h"

/* Two questions that share a place only cost each other time. */
#define NK_PATHS_BITS 10
#define NK_PATHS      (1 << NK_PATHS_BITS)

/* All that struct bpf_fib_lookup has for input; of it the length is 0 in a question. */
#define NK_QUESTION_SIZE  __builtin_offsetof(struct bpf_fib_lookup, h_vlan_proto)
#define NK_QUESTION_WORDS (NK_QUESTION_SIZE / sizeof(__u64))
_Static_assert(NK_QUESTION_SIZE % sizeof(__u64) == 0, "whole words");

/* What the FIB is asked, and its answer; by words while it's a question. */
union nk_fib {
	struct bpf_fib_lookup lookup;
	__u64 words[sizeof(struct bpf_fib_lookup) / sizeof(__u64)];
};

/**
 * enum nk_path_kind - where a path leads to.
 * @NK_PATH_ENDPOINT: to a container of this node
 * @NK_PATH_PACED: the same, by its primary alone (NK_ENDPOINT_PACED)
 * @NK_PATH_OUT: to another host, with the packet's own address
 * @NK_PATH_NAT: the same, for packets that translation has to look at first
 */
enum nk_path_kind { NK_PATH_ENDPOINT, NK_PATH_PACED, NK_PATH_OUT, NK_PATH_NAT };

/**
 * struct nk_path - a question, and how its packets leave.
 * @question: see NK_QUESTION_WORDS
 * @generation: in which the rest was found out; NK_GENERATION_NONE: it isn't yet
 * @begun_generation: in which finding it out began
 * @since_jiffies: when its next hop was last confirmed
 * @macs: destination and source, as they are in a frame
 * @ifindex: the device to send them by: an uplink or a primary
 * @mtu: the largest IP packet that may go that way, in bytes
 * @kind: enum nk_path_kind
 */
struct nk_path {
	__u64 question[NK_QUESTION_WORDS];
	__u64 generation;
	__u64 begun_generation;
	__u64 since_jiffies;
	__u8 macs[2 * ETH_ALEN];
	__u32 ifindex;
	__u32 mtu;
	__u32 kind;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NK_PATHS);
	__type(key, __u32);
	__type(value, struct nk_path);
} paths SEC(".maps");

static __always_inline __u32 path_slot_of(__u64 sum)
{
	return sum * NK_HASH_FACTOR >> (64 - NK_PATHS_BITS);
}

/* path_slot - the place for the answer to a question, whatever is there now. */
static __always_inline __u32 path_slot(const union nk_fib *question)
{
	__u64 sum = 0;

	if (!nk_config.path_cache)
		return 0;
	for (unsigned int i = 0; i < NK_QUESTION_WORDS; i++)
		sum += question->words[i];
	return path_slot_of(sum);
}

/* path_at - what is in a place. Returns NULL where nothing is kept. */
static __always_inline struct nk_path *path_at(__u32 slot)
{
	return nk_config.path_cache ? bpf_map_lookup_elem(&paths, &slot) : NULL;
}

static __always_inline bool path_is_of(const struct nk_path *path, const union nk_fib *question)
{
	__u64 difference = 0;

	for (unsigned int i = 0; i < NK_QUESTION_WORDS; i++)
		difference |= path->question[i] ^ question->words[i];
	return !difference;
}

/* path_is_current - whether the answer in a place is one of now. */
static __always_inline bool path_is_current(const struct nk_path *path)
{
	return path->generation == generation &&
	       bpf_jiffies64() - path->since_jiffies < nk_config.neigh_refresh_jiffies;
}

/* path_is_known - whether a path is the answer to a question, now. */
static __always_inline bool path_is_known(const struct nk_path *path, const union nk_fib *question)
{
	return path && path_is_of(path, question) && path_is_current(path);
}

/* path_takes - whether a packet, or each of its segments, fits a path that is known. */
static __always_inline bool path_takes(const struct nk_path *path, struct __sk_buff *skb,
				       const struct nk_upper *upper)
{
	return packet_fits(skb, ETH_HLEN, upper, path->ifindex, path->mtu);
}

/**
 * path_begin - make a place that of a question whose answer isn't known yet.
 *
 * The generation is read before everything that the answer is made of: the exchange is there for
 * its being a full memory barrier.
 */
static __always_inline void path_begin(struct nk_path *path, const union nk_fib *question)
{
	if (!path)
		return;
	path->begun_generation = generation;
	(void)__sync_lock_test_and_set(&path->generation, NK_GENERATION_NONE);
	__builtin_memcpy(path->question, question->words, sizeof(path->question));
}

/* path_leave - a path that was begun isn't to be kept. @path: may be NULL */
static __always_inline void path_leave(struct nk_path *path)
{
	if (path)
		path->begun_generation |= NK_GENERATION_LOST;
}

/*
 * path_is_answered - whether a packet's path was known when the packet came, and not only begun.
 * @path: may be NULL
 */
static __always_inline bool path_is_answered(const struct nk_path *path)
{
	return path && path->generation != NK_GENERATION_NONE;
}

/* path_keep - what the caller has filled in is the answer now. */
static __always_inline void path_keep(struct nk_path *path)
{
	if (!(path->begun_generation & NK_GENERATION_LOST))
		path->generation = path->begun_generation;
}

static __always_inline void path_keep_endpoint(struct nk_path *path,
					       const struct nk_endpoint *endpoint)
{
	barrier_var(path); /* clang 13 would remember the answer to the next line alone */
	if (!path)
		return;
	path->kind = endpoint->flags & NK_ENDPOINT_PACED ? NK_PATH_PACED : NK_PATH_ENDPOINT;
	path->ifindex = endpoint->ifindex;
	path->mtu = endpoint->mtu;
	path->since_jiffies = bpf_jiffies64();
	__builtin_memcpy(path->macs, endpoint->mac, sizeof(path->macs));
	path_keep(path);
}

/* path_redirect_out - send a packet, of which the rest is settled, by the path's device. */
static __always_inline int path_redirect_out(const struct nk_path *path, struct ethhdr *eth)
{
	mac_pair_copy(eth, path->macs);
	return bpf_redirect(path->ifindex, 0);
}

/* path_redirect - the same, or straight into an endpoint: see endpoint_redirect(). */
static __always_inline int path_redirect(const struct nk_path *path, struct ethhdr *eth,
					 enum nk_hook hook)
{
	if (hook == NK_HOOK_NETKIT || path->kind != NK_PATH_ENDPOINT)
		return path_redirect_out(path, eth);
	mac_pair_copy(eth, path->macs);
	return bpf_redirect_peer(path->ifindex, 0);
}

#endif
