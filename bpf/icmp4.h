/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors (RFC 792) for translated packets that can't go on. All others are the stack's to
 * answer; these it would take for its own.
 *
 * "Fragmentation needed" also goes to the sender of what may be fragmented. No helper does that,
 * and the stack would only with the container's address. He loses one packet, and fragments the
 * next himself, whatever his socket said of it (ipv4_sk_update_pmtu() in net/ipv4/route.c).
 */
#ifndef NKCTL_BPF_ICMP4_H
#define NKCTL_BPF_ICMP4_H

#include "checksum.h"
#include "drop.h"
#include "icmp.h"
#include "ipv4.h"

#define NK_ICMP_ECHO_REPLY        0
#define NK_ICMP_UNREACHABLE       3
#define NK_ICMP_REDIRECT          5
#define NK_ICMP_ECHO_REQUEST      8
#define NK_ICMP_TIME_EXCEEDED     11
#define NK_ICMP_PARAMETER_PROBLEM 12

/* Codes of unreachable; the latter tells the MTU (RFC 1191, section 4). */
#define NK_ICMP_HOST_UNREACHABLE     1
#define NK_ICMP_FRAGMENTATION_NEEDED 4

/* Precedence of what routers say to each other (RFC 1812, section 4.3.2.5). */
#define NK_ICMP_TOS 0xc0

/* How much of a packet its error quotes: what RFC 792 asks for, or more where there is. */
#define NK_ICMP_QUOTE_MIN 28
#define NK_ICMP_QUOTE_MAX 96

struct nk_icmp_error {
	struct iphdr ip;
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be32 info; /* the MTU, or zero */
	__u8 quote[NK_ICMP_QUOTE_MAX];
};

/* The answer under way: no stack has room for it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nk_icmp_error);
} icmp4_answers SEC(".maps");

static __always_inline bool icmp4_is_error(__u8 type)
{
	return type == NK_ICMP_UNREACHABLE || type == NK_ICMP_TIME_EXCEEDED ||
	       type == NK_ICMP_PARAMETER_PROBLEM;
}

/*
 * Nobody is told of an error's error, nor of a later fragment, nor is who isn't a single host (RFC
 * 1122, section 3.2.2; class E's are to Linux).
 */
static __always_inline bool icmp4_may_answer(struct __sk_buff *skb, __u32 l3_offset,
					     const struct iphdr *ip)
{
	__u8 type;

	if (ipv4_is_later_fragment(ip) || ipv4_is_multicast(ip->saddr) ||
	    ipv4_is_martian(ip->saddr))
		return false;
	if (ip->protocol != IPPROTO_ICMP)
		return true;
	if (bpf_skb_load_bytes(skb, l3_offset + sizeof(*ip), &type, sizeof(type)))
		return false;
	return !icmp4_is_error(type) && type != NK_ICMP_REDIRECT;
}

/* The address that the host would speak to the sender from. */
static __always_inline bool icmp4_choose_source(struct __sk_buff *skb, struct iphdr *answer)
{
	struct bpf_fib_lookup fib = {
		.family = AF_INET,
		.l4_protocol = IPPROTO_ICMP,
		.tot_len = sizeof(struct nk_icmp_error),
		.ifindex = skb->ifindex,
		.ipv4_dst = answer->daddr,
	};

	if (bpf_fib_lookup(skb, &fib, sizeof(fib),
			   BPF_FIB_LOOKUP_OUTPUT | NK_FIB_LOOKUP_SKIP_NEIGH | NK_FIB_LOOKUP_SRC))
		return false;
	answer->saddr = fib.ipv4_src;
	return true;
}

static __always_inline bool icmp4_write(struct __sk_buff *skb, __u32 l3_offset,
					const struct iphdr *ip, __u8 type, __u8 code, __u32 info)
{
	__u32 quote_len =
		skb->len - l3_offset < NK_ICMP_QUOTE_MAX ? NK_ICMP_QUOTE_MIN : NK_ICMP_QUOTE_MAX;
	__u32 len = offsetof(struct nk_icmp_error, quote) + quote_len, key = 0;
	struct nk_icmp_error *answer = bpf_map_lookup_elem(&icmp4_answers, &key);

	if (!answer)
		return false;
	*answer = (struct nk_icmp_error){
		.ip.version = 4,
		.ip.ihl = sizeof(*ip) / 4,
		.ip.tos = NK_ICMP_TOS,
		.ip.tot_len = bpf_htons(len),
		.ip.ttl = NK_ICMP_TTL,
		.ip.protocol = IPPROTO_ICMP,
		.ip.daddr = ip->saddr,
		.type = type,
		.code = code,
		.info = bpf_htonl(info),
	};
	quote_len = icmp_len(quote_len, NK_ICMP_QUOTE_MIN, NK_ICMP_QUOTE_MAX);
	if (bpf_skb_load_bytes(skb, l3_offset, answer->quote, quote_len) ||
	    !icmp4_choose_source(skb, &answer->ip))
		return false;
	len = icmp_len(len, sizeof(*answer) - NK_ICMP_QUOTE_MAX, sizeof(*answer));
	answer->ip.check = checksum_of(&answer->ip, sizeof(answer->ip), 0);
	answer->checksum = checksum_of(&answer->type, len - sizeof(answer->ip), 0);
	return icmp_resize(skb, l3_offset + len) &&
	       !bpf_skb_store_bytes(skb, l3_offset, answer, len, 0);
}

/**
 * icmp4_answer - a translated packet without options can't go on: tell its sender.
 * @info: the MTU in bytes, of NK_ICMP_FRAGMENTATION_NEEDED; 0 for others
 *
 * Verified by itself. Returns a verdict.
 */
__noinline int icmp4_answer(struct __sk_buff *skb, __u32 l3_offset, __u32 type, __u32 code,
			    __u32 info)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, l3_offset, &ip, sizeof(ip)) ||
	    !icmp4_may_answer(skb, l3_offset, &ip) || icmp_is_too_often() ||
	    !icmp4_write(skb, l3_offset, &ip, type, code, info) ||
	    (l3_offset && !icmp_frame_turn(skb, ETH_P_IP)))
		return drop(NK_DROP_NO_ANSWER);
	return bpf_redirect(skb->ifindex, 0);
}

#endif
