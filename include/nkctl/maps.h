/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys and values of the pinned maps: what the datapath and the loader, and this build and the
 * next one, agree on. Every struct is free of implicit padding; a change of any layout here
 * raises NK_ABI_VERSION.
 */
#ifndef NKCTL_MAPS_H
#define NKCTL_MAPS_H

#include <linux/types.h>

#define NK_ABI_VERSION 2

#define NK_ETH_ALEN 6

/* Group of every primary (IFLA_GROUP): "nk" in ASCII. */
#define NK_LINK_GROUP 0x6e6b

/*
 * The MAC address of the host's end of every l2 endpoint: one for all, so that the datapath
 * answers ARP and ND without a look-up. Locally administered; the last bytes spell "nkctl".
 */
#define NK_GATEWAY_MAC                             \
	{                                          \
		0x02, 0x6e, 0x6b, 0x63, 0x74, 0x6c \
	}

/* Endpoint addresses per family on a node. Entries are allocated as they are needed. */
#define NK_ENDPOINTS_MAX 65536

/* Addresses of one endpoint, in all. */
#define NK_ENDPOINT_ADDRESSES_MAX 16

/* Networks on a node, and subnets (of either family) of a network. */
#define NK_NETWORKS_MAX        1024
#define NK_NETWORK_SUBNETS_MAX 8
#define NK_SUBNETS_MAX         (NK_NETWORKS_MAX * NK_NETWORK_SUBNETS_MAX)
#define NK_NETWORK_NAME_SIZE   32

/* Devices that container traffic comes in by. */
#define NK_UPLINKS_MAX 256

struct nk_addr4 {
	__be32 addr;
};

struct nk_addr6 {
	__u8 addr[16];
};

/**
 * struct nk_endpoint - where packets for one container address go: endpoints_v4, endpoints_v6.
 * @ifindex: the primary (host's end); as the source's entry it is also the proof of ownership
 * @mtu: the largest IP packet the container's end takes, in bytes
 * @mac: the container's end; zero on l3 netkit
 * @gateway_mac: the host's end as the container knows it. Behind @mac, so that the two are the
 *	first 12 bytes of an Ethernet header to the container
 * @flags: enum nk_endpoint_flags (nat.h)
 */
struct nk_endpoint {
	__u32 ifindex;
	__u32 mtu;
	__u8 mac[NK_ETH_ALEN];
	__u8 gateway_mac[NK_ETH_ALEN];
	__u32 flags;
};

/**
 * struct nk_owner - the addresses that a primary may have claimed; value of the owners map, whose
 * key is its index. Written before the claims, it has all of them, and perhaps one that somebody
 * else was quicker to claim: the claim itself tells.
 * @v4_count, @v6_count: entries in use
 */
struct nk_owner {
	__u32 v4_count;
	__u32 v6_count;
	struct nk_addr4 v4[NK_ENDPOINT_ADDRESSES_MAX];
	struct nk_addr6 v6[NK_ENDPOINT_ADDRESSES_MAX];
};

/**
 * struct nk_subnet - one prefix that a network's addresses come from; key of the cursors map.
 * @family: AF_INET or AF_INET6
 * @prefix_len: in bits
 * @addr: network byte order, host bits zero; IPv4 in the first four bytes, the rest zero
 */
struct nk_subnet {
	__u8 family;
	__u8 prefix_len;
	__u8 reserved[2];
	__u8 addr[16];
};

/* Values of nk_network.mode and .device; the loader's tables name them. */
enum nk_mode { NK_MODE_L3, NK_MODE_L2 };
enum nk_device { NK_DEVICE_AUTO, NK_DEVICE_NETKIT, NK_DEVICE_VETH };

struct nk_network_key {
	char name[NK_NETWORK_NAME_SIZE]; /* zero-padded, at least one zero */
};

/**
 * struct nk_network - a named network: what an attach takes unless told otherwise.
 * @mtu: in bytes; 0: the default route's
 * @mode: enum nk_mode
 * @device: enum nk_device
 * @subnet_count: entries of @subnets in use
 * @masquerade: enum nk_masquerade (nat.h)
 * @no_metadata: its endpoints are NK_ENDPOINT_NO_METADATA. One of the bits that were always zero
 */
struct nk_network {
	__u32 mtu;
	__u8 mode;
	__u8 device;
	__u8 subnet_count;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	__u8 masquerade : 7, no_metadata : 1;
#else
	__u8 no_metadata : 1, masquerade : 7;
#endif
	struct nk_subnet subnets[NK_NETWORK_SUBNETS_MAX];
};

/* Value of the cursors map: the address of the subnet that was claimed last. */
struct nk_cursor {
	__u8 addr[16];
};

enum nk_uplink_flags {
	NK_UPLINK_EXCLUDED = 1 << 0, /* taken away by hand: its default route doesn't count */
};

/**
 * struct nk_uplink - a device that container traffic may come in by, and what its settings were
 * before, so that removing it restores them.
 * @flags: enum nk_uplink_flags
 * @forwarding_v4, @forwarding_v6, @force_forwarding, @accept_ra: the sysctls' earlier values; -1:
 *	left as found; -2: changed, although forwarding was on for all devices
 */
struct nk_uplink {
	__u32 flags;
	__s8 forwarding_v4;
	__s8 forwarding_v6;
	__s8 force_forwarding;
	__s8 accept_ra;
};

_Static_assert(sizeof(struct nk_endpoint) == 24, "no padding");
_Static_assert(sizeof(struct nk_owner) == 8 + NK_ENDPOINT_ADDRESSES_MAX * 20, "no padding");
_Static_assert(sizeof(struct nk_subnet) == 20, "no padding");
_Static_assert(sizeof(struct nk_network) == 8 + NK_NETWORK_SUBNETS_MAX * 20, "no padding");
_Static_assert(sizeof(struct nk_uplink) == 8, "no padding");

#endif
