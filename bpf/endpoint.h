/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Container addresses of this node: who owns one, and the way to it. */
#ifndef NKCTL_BPF_ENDPOINT_H
#define NKCTL_BPF_ENDPOINT_H

#include "drop.h"
#include "frame.h"
#include "maps.h"
#include "parse.h"

/* Keys are read in the packet itself. */
static __always_inline struct nk_endpoint *endpoint_find_v4(const __be32 *addr)
{
	return bpf_map_lookup_elem(&endpoints_v4, addr);
}

static __always_inline struct nk_endpoint *endpoint_find_v6(const struct in6_addr *addr)
{
	return bpf_map_lookup_elem(&endpoints_v6, addr);
}

/* Whether the container that sent the packet owns the address that @endpoint was found by. */
static __always_inline bool endpoint_is_sender(const struct nk_endpoint *endpoint,
					       struct __sk_buff *skb)
{
	return endpoint && endpoint->ifindex == skb->ifindex;
}

/* Whether the packet, or each of its segments, is one that the container's end takes. */
static __always_inline bool endpoint_takes(const struct nk_endpoint *endpoint,
					   struct __sk_buff *skb, __u32 l3_offset,
					   const struct nk_upper *upper)
{
	return packet_fits(skb, l3_offset, upper, endpoint->ifindex, endpoint->mtu);
}

/* A device without MAC headers gave the packet; the container's end is an Ethernet device. */
static __always_inline struct ethhdr *frame_push(struct __sk_buff *skb)
{
	struct ethhdr *eth;

	if (bpf_skb_change_head(skb, ETH_HLEN, 0))
		return NULL;
	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return NULL;
	eth->h_proto = skb->protocol;
	return eth;
}

/**
 * endpoint_redirect_by - send a packet, of which TTL and size are settled, into a container.
 * @by_primary: transmitted by its primary, rather than put into its namespace
 *
 * bpf_redirect_peer() puts it into the container's namespace at once, but only from tc ingress
 * (skb_do_redirect() in net/core/filter.c); from netkit it's transmitted by the primary, and so it
 * is where that paces what goes into the container (pace.bpf.c). Pointers into the packet are
 * invalid afterwards.
 */
static __always_inline int endpoint_redirect_by(const struct nk_endpoint *endpoint,
						struct __sk_buff *skb, void *data,
						enum nk_hook hook, bool by_primary)
{
	struct ethhdr *eth = hook == NK_HOOK_TCX_L3 ? frame_push(skb) : data;

	if (hook == NK_HOOK_TCX_L3 && !eth)
		return NK_STACK; /* no memory: the stack may have some, and takes another hop */
	mac_pair_copy(eth, endpoint->mac);
	return by_primary ? bpf_redirect(endpoint->ifindex, 0)
			  : bpf_redirect_peer(endpoint->ifindex, 0);
}

/* endpoint_redirect - the same, by its primary where that paces, or nothing else goes. */
static __always_inline int endpoint_redirect(const struct nk_endpoint *endpoint,
					     struct __sk_buff *skb, void *data, enum nk_hook hook)
{
	return endpoint_redirect_by(endpoint, skb, data, hook,
				    hook == NK_HOOK_NETKIT ||
					    unlikely(endpoint->flags & NK_ENDPOINT_PACED));
}

/* endpoint_redirect_again - the same, where the pointers into the packet are invalid. */
static __always_inline int endpoint_redirect_again(const struct nk_endpoint *endpoint,
						   struct __sk_buff *skb, enum nk_hook hook)
{
	struct nk_linear linear = linear_get(skb);

	if (linear.data + ETH_HLEN > linear.end)
		return drop(NK_DROP_TRUNCATED);
	return endpoint_redirect(endpoint, skb, linear.data, hook);
}

#endif
