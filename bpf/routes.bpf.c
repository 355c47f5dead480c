// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Finds the host's IPv6 default routes among its routes.
 *
 * Theory of operation: the kernel has no request for them alone, and a dump puts each route of the
 * node's endpoints into a message before the default routes, which come last. Whoever reads the
 * pinned iterator has the kernel walk over the routes and call this program for each; what it
 * writes is what is read. That takes less than half of the dump's time. It is a convenience:
 * without it, the routes are dumped.
 *
 * An object of its own: as collect.bpf.c.
 */
#include <linux/rtnetlink.h>

#include "kernel_types.h"
#include "nkctl/routes.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What is read of the kernel's structures: include/net/ip6_fib.h, ip_fib.h, dst.h. */
struct fib6_table {
	__u32 tb6_id;
} __attribute__((preserve_access_index));

struct rt6key {
	int plen;
} __attribute__((preserve_access_index));

struct dst_metrics {
	__u32 metrics[RTAX_MAX];
} __attribute__((preserve_access_index));

struct fib_nh_common {
	struct net_device *nhc_dev;
} __attribute__((preserve_access_index));

struct fib6_nh {
	struct fib_nh_common nh_common;
} __attribute__((preserve_access_index));

struct fib6_info {
	struct fib6_table *fib6_table;
	struct rt6key fib6_dst;
	struct dst_metrics *fib6_metrics;
	unsigned char fib6_type;
	struct nexthop *nh;
	struct fib6_nh fib6_nh[];
} __attribute__((preserve_access_index));

/* What an iterator's program is called with: include/linux/bpf.h, net/ipv6/route.c. */
struct bpf_iter_meta {
	struct seq_file *seq;
} __attribute__((preserve_access_index));

struct bpf_iter__ipv6_route {
	struct bpf_iter_meta *meta;
	struct fib6_info *rt;
} __attribute__((preserve_access_index));

/* Of a route with several next hops the kernel calls for each. */
SEC("iter/ipv6_route")
int nk_default_routes(struct bpf_iter__ipv6_route *context)
{
	const struct fib6_info *route = context->rt;
	struct nk_default_route told = { 0 };

	if (!route || route->fib6_dst.plen || route->fib6_type != RTN_UNICAST ||
	    route->fib6_table->tb6_id != RT_TABLE_MAIN)
		return 0;
	if (!route->nh) {
		told.ifindex = (__u32)route->fib6_nh[0].nh_common.nhc_dev->ifindex;
		told.mtu = route->fib6_metrics->metrics[RTAX_MTU - 1];
	}
	(void)bpf_seq_write(context->meta->seq, &told, sizeof(told)); /* retried with more room */
	return 0;
}
