/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Translation of addresses and ports: the flow table, published ports and their settings, as the
 * datapath and the loader share them. Like maps.h, whose NK_ABI_VERSION counts for both.
 *
 * A flow is two entries of the flows map, one a direction. The key of an entry is what its packets
 * are when they come to us, and "to" is what they become. The other direction's key is "to" turned
 * round, so that each entry leads to the other (nk_flow_key_turn()).
 *
 * Addresses of both families are kept as IPv6 addresses, those of IPv4 as ::ffff:a.b.c.d (RFC
 * 4291, section 2.5.5.2): one map and one code for both.
 */
#ifndef NKCTL_NAT_H
#define NKCTL_NAT_H

#include <linux/in.h>
#include <linux/types.h>

#include "nkctl/maps.h"

/* Flows of a node, each of two entries; allocated as they are needed. */
#define NK_FLOWS_MAX 131072

/* Flows of one endpoint, unless told otherwise: beyond it, an endpoint's own are evicted. */
#define NK_ENDPOINT_FLOWS_DEFAULT 16384
#define NK_ENDPOINT_FLOWS_MIN     16
#define NK_ENDPOINT_FLOWS_MAX     (NK_FLOWS_MAX / 4)

/* Published ports of a node, one entry a port, protocol and address. */
#define NK_PUBLISHED_MAX 65536

/* Prefixes that keep their source. */
#define NK_EXEMPT_MAX 16384

#define NK_PORTS 65536

/* Entries of flows that are remembered to have been evicted alive. */
#define NK_EVICTED_MAX 8192

/* Flows that others' translation has led to containers: their answers are the stack's. */
#define NK_FORWARDED_MAX 16384

/* How long later fragments belong to the first one: ip_frag_time in net/ipv4/ip_fragment.c. */
#define NK_FRAGMENT_LIFETIME 30

/* ICMP identifiers that masquerading takes: the first of the range, as the host pings, too. */
#define NK_ICMP_IDS_MAX 1024

/* Packets in fragments that are under way at once. */
#define NK_FRAGMENTS_MAX 4096

/* nk_endpoint.flags */
enum nk_endpoint_flags {
	NK_ENDPOINT_MASQUERADE = 1 << 0,  /* its packets to the world get the host's address */
	NK_ENDPOINT_PUBLISHED = 1 << 1,   /* ports of the host lead to it */
	NK_ENDPOINT_PACED = 1 << 2,       /* what goes into it has a rate: by the primary, always */
	NK_ENDPOINT_POLICED = 1 << 3,     /* what comes out of it has one */
	NK_ENDPOINT_NO_METADATA = 1 << 4, /* it is kept away from the cloud's metadata */
};

/* Values of nk_network.masquerade; the loader's table names them. */
enum nk_masquerade { NK_MASQUERADE_AUTO, NK_MASQUERADE_ON, NK_MASQUERADE_OFF };

struct nk_ip {
	__be32 words[4];
};

/**
 * struct nk_flow_key - one direction of a flow.
 * @sport, @dport: of TCP, UDP and SCTP. Of ICMP echo the identifier: a request's is @sport, a
 *	reply's @dport, and the other is zero
 * @protocol: IPPROTO_*
 * @reserved: zero
 */
struct nk_flow_key {
	struct nk_ip saddr;
	struct nk_ip daddr;
	__be16 sport;
	__be16 dport;
	__u8 protocol;
	__u8 reserved[3];
};

/**
 * struct nk_fragment - a packet in fragments; key of the fragments map.
 * @id: of the packet, as in its IPv4 header or IPv6 fragment header
 * @sender: as in struct nk_flow
 * @protocol: of IPv4; 0: IPv6
 */
struct nk_fragment {
	struct nk_ip saddr;
	struct nk_ip daddr;
	__be32 id;
	__u32 sender;
	__u32 protocol;
};

/* Value of the fragments map: the first one's flow, and when it was seen. */
struct nk_fragment_flow {
	struct nk_flow_key key;
	__u64 seen_ns;
};

/**
 * struct nk_evicted - a flow that was evicted alive; value of the evicted map. There are two kinds
 * of entry: by the reply's key (@state has NK_FLOW_ORIGINAL), for what still comes in, which isn't
 * the stack's; and by the original's, where a container began, for the port that it had.
 * @other: key of the other direction
 * @since_ns: when it went; 0 by the original's key: programs of before, which know one kind alone,
 *	take that for long ago
 * @state: of the other direction
 */
struct nk_evicted {
	struct nk_flow_key other;
	__u64 since_ns;
	__u32 state;
	__u32 reserved;
};

