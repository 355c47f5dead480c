/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What translation has to know of a packet: which flow it is of. */
#ifndef NKCTL_BPF_NAT_PACKET_H
#define NKCTL_BPF_NAT_PACKET_H

#include "flow.h"
#include "icmp6.h"
#include "ipv4.h"
#include "ipv6.h"

/* ICMP (RFC 792) and ICMPv6 (RFC 4443). */
#define NK_ICMP_ECHO_REPLY        0
#define NK_ICMP_UNREACHABLE       3
#define NK_ICMP_ECHO_REQUEST      8
#define NK_ICMP_TIME_EXCEEDED     11
#define NK_ICMP_PARAMETER_PROBLEM 12
#define NK_ICMP6_ECHO_REPLY       129

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
 */
struct nk_nat_packet {
	struct nk_flow_key key;
	__be32 fragment_id;
	enum nk_nat_kind kind;
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

static __always_inline struct nk_ip ip_from_v4(__be32 addr)
{
	return (struct nk_ip){ .words = { 0, 0, bpf_htonl(0xffff), addr } };
}

static __always_inline struct nk_ip ip_from_v6(const struct in6_addr *addr)
{
	return (struct nk_ip){ .words = { addr->s6_addr32[0], addr->s6_addr32[1],
					  addr->s6_addr32[2], addr->s6_addr32[3] } };
}

static __always_inline bool icmp_is_error(__u8 type, __u8 protocol)
{
	if (protocol == IPPROTO_ICMPV6)
		return type < NK_ICMP6_ECHO_REQUEST;
	return type == NK_ICMP_UNREACHABLE || type == NK_ICMP_TIME_EXCEEDED ||
	       type == NK_ICMP_PARAMETER_PROBLEM;
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

/* What is too seldom to be read in place: ICMP and SCTP. */
static __always_inline enum nk_nat_kind key_set_seldom(struct __sk_buff *skb, __u32 offset,
						       struct nk_flow_key *key)
{
	union {
		struct nk_icmp icmp;
		__be16 ports[2];
	} header;

	if (key->protocol != IPPROTO_ICMP && key->protocol != IPPROTO_ICMPV6 &&
	    key->protocol != IPPROTO_SCTP)
		return NK_NAT_OTHER;
	if (bpf_skb_load_bytes(skb, offset, &header, sizeof(header)))
		return NK_NAT_OTHER;
	if (key->protocol != IPPROTO_SCTP)
		return key_set_icmp(key, &header.icmp);
	key->sport = header.ports[0];
	key->dport = header.ports[1];
	return NK_NAT_PLAIN;
}

/**
 * nat_packet_ports - fill in what the upper layer's header says.
 * @header: of TCP or UDP, in place, with NK_UPPER_LEN bytes at least
 */
static __always_inline void nat_packet_ports(struct __sk_buff *skb, struct nk_linear linear,
					     const void *header, __u32 offset,
					     struct nk_nat_packet *packet)
{
	const __u8 *flags = header + NK_TCP_FLAGS_OFFSET;
	__u8 protocol = packet->key.protocol;

	if (likely(protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)) {
		*(__u32 *)&packet->key.sport = *(const __u32 *)header;
		packet->kind = NK_NAT_PLAIN;
		if (protocol == IPPROTO_TCP && (void *)(flags + 1) <= linear.end)
			packet->tcp_flags = *flags;
		return;
	}
	packet->kind = key_set_seldom(skb, offset, &packet->key);
}

/* nat_packet_v4 - @ip has no options, and what is behind it is in place as far as it's read. */
static __always_inline void nat_packet_v4(struct __sk_buff *skb, struct nk_linear linear,
					  const struct iphdr *ip, __u32 offset,
					  struct nk_nat_packet *packet)
{
	*packet = (struct nk_nat_packet){
		.key.saddr = ip_from_v4(ip->saddr),
		.key.daddr = ip_from_v4(ip->daddr),
		.key.protocol = ip->protocol,
	};
	packet->is_fragment = ipv4_is_fragment(ip);
	packet->fragment_id = ip->id;
	if (unlikely(ipv4_is_later_fragment(ip)))
		packet->kind = NK_NAT_LATER;
	else if (likely((void *)(ip + 1) + NK_UPPER_LEN <= linear.end))
		nat_packet_ports(skb, linear, ip + 1, offset, packet);
}

/* nat_packet_v6 - @upper as ipv6_parse() leaves it. */
static __always_inline void nat_packet_v6(struct __sk_buff *skb, struct nk_linear linear,
					  const struct ipv6hdr *ip6, const struct nk_upper *upper,
					  struct nk_nat_packet *packet)
{
	*packet = (struct nk_nat_packet){
		.key.saddr = ip_from_v6(&ip6->saddr),
		.key.daddr = ip_from_v6(&ip6->daddr),
		.key.protocol = upper->protocol,
	};
	packet->is_fragment = upper->is_fragment;
	packet->fragment_id = upper->fragment_id;
	if (unlikely(upper->is_later)) {
		packet->kind = NK_NAT_LATER;
	} else if (likely(ip6->nexthdr == upper->protocol)) {
		if ((void *)(ip6 + 1) + NK_UPPER_LEN <= linear.end)
			nat_packet_ports(skb, linear, ip6 + 1, upper->offset, packet);
	} else if (upper->protocol == IPPROTO_TCP || upper->protocol == IPPROTO_UDP) {
		packet->key.sport = upper->sport;
		packet->key.dport = upper->dport;
		packet->kind = NK_NAT_PLAIN;
	} else {
		packet->kind = key_set_seldom(skb, upper->offset, &packet->key);
	}
}

static __always_inline struct nk_fragment fragment_of(const struct nk_nat_packet *packet,
						      __u32 sender)
{
	return (struct nk_fragment){
		.saddr = packet->key.saddr,
		.daddr = packet->key.daddr,
		.id = packet->fragment_id,
		.sender = sender,
		.protocol = packet->key.protocol,
	};
}

/* Lets the later fragments of the packet at work find its flow. */
__noinline int fragment_note(__u32 sender)
{
	const struct nk_nat_packet *packet = nat_packet_get();
	struct nk_fragment fragment;

	if (!packet)
		return 0;
	fragment = fragment_of(packet, sender);
	/* Without memory for it the later ones are dropped, and counted. */
	(void)bpf_map_update_elem(&fragments, &fragment, &packet->key, BPF_ANY);
	return 0;
}

/* The key of a later fragment becomes the first one's, if that was seen. */
__noinline int fragment_recall(__u32 sender)
{
	struct nk_nat_packet *packet = nat_packet_get();
	struct nk_fragment fragment;
	const struct nk_flow_key *key;

	if (!packet)
		return 0;
	fragment = fragment_of(packet, sender);
	key = bpf_map_lookup_elem(&fragments, &fragment);
	if (key)
		packet->key = *key;
	return 0;
}

/**
 * packet_flow - the flow that a packet belongs to.
 * @sender: primary that it comes from; 0: an uplink. What comes from outside doesn't bring an
 *	expired flow back
 */
static __always_inline struct nk_flow *packet_flow(const struct nk_nat_packet *packet, __u32 sender)
{
	struct nk_flow *flow;

	if (unlikely(packet->kind == NK_NAT_OTHER || packet->kind == NK_NAT_ERROR))
		return NULL;
	if (unlikely(packet->kind == NK_NAT_LATER))
		(void)fragment_recall(sender);
	flow = flow_find(&packet->key, sender);
	return flow && (sender || !flow_is_over(flow)) ? flow : NULL;
}

/* packet_count - what a packet adds to its direction of a flow. */
static __always_inline void packet_count(struct __sk_buff *skb, const struct nk_nat_packet *packet,
					 struct nk_flow *flow)
{
	if (packet->key.protocol == IPPROTO_TCP)
		flow_track_tcp(flow, &packet->key, packet->tcp_flags);
	flow->seen_ns = bpf_ktime_get_coarse_ns();
	flow->packets += 1;
	flow->bytes += skb->len;
	if (unlikely(packet->is_fragment && packet->kind != NK_NAT_LATER))
		(void)fragment_note(flow->sender);
}

#endif
