/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way to other hosts, by the kernel's FIB and neighbour tables.
 *
 * Theory of operation: bpf_fib_lookup() gives the device and both MAC addresses, and the packet
 * goes straight out. But a neighbour entry that only BPF reads is never confirmed: it would
 * stay stale while the next hop's MAC changes, or never be resolved in the first place. So now
 * and then one packet per next hop goes through bpf_redirect_neigh(), which uses the entry as
 * the stack does.
 *
 * A next hop without a valid entry gets that one packet too, and the rest goes to the stack: it
 * queues packets for the resolution under way, and when that fails it tells their sender. Always
 * bpf_redirect_neigh() would leave the container without an answer; never would leave the
 * neighbour unresolved on a host whose netfilter drops what it forwards. Where the stack doesn't
 * forward IPv6 (icmp6.h), it would lose that rest in silence: there all IPv6 packets go to the
 * neighbour table, and from the second on with a route, by which the kernel can tell their sender.
 *
 * The lookup compares a packet with the path's MTU as far as it's known, or with the route's if
 * that is locked, else with the device's: a route's MTU that isn't locked binds only what the host
 * itself sends (ip_mtu_from_fib_result() in net/ipv4/route.c, where the sysctl ip_forward_use_pmtu
 * counts it, too; ip6_mtu_from_fib6() in net/ipv6/route.c). ip_forward() and ip6_forward() go by
 * the same.
 */
#ifndef NKCTL_BPF_FIB_H
#define NKCTL_BPF_FIB_H

#include "frame.h"
#include "ipv6.h"
#include "maps.h"
#include "parse.h"
#include "path.h"

/* Next hops remembered at once. Two that share a slot only cost each other time. */
#define NK_NEXT_HOPS_BITS 8
#define NK_NEXT_HOPS      (1 << NK_NEXT_HOPS_BITS)

/**
 * struct nk_next_hop - when a packet last went through the neighbour table.
 * @key: which next hop, see next_hop_key()
 * @used_jiffies: time of that packet
 */
struct nk_next_hop {
	__u64 key;
	__u64 used_jiffies;
};

static struct nk_next_hop next_hops[NK_NEXT_HOPS];

/* Next hops that don't resolve, remembered at once, see next_hop_fails(). */
#define NK_UNRESOLVED_BITS 6
#define NK_UNRESOLVED      (1 << NK_UNRESOLVED_BITS)

/* How long the kernel tries: three questions, a second apart (mcast_solicit, retrans_time). */
#define NK_RESOLVE_NS (3 * NK_NS_PER_S)

/**
 * struct nk_unresolved - a next hop that packets were sent to without an answer.
 * @key: which next hop, see next_hop_key()
 * @since_ns, @seen_ns, @tried_ns: of the first such packet, of the last one, and of the last one
 *	that went to the neighbour table; CLOCK_MONOTONIC_COARSE
 */
struct nk_unresolved {
	__u64 key;
	__u64 since_ns;
	__u64 seen_ns;
	__u64 tried_ns;
};

static struct nk_unresolved unresolved[NK_UNRESOLVED];

/**
 * enum nk_route - how a packet leaves.
 * @NK_ROUTE_STACK: the stack forwards it, answers it or is its destination
 * @NK_ROUTE_ENCAPSULATED: the stack's, too, but with its own address
 * @NK_ROUTE_EXPIRED: not at all: this was its last hop
 * @NK_ROUTE_TOO_BIG: not at all; the lookup's mtu_result is what would fit
 * @NK_ROUTE_NEIGH: by the neighbour table
 * @NK_ROUTE_UNRESOLVED: the same, if next_hop_fails() doesn't say that it's in vain
 * @NK_ROUTE_RESOLVE: the same, with a route of its own, so that the kernel can answer a failure
 * @NK_ROUTE_DIRECT: with the MAC addresses of the lookup
 * @NK_ROUTE_KNOWN: by a path that is known, without a lookup
 */
enum nk_route {
	NK_ROUTE_STACK,
	NK_ROUTE_ENCAPSULATED,
	NK_ROUTE_EXPIRED,
	NK_ROUTE_TOO_BIG,
	NK_ROUTE_NEIGH,
	NK_ROUTE_UNRESOLVED,
	NK_ROUTE_RESOLVE,
	NK_ROUTE_DIRECT,
	NK_ROUTE_KNOWN,
};

/*
 * The device and the address: for IPv4 as they are, for IPv6 hashed. Two IPv6 next hops with the
 * same key would confirm each other, one in 2^64.
 */
