/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ports of the host: which of them translation looks at, and which container a published one leads
 * to. For packets and for the host's own sockets.
 */
#ifndef NKCTL_BPF_PORT_H
#define NKCTL_BPF_PORT_H

#include "address.h"
#include "endpoint_maps.h"
#include "published_maps.h"
#include "settings_map.h"

static __always_inline struct nk_nat *nat_settings(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&nat, &key);
}

/* Whether a local port may have to do with translation: published, or of the range. */
static __always_inline bool nat_port_is_watched(__be16 port)
{
	const struct nk_nat *settings = nat_settings();
	__u16 number = bpf_ntohs(port);

	return settings && settings->ports[number / 64] >> (number % 64) & 1;
}

static __always_inline struct nk_endpoint *endpoint_of(const struct nk_ip *ip)
{
	if (ip_is_v4(ip))
		return bpf_map_lookup_elem(&endpoints_v4, &ip->words[3]);
	return bpf_map_lookup_elem(&endpoints_v6, ip);
}

/**
 * published_lookup - where a port leads to: that of its address, else of any.
 * @port: becomes the port of any address where that is the one
 */
static __always_inline const struct nk_published *published_lookup(struct nk_port *port)
{
	const struct nk_published *to = bpf_map_lookup_elem(&published, port);

	if (to)
		return to;
	ip_set_any(&port->addr);
	return bpf_map_lookup_elem(&published, port);
}

/* The endpoint behind a published port, if it still lives and has that address. */
static __always_inline const struct nk_endpoint *published_endpoint(const struct nk_published *to)
{
	const struct nk_endpoint *endpoint = endpoint_of(&to->addr);

	return endpoint && endpoint->ifindex == to->ifindex ? endpoint : NULL;
}

#endif
