/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ARP of l2 containers. To a container every address but its own is behind the gateway, so each
 * question is answered with the gateway's MAC. The host has permanent neighbour entries for the
 * containers: nobody has a reason to listen to what else they say.
 */
#ifndef NKCTL_BPF_ARP_H
#define NKCTL_BPF_ARP_H

#include "drop.h"
#include "endpoint.h"
#include "frame.h"

#define NK_ARP_HARDWARE_ETHERNET 1
#define NK_ARP_REQUEST           1
#define NK_ARP_REPLY             2

/* ARP for IPv4 on Ethernet (RFC 826). */
struct nk_arp {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_len;
	__u8 protocol_len;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__be32 sender_addr;
	__u8 target_mac[ETH_ALEN];
	__be32 target_addr;
} __attribute__((packed));

struct nk_arp_frame {
	struct ethhdr eth;
	struct nk_arp arp;
} __attribute__((packed));

static __always_inline bool arp_is_request(const struct nk_arp *arp)
{
	return arp->hardware == bpf_htons(NK_ARP_HARDWARE_ETHERNET) &&
	       arp->protocol == bpf_htons(ETH_P_IP) && arp->hardware_len == ETH_ALEN &&
	       arp->protocol_len == sizeof(arp->sender_addr) &&
	       arp->operation == bpf_htons(NK_ARP_REQUEST);
}

/* A question of the container itself, about somebody else. */
static __always_inline bool arp_is_answered(struct __sk_buff *skb, const struct nk_arp *arp)
{
	__be32 sender_addr = arp->sender_addr, target_addr = arp->target_addr;
	const struct nk_endpoint *sender = endpoint_find_v4(&sender_addr);

	return endpoint_is_sender(sender, skb) && mac_equal(sender->gateway_mac, gateway_mac) &&
	       mac_equal(sender->mac, arp->sender_mac) &&
	       !endpoint_is_sender(endpoint_find_v4(&target_addr), skb);
}

static __always_inline void arp_reply(struct nk_arp_frame *frame)
{
	__be32 asked = frame->arp.target_addr;

	mac_copy(frame->eth.h_dest, frame->arp.sender_mac);
	mac_copy(frame->eth.h_source, gateway_mac);
	frame_protocol_set(&frame->eth, ETH_P_ARP);
	frame->arp.operation = bpf_htons(NK_ARP_REPLY);
	mac_copy(frame->arp.target_mac, frame->arp.sender_mac);
	frame->arp.target_addr = frame->arp.sender_addr;
	mac_copy(frame->arp.sender_mac, gateway_mac);
	frame->arp.sender_addr = asked;
}

static __always_inline int from_ctr_arp(struct __sk_buff *skb)
{
	struct nk_linear linear = linear_pull(skb, sizeof(struct nk_arp_frame));
	struct nk_arp_frame *frame = linear.data;

	if ((void *)(frame + 1) > linear.end)
		return drop(NK_DROP_TRUNCATED);
	if (!arp_is_request(&frame->arp) || !arp_is_answered(skb, &frame->arp))
		return drop(NK_DROP_ARP);
	arp_reply(frame);
	return bpf_redirect(skb->ifindex, 0);
}

#endif
