/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMPv6 errors (RFC 4443) for packets that can't go on.
 *
 * Theory of operation: the stack answers as Linux does, if it forwards at all. In IPv6 that's
 * decided by the global switch, which is not ours to turn, or from 6.17 on by the device's
 * force_forwarding, which the loader turns on (ip6_forward() in net/ipv6/ip6_output.c). On an
 * earlier kernel the stack would drop the packet in silence: there the programs forward what needs
 * no answer, and write the answers themselves, so that traceroute and path MTU discovery work.
 */
#ifndef NKCTL_BPF_ICMP6_H
#define NKCTL_BPF_ICMP6_H

#include "drop.h"
#include "icmp.h"
#include "ipv6.h"
#include "nd.h"

/* Types (RFC 4443, section 2.1): errors are below all others. */
#define NK_ICMP6_UNREACHABLE    1
#define NK_ICMP6_PACKET_TOO_BIG 2
#define NK_ICMP6_TIME_EXCEEDED  3
#define NK_ICMP6_ECHO_REQUEST   128

/* A code of unreachable (section 3.1). */
#define NK_ICMP6_ADDRESS_UNREACHABLE 3

/*
 * How much of a packet its error quotes: what Linux looks at (icmpv6_notify() in net/ipv6/icmp.c),
 * with room for extension headers where the packet is that long.
 */
#define NK_ICMP6_QUOTE_MIN 48
#define NK_ICMP6_QUOTE_MAX 96

struct nk_icmp6_error {
	struct ipv6hdr ip6;
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be32 info; /* the MTU, or zero */
	__u8 quote[NK_ICMP6_QUOTE_MAX];
};

/* The answer under way: no stack has room for it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nk_icmp6_error);
} icmp6_answers SEC(".maps");

/* Or like one: a redirect, and a later fragment, of which the type isn't known. */
static __always_inline bool icmp6_is_error(const struct nk_upper *upper)
{
	return upper->protocol == IPPROTO_ICMPV6 &&
	       (upper->icmpv6_type < NK_ICMP6_ECHO_REQUEST || upper->icmpv6_type == NK_ND_REDIRECT);
}

/* Nobody is told of an error's error, nor is more than one host (section 2.4 e). */
static __always_inline bool icmp6_may_answer(struct __sk_buff *skb, __u32 l3_offset,
					     const struct ipv6hdr *ip6)
{
	struct nk_upper upper = { .offset = l3_offset + sizeof(*ip6), .protocol = ip6->nexthdr };

	if (ipv6_is_multicast(&ip6->saddr) || ipv6_is_unspecified(&ip6->saddr) ||
	    ipv6_is_multicast(&ip6->daddr))
		return false;
	if (ipv6_extensions_parse(skb, &upper) != NK_KEEP)
		return false;
	return !icmp6_is_error(&upper);
}

/*
 * The address that the host would speak to the sender from. Without a length the lookup would take
 * the packet's.
 */
static __always_inline bool icmp6_choose_source(struct __sk_buff *skb, struct ipv6hdr *answer)
{
	struct bpf_fib_lookup fib = {
		.family = AF_INET6,
		.l4_protocol = IPPROTO_ICMPV6,
		.tot_len = sizeof(struct nk_icmp6_error),
		.ifindex = skb->ifindex,
	};

	__builtin_memcpy(fib.ipv6_dst, &answer->daddr, sizeof(fib.ipv6_dst));
	if (bpf_fib_lookup(skb, &fib, sizeof(fib),
			   BPF_FIB_LOOKUP_OUTPUT | NK_FIB_LOOKUP_SKIP_NEIGH | NK_FIB_LOOKUP_SRC))
		return false;
	__builtin_memcpy(&answer->saddr, fib.ipv6_src, sizeof(answer->saddr));
	return true;
}

/* Turns a packet into the error about it. Pointers into the packet are invalid afterwards. */
static __always_inline bool icmp6_write(struct __sk_buff *skb, __u32 l3_offset,
					const struct ipv6hdr *ip6, __u8 type, __u32 info)
{
	__u32 quote_len =
		skb->len - l3_offset < NK_ICMP6_QUOTE_MAX ? NK_ICMP6_QUOTE_MIN : NK_ICMP6_QUOTE_MAX;
	__u32 len = offsetof(struct nk_icmp6_error, quote) + quote_len, key = 0;
	__u32 message_len = len - sizeof(*ip6);
	struct nk_icmp6_error *answer = bpf_map_lookup_elem(&icmp6_answers, &key);

	if (!answer)
		return false;
	*answer = (struct nk_icmp6_error){
		.ip6.version = 6,
		.ip6.payload_len = bpf_htons(message_len),
		.ip6.nexthdr = IPPROTO_ICMPV6,
		.ip6.hop_limit = NK_ICMP_TTL,
		.ip6.daddr = ip6->saddr,
		.type = type,
		.code = type == NK_ICMP6_UNREACHABLE ? NK_ICMP6_ADDRESS_UNREACHABLE : 0,
		.info = bpf_htonl(info),
	};
	quote_len = icmp_len(quote_len, NK_ICMP6_QUOTE_MIN, NK_ICMP6_QUOTE_MAX);
	if (bpf_skb_load_bytes(skb, l3_offset, answer->quote, quote_len) ||
	    !icmp6_choose_source(skb, &answer->ip6))
		return false;
	len = icmp_len(len, sizeof(*answer) - NK_ICMP6_QUOTE_MAX, sizeof(*answer));
	answer->checksum = ipv6_checksum(&answer->ip6.saddr, message_len, IPPROTO_ICMPV6);
	return icmp_resize(skb, l3_offset + len) &&
	       !bpf_skb_store_bytes(skb, l3_offset, answer, len, 0);
}

/*
 * Out of line and verified by itself, for it is called in several places and seldom. Returns a
 * verdict.
 */
__noinline int icmp6_answer(struct __sk_buff *skb, __u32 l3_offset, __u32 type, __u32 info)
{
	struct ipv6hdr ip6;

	if (bpf_skb_load_bytes(skb, l3_offset, &ip6, sizeof(ip6)) ||
	    !icmp6_may_answer(skb, l3_offset, &ip6) || icmp_is_too_often() ||
	    !icmp6_write(skb, l3_offset, &ip6, type, info) ||
	    (l3_offset && !icmp_frame_turn(skb, ETH_P_IPV6)))
		return drop(NK_DROP_NO_ANSWER);
	return bpf_redirect(skb->ifindex, 0);
}

/**
 * ipv6_refuse - a packet can't go on: let the stack tell its sender, or do.
 * @type: NK_ICMP6_PACKET_TOO_BIG or NK_ICMP6_TIME_EXCEEDED
 * @mtu: in bytes; 0 for the other
 */
static __always_inline int ipv6_refuse(struct __sk_buff *skb, enum nk_hook hook, __u8 type,
				       __u32 mtu)
{
	if (nk_config.stack_forwards_ipv6)
		return NK_STACK;
	return icmp6_answer(skb, l3_offset(hook), type, mtu);
}

#endif
