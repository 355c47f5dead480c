/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What eBPF programs tell of the host's IPv6 default routes: which there are (bpf/routes.bpf.c),
 * and whether they have changed (bpf/invalidate.bpf.c). */
#ifndef NKCTL_ROUTES_H
#define NKCTL_ROUTES_H

#include <linux/types.h>

/**
 * struct nk_default_route - a next hop of one.
 * @ifindex: of its device; 0: the route has a nexthop object, and has to be looked at otherwise
 * @mtu: the route's own MTU; 0: it has none
 */
struct nk_default_route {
	__u32 ifindex;
	__u32 mtu;
};

/**
 * struct nk_default_changes - whether the default routes may be others than those that were read.
 * @count: changes of them, and of nexthop objects; begins with 1
 * @synced: what it was before uplinks_sync() read them; 0: never
 */
struct nk_default_changes {
	__u64 count;
	__u64 synced;
};

#define NK_DEFAULT_CHANGES_FIRST 1ULL

#endif
