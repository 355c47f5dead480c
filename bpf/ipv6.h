/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an IPv6 header and its extension headers say. */
#ifndef NKCTL_BPF_IPV6_H
#define NKCTL_BPF_IPV6_H

#include "checksum.h"
#include "drop.h"
#include "maps.h"
#include "parse.h"

#define NK_IPV6_HEADERS_LEN (sizeof(struct ipv6hdr) + NK_UPPER_LEN)

/* What every link carries (RFC 8200, section 5). */
#define NK_IPV6_MTU_MIN 1280

/* Traffic class and flow label, in the first word of the header. */
#define NK_IPV6_FLOWINFO_MASK 0x0fffffff

/*
 * Extension headers before the upper layer's: RFC 8200, section 4.1, has no chain with more than
 * hop-by-hop, two destination options, routing, fragment and authentication.
 */
#define NK_EXT_HEADERS_MAX 6

/*
 * The only option in a hop-by-hop header that the kernel itself puts before a GSO packet of TCP
 * with more than 64 KB (BIG TCP; RFC 2675, section 2; struct hop_jumbo_hdr in include/net/ipv6.h).
 * Linux 6.18 still does, 7.3 doesn't any more.
 */
#define NK_IPV6_JUMBO_OPTION 0xc2
#define NK_IPV6_JUMBO_LEN    8

/* Position of a fragment in its header, in units of 8 bytes (IP6_OFFSET in include/net/ipv6.h). */
#define NK_IPV6_OFFSET_MASK 0xfff8

#define NK_DHCPV6_CLIENT_PORT 546
#define NK_DHCPV6_SERVER_PORT 547

/* The beginning of every extension header (RFC 8200, section 4). */
struct nk_ext_header {
	__u8 next;
	__u8 len;
	__be16 fragment; /* in a fragment header: position and flags */
};

static __always_inline bool ipv6_is_unspecified(const struct in6_addr *addr)
{
	return !(addr->s6_addr32[0] | addr->s6_addr32[1] | addr->s6_addr32[2] | addr->s6_addr32[3]);
}

static __always_inline bool ipv6_is_link_local(const struct in6_addr *addr)
{
	return (addr->s6_addr16[0] & bpf_htons(0xffc0)) == bpf_htons(0xfe80);
}

static __always_inline bool ipv6_is_multicast(const struct in6_addr *addr)
{
	return addr->s6_addr[0] == 0xff;
}

/*
 * Destinations that mean the sender itself or nobody: ::1, :: (RFC 4291, sections 2.5.2, 2.5.3)
 * and IPv4-mapped ones, that a socket of the host could take for IPv4.
 */
static __always_inline bool ipv6_is_martian(const struct in6_addr *daddr)
{
	if (likely(daddr->s6_addr32[0] | daddr->s6_addr32[1]))
		return false;
	return daddr->s6_addr32[2] == bpf_htonl(0xffff) ||
	       (!daddr->s6_addr32[2] && bpf_ntohl(daddr->s6_addr32[3]) <= 1);
}

/* A large GSO packet (BIG TCP) has a payload length of 0. */
static __always_inline bool ipv6_header_valid(struct __sk_buff *skb, const struct ipv6hdr *ip6)
{
	return ip6->version == 6 &&
	       bpf_ntohs(ip6->payload_len) + sizeof(*ip6) <= skb->len - ETH_HLEN;
}

static __always_inline bool ipv6_is_extension(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_FRAGMENT || protocol == IPPROTO_AH ||
	       protocol == IPPROTO_DSTOPTS;
}

/* Extension headers that routers on the way may have to look at: work for the stack. */
static __always_inline bool ipv6_is_for_routers(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING;
}

/* Whether a packet has that header, which isn't in its segments. @end: behind the last byte */
static __always_inline bool ipv6_is_jumbo(struct __sk_buff *skb, const struct ipv6hdr *ip6,
					  const void *end)
{
	const __u8 *header = (const void *)(ip6 + 1);

	return ip6->nexthdr == IPPROTO_HOPOPTS && skb->gso_size &&
	       (const void *)(header + NK_IPV6_JUMBO_LEN) <= end && header[0] == IPPROTO_TCP &&
	       !header[1] && header[2] == NK_IPV6_JUMBO_OPTION;
}

/*
 * Where the stack doesn't forward IPv6 (icmp6.h), a router that looks at no options is better than
 * none, and in order (RFC 8200, section 4.3).
 */
