/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a packet's destination is: the host's own address, and a published port of it. */
#ifndef NKCTL_BPF_PUBLISHED_H
#define NKCTL_BPF_PUBLISHED_H

#include "flow.h"

/*
 * Whether a packet isn't to be forwarded: it is the host's own, or nobody's. The lookup tells no
 * local address from an absent route, nor from any where the device doesn't forward.
 */
__noinline int destination_is_not_forwarded(struct __sk_buff *skb, const struct nk_flow_key *key)
{
	struct bpf_fib_lookup fib = { .tot_len = sizeof(struct ipv6hdr), .ifindex = skb->ifindex };
	long result;

	if (!key)
		return false;
	fib.family = key_is_v4(key) ? AF_INET : AF_INET6;
	fib.l4_protocol = key->protocol;
	if (key_is_v4(key)) {
		fib.ipv4_src = key->saddr.words[3];
		fib.ipv4_dst = key->daddr.words[3];
	} else {
		__builtin_memcpy(fib.ipv6_src, &key->saddr, sizeof(fib.ipv6_src));
		__builtin_memcpy(fib.ipv6_dst, &key->daddr, sizeof(fib.ipv6_dst));
	}
	result = bpf_fib_lookup(skb, &fib, sizeof(fib), NK_FIB_LOOKUP_SKIP_NEIGH);
	return result == BPF_FIB_LKUP_RET_NOT_FWDED || result == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

/**
 * published_find - where the destination of a packet is published to: the port of that address, or
 * of any of the host's. Not by the dead, nor at an address that the host no longer has.
 */
static __always_inline const struct nk_published *published_find(struct __sk_buff *skb,
								 const struct nk_flow_key *key)
{
	struct nk_port port = {
		.addr = key->daddr,
		.port = key->dport,
		.protocol = key->protocol,
	};
	const struct nk_published *to = published_lookup(&port);

	return to && published_endpoint(to) && destination_is_not_forwarded(skb, key) ? to : NULL;
}

#endif
