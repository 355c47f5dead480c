/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The port that a flow gets: one that no other flow to the same destination has, no socket of the
 * host, and nobody who publishes it.
 *
 * Theory of operation: two CPUs with the first packets of one flow find out by the reply's key,
 * which has the port in it, and which only one of them can insert.
 */
#ifndef NKCTL_BPF_FLOW_PORT_H
#define NKCTL_BPF_FLOW_PORT_H

#include <linux/errno.h>

#include "flow.h"

/* Ports tried for a flow. */
#define NK_PORT_TRIES 32

/* Mixes the secret in, so that nobody outside can tell the port of a flow that he knows of. */
static __always_inline __u64 flow_hash(const struct nk_flow_key *key, __u64 secret)
{
	const __u64 *words = (const void *)key;
	__u64 hash = secret;

	for (unsigned int i = 0; i < sizeof(*key) / sizeof(*words); i++) {
		hash = (hash ^ words[i]) * NK_HASH_FACTOR;
		hash ^= hash >> 32;
	}
	return hash;
}

/* Asks for the socket that gets a packet. Returns the question's size. */
static __always_inline __u32 socket_question(struct bpf_sock_tuple *tuple,
					     const struct nk_flow_key *key)
{
	if (key_is_v4(key)) {
		tuple->ipv4.saddr = key->saddr.words[3];
		tuple->ipv4.daddr = key->daddr.words[3];
		tuple->ipv4.sport = key->sport;
		tuple->ipv4.dport = key->dport;
		return sizeof(tuple->ipv4);
	}
	__builtin_memcpy(tuple->ipv6.saddr, &key->saddr, sizeof(key->saddr));
	__builtin_memcpy(tuple->ipv6.daddr, &key->daddr, sizeof(key->daddr));
	tuple->ipv6.sport = key->sport;
	tuple->ipv6.dport = key->dport;
	return sizeof(tuple->ipv6);
}

/*
 * Whether a socket of the host would take what comes in for a port: no flow may have it.
 * @tuple: zeroes, room for the question
 */
static __always_inline bool host_has_socket(struct __sk_buff *skb, const struct nk_flow_key *key,
					    struct bpf_sock_tuple *tuple)
{
	__u32 size = socket_question(tuple, key);
	struct bpf_sock *sock = NULL;

	if (key->protocol == IPPROTO_TCP)
		sock = bpf_skc_lookup_tcp(skb, tuple, size, BPF_F_CURRENT_NETNS, 0);
	else if (key->protocol == IPPROTO_UDP)
		sock = bpf_sk_lookup_udp(skb, tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sock)
		return false;
	bpf_sk_release(sock);
	return true;
}

/* Whether a packet that comes in is for a socket of the host's that speaks with its sender. */
static __always_inline bool host_is_connected(struct __sk_buff *skb, const struct nk_flow_key *key)
{
	struct bpf_sock_tuple tuple = { 0 };
	__u32 size = socket_question(&tuple, key);
	struct bpf_sock *sock = NULL;
	bool connected;

	if (key->protocol == IPPROTO_TCP)
		sock = bpf_sk_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else if (key->protocol == IPPROTO_UDP)
		sock = bpf_sk_lookup_udp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sock)
		return false;
	connected = sock->state != BPF_TCP_LISTEN && sock->state != BPF_TCP_CLOSE;
	bpf_sk_release(sock);
	return connected;
}

/* Whether a port of the host is published: what comes in for it isn't an answer. */
static __always_inline bool port_is_published(struct nk_flow_plan *plan)
{
	plan->port.addr = plan->reply_key.daddr;
	plan->port.port = plan->reply_key.dport;
	plan->port.protocol = plan->reply_key.protocol;
	return published_lookup(&plan->port);
}

static __always_inline bool protocol_has_ports(__u8 protocol)
{
	return protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6;
}

/* Whether another flow is over, and of those who see that at once this one is to have its key. */
static __always_inline bool reply_take_over(struct nk_flow_plan *plan, struct nk_flow *other)
{
	__u64 seen_ns = other->seen_ns;

	if (!flow_is_expired(&plan->reply_key, other, plan->now_ns, true) &&
	    !(plan->takes_finished && flow_is_finished(&plan->reply_key, other, plan)))
		return false;
	return __sync_val_compare_and_swap(&other->seen_ns, seen_ns, plan->now_ns) == seen_ns;
}

static __always_inline enum nk_claim reply_claim(struct nk_flow_plan *plan)
{
	struct nk_flow *other;
	long result;

	flow_diffs_set(&plan->reply, &plan->reply_key);
	result = bpf_map_update_elem(&flows, &plan->reply_key, &plan->reply, BPF_NOEXIST);
	if (result == -EEXIST) {
		other = bpf_map_lookup_elem(&flows, &plan->reply_key);
		if (!other)
			return NK_CLAIM_TAKEN;
		if (other->owner == plan->reply.owner && key_equal(&other->to, &plan->reply.to)) {
			/* Another CPU's work, or what was left of this flow: the same entry. */
			result = bpf_map_update_elem(&flows, &plan->reply_key, &plan->reply,
						     BPF_ANY);
		} else {
			if (!reply_take_over(plan, other))
				return NK_CLAIM_TAKEN;
			(void)flow_delete(&plan->reply_key);
			result = bpf_map_update_elem(&flows, &plan->reply_key, &plan->reply,
						     BPF_NOEXIST);
			if (result == -EEXIST)
				return NK_CLAIM_TAKEN;
		}
	}
	return result ? NK_CLAIM_NO_ROOM : NK_CLAIM_MADE;
}

/* One step of the search for a port. Returns 1 to end it. */
static long port_try(__u32 i, struct __sk_buff **skb)
{
	struct nk_flow_plan *plan = flow_plan_get();
	const struct nk_nat *settings = nat_settings();
	__u32 size;

	if (!plan || !settings || settings->port_max < settings->port_min)
		return 1;
	size = settings->port_max - settings->port_min + 1;
	if (size > NK_ICMP_IDS_MAX && !protocol_has_ports(plan->key.protocol))
		size = NK_ICMP_IDS_MAX;
	plan->original.to.sport = bpf_htons(settings->port_min + (plan->port_offset + i) % size);
	plan->reply_key.dport = plan->original.to.sport;
	if (port_is_published(plan) || host_has_socket(*skb, &plan->reply_key, &plan->tuple))
		return 0;
	plan->claim = reply_claim(plan);
	return plan->claim != NK_CLAIM_TAKEN;
}

/*
 * Where each port that is tried is taken, a finished connection gives its own away, as netfilter's
 * does (nf_nat_used_tuple_harder(), net/netfilter/nf_nat_core.c). It waited for segments that are
 * late; the remote host tells those from a new connection's (RFC 6191).
 */
static __always_inline void port_choose(struct __sk_buff *skb, struct nk_flow_plan *plan)
{
	(void)bpf_loop(NK_PORT_TRIES, port_try, &skb, 0);
	if (plan->claim != NK_CLAIM_TAKEN)
		return;
	plan->takes_finished = true;
	(void)bpf_loop(NK_PORT_TRIES, port_try, &skb, 0);
}

#endif