/* nk_flow.state: what the packets of that direction said. */
enum nk_flow_state {
	NK_FLOW_ORIGINAL = 1 << 0, /* the direction of who began */
	NK_FLOW_FIN = 1 << 1,
	NK_FLOW_RST = 1 << 2,
	NK_FLOW_ROUTED = 1 << 3, /* not translated: somebody outside began with the container */
	NK_FLOW_ACKED = 1 << 4,  /* TCP: more than a handshake's first packet */
};

/**
 * struct nk_flow - one direction of a flow.
 * @to: what a packet becomes
 * @target: where a packet goes; an ifindex of 0: where the FIB says
 * @sender: primary that the packets have to come from; 0: an uplink
 * @owner: primary of the endpoint that the flow counts for
 * @slot: place of the flow in its owner's ring
 * @egress: device that a masqueraded packet leaves by; by another it has another address
 * @addr_diff, @port_diff: what the rewriting adds to a checksum over the addresses, over the ports
 * @state: enum nk_flow_state
 * @created_ns, @seen_ns: of the flow; of this direction's last packet; CLOCK_MONOTONIC_COARSE
 * @packets, @bytes: of this direction, Ethernet headers included. Two CPUs with packets of one
 *	direction at the same time may lose a count
 */
struct nk_flow {
	struct nk_flow_key to;
	struct nk_endpoint target;
	__u32 sender;
	__u32 owner;
	__u32 slot;
	__u32 egress;
	__u32 reserved;
	__u32 addr_diff;
	__u32 port_diff;
	__u32 state;
	__u64 created_ns;
	__u64 seen_ns;
	__u64 packets;
	__u64 bytes;
};

/* A place in an owner's ring; key of the flow_slots map, whose value is the original's key. */
struct nk_flow_slot {
	__u32 owner;
	__u32 slot;
};

/* Slots of a ring to begin with. It doubles when all that are looked at have living flows. */
#define NK_FLOW_RING_MIN 16

/**
 * struct nk_flow_ring - an endpoint's ring of flows; value of the flow_rings map, by owner.
 * @taken: how many slots were looked at since the first
 * @size: slots so far, at most nk_nat.endpoint_flows
 */
struct nk_flow_ring {
	__u64 taken;
	__u32 size;
	__u32 reserved;
};

/**
 * struct nk_port - a published port; key of the published map.
 * @addr: of the host. 0.0.0.0 (as ::ffff:0.0.0.0) or :: is any of that family
 */
struct nk_port {
	struct nk_ip addr;
	__be16 port;
	__u8 protocol;
	__u8 reserved;
};

/**
 * struct nk_published - where a published port leads.
 * @ifindex: of the endpoint's primary
 */
struct nk_published {
	struct nk_ip addr;
	__be16 port;
	__u8 reserved[2];
	__u32 ifindex;
};

/* Key of the exempt map (BPF_MAP_TYPE_LPM_TRIE); IPv4 prefixes are 96 bits longer. */
struct nk_exempt {
	__u32 prefix_len;
	struct nk_ip addr;
};

/*
 * Value of the exempt map: why; an entry goes when no reason is left. From NK_EXEMPT_LEN_SHIFT on
 * the key's prefix_len: a look-up finds the longest prefix that fits, and so tells which it was.
 */
enum nk_exempt_reason {
	NK_EXEMPT_NETWORK = 1 << 0, /* a network's subnet */
	NK_EXEMPT_ADDED = 1 << 1,   /* by hand */
};

#define NK_EXEMPT_LEN_SHIFT   16
#define NK_EXEMPT_REASON_MASK ((1U << NK_EXEMPT_LEN_SHIFT) - 1)

/**
 * struct nk_nat - the only entry of the nat map (BPF_F_MMAPABLE).
 * @secret: makes ports hard to guess; made at the first load, and the same until `down`, so that
 *	a flow gets its port again
 * @port_min, @port_max: ports and ICMP identifiers that masquerading takes, inclusive; host order
 * @endpoint_flows: how many flows an endpoint may have
 * @ports: a bit for each local port that the datapath has to look at: published ones and the range
 *	above. Bit (port % 64) of word (port / 64), the port in host order
 */
struct nk_nat {
	__u64 secret;
	__u32 port_min;
	__u32 port_max;
	__u32 endpoint_flows;
	__u32 reserved;
	__u64 ports[NK_PORTS / 64];
};

