/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Access to a packet's headers, and lengths. */
#ifndef NKCTL_BPF_PARSE_H
#define NKCTL_BPF_PARSE_H

#include "compat.h"

/**
 * struct nk_linear - the part of a packet that programs read and write in place.
 * @data: its first header
 * @end: behind its last byte
 */
struct nk_linear {
	void *data;
	void *end;
};

/**
 * struct nk_upper - what is behind a packet's IP header.
 * @offset: of the upper layer's header, from the packet's beginning, in bytes
 * @sport, @dport: of TCP and UDP; 0 in a fragment that isn't the first
 * @protocol: IPPROTO_*
 * @icmpv6_type: of ICMPv6; 0 in a fragment that isn't the first
 * @has_options: IPv4 options or IPv6 extension headers that routers look at
 * @is_fragment: IPv6 with a fragment header, and @fragment_id what it says
 * @is_later: a fragment that isn't the first
 */
struct nk_upper {
	__u32 offset;
	__be16 sport;
	__be16 dport;
	__u8 protocol;
	__u8 icmpv6_type;
	bool has_options;
	bool is_fragment;
	bool is_later;
	__be32 fragment_id;
};

/*
 * What has to be there of an upper-layer header: all of UDP's and ICMPv6's, the ports of TCP's.
 * It is the unit of fragments, so no first fragment splits it.
 */
#define NK_UPPER_LEN 8

static __always_inline struct nk_linear linear_get(struct __sk_buff *skb)
{
	return (struct nk_linear){ .data = (void *)(long)skb->data,
				   .end = (void *)(long)skb->data_end };
}

/**
 * linear_pull - access to a packet's first @len bytes, as far as it has them.
 *
 * Only a packet that is shorter, or keeps its headers in fragments, pays for the helper. Each
 * reader of a header still compares it with the end. Pointers from before are invalid.
 */
static __always_inline struct nk_linear linear_pull(struct __sk_buff *skb, __u32 len)
{
	struct nk_linear linear = linear_get(skb);

	if (likely(linear.data + len <= linear.end))
		return linear;
	/* A failure leaves the packet as it is: too short. */
	(void)bpf_skb_pull_data(skb, len < skb->len ? len : skb->len);
	return linear_get(skb);
}

/**
 * linear_has - access to a packet's first @len bytes, if it has them.
 *
 * As linear_pull(), but compared with the end already, once for most packets.
 */
static __always_inline bool linear_has(struct __sk_buff *skb, __u32 len,
				       struct nk_linear *ret_linear)
{
	*ret_linear = linear_get(skb);
	if (likely(ret_linear->data + len <= ret_linear->end))
		return true;
	if (bpf_skb_pull_data(skb, len))
		return false;
	*ret_linear = linear_get(skb);
	return ret_linear->data + len <= ret_linear->end;
}

/* Whether upper_read() has anything to read. */
static __always_inline bool upper_is_read(const struct nk_upper *upper)
{
	return upper->protocol == IPPROTO_TCP || upper->protocol == IPPROTO_UDP ||
	       upper->protocol == IPPROTO_ICMPV6;
}

/* Reads NK_UPPER_LEN bytes of the header of @upper's protocol. */
static __always_inline void upper_read(struct nk_upper *upper, const void *header)
{
	const __be16 *ports = header;

	if (upper->protocol == IPPROTO_ICMPV6) {
		upper->icmpv6_type = *(const __u8 *)header;
		return;
	}
	upper->sport = ports[0];
	upper->dport = ports[1];
}

/* The same at @upper's offset, where that differs from packet to packet. False: it ends before. */
static __always_inline bool upper_load(struct __sk_buff *skb, struct nk_upper *upper)
{
	__u8 header[NK_UPPER_LEN];

	if (bpf_skb_load_bytes(skb, upper->offset, header, sizeof(header)))
		return false;
	upper_read(upper, header);
	return true;
}

static __always_inline bool upper_is_udp(const struct nk_upper *upper, __u16 sport, __u16 dport)
{
	return upper->protocol == IPPROTO_UDP && upper->sport == bpf_htons(sport) &&
	       upper->dport == bpf_htons(dport);
}

/**
 * packet_len - length in bytes of the IP packets that an skb becomes on a wire.
 * @l3_offset: of the IP header
 *
 * Those of a GSO skb are its segments. Exact for TCP and UDP. Of other segments (SCTP, tunnels)
 * it is a lower bound, and gso_fits() the exact word.
 */
static __always_inline __u32 packet_len(struct __sk_buff *skb, __u32 l3_offset,
					const struct nk_upper *upper)
{
	__u32 len = upper->offset - l3_offset;
	__u32 gso_size = skb->gso_size;
	__u8 data_offset;

	if (likely(!gso_size))
		return skb->len - l3_offset;
	if (gso_size != GSO_BY_FRAGS)
		len += gso_size;
	if (upper->protocol == IPPROTO_UDP)
		len += NK_UPPER_LEN;
	if (upper->protocol == IPPROTO_TCP &&
	    !bpf_skb_load_bytes(skb, upper->offset + 12, &data_offset, sizeof(data_offset)))
		len += (data_offset >> 4) * 4;
	return len;
}

/**
 * gso_fits - whether the segments of a GSO skb fit the MTU of a device.
 * @ret_mtu: that MTU, where they don't; left alone where the kernel can't tell
 *
 * Asked only where packet_len() can't tell: it doesn't see the inner headers of a tunnel that
 * ends in the container.
 */
static __always_inline bool gso_fits(struct __sk_buff *skb, const struct nk_upper *upper,
				     __u32 ifindex, __u32 *ret_mtu)
{
	__u32 mtu = 0; /* anything else is a length to check, which excludes BPF_MTU_CHK_SEGS */

	if (likely(!skb->gso_size) || upper->protocol == IPPROTO_TCP)
		return true;
	if (!bpf_check_mtu(skb, ifindex, &mtu, 0, BPF_MTU_CHK_SEGS))
		return true;
	if (mtu)
		*ret_mtu = mtu;
	return false;
}

/**
 * packet_fits - whether a packet, or each of its segments, is small enough for a way.
 * @l3_offset: of the IP header
 * @ifindex: the device that the way leads by
 * @mtu: of the way, in bytes
 */
static __always_inline bool packet_fits(struct __sk_buff *skb, __u32 l3_offset,
					const struct nk_upper *upper, __u32 ifindex, __u32 mtu)
{
	__u32 device_mtu = 0;

	if (likely(skb->len - l3_offset <= mtu))
		return true;
	return packet_len(skb, l3_offset, upper) <= mtu &&
	       gso_fits(skb, upper, ifindex, &device_mtu);
}

#endif
