/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Neighbour discovery (RFC 4861) of containers: what ARP is for IPv4. Solicitations of l2
 * containers are answered with the gateway's MAC. The rest, with which a container could pose as a
 * router or as somebody else, is dropped.
 */
#ifndef NKCTL_BPF_ND_H
#define NKCTL_BPF_ND_H

#include "drop.h"
#include "endpoint.h"
#include "frame.h"
#include "ipv6.h"

/* ICMPv6 types (RFC 4861, section 4). */
#define NK_ND_ROUTER_SOLICITATION    133
#define NK_ND_ROUTER_ADVERTISEMENT   134
#define NK_ND_NEIGHBOR_SOLICITATION  135
#define NK_ND_NEIGHBOR_ADVERTISEMENT 136
#define NK_ND_REDIRECT               137

/* Only a neighbour can send with it, because every router decrements it (section 7.1.1). */
#define NK_ND_HOP_LIMIT 255

#define NK_ND_SOURCE_MAC 1
#define NK_ND_TARGET_MAC 2

/* An advertisement of a router, solicited, that overrides what the asker knows (section 4.4). */
#define NK_ND_FLAGS 0xe0000000

/* Options of a solicitation: the source's MAC, a nonce (RFC 3971), and room for two more. */
#define NK_ND_OPTIONS_MAX 4

struct nk_nd {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be32 flags;
	struct in6_addr target;
};

struct nk_nd_option {
	__u8 type;
	__u8 len; /* in units of 8 bytes */
	__u8 mac[ETH_ALEN];
};

struct nk_nd_question {
	struct ipv6hdr ip6;
	struct nk_nd nd;
};

struct nk_nd_answer {
	struct ipv6hdr ip6;
	struct nk_nd nd;
	struct nk_nd_option target_mac;
};

/* Where the message is in a frame; how long that of an answer is. */
#define NK_ND_OFFSET     (ETH_HLEN + sizeof(struct ipv6hdr))
#define NK_ND_ANSWER_LEN (sizeof(struct nk_nd) + sizeof(struct nk_nd_option))

static __always_inline bool nd_is(const struct nk_upper *upper)
{
	return upper->protocol == IPPROTO_ICMPV6 &&
	       upper->icmpv6_type >= NK_ND_ROUTER_SOLICITATION &&
	       upper->icmpv6_type <= NK_ND_REDIRECT;
}

/*
 * Options are well-formed (one without a length never ends), and the source's MAC, where it's
 * named, is that of the frame (RFC 4861, sections 7.1.1 and 7.2.3).
 */
static __always_inline bool nd_options_valid(struct __sk_buff *skb, const struct ethhdr *eth,
					     const struct nk_nd_question *question)
{
	__u32 end = NK_ND_OFFSET + bpf_ntohs(question->ip6.payload_len);
	__u32 offset = NK_ND_OFFSET + sizeof(question->nd);
	struct nk_nd_option option;

	for (int i = 0; i < NK_ND_OPTIONS_MAX && offset < end; i++) {
		if (bpf_skb_load_bytes(skb, offset, &option, sizeof(option)))
			return false;
		if (option.type == NK_ND_SOURCE_MAC && !mac_equal(option.mac, eth->h_source))
			return false;
		offset += option.len * 8;
	}
	return offset == end;
}

static __always_inline bool nd_is_valid(struct __sk_buff *skb, const struct ethhdr *eth,
					const struct nk_nd_question *question)
{
	return question->ip6.hop_limit == NK_ND_HOP_LIMIT && !question->nd.code &&
	       bpf_ntohs(question->ip6.payload_len) >= sizeof(question->nd) &&
	       !ipv6_is_multicast(&question->nd.target) && nd_options_valid(skb, eth, question);
}

