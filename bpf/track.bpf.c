// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The tracker: tells the programs on the host's sockets (sock.bpf.c) of each address that the host
 * gets or loses, in that moment.
 *
 * Theory of operation: the kernel announces every change to whoever listens at rtnetlink, and this
 * program reads along. It is a convenience: on a kernel without fentry the map of addresses is as
 * old as the last command that read them (loader/ops/sockets.c).
 *
 * An address that two devices have goes with the one that got it last: the map then knows too
 * little until the next such command, never too much.
 */
#include "host_addresses.h"
#include "kernel_types.h"
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Which network namespace is the host (SO_NETNS_COOKIE). */
const volatile __u64 host_netns_cookie = 0;

/* What else is read of the kernel's structures. */
struct sk_buff {
	unsigned char *data;
} __attribute__((preserve_access_index));

struct announcement {
	struct nlmsghdr header;
	struct ifaddrmsg address;
};

/* What inet_fill_ifaddr() and inet6_fill_ifaddr() begin with has both addresses within these. */
#define NK_ATTRIBUTES_MAX 3

static __always_inline bool ip_is_link_local(const struct nk_ip *ip)
{
	return (ip->words[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

static __always_inline bool ip_read(const unsigned char *payload, __u8 family, struct nk_ip *ret_ip)
{
	if (family == AF_INET6)
		return !bpf_probe_read_kernel(ret_ip, sizeof(*ret_ip), payload);
	ret_ip->words[0] = 0;
	ret_ip->words[1] = 0;
	ret_ip->words[2] = bpf_htonl(0xffff);
	return !bpf_probe_read_kernel(&ret_ip->words[3], sizeof(ret_ip->words[3]), payload);
}

/* The host's own address: of a point-to-point link IFA_ADDRESS is the other end's. */
static __always_inline bool address_read(const unsigned char *data, __u8 family,
					 struct nk_ip *ret_ip)
{
	__u32 offset = sizeof(struct announcement);
	struct nlattr attr;
	bool found = false;

	for (__u32 i = 0; i < NK_ATTRIBUTES_MAX; i++) {
		if (bpf_probe_read_kernel(&attr, sizeof(attr), data + offset))
			return found;
		if ((attr.nla_type == IFA_ADDRESS && !found) || attr.nla_type == IFA_LOCAL)
			found = ip_read(data + offset + NLA_HDRLEN, family, ret_ip);
		offset += NLA_ALIGN(attr.nla_len);
	}
	return found;
}

static __always_inline void address_changed(__u16 type, __u32 ifindex, const struct nk_ip *ip)
{
	const __u32 *known;

	if (type == RTM_NEWADDR) {
		/* Full: the next command reads them all, and says so. */
		(void)bpf_map_update_elem(&host_addresses, ip, &ifindex, BPF_ANY);
		return;
	}
	known = bpf_map_lookup_elem(&host_addresses, ip);
	if (known && *known == ifindex)
		(void)bpf_map_delete_elem(&host_addresses, ip); /* gone already is as good */
}

/* rtnl_notify(struct sk_buff *skb, struct net *net, u32 pid, u32 group, ...), rtnetlink.c */
SEC("fentry/rtnl_notify")
int nk_track(const __u64 *arguments)
{
	const struct sk_buff *skb = (const void *)arguments[0];
	const struct net *net = (const void *)arguments[1];
	__u32 group = (__u32)arguments[3];
	struct announcement head;
	struct nk_ip ip;

	if (group != RTNLGRP_IPV4_IFADDR && group != RTNLGRP_IPV6_IFADDR)
		return 0;
	if (net->net_cookie != host_netns_cookie ||
	    bpf_probe_read_kernel(&head, sizeof(head), skb->data))
		return 0;
	if (address_read(skb->data, head.address.ifa_family, &ip) && !ip_is_link_local(&ip))
		address_changed(head.header.nlmsg_type, head.address.ifa_index, &ip);
	return 0;
}
