// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The witness: notes what the host's stack brings to containers. See forwarded.h.
 *
 * An object of its own: as collect.bpf.c. The programs are on netfilter's hooks of the network
 * namespace that they were attached in, the host's; packets have their new destination there.
 */
#include "address.h"
#include "endpoint_maps.h"
#include "forwarded.h"
#include <bpf/bpf_core_read.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What is read of the kernel's structures; CO-RE finds the fields' places. */
struct sk_buff {
	unsigned long _nfct;
} __attribute__((preserve_access_index));

/* What a program on a netfilter hook gets (include/linux/bpf.h there). */
struct nf_hook_state;
struct bpf_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
};

/* Linux 6.4, commit 05421aecd4ed; the packet begins with its IP header. */
extern int bpf_dynptr_from_skb(struct sk_buff *skb, __u64 flags,
			       struct bpf_dynptr *ret_packet) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *packet, __u32 offset, void *buffer,
			      __u32 buffer_size) __ksym;

/* What of it isn't the connection's address (NFCT_PTRMASK in include/linux/skbuff.h). */
#define NK_NFCT_INFO_MASK 7UL

/* NF_ACCEPT of linux/netfilter.h, which wants <netinet/in.h>. */
#define NK_NF_ACCEPT 1

/* Without conntrack nobody has changed anything that would have to be changed back. */
static __always_inline bool conntrack_knows(const struct sk_buff *skb)
{
	return bpf_core_field_exists(skb->_nfct) && skb->_nfct & ~NK_NFCT_INFO_MASK;
}

/* The protocols of which portmap and its like publish ports, SCTP aside. */
static __always_inline bool protocol_is_witnessed(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static __always_inline void note(const struct nk_flow_key *key)
{
	__u32 nothing = 0, zero = 0, *any = bpf_map_lookup_elem(&forwarded_any, &zero);

	if (bpf_map_lookup_elem(&forwarded, key))
		return;
	(void)bpf_map_update_elem(&forwarded, key, &nothing, BPF_ANY); /* best effort */
	if (any)
		*any = 1;
}

/* @key has the answer's addresses: the ports are the packet's, turned round. */
static __always_inline void forward_note(const struct bpf_dynptr *packet, __u32 offset,
					 struct nk_flow_key *key)
{
	__be16 buffer[2], *ports = bpf_dynptr_slice(packet, offset, buffer, sizeof(buffer));

	if (!ports)
		return;
	key->sport = ports[1];
	key->dport = ports[0];
	note(key);
}

static __always_inline void forward_see_v4(const struct bpf_dynptr *packet)
{
	struct iphdr buffer, *ip = bpf_dynptr_slice(packet, 0, &buffer, sizeof(buffer));
	struct nk_flow_key key = { 0 };
	__be32 daddr;

	if (!ip || !protocol_is_witnessed(ip->protocol))
		return;
	daddr = ip->daddr;
	if (!bpf_map_lookup_elem(&endpoints_v4, &daddr))
		return;
	key.saddr = ip_from_v4(daddr);
	key.daddr = ip_from_v4(ip->saddr);
	key.protocol = ip->protocol;
	forward_note(packet, ip->ihl * 4, &key);
}

static __always_inline void forward_see_v6(const struct bpf_dynptr *packet)
{
	struct ipv6hdr buffer, *ip6 = bpf_dynptr_slice(packet, 0, &buffer, sizeof(buffer));
	struct nk_flow_key key = { 0 };
	struct in6_addr daddr;

	if (!ip6 || !protocol_is_witnessed(ip6->nexthdr))
		return;
	daddr = ip6->daddr;
	if (!bpf_map_lookup_elem(&endpoints_v6, &daddr))
		return;
	key.saddr = ip_from_v6(&daddr);
	key.daddr = ip_from_v6(&ip6->saddr);
	key.protocol = ip6->nexthdr;
	forward_note(packet, sizeof(*ip6), &key);
}

SEC("netfilter")
int nk_forward_v4(struct bpf_nf_ctx *ctx)
{
	struct bpf_dynptr packet;

	if (conntrack_knows(ctx->skb) && !bpf_dynptr_from_skb(ctx->skb, 0, &packet))
		forward_see_v4(&packet);
	return NK_NF_ACCEPT;
}

SEC("netfilter")
int nk_forward_v6(struct bpf_nf_ctx *ctx)
{
	struct bpf_dynptr packet;

	if (conntrack_knows(ctx->skb) && !bpf_dynptr_from_skb(ctx->skb, 0, &packet))
		forward_see_v6(&packet);
	return NK_NF_ACCEPT;
}
