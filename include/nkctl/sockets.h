/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs on the host's own sockets remember in pinned maps, as one build and the next
 * agree on it. Like maps.h, whose NK_ABI_VERSION counts for this, too.
 */
#ifndef NKCTL_SOCKETS_H
#define NKCTL_SOCKETS_H

#include <linux/types.h>

#include "nkctl/nat.h"

/* Published ports that one socket speaks to at once. A resolver has three name servers. */
#define NK_SOCKET_PEERS 8

/* Addresses of the host, of both families. */
#define NK_HOST_ADDRESSES_MAX 16384

struct nk_socket_addr {
	struct nk_ip addr;
	__be16 port;
	__u8 reserved[2];
};

/**
 * struct nk_socket_peer - one translation.
 * @used: what the application speaks to: a published port
 * @real: whom it gets: a container. Port 0: no entry
 */
struct nk_socket_peer {
	struct nk_socket_addr used, real;
};

/**
 * struct nk_socket_peers - whom a socket of the host speaks to; value of the socket_peers map.
 * @next: the place in @peers that a new one gets
 */
struct nk_socket_peers {
	__u32 next;
	struct nk_socket_peer peers[NK_SOCKET_PEERS];
};

_Static_assert(sizeof(struct nk_socket_addr) == 20, "no padding");
_Static_assert(sizeof(struct nk_socket_peers) == 4 + NK_SOCKET_PEERS * 40, "no padding");

#endif
