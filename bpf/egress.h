/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The way of a container's packet to other hosts, with its own address. */
#ifndef NKCTL_BPF_EGRESS_H
#define NKCTL_BPF_EGRESS_H

#include "fib.h"
#include "icmp6.h"
#include "path.h"
#include "ttl.h"

/**
 * from_ctr_egress_v4 - a packet that the kernel's FIB decides on.
 * @question: see fib_question_v4()
 * @path, @kind: where to keep the answer, see fib_keep()
 */
static __always_inline int from_ctr_egress_v4(struct __sk_buff *skb, struct nk_linear linear,
					      const struct nk_upper *upper, union nk_fib *question,
					      struct nk_path *path, enum nk_path_kind kind)
{
	struct iphdr *ip = linear.data + ETH_HLEN;
	enum nk_route route = fib_route(skb, question, upper, false, false);

	if (route == NK_ROUTE_STACK || route == NK_ROUTE_TOO_BIG)
		return NK_STACK;
	fib_keep(path, &question->lookup, route, kind);
	frame_protocol_set(linear.data, ETH_P_IP);
	ttl_decrement(ip);
	return fib_redirect(&question->lookup, linear.data, route);
}

static __always_inline int from_ctr_egress_v6(struct __sk_buff *skb, struct nk_linear linear,
					      const struct nk_upper *upper, union nk_fib *question,
					      struct nk_path *path, enum nk_path_kind kind,
					      enum nk_hook hook)
{
	struct ipv6hdr *ip6 = linear.data + ETH_HLEN;
	enum nk_route route =
		fib_route(skb, question, upper, ip6->hop_limit <= NK_TTL_EXPIRES, false);

	if (route == NK_ROUTE_STACK)
		return NK_STACK;
	if (route == NK_ROUTE_EXPIRED)
		return ipv6_refuse(skb, hook, NK_ICMP6_TIME_EXCEEDED, 0);
	if (route == NK_ROUTE_TOO_BIG)
		return ipv6_refuse(skb, hook, NK_ICMP6_PACKET_TOO_BIG, question->lookup.mtu_result);
	fib_keep(path, &question->lookup, route, kind);
	frame_protocol_set(linear.data, ETH_P_IPV6);
	hop_limit_decrement(skb, ip6);
	return fib_redirect(&question->lookup, linear.data, route);
}

#endif