static __always_inline bool ipv6_is_for_stack(bool has_options)
{
	return has_options && nk_config.stack_forwards_ipv6;
}

/**
 * ipv6_checksum - of a message of an upper layer (RFC 8200, section 8.1).
 * @addresses: source and destination, and right behind them the message
 * @len: of the message, in bytes, a multiple of 4
 */
static __always_inline __sum16 ipv6_checksum(void *addresses, __u32 len, __u8 protocol)
{
	return checksum_of(addresses, 2 * sizeof(struct in6_addr) + len, bpf_htonl(len + protocol));
}

static __always_inline __u32 ipv6_extension_len(__u8 protocol, const struct nk_ext_header *header)
{
	if (protocol == IPPROTO_FRAGMENT)
		return 8;
	if (protocol == IPPROTO_AH)
		return (header->len + 2) * 4; /* RFC 4302, section 2.2 */
	return (header->len + 1) * 8;
}

/* A fragment header ends with what all fragments of a packet have in common. */
static __always_inline void ipv6_fragment_note(struct __sk_buff *skb,
					       const struct nk_ext_header *header,
					       struct nk_upper *upper)
{
	upper->is_fragment = true;
	upper->is_later = header->fragment & bpf_htons(NK_IPV6_OFFSET_MASK);
	/* Of a truncated one it stays zero. */
	(void)bpf_skb_load_bytes(skb, upper->offset + sizeof(*header), &upper->fragment_id,
				 sizeof(upper->fragment_id));
}

/*
 * Finds the upper-layer header behind the first extension header, which @upper tells of. In a
 * fragment that isn't the first there is none to read.
 */
static __always_inline enum nk_drop_reason ipv6_extensions_parse(struct __sk_buff *skb,
								 struct nk_upper *upper)
{
	struct nk_ext_header header;
	__u8 protocol;

	for (int i = 0; i < NK_EXT_HEADERS_MAX && ipv6_is_extension(upper->protocol); i++) {
		protocol = upper->protocol;
		if (bpf_skb_load_bytes(skb, upper->offset, &header, sizeof(header)))
			return NK_DROP_EXT_HEADERS;
		upper->has_options |= ipv6_is_for_routers(protocol);
		if (protocol == IPPROTO_FRAGMENT)
			ipv6_fragment_note(skb, &header, upper);
		upper->offset += ipv6_extension_len(protocol, &header);
		upper->protocol = header.next;
		if (upper->is_later)
			return NK_KEEP;
	}
	if (ipv6_is_extension(upper->protocol))
		return NK_DROP_EXT_HEADERS;
	if (!upper_is_read(upper))
		return NK_KEEP;
	return upper_load(skb, upper) ? NK_KEEP : NK_DROP_TRUNCATED;
}

/*
 * ipv6_extensions_find - the same, verified by itself: once for all who have extension headers
 * seldom, and whom the ways through them would be many for.
 */
__noinline int ipv6_extensions_find(struct __sk_buff *skb, struct nk_upper *upper)
{
	return upper ? ipv6_extensions_parse(skb, upper) : NK_DROP_EXT_HEADERS;
}

/**
 * ipv6_parse - check a packet's headers.
 * @ret_upper: filled in when the packet is kept
 *
 * Returns the reason to drop the packet, or NK_KEEP.
 */
static __always_inline enum nk_drop_reason
ipv6_parse(struct __sk_buff *skb, struct nk_linear linear, struct nk_upper *ret_upper)
{
	const struct ipv6hdr *ip6 = linear.data + ETH_HLEN;
	enum nk_drop_reason reason;

	if ((void *)(ip6 + 1) > linear.end)
		return NK_DROP_TRUNCATED;
	if (!ipv6_header_valid(skb, ip6))
		return NK_DROP_IP_HEADER;
	ret_upper->offset = ETH_HLEN + sizeof(*ip6);
	ret_upper->protocol = ip6->nexthdr;
	if (!upper_is_read(ret_upper)) {
		struct nk_upper copy = *ret_upper; /* the caller's stays in registers */

		reason = ipv6_extensions_find(skb, &copy);
		*ret_upper = copy;
		return reason;
	}
	if ((void *)(ip6 + 1) + NK_UPPER_LEN > linear.end)
		return NK_DROP_TRUNCATED;
	upper_read(ret_upper, ip6 + 1);
	return NK_KEEP;
}

#endif
