/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What bpf/routes.bpf.c tells of the host's IPv6 default routes. */
#ifndef NKCTL_ROUTES_H
#define NKCTL_ROUTES_H

#include <linux/types.h>

/**
 * struct nk_default_route - a next hop of one.
 * @ifindex: of its device; 0: the route has a nexthop object, and has to be looked at otherwise;
 *	NK_DEFAULT_ROUTES_END: there are no more
 * @mtu: the route's own MTU; 0: it has none
 */
struct nk_default_route {
	__u32 ifindex;
	__u32 mtu;
};

#define NK_DEFAULT_ROUTES_END (~0U)

/* As many are told, and used. */
#define NK_DEFAULT_ROUTES_MAX 32

#endif
