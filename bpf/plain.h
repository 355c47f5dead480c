/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a container's traffic consists of: whole packets of TCP and UDP, without options, with hops
 * left, no larger than a wire carries, on a path that is known (path.h). Nothing else need be
 * looked at in these, so they are told from all others with as few instructions as possible, before
 * anything is parsed. What isn't one of them, or is the first of its kind, goes the long way
 * (from_ctr.h), where the same question leads to the same path.
 */
#ifndef NKCTL_BPF_PLAIN_H
#define NKCTL_BPF_PLAIN_H

#include "ipv4.h"
#include "ipv6.h"
#include "parse.h"
#include "path.h"
#include "ttl.h"

/* What a function returns beside its verdicts that leaves a packet to the long way. */
#define NK_LONG_WAY (-3)

static __always_inline bool protocol_is_plain(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

/* Two halves of a word, in the order in which they are in memory. */
static __always_inline __u64 word_of(__u32 first, __u32 second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return first | (__u64)second << 32;
#else
	return (__u64)first << 32 | second;
#endif
}

/*
 * The first word of a question, see struct bpf_fib_lookup: family, protocol, ports, and no length.
 * @ports: source and destination, as they are in the packet
 */
static __always_inline __u64 question_head(__u8 family, __u8 protocol, const void *ports)
{
	__u64 both = *(const __u32 *)ports;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return family | protocol << 8 | both << 16;
#else
	return (__u64)family << 56 | (__u64)protocol << 48 | both << 16;
#endif
}

static __always_inline bool ipv4_is_traffic(struct __sk_buff *skb, const struct iphdr *ip)
{
	__u32 total_len = bpf_ntohs(ip->tot_len);

	return *(const __u8 *)ip == NK_IPV4_PLAIN && protocol_is_plain(ip->protocol) &&
	       !ipv4_is_fragment(ip) && ip->ttl > NK_TTL_EXPIRES &&
	       total_len >= NK_IPV4_HEADERS_LEN && total_len <= skb->len - ETH_HLEN &&
	       skb->pkt_type == PACKET_HOST;
}

/**
 * plain_path_v4 - the path of a packet that may go it without another look.
 * @ret_slot: where it is
 *
 * Returns NULL for any other packet.
 */
static __always_inline struct nk_path *plain_path_v4(struct __sk_buff *skb, struct nk_linear linear,
						     __u32 *ret_slot)
{
	const struct iphdr *ip = linear.data + ETH_HLEN;
	__u64 head, way, source, destination;
	struct nk_path *path;

	if (linear.data + ETH_HLEN + NK_IPV4_HEADERS_LEN > linear.end || !ipv4_is_traffic(skb, ip))
		return NULL;
	head = question_head(AF_INET, ip->protocol, ip + 1);
	way = word_of(skb->ifindex, ip->tos);
	source = word_of(ip->saddr, 0);
	destination = word_of(ip->daddr, 0);
	*ret_slot = path_slot_of(head + way + source + destination);
	path = path_at(*ret_slot);
	/* What IPv4 leaves of the question is zero where the family is the same. */
	if (!path || path->question[0] != head || path->question[1] != way ||
	    path->question[2] != source || path->question[4] != destination ||
	    !path_is_current(path) || skb->len - ETH_HLEN > path->mtu)
		return NULL;
	return path;
}

static __always_inline bool ipv6_is_traffic(struct __sk_buff *skb, const struct ipv6hdr *ip6)
{
	return ip6->version == 6 && protocol_is_plain(ip6->nexthdr) &&
	       ip6->hop_limit > NK_TTL_EXPIRES &&
	       bpf_ntohs(ip6->payload_len) + sizeof(*ip6) <= skb->len - ETH_HLEN &&
	       skb->pkt_type == PACKET_HOST;
}

static __always_inline struct nk_path *plain_path_v6(struct __sk_buff *skb, struct nk_linear linear,
						     __u32 *ret_slot)
{
	const struct ipv6hdr *ip6 = linear.data + ETH_HLEN;
	const __u64 *addresses = (const void *)&ip6->saddr; /* both, of two words each */
	struct nk_path *path;
	__u64 head, way;

	if (linear.data + ETH_HLEN + NK_IPV6_HEADERS_LEN > linear.end || !ipv6_is_traffic(skb, ip6))
		return NULL;
	head = question_head(AF_INET6, ip6->nexthdr, ip6 + 1);
	way = word_of(skb->ifindex, *(__be32 *)ip6 & bpf_htonl(NK_IPV6_FLOWINFO_MASK));
	*ret_slot = path_slot_of(head + way + addresses[0] + addresses[1] + addresses[2] +
				 addresses[3]);
	path = path_at(*ret_slot);
	if (!path || path->question[0] != head || path->question[1] != way ||
	    path->question[2] != addresses[0] || path->question[3] != addresses[1] ||
	    path->question[4] != addresses[2] || path->question[5] != addresses[3] ||
	    !path_is_current(path) || skb->len - ETH_HLEN > path->mtu)
		return NULL;
	return path;
}

#endif