/* Whether a solicitation is dropped: the reason, or NK_KEEP. */
static __always_inline enum nk_drop_reason nd_judge(struct __sk_buff *skb, const struct ethhdr *eth,
						    const struct nk_nd_question *question)
{
	const struct in6_addr *source = &question->ip6.saddr;

	if (ipv6_is_unspecified(source))
		return NK_DROP_LINK_LOCAL;
	if (!ipv6_is_link_local(source) && !endpoint_is_sender(endpoint_find_v6(source), skb))
		return NK_DROP_SOURCE;
	/*
	 * An l3 container has no business here. A netkit l3 device has no MAC to ask from; a forged
	 * one, and veth, whose l3 a link-local source doesn't tell from l2, get an answer that only
	 * they see.
	 */
	if (mac_is_zero(eth->h_source) || !nd_is_valid(skb, eth, question))
		return NK_DROP_ND;
	if (endpoint_is_sender(endpoint_find_v6(&question->nd.target), skb))
		return NK_DROP_ND;
	return NK_KEEP;
}

static __always_inline void nd_answer_fill(struct nk_nd_answer *answer,
					   const struct nk_nd_question *question)
{
	answer->ip6.version = 6;
	answer->ip6.payload_len = bpf_htons(NK_ND_ANSWER_LEN);
	answer->ip6.nexthdr = IPPROTO_ICMPV6;
	answer->ip6.hop_limit = NK_ND_HOP_LIMIT;
	answer->ip6.saddr = question->nd.target;
	answer->ip6.daddr = question->ip6.saddr;
	answer->nd.type = NK_ND_NEIGHBOR_ADVERTISEMENT;
	answer->nd.flags = bpf_htonl(NK_ND_FLAGS);
	answer->nd.target = question->nd.target;
	answer->target_mac.type = NK_ND_TARGET_MAC;
	answer->target_mac.len = 1;
	mac_copy(answer->target_mac.mac, gateway_mac);
	answer->nd.checksum = ipv6_checksum(&answer->ip6.saddr, NK_ND_ANSWER_LEN, IPPROTO_ICMPV6);
}

/* Turns the solicitation into the advertisement and sends it back. */
static __always_inline int nd_answer(struct __sk_buff *skb, const struct ethhdr *eth,
				     const struct nk_nd_question *question)
{
	struct ethhdr answer_eth = { .h_proto = bpf_htons(ETH_P_IPV6) };
	struct nk_nd_answer answer = { 0 };

	mac_copy(answer_eth.h_dest, eth->h_source);
	mac_copy(answer_eth.h_source, gateway_mac);
	nd_answer_fill(&answer, question);
	if (bpf_skb_change_tail(skb, ETH_HLEN + sizeof(answer), 0) ||
	    bpf_skb_store_bytes(skb, 0, &answer_eth, sizeof(answer_eth), 0) ||
	    bpf_skb_store_bytes(skb, ETH_HLEN, &answer, sizeof(answer), 0))
		return drop(NK_DROP_ND);
	return bpf_redirect(skb->ifindex, 0);
}

static __always_inline int nd_solicitation(struct __sk_buff *skb, const struct nk_upper *upper)
{
	struct nk_linear linear = linear_pull(skb, ETH_HLEN + sizeof(struct nk_nd_question));
	const struct nk_nd_question *question = linear.data + ETH_HLEN;
	enum nk_drop_reason reason;

	/* Extension headers, a fragment header above all, are for an attack (RFC 6980). */
	if (upper->offset != NK_ND_OFFSET)
		return drop(NK_DROP_ND);
	if ((void *)(question + 1) > linear.end)
		return drop(NK_DROP_TRUNCATED);
	reason = nd_judge(skb, linear.data, question);
	return reason == NK_KEEP ? nd_answer(skb, linear.data, question) : drop(reason);
}

static __always_inline int from_ctr_nd(struct __sk_buff *skb, const struct nk_upper *upper)
{
	switch (upper->icmpv6_type) {
	case NK_ND_ROUTER_SOLICITATION:
		return drop(NK_DROP_LINK_LOCAL);
	case NK_ND_ROUTER_ADVERTISEMENT:
		return drop(NK_DROP_RA);
	case NK_ND_NEIGHBOR_SOLICITATION:
		return nd_solicitation(skb, upper);
	default:
		return drop(NK_DROP_ND);
	}
}

#endif
