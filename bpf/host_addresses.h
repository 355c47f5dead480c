/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The addresses of the host, for programs that have no other way to know what is local. */
#ifndef NKCTL_BPF_HOST_ADDRESSES_H
#define NKCTL_BPF_HOST_ADDRESSES_H

#include "compat.h"
#include <nkctl/sockets.h>

/* The value is the index of the device that got the address last. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NK_HOST_ADDRESSES_MAX);
	__type(key, struct nk_ip);
	__type(value, __u32);
} host_addresses SEC(".maps");

static __always_inline bool address_is_hosts(const struct nk_ip *ip)
{
	return bpf_map_lookup_elem(&host_addresses, ip);
}

#endif
