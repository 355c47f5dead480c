/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an IPv4 header says. */
#ifndef NKCTL_BPF_IPV4_H
#define NKCTL_BPF_IPV4_H

#include "drop.h"
#include "parse.h"

#define NK_IPV4_HEADERS_LEN (sizeof(struct iphdr) + NK_UPPER_LEN)

/* First byte of a header without options. */
#define NK_IPV4_PLAIN 0x45

/* Position of a fragment, in units of 8 bytes, and flags (IP_OFFSET etc. in include/net/ip.h). */
#define NK_IPV4_OFFSET_MASK    0x1fff
#define NK_IPV4_MORE_FRAGMENTS 0x2000

/* The first bytes of addresses: this network, loopback; of multicast, the first four bits. */
#define NK_IPV4_THIS_NETWORK   0
#define NK_IPV4_LOOPBACK       127
#define NK_IPV4_MULTICAST      224
#define NK_IPV4_MULTICAST_MASK 240

#define NK_DHCP_SERVER_PORT 67
#define NK_DHCP_CLIENT_PORT 68

static __always_inline __u8 ipv4_first_byte(__be32 addr)
{
	return bpf_ntohl(addr) >> 24;
}

/*
 * Destinations that Linux refuses as well (ip_route_input_slow() in net/ipv4/route.c), but for
 * loopback it may be told not to (route_localnet), and then a container would reach what listens
 * on the host's loopback.
 */
static __always_inline bool ipv4_is_martian(__be32 daddr)
{
	return ipv4_first_byte(daddr) == NK_IPV4_THIS_NETWORK ||
	       ipv4_first_byte(daddr) == NK_IPV4_LOOPBACK;
}

/*
 * Multicast and limited broadcast: the stack knows who wants them, and forwards none. What else is
 * reserved (240/4), it forwards like any other address.
 */
static __always_inline bool ipv4_is_multicast(__be32 addr)
{
	return (ipv4_first_byte(addr) & NK_IPV4_MULTICAST_MASK) == NK_IPV4_MULTICAST ||
	       addr == bpf_htonl(INADDR_BROADCAST);
}

static __always_inline __u32 ipv4_header_len(const struct iphdr *ip)
{
	return ip->ihl * 4;
}

/* A large GSO packet (BIG TCP) has a total length of 0 (iph_totlen() in include/linux/ip.h). */
static __always_inline bool ipv4_header_valid(struct __sk_buff *skb, const struct iphdr *ip)
{
	__u32 total_len = bpf_ntohs(ip->tot_len);
	__u32 header_len = ipv4_header_len(ip);

	if (ip->version != 4 || header_len < sizeof(*ip) || total_len > skb->len - ETH_HLEN)
		return false;
	return total_len >= header_len || (!total_len && skb->gso_size);
}

static __always_inline bool ipv4_is_fragment(const struct iphdr *ip)
{
	return ip->frag_off & bpf_htons(NK_IPV4_OFFSET_MASK | NK_IPV4_MORE_FRAGMENTS);
}

static __always_inline bool ipv4_is_later_fragment(const struct iphdr *ip)
{
	return ip->frag_off & bpf_htons(NK_IPV4_OFFSET_MASK);
}

/**
 * ipv4_parse - check a packet's headers.
 * @ret_upper: filled in when the packet is kept
 *
 * Returns the reason to drop the packet, or NK_KEEP.
 */
static __always_inline enum nk_drop_reason
ipv4_parse(struct __sk_buff *skb, struct nk_linear linear, struct nk_upper *ret_upper)
{
	const struct iphdr *ip = linear.data + ETH_HLEN;

	if ((void *)(ip + 1) > linear.end)
		return NK_DROP_TRUNCATED;
	if (!ipv4_header_valid(skb, ip))
		return NK_DROP_IP_HEADER;
	ret_upper->offset = ETH_HLEN + ipv4_header_len(ip);
	ret_upper->protocol = ip->protocol;
	ret_upper->has_options = ipv4_header_len(ip) != sizeof(*ip);
	if (!upper_is_read(ret_upper) || ipv4_is_later_fragment(ip))
		return NK_KEEP;
	if (ret_upper->has_options) /* nobody has pulled so much */
		return upper_load(skb, ret_upper) ? NK_KEEP : NK_DROP_TRUNCATED;
	if ((void *)(ip + 1) + NK_UPPER_LEN > linear.end)
		return NK_DROP_TRUNCATED;
	upper_read(ret_upper, ip + 1);
	return NK_KEEP;
}

#endif
