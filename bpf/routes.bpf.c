// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Finds the host's IPv6 default routes among its routes.
 *
 * Theory of operation: the kernel has no request for them alone, and a dump puts each route of the
 * node's endpoints into a message before the default routes, which come last. Whoever reads the
 * pinned iterator has the kernel walk over the routes and call this program for each; what it
 * writes is what is read. With the first route it looks for itself, though: default routes are at
 * the root of the main table's tree, one behind the other, and with the second it has the kernel
 * stop. Only where there are routes for certain sources alone it waits for each, since these are in
 * trees below. It is a convenience: without it, the routes are dumped.
 *
 * An object of its own: as collect.bpf.c.
 */
#include <linux/rtnetlink.h>

#include "kernel_types.h"
#include "nkctl/routes.h"
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What is read of the kernel's structures: include/net/ip6_fib.h, ip_fib.h, dst.h. */
struct fib6_node {
	struct fib6_node *subtree; /* with CONFIG_IPV6_SUBTREES */
	struct fib6_info *leaf;
} __attribute__((preserve_access_index));

struct fib6_table {
	__u32 tb6_id;
	struct fib6_node tb6_root;
} __attribute__((preserve_access_index));

struct netns_ipv6 {
	struct fib6_table *fib6_main_tbl;
} __attribute__((preserve_access_index));

struct net___of_routes {
	struct netns_ipv6 ipv6;
} __attribute__((preserve_access_index));

struct nsproxy {
	struct net *net_ns;
} __attribute__((preserve_access_index));

struct task_struct {
	struct nsproxy *nsproxy;
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
	struct fib6_info *fib6_next;
	struct rt6key fib6_dst;
	struct dst_metrics *fib6_metrics;
	unsigned char fib6_type;
	struct nexthop *nh;
	struct fib6_nh fib6_nh[];
} __attribute__((preserve_access_index));

/* What an iterator's program is called with: include/linux/bpf.h, net/ipv6/route.c. */
struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 seq_num;
} __attribute__((preserve_access_index));

struct bpf_iter__ipv6_route {
	struct bpf_iter_meta *meta;
	struct fib6_info *rt;
} __attribute__((preserve_access_index));

/* What a program of an iterator returns (bpf_iter_run_prog(), kernel/bpf/bpf_iter.c). */
enum { ITERATOR_GO_ON = 0, ITERATOR_STOP = 1 };

/* The table of the namespace that the iterator is read in. */
static __always_inline const struct fib6_table *main_table(void)
{
	const struct task_struct *reader = bpf_get_current_task_btf();
	const struct net___of_routes *net = (const void *)reader->nsproxy->net_ns;

	return net->ipv6.fib6_main_tbl;
}

static __always_inline bool has_routes_by_source(const struct fib6_table *table)
{
	return bpf_core_field_exists(table->tb6_root.subtree) && table->tb6_root.subtree;
}

/* Of a route with several next hops each is a route here. */
static __always_inline void tell(struct seq_file *seq, const struct fib6_info *route)
{
	struct nk_default_route told = { 0 };

	if (route->fib6_type != RTN_UNICAST)
		return;
	if (!route->nh) {
		told.ifindex = (__u32)route->fib6_nh[0].nh_common.nhc_dev->ifindex;
		told.mtu = route->fib6_metrics->metrics[RTAX_MTU - 1];
	}
	(void)bpf_seq_write(seq, &told, sizeof(told)); /* retried with more room */
}

static __always_inline void tell_all(struct seq_file *seq, const struct fib6_table *table)
{
	const struct nk_default_route end = { .ifindex = NK_DEFAULT_ROUTES_END };
	const struct fib6_info *route = table->tb6_root.leaf;

	for (unsigned int i = 0; i < NK_DEFAULT_ROUTES_MAX && route; i++) {
		tell(seq, route);
		route = route->fib6_next;
	}
	(void)bpf_seq_write(seq, &end, sizeof(end));
}

SEC("iter/ipv6_route")
int nk_default_routes(struct bpf_iter__ipv6_route *context)
{
	const struct fib6_info *route = context->rt;
	const struct fib6_table *table = main_table();
	struct seq_file *seq = context->meta->seq;

	if (!route)
		return ITERATOR_GO_ON;
	if (has_routes_by_source(table)) {
		if (!route->fib6_dst.plen && route->fib6_table->tb6_id == RT_TABLE_MAIN)
			tell(seq, route);
		return ITERATOR_GO_ON;
	}
	if (context->meta->seq_num)
		return ITERATOR_STOP;
	tell_all(seq, table);
	return ITERATOR_GO_ON;
}