static __always_inline __u64 next_hop_key(const struct bpf_fib_lookup *fib)
{
	const __u32 *addr = fib->ipv6_dst; /* aligned to its words only */
	__u64 upper = (__u64)addr[0] << 32 | addr[1], lower = (__u64)addr[2] << 32 | addr[3];
	__u64 device = (__u64)fib->ifindex << 32;

	/* An IPv4 packet may have an IPv6 next hop (RFC 5549), never the other way round. */
	if (fib->family == AF_INET)
		return device | fib->ipv4_dst;
	return device + (upper * NK_HASH_FACTOR ^ lower) * NK_HASH_FACTOR;
}

static __always_inline struct nk_next_hop *next_hop_at(__u64 key)
{
	return &next_hops[key * NK_HASH_FACTOR >> (64 - NK_NEXT_HOPS_BITS)];
}

/* Whether it's time for a packet to go by the neighbour table. True once per interval. */
static __always_inline bool next_hop_is_due(const struct bpf_fib_lookup *fib)
{
	__u64 key = next_hop_key(fib);
	struct nk_next_hop *hop = next_hop_at(key);
	__u64 now_jiffies = bpf_jiffies64();

	if (likely(hop->key == key &&
		   now_jiffies - hop->used_jiffies < nk_config.neigh_refresh_jiffies))
		return false;
	hop->key = key;
	hop->used_jiffies = now_jiffies;
	return true;
}

/**
 * next_hop_fails - whether the container is to be told that the next hop doesn't answer.
 *
 * Asked for translated packets: the stack's error would go to the address that they have now, the
 * host's. True once the kernel had its time, but for one packet now and then that has it try again.
 */
static __always_inline bool next_hop_fails(const struct bpf_fib_lookup *fib)
{
	__u64 key = next_hop_key(fib), now_ns = bpf_ktime_get_coarse_ns();
	__u64 slot = key * NK_HASH_FACTOR >> (64 - NK_UNRESOLVED_BITS);
	struct nk_unresolved *hop = &unresolved[slot];

	if (hop->key != key || now_ns - hop->seen_ns > 2 * NK_RESOLVE_NS) {
		hop->key = key;
		hop->since_ns = hop->tried_ns = now_ns;
	}
	hop->seen_ns = now_ns;
	if (now_ns - hop->since_ns < NK_RESOLVE_NS)
		return false;
	if (now_ns - hop->tried_ns < NK_RESOLVE_NS)
		return true;
	hop->tried_ns = now_ns;
	return false;
}

/* What the lookup compares with the MTU; it has 16 bits for it. */
static __always_inline __u16 fib_len(struct __sk_buff *skb, const struct nk_upper *upper)
{
	__u32 len = packet_len(skb, ETH_HLEN, upper);

	return len < 0xffff ? len : 0xffff;
}

/*
 * fib_question_v4 - what a packet asks the FIB, but for its length. Zeroed whole: what has no name
 * in one family is compared all the same.
 */
static __always_inline void fib_question_v4(struct __sk_buff *skb, const struct iphdr *ip,
					    const struct nk_upper *upper,
					    union nk_fib *ret_question)
{
	struct bpf_fib_lookup *fib = &ret_question->lookup;

	__builtin_memset(ret_question, 0, sizeof(*ret_question));
	fib->family = AF_INET;
	fib->l4_protocol = upper->protocol;
	fib->sport = upper->sport;
	fib->dport = upper->dport;
	fib->ifindex = skb->ifindex;
	fib->tos = ip->tos;
	fib->ipv4_src = ip->saddr;
	fib->ipv4_dst = ip->daddr;
}

static __always_inline void fib_question_v6(struct __sk_buff *skb, const struct ipv6hdr *ip6,
					    const struct nk_upper *upper,
					    union nk_fib *ret_question)
{
	struct bpf_fib_lookup *fib = &ret_question->lookup;

	__builtin_memset(ret_question, 0, sizeof(*ret_question));
	fib->family = AF_INET6;
	fib->l4_protocol = upper->protocol;
	fib->sport = upper->sport;
	fib->dport = upper->dport;
	fib->ifindex = skb->ifindex;
	fib->flowinfo = *(__be32 *)ip6 & bpf_htonl(NK_IPV6_FLOWINFO_MASK);
	__builtin_memcpy(fib->ipv6_src, &ip6->saddr, sizeof(fib->ipv6_src));
	__builtin_memcpy(fib->ipv6_dst, &ip6->daddr, sizeof(fib->ipv6_dst));
}

