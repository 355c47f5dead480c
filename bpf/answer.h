/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Containers' packets that answer what the host's stack has brought them: see forwarded.h. */
#ifndef NKCTL_BPF_ANSWER_H
#define NKCTL_BPF_ANSWER_H

#include "address.h"
#include "forwarded.h"
#include "nat_packet.h"
#include "path.h"

static __always_inline bool answers_are_noted(void)
{
	__u32 zero = 0;
	const __u32 *any = bpf_map_lookup_elem(&forwarded_any, &zero);

	return any && *any;
}

/* The ports of a packet, and which fragment it is. False: it's too short to have any. */
static __always_inline bool answer_read_v4(struct __sk_buff *skb, struct nk_linear linear,
					   struct nk_nat_packet *packet)
{
	const struct iphdr *ip = linear.data + ETH_HLEN;

	if ((void *)(ip + 1) > linear.end)
		return false;
	*packet = (struct nk_nat_packet){
		.key.saddr = ip_from_v4(ip->saddr),
		.key.daddr = ip_from_v4(ip->daddr),
		.key.protocol = ip->protocol,
		.kind = ipv4_is_later_fragment(ip) ? NK_NAT_LATER : NK_NAT_PLAIN,
		.fragment_id = ip->id,
		.is_fragment = ipv4_is_fragment(ip),
	};
	return packet->kind == NK_NAT_LATER ||
	       !bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(*ip), &packet->key.sport,
				   2 * sizeof(packet->key.sport));
}

static __always_inline bool answer_read_v6(struct __sk_buff *skb, struct nk_linear linear,
					   struct nk_nat_packet *packet)
{
	const struct ipv6hdr *ip6 = linear.data + ETH_HLEN;
	struct nk_upper upper = { .offset = ETH_HLEN + sizeof(*ip6) };

	if ((void *)(ip6 + 1) > linear.end)
		return false;
	*packet = (struct nk_nat_packet){
		.key.saddr = ip_from_v6(&ip6->saddr),
		.key.daddr = ip_from_v6(&ip6->daddr),
	};
	upper.protocol = ip6->nexthdr;
	if (ipv6_extensions_find(skb, &upper) != NK_KEEP)
		return false;
	packet->key.sport = upper.sport;
	packet->key.dport = upper.dport;
	packet->key.protocol = upper.protocol;
	packet->kind = upper.is_later ? NK_NAT_LATER : NK_NAT_PLAIN;
	packet->fragment_id = upper.fragment_id;
	packet->is_fragment = upper.is_fragment;
	return true;
}

/*
 * Whether a packet is noted as an answer. It has no IPv4 options.
 *
 * A fragment goes where its first one does, which tells the later ones what they are of, whatever
 * that is: what an earlier packet of its identifier was is of no account. To the FIB all later ones
 * are the same, so none of them may find the way of another.
 *
 * Verified by itself, and reads the packet again: those who don't ask, nearly all, needn't keep
 * what it has to know.
 */
__noinline int answer_is_noted(struct __sk_buff *skb, __u32 path_slot)
{
	struct nk_nat_packet *packet = nat_packet_get();
	struct nk_linear linear = linear_get(skb);

	if (!packet ||
	    !(skb->protocol == bpf_htons(ETH_P_IP) ? answer_read_v4(skb, linear, packet)
						   : answer_read_v6(skb, linear, packet)))
		return false;
	if (packet->kind == NK_NAT_LATER) {
		path_leave(path_at(path_slot));
		if (!fragment_recall(skb->ifindex))
			return false;
	} else {
		(void)fragment_note(skb->ifindex);
	}
	return bpf_map_lookup_elem(&forwarded, &packet->key) != NULL;
}

/* Whether a fragment may be of an answer: none of those takes a path of before, unseen. */
static __always_inline bool answer_may_be_in(bool is_fragment)
{
	return unlikely(is_fragment) && answers_are_noted();
}

/**
 * answer_is_for_stack - whether a container's packet answers what the stack has brought. Writes the
 * packet at work, so it comes before nat_undecided().
 * @path_slot: where its path was begun
 */
static __always_inline bool answer_is_for_stack(struct __sk_buff *skb, __u32 path_slot)
{
	return unlikely(answers_are_noted()) && answer_is_noted(skb, path_slot);
}

#endif
