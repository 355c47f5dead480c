/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What translation has to know of a packet: which flow it is of. */
#ifndef NKCTL_BPF_NAT_PACKET_H
#define NKCTL_BPF_NAT_PACKET_H

#include "flow.h"
#include "icmp4.h"
#include "icmp6.h"
#include "ipv4.h"
#include "ipv6.h"
#include "path.h"

#define NK_ICMP6_ECHO_REPLY 129 /* RFC 4443, section 4.2 */

/* Where TCP has its flags (RFC 9293, section 3.1). */
#define NK_TCP_FLAGS_OFFSET 13

struct nk_icmp {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be16 id; /* of echo */
	__be16 sequence;
};

/**
 * enum nk_nat_kind - packets as translation sees them.
 * @NK_NAT_OTHER: of a protocol that has no flows
 * @NK_NAT_PLAIN: may begin a flow
 * @NK_NAT_ANSWER: belongs to a flow that is there, or to none: an echo reply
 * @NK_NAT_LATER: a later fragment, without ports: belongs to the first one's flow
 * @NK_NAT_ERROR: an ICMP error: belongs to the flow of the packet that it quotes
 */
enum nk_nat_kind {
	NK_NAT_OTHER,
	NK_NAT_PLAIN,
	NK_NAT_ANSWER,
	NK_NAT_LATER,
	NK_NAT_ERROR,
};

/**
 * struct nk_nat_packet - a packet as translation sees it.
 * @key: which flow it is of; without ports where @kind is LATER, ERROR or OTHER
 * @kind: what it is
 * @tcp_flags: of TCP
 * @fragment_id: by which its fragments know each other, in fragments
 * @is_fragment: it is one, the first or a later
 * @upper_offset: of the upper layer's header, from the packet's beginning, in bytes
 * @now_ns: when its flow was found, see struct nk_flow
 * @path_slot: where its path is, or is to be kept, of a container's packet; see nat_undecided()
 */
struct nk_nat_packet {
	struct nk_flow_key key;
	__u64 now_ns;
	__be32 fragment_id;
	__u32 upper_offset;
	enum nk_nat_kind kind;
	__u32 path_slot;
	__u8 tcp_flags;
	bool is_fragment;
};

/* The packet at work: no stack has room for it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nk_nat_packet);
} nat_packets SEC(".maps");

static __always_inline struct nk_nat_packet *nat_packet_get(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&nat_packets, &key);
}

/* nat_undecided - leave a container's packet, with the place of its path, to translation. */
static __always_inline int nat_undecided(__u32 path_slot)
{
	struct nk_nat_packet *packet = nat_packet_get();

	if (packet)
		packet->path_slot = path_slot;
	return NK_UNDECIDED;
}

/*
 * The path that a container's packet takes, known or begun. A later fragment has none: it asks the
 * FIB with the first one's ports, that its own headers don't show.
 */
static __always_inline struct nk_path *nat_packet_path(const struct nk_nat_packet *packet)
{
	return packet->kind == NK_NAT_LATER ? NULL : path_at(packet->path_slot);
}

static __always_inline bool icmp_is_error(__u8 type, __u8 protocol)
{
	if (protocol == IPPROTO_ICMPV6)
		return type < NK_ICMP6_ECHO_REQUEST;
	return icmp4_is_error(type);
}

/* The identifier of an echo is its port: see struct nk_flow_key. */
static __always_inline enum nk_nat_kind key_set_icmp(struct nk_flow_key *key,
						     const struct nk_icmp *icmp)
{
	bool is_v6 = key->protocol == IPPROTO_ICMPV6;

	if (icmp_is_error(icmp->type, key->protocol))
		return NK_NAT_ERROR;
	if (icmp->type == (is_v6 ? NK_ICMP6_ECHO_REQUEST : NK_ICMP_ECHO_REQUEST)) {
		key->sport = icmp->id;
		return NK_NAT_PLAIN;
	}
	if (icmp->type == (is_v6 ? NK_ICMP6_ECHO_REPLY : NK_ICMP_ECHO_REPLY)) {
		key->dport = icmp->id;
		return NK_NAT_ANSWER;
	}
	return NK_NAT_OTHER;
}

/* Not in place; what isn't there is zero. */
static __always_inline void tcp_flags_load(struct __sk_buff *skb, struct nk_nat_packet *packet)
{
	(void)bpf_skb_load_bytes(skb, packet->upper_offset + NK_TCP_FLAGS_OFFSET,
				 &packet->tcp_flags, sizeof(packet->tcp_flags));
}

