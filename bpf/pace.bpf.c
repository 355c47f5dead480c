// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What holds an endpoint to a rate. Loaded once for each endpoint and direction that has one; all
 * others don't know of it.
 *
 * Theory of operation: a packet's turn comes when those before it have gone at the rate. nk_pace
 * writes that moment into the packet, as its earliest departure time, and the qdisc fq behind it
 * lets the packet go then: no class, no bucket and no lock but that of the queue (Van Jacobson,
 * "Evolving from AFAP", netdev 0x12; tools/testing/selftests/bpf/progs/test_tc_edt.c in Linux). It
 * runs in the transmit of the device that is left: the host's end, for what goes into the
 * container; the container's end, for what comes out, so that the sockets feel the queue. A packet
 * whose turn is too far ahead is dropped: the sender is faster than the limit, and nothing else
 * tells it.
 *
 * Where the kernel has no fq, the qdisc is tbf with the same rate and burst, which doesn't look at
 * the time: the two keep the same account, and this one still says what is too much.
 *
 * Root of a container may take the qdisc of its own end away, so nk_police looks at what has left
 * it, at the hook that is the host's, before the program that forwards. It drops what is more than
 * the rate, and has nothing to do as long as the qdisc works.
 *
 * Of a rate there is one state, the moment at which the next packet's turn is, and all CPUs share
 * it: each takes its turn by one atomic addition.
 */
#include "drop.h"
#include <nkctl/pace.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* In a section of its own, so that its map holds this and nothing the compiler adds. */
SEC(".rodata.pace") const volatile struct nk_pace nk_pace_config = { .rate_bps = 1 };

__u64 pace_next_ns = 0;
__u64 police_next_ns = 0;

/*
 * How much later than its turn a packet may leave the qdisc, timer and CPU being busy, and those
 * behind it all the same at theirs.
 */
#define NK_POLICE_SLACK_NS (100 * 1000000ULL)

/* Headers of each segment: Ethernet, IP, and TCP with the timestamps that hosts send. */
#define NK_SEGMENT_HEADERS_V4 (ETH_HLEN + 20 + 32)
#define NK_SEGMENT_HEADERS_V6 (ETH_HLEN + 40 + 32)

/*
 * What the packet is on a wire, in bits. wire_len of the context isn't taken: root of a container
 * has a say in it (qdisc_calculate_pkt_len(), net/sched/sch_api.c).
 */
static __always_inline __u64 packet_bits(const struct __sk_buff *skb)
{
	__u64 bytes = skb->len, gso_size = skb->gso_size;
	__u64 headers = skb->protocol == bpf_htons(ETH_P_IPV6) ? NK_SEGMENT_HEADERS_V6
							       : NK_SEGMENT_HEADERS_V4;

	if (gso_size && bytes > headers + gso_size)
		bytes += (bytes - headers - 1) / gso_size * headers;
	return bytes * 8;
}

static __always_inline __u64 packet_ns(const struct __sk_buff *skb)
{
	return packet_bits(skb) * NK_NS_PER_S / nk_pace_config.rate_bps;
}

/*
 * turn_take - when a packet's turn is; before @now, where less than the burst went lately.
 *
 * Of several CPUs that find the state to be from long ago, one brings it up to date.
 */
static __always_inline __u64 turn_take(__u64 *next_ns, __u64 now_ns, __u64 burst_ns,
				       __u64 packet_ns)
{
	__u64 floor_ns = now_ns > burst_ns ? now_ns - burst_ns : 0;
	__u64 known_ns = *(volatile __u64 *)next_ns;

	if (known_ns < floor_ns)
		(void)__sync_val_compare_and_swap(next_ns, known_ns, floor_ns);
	return __sync_fetch_and_add(next_ns, packet_ns);
}

/* turn_give_back - for a packet that doesn't go. */
static __always_inline int turn_give_back(__u64 *next_ns, __u64 packet_ns)
{
	(void)__sync_fetch_and_add(next_ns, -packet_ns);
	return drop((enum nk_drop_reason)nk_pace_config.drop_reason);
}

/* A socket may have chosen a later time itself: TCP that paces does. */
static __always_inline bool departs_later(const struct __sk_buff *skb, __u64 turn_ns)
{
	return skb->tstamp_type == BPF_SKB_TSTAMP_DELIVERY_MONO && skb->tstamp >= turn_ns;
}

/* At the egress of the container's or the host's end. */
SEC("tcx/egress")
int nk_pace(struct __sk_buff *skb)
{
	__u64 now_ns = bpf_ktime_get_ns(), cost_ns = packet_ns(skb);
	__u64 turn_ns = turn_take(&pace_next_ns, now_ns, nk_pace_config.burst_ns, cost_ns);

	if (turn_ns > now_ns + nk_pace_config.horizon_ns)
		return turn_give_back(&pace_next_ns, cost_ns);
	/* Fails for what is neither IPv4 nor IPv6: ARP goes at once. */
	if (turn_ns > now_ns && !departs_later(skb, turn_ns))
		(void)bpf_skb_set_tstamp(skb, turn_ns, BPF_SKB_TSTAMP_DELIVERY_MONO);
	return NK_STACK;
}

static __always_inline int police(const struct __sk_buff *skb)
{
	__u64 now_ns = bpf_ktime_get_ns(), cost_ns = packet_ns(skb);
	__u64 turn_ns = turn_take(&police_next_ns, now_ns,
				  nk_pace_config.burst_ns + NK_POLICE_SLACK_NS, cost_ns);

	return turn_ns > now_ns ? turn_give_back(&police_next_ns, cost_ns) : NK_STACK;
}

/* Out of a container by netkit. */
SEC("netkit/peer")
int nk_police(struct __sk_buff *skb)
{
	return police(skb);
}

/* Out of a container by veth: at the host's end. */
SEC("tcx/ingress")
int nk_police_veth(struct __sk_buff *skb)
{
	return police(skb);
}
