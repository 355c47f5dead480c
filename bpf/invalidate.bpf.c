// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What tells the datapath that the paths it keeps (path.h) may be other ones now.
 *
 * Theory of operation: a path is the answer of the kernel's tables. Each of these programs runs at
 * the end of a function of the kernel that has changed them, so the change is there when the
 * generation becomes another, and whoever asked for the change is still waiting. A datapath that
 * read the tables before the change had read the generation before that.
 *
 * Notifiers wouldn't do for it all: IPv6 routes and rules of both families are announced before
 * they are in their lists (fib6_add_rt2node() in net/ipv6/ip6_fib.c, fib_nl_newrule() in
 * net/core/fib_rules.c), and an IPv4 route before it's out of its own (fib_table_delete() in
 * net/ipv4/fib_trie.c). So there are, for what a process changes, the ends of its request; for what
 * the kernel changes by itself (router advertisements, carrier, neighbours, expiry, path MTUs), the
 * ends of the functions that do it. One too many costs each flow a look-up.
 *
 * What plainly concerns another network namespace doesn't count: a node has many, and their
 * neighbours alone change all the time. Requests about devices count wherever they are made, since
 * one end of a pair may be the host's; so do the settings under /proc/sys, which are seldom
 * written.
 *
 * An object of its own: as collect.bpf.c.
 */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "generation.h"
#include "kernel_types.h"
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Which network namespace is the host (SO_NETNS_COOKIE). */
const volatile __u64 host_netns_cookie = 0;

/* A message's type: the last two bits tell new, del, get and set (rtnl_msg_kind, rtnetlink.h). */
#define RTNL_KIND_MASK 3
#define RTNL_KIND_GET  2

/* enum netevent_notif_type in include/net/netevent.h. */
#define NETEVENT_NEIGH_UPDATE 1

/* What else is read of the kernel's structures. */
struct sock_common {
	possible_net_t skc_net;
} __attribute__((preserve_access_index));

struct sock {
	struct sock_common __sk_common;
} __attribute__((preserve_access_index));

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
} __attribute__((preserve_access_index));

struct neighbour {
	struct net_device *dev;
} __attribute__((preserve_access_index));

struct nl_info {
	struct net *nl_net;
} __attribute__((preserve_access_index));

static __always_inline int invalidate(void)
{
	__sync_fetch_and_add(&generation, 1);
	return 0;
}

static __always_inline int invalidate_in(const struct net *net)
{
	return net->net_cookie == host_netns_cookie ? invalidate() : 0;
}

static __always_inline bool message_is_of_link(const struct nlmsghdr *message)
{
	return message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK ||
	       message->nlmsg_type == RTM_SETLINK;
}

/*
 * Routes, rules, nexthop objects, neighbours, addresses, devices, by netlink:
 * rtnetlink_rcv_msg(struct sk_buff *skb, struct nlmsghdr *nlh, ...), net/core/rtnetlink.c. The
 * acknowledgement is sent after it.
 */
SEC("fexit/rtnetlink_rcv_msg")
int nk_rtnetlink(const __u64 *arguments)
{
	const struct sk_buff *skb = (const void *)arguments[0];
	const struct nlmsghdr *message = (const void *)arguments[1];

	if ((message->nlmsg_type & RTNL_KIND_MASK) == RTNL_KIND_GET)
		return 0;
	if (message_is_of_link(message))
		return invalidate();
	return invalidate_in(skb->sk->__sk_common.skc_net.net);
}

/* Forwarding, multipath hashing, link state's meaning: proc_sys_write(), fs/proc/proc_sysctl.c */
SEC("fexit/proc_sys_write")
int nk_sysctl(void)
{
	return invalidate();
}

/* IPv4 routes and rules, whoever changes them: rt_cache_flush(struct net *net), net/ipv4/route.c */
SEC("fexit/rt_cache_flush")
int nk_route_v4(const __u64 *arguments)
{
	return invalidate_in((const void *)arguments[0]);
}

/*
 * IPv6 routes, whoever changes them: fib6_add(struct fib6_node *root, struct fib6_info *rt,
 * struct nl_info *info, ...), fib6_del(struct fib6_info *rt, struct nl_info *info),
 * net/ipv6/ip6_fib.c
 */
SEC("fexit/fib6_add")
int nk_route_v6_add(const __u64 *arguments)
{
	const struct nl_info *info = (const void *)arguments[2];

	return invalidate_in(info->nl_net);
}

SEC("fexit/fib6_del")
int nk_route_v6_del(const __u64 *arguments)
{
	const struct nl_info *info = (const void *)arguments[1];

	return invalidate_in(info->nl_net);
}

/*
 * What IPv6 routers tell of themselves and of the link, beside routes: MTU, preference;
 * ndisc_router_discovery(struct sk_buff *skb), net/ipv6/ndisc.c
 */
SEC("fexit/ndisc_router_discovery")
int nk_router(const __u64 *arguments)
{
	const struct sk_buff *skb = (const void *)arguments[0];

	return invalidate_in(skb->dev->nd_net.net);
}

/*
 * What hosts and routers told of path MTUs: update_or_create_fnhe(), net/ipv4/route.c, and
 * rt6_insert_exception(), net/ipv6/route.c
 */
SEC("fexit/update_or_create_fnhe")
int nk_exception_v4(void)
{
	return invalidate();
}

SEC("fexit/rt6_insert_exception")
int nk_exception_v6(void)
{
	return invalidate();
}

/*
 * Neighbours and redirects: call_netevent_notifiers(unsigned long val, void *v),
 * net/core/netevent.c
 */
SEC("fexit/call_netevent_notifiers")
int nk_neighbour(const __u64 *arguments)
{
	const struct neighbour *neighbour = (const void *)arguments[1];
	const struct net_device *dev;
	const struct net *net;
	__u64 cookie;

	if (arguments[0] != NETEVENT_NEIGH_UPDATE)
		return invalidate();
	/* To the verifier what a void * leads to is of no type. */
	if (bpf_core_read(&dev, sizeof(dev), &neighbour->dev) ||
	    bpf_core_read(&net, sizeof(net), &dev->nd_net.net) ||
	    bpf_core_read(&cookie, sizeof(cookie), &net->net_cookie))
		return invalidate();
	return cookie == host_netns_cookie ? invalidate() : 0;
}

/*
 * Devices: call_netdevice_notifiers_info(unsigned long val, struct netdev_notifier_info *info),
 * net/core/dev.c. At its end the FIBs have drawn their conclusions (fib_netdev_event(),
 * addrconf_notify()), and the collector its own.
 */
SEC("fexit/call_netdevice_notifiers_info")
int nk_device(const __u64 *arguments)
{
	const struct netdev_notifier_info *info = (const void *)arguments[1];

	return invalidate_in(info->dev->nd_net.net);
}

/* Nexthop objects and groups: call_nexthop_notifiers(struct net *net, ...), net/ipv4/nexthop.c */
SEC("fexit/call_nexthop_notifiers")
int nk_nexthop(const __u64 *arguments)
{
	return invalidate_in((const void *)arguments[0]);
}

/* Resilient nexthop groups, that move their buckets in time: nh_res_bucket_migrate(), there */
SEC("fexit/nh_res_bucket_migrate")
int nk_bucket(void)
{
	return invalidate();
}