/*
 * The ports of the packet at work, and its kind, where it's too seldom to be read in place: ICMP,
 * SCTP, and anything behind extension headers. Verified by itself.
 */
__noinline int nat_packet_seldom(struct __sk_buff *skb)
{
	struct nk_nat_packet *packet = nat_packet_get();
	union {
		struct nk_icmp icmp;
		__be16 ports[2];
	} header;

	if (!packet || bpf_skb_load_bytes(skb, packet->upper_offset, &header, sizeof(header)))
		return 0;
	switch (packet->key.protocol) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		packet->kind = key_set_icmp(&packet->key, &header.icmp);
		return 0;
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		packet->key.sport = header.ports[0];
		packet->key.dport = header.ports[1];
		packet->kind = NK_NAT_PLAIN;
	}
	if (packet->key.protocol == IPPROTO_TCP)
		tcp_flags_load(skb, packet);
	return 0;
}

/* TCP and UDP are read in place, as nearly all is; @header is where they begin. */
static __always_inline void nat_packet_ports(struct __sk_buff *skb, struct nk_linear linear,
					     const void *header, struct nk_nat_packet *packet)
{
	const __u8 *flags = header + NK_TCP_FLAGS_OFFSET;
	__u8 protocol = packet->key.protocol;

	if (unlikely((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) ||
		     header + NK_UPPER_LEN > linear.end)) {
		(void)nat_packet_seldom(skb);
		return;
	}
	*(__u32 *)&packet->key.sport = *(const __u32 *)header;
	packet->kind = NK_NAT_PLAIN;
	if (protocol != IPPROTO_TCP)
		return;
	if (likely((void *)(flags + 1) <= linear.end))
		packet->tcp_flags = *flags;
	else
		tcp_flags_load(skb, packet);
}

/* nat_packet_v4 - fill in the packet at work. @ip has no options. */
static __always_inline void nat_packet_v4(struct __sk_buff *skb, struct nk_linear linear,
					  const struct iphdr *ip, __u32 l3_offset,
					  struct nk_nat_packet *packet)
{
	*packet = (struct nk_nat_packet){
		.key.saddr = ip_from_v4(ip->saddr),
		.key.daddr = ip_from_v4(ip->daddr),
		.key.protocol = ip->protocol,
		.fragment_id = ip->id,
		.upper_offset = l3_offset + sizeof(*ip),
		.path_slot = packet->path_slot,
	};
	packet->is_fragment = ipv4_is_fragment(ip);
	if (unlikely(ipv4_is_later_fragment(ip)))
		packet->kind = NK_NAT_LATER;
	else
		nat_packet_ports(skb, linear, ip + 1, packet);
}

/* Behind extension headers. Verified by itself. */
__noinline int nat_packet_extended(struct __sk_buff *skb)
{
	struct nk_nat_packet *packet = nat_packet_get();
	struct nk_upper upper = { 0 };

	if (!packet)
		return 0;
	upper.offset = packet->upper_offset;
	upper.protocol = packet->key.protocol;
	if (ipv6_extensions_find(skb, &upper) != NK_KEEP)
		return 0;
	packet->upper_offset = upper.offset;
	packet->key.protocol = upper.protocol;
	packet->is_fragment = upper.is_fragment;
	packet->fragment_id = upper.fragment_id;
	if (!upper.is_later)
		return nat_packet_seldom(skb);
	packet->kind = NK_NAT_LATER;
	return 0;
}

/* nat_packet_v6 - fill in the packet at work. */
static __always_inline void nat_packet_v6(struct __sk_buff *skb, struct nk_linear linear,
					  const struct ipv6hdr *ip6, __u32 l3_offset,
					  struct nk_nat_packet *packet)
{
	*packet = (struct nk_nat_packet){
		.key.saddr = ip_from_v6(&ip6->saddr),
		.key.daddr = ip_from_v6(&ip6->daddr),
		.key.protocol = ip6->nexthdr,
		.upper_offset = l3_offset + sizeof(*ip6),
		.path_slot = packet->path_slot,
	};
	if (unlikely(ipv6_is_extension(ip6->nexthdr)))
		(void)nat_packet_extended(skb);
	else
		nat_packet_ports(skb, linear, ip6 + 1, packet);
}