/**
 * fib_route - find a packet's way out.
 * @question: of the packet, and afterwards what the lookup made of it
 * @expires: whether the packet has no hop left. It confirms no next hop then.
 * @is_own: the packet gets an address of the host, with which the stack wouldn't take it: it
 *	goes by the neighbour table until that has an answer
 *
 * Whatever isn't plain forwarding is the stack's, that answers as Linux does: its own addresses,
 * unreachable and prohibited destinations, no route, forwarding off, tunnel encapsulation, and a
 * route back to the device that the packet came from.
 */
static __always_inline enum nk_route fib_route(struct __sk_buff *skb, union nk_fib *question,
					       const struct nk_upper *upper, bool expires,
					       bool is_own)
{
	struct bpf_fib_lookup *fib = &question->lookup;
	__u32 device_mtu = NK_IPV6_MTU_MIN; /* unless the kernel can tell */
	long result;

	fib->tot_len = fib_len(skb, upper);
	result = bpf_fib_lookup(skb, fib, sizeof(*fib), 0);
	if (result != BPF_FIB_LKUP_RET_SUCCESS && result != BPF_FIB_LKUP_RET_NO_NEIGH &&
	    result != BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return is_own && result == BPF_FIB_LKUP_RET_UNSUPP_LWT ? NK_ROUTE_ENCAPSULATED
								       : NK_ROUTE_STACK;
	if (expires)
		return NK_ROUTE_EXPIRED;
	if (result == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return NK_ROUTE_TOO_BIG;
	if (fib->ifindex == skb->ifindex)
		return NK_ROUTE_STACK;
	if (!gso_fits(skb, upper, fib->ifindex, &device_mtu)) {
		fib->mtu_result = device_mtu;
		return NK_ROUTE_TOO_BIG;
	}
	if (is_own && result == BPF_FIB_LKUP_RET_NO_NEIGH)
		return NK_ROUTE_UNRESOLVED;
	if (next_hop_is_due(fib))
		return NK_ROUTE_NEIGH;
	if (likely(result == BPF_FIB_LKUP_RET_SUCCESS))
		return NK_ROUTE_DIRECT;
	/* Not fib->family: the next hop of an IPv4 packet may be an IPv6 one. */
	if (skb->protocol == bpf_htons(ETH_P_IPV6) && !nk_config.stack_forwards_ipv6)
		return NK_ROUTE_RESOLVE;
	return NK_ROUTE_STACK;
}

/**
 * fib_keep - keep the way that fib_route() found, if it's one to keep, for the packets behind.
 * @path: where it was begun, see path_begin(); or NULL
 */
static __always_inline void fib_keep(struct nk_path *path, const struct bpf_fib_lookup *fib,
				     enum nk_route route, enum nk_path_kind kind)
{
	barrier_var(path); /* see path_keep_endpoint() */
	if (!path || route != NK_ROUTE_DIRECT)
		return;
	path->kind = kind;
	path->ifindex = fib->ifindex;
	path->mtu = fib->mtu_result;
	path->since_jiffies = next_hop_at(next_hop_key(fib))->used_jiffies;
	mac_copy(path->macs, fib->dmac);
	mac_copy(path->macs + ETH_ALEN, fib->smac);
	path_keep(path);
}

/*
 * Of an IPv4 next hop only the first word was ever written. Privileged programs may copy the rest
 * (Linux 6.3, commit 6715df8d5d24).
 */
static __always_inline int fib_redirect_neigh(const struct bpf_fib_lookup *fib)
{
	struct bpf_redir_neigh next_hop = { .nh_family = fib->family };

	__builtin_memcpy(next_hop.ipv6_nh, fib->ipv6_dst, sizeof(next_hop.ipv6_nh));
	return bpf_redirect_neigh(fib->ifindex, &next_hop, sizeof(next_hop), 0);
}

/**
 * fib_redirect - send a packet on the way that fib_route() found, if it found one.
 *
 * A device without MAC headers takes the frame too: __bpf_redirect_no_mac() in
 * net/core/filter.c removes them.
 */
static __always_inline int fib_redirect(const struct bpf_fib_lookup *fib, struct ethhdr *eth,
					enum nk_route route)
{
	if (unlikely(route == NK_ROUTE_NEIGH || route == NK_ROUTE_UNRESOLVED))
		return fib_redirect_neigh(fib);
	if (unlikely(route == NK_ROUTE_RESOLVE))
		return bpf_redirect_neigh(fib->ifindex, NULL, 0, 0);
	mac_copy(eth->h_dest, fib->dmac);
	mac_copy(eth->h_source, fib->smac);
	return bpf_redirect(fib->ifindex, 0);
}

#endif