/* How long a flow lives without packets, in seconds. */
#define NK_LIFETIME_TCP_OPENING     120    /* not answered */
#define NK_LIFETIME_TCP_ESTABLISHED 432000 /* 5 days; RFC 5382, section 5: at least 2 h 4 min */
#define NK_LIFETIME_TCP_CLOSING     120    /* both ends have finished */
#define NK_LIFETIME_TCP_RESET       10
#define NK_LIFETIME_SCTP            3600
#define NK_LIFETIME_UDP             300 /* RFC 4787, section 4.3: recommended */
#define NK_LIFETIME_UDP_OPENING     60  /* not answered */
#define NK_LIFETIME_REMNANT         1   /* one entry alone: perhaps a flow is being made */
#define NK_LIFETIME_ICMP            60  /* RFC 5508, section 3.2: at least */
#define NK_LIFETIME_SHORTEST        NK_LIFETIME_ICMP /* of a flow that wasn't reset */

/*
 * Of a flow's two entries, in any order. A routed TCP connection counts only what the container
 * sends, its answers.
 */
#define NK_FLOW_INLINE static inline __attribute__((always_inline))

/* Whether both ends have spoken: with TCP, who began has answered the answer, so he is no forger.
 */
NK_FLOW_INLINE _Bool nk_flow_is_answered(const struct nk_flow *one, const struct nk_flow *other)
{
	const struct nk_flow *original = one->state & NK_FLOW_ORIGINAL ? one : other;

	if (one->to.protocol == IPPROTO_TCP && one->state & NK_FLOW_ROUTED)
		return 1;
	if (one->to.protocol == IPPROTO_TCP && !(original->state & NK_FLOW_ACKED))
		return 0;
	return one->packets && other->packets;
}

/* Whether both ends of a TCP connection have finished. */
NK_FLOW_INLINE _Bool nk_flow_is_finished(const struct nk_flow *one, const struct nk_flow *other)
{
	if (one->state & NK_FLOW_ROUTED)
		return (one->state | other->state) & NK_FLOW_FIN;
	return one->state & other->state & NK_FLOW_FIN;
}

/* Whether either end has reset it. */
NK_FLOW_INLINE _Bool nk_flow_is_reset(const struct nk_flow *one, const struct nk_flow *other)
{
	return (one->state | other->state) & NK_FLOW_RST;
}

/*
 * How long it lives after its last packet, in seconds. A reset, which may be forged, ends it early
 * for whoever wants its place, not for its own packets.
 */
NK_FLOW_INLINE __u32 nk_flow_lifetime(const struct nk_flow *one, const struct nk_flow *other,
				      _Bool is_reset)
{
	_Bool answered = nk_flow_is_answered(one, other);

	switch (one->to.protocol) {
	case IPPROTO_TCP:
		if (is_reset)
			return NK_LIFETIME_TCP_RESET;
		if (!answered)
			return NK_LIFETIME_TCP_OPENING;
		if (nk_flow_is_finished(one, other))
			return NK_LIFETIME_TCP_CLOSING;
		return NK_LIFETIME_TCP_ESTABLISHED;
	case IPPROTO_UDP:
		return answered ? NK_LIFETIME_UDP : NK_LIFETIME_UDP_OPENING;
	case IPPROTO_SCTP:
		return NK_LIFETIME_SCTP;
	default:
		return NK_LIFETIME_ICMP;
	}
}

/* The key of a flow's other direction, from what this one's packets become. */
NK_FLOW_INLINE struct nk_flow_key nk_flow_key_turn(const struct nk_flow_key *to)
{
	return (struct nk_flow_key){ .saddr = to->daddr,
				     .daddr = to->saddr,
				     .sport = to->dport,
				     .dport = to->sport,
				     .protocol = to->protocol };
}

_Static_assert(sizeof(struct nk_flow_key) == 40, "no padding");
_Static_assert(sizeof(struct nk_flow) == 40 + 24 + 8 * 4 + 4 * 8, "no padding");
_Static_assert(sizeof(struct nk_fragment) == 44, "no padding");
_Static_assert(sizeof(struct nk_fragment_flow) == 48, "no padding");
_Static_assert(sizeof(struct nk_evicted) == 56, "no padding");
_Static_assert(sizeof(struct nk_flow_ring) == 16, "no padding");
_Static_assert(sizeof(struct nk_port) == 20, "no padding");
_Static_assert(sizeof(struct nk_published) == 24, "no padding");
_Static_assert(sizeof(struct nk_exempt) == 20, "no padding");
_Static_assert(sizeof(struct nk_nat) == 24 + NK_PORTS / 8, "no padding");

#endif