/* What the FIB is asked with, besides the addresses; before a fragment's key is the first one's. */
static __always_inline struct nk_upper nat_packet_upper(const struct nk_nat_packet *packet)
{
	struct nk_upper upper = { .offset = packet->upper_offset,
				  .protocol = packet->key.protocol };

	if (likely(upper.protocol == IPPROTO_TCP || upper.protocol == IPPROTO_UDP)) {
		upper.sport = packet->key.sport;
		upper.dport = packet->key.dport;
	}
	return upper;
}

/*
 * IPv6's fragments have but addresses and identifier in common (RFC 8200, section 4.5): what their
 * header names may be options, which the first one alone shows.
 */
static __always_inline struct nk_fragment fragment_of(const struct nk_nat_packet *packet,
						      __u32 sender)
{
	return (struct nk_fragment){
		.saddr = packet->key.saddr,
		.daddr = packet->key.daddr,
		.id = packet->fragment_id,
		.sender = sender,
		.protocol = key_is_v4(&packet->key) ? packet->key.protocol : 0,
	};
}

/* Lets the later fragments of the packet at work find its flow. */
__noinline int fragment_note(__u32 sender)
{
	const struct nk_nat_packet *packet = nat_packet_get();
	struct nk_fragment fragment;
	struct nk_fragment_flow flow;

	if (!packet || !packet->is_fragment)
		return 0;
	fragment = fragment_of(packet, sender);
	flow.key = packet->key;
	flow.seen_ns = bpf_ktime_get_coarse_ns();
	/* Without memory for it the later ones are dropped, and counted. */
	(void)bpf_map_update_elem(&fragments, &fragment, &flow, BPF_ANY);
	return 0;
}

/* A first fragment of no flow: what an earlier packet of that identifier was is of no account. */
__noinline int fragment_forget(__u32 sender)
{
	const struct nk_nat_packet *packet = nat_packet_get();
	struct nk_fragment fragment;

	if (!packet || !packet->is_fragment)
		return 0;
	fragment = fragment_of(packet, sender);
	(void)bpf_map_delete_elem(&fragments, &fragment); /* it may have none */
	return 0;
}

/* The key of a later fragment becomes the first one's. Returns false where that wasn't seen. */
__noinline int fragment_recall(__u32 sender)
{
	struct nk_nat_packet *packet = nat_packet_get();
	const struct nk_fragment_flow *flow;
	struct nk_fragment fragment;

	if (!packet)
		return false;
	fragment = fragment_of(packet, sender);
	flow = bpf_map_lookup_elem(&fragments, &fragment);
	if (!flow || bpf_ktime_get_coarse_ns() - flow->seen_ns > NK_FRAGMENT_LIFETIME * NK_NS_PER_S)
		return false;
	packet->key = flow->key;
	return true;
}

/**
 * packet_flow - the flow that a packet belongs to, other than an ICMP error.
 * @packet: learns from it: a later fragment gets the key of the first one, and a packet with a flow
 *	the time (now_ns)
 * @sender: primary that it comes from; 0: an uplink. What comes from outside doesn't bring an
 *	expired flow back
 */
static __always_inline struct nk_flow *packet_flow(struct nk_nat_packet *packet, __u32 sender)
{
	struct nk_flow *flow;

	if (unlikely(packet->kind == NK_NAT_OTHER))
		return NULL;
	if (unlikely(packet->kind == NK_NAT_LATER) && !fragment_recall(sender))
		return NULL;
	flow = flow_find(&packet->key, sender);
	if (!flow)
		return NULL;
	packet->now_ns = bpf_ktime_get_coarse_ns();
	return sender || !flow_is_over(&packet->key, flow, packet->now_ns) ? flow : NULL;
}

/* packet_count - what a packet adds to its direction of a flow. */
static __always_inline void packet_count(struct __sk_buff *skb, const struct nk_nat_packet *packet,
					 struct nk_flow *flow)
{
	if (packet->key.protocol == IPPROTO_TCP)
		flow_track_tcp(flow, &packet->key, packet->tcp_flags);
	flow->seen_ns = packet->now_ns;
	flow->packets += 1;
	flow->bytes += skb->len;
	if (unlikely(packet->is_fragment && packet->kind != NK_NAT_LATER))
		(void)fragment_note(flow->sender);
}

#endif
