/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the host's stack has brought to containers, so that the answers go back through it.
 *
 * Theory of operation: netfilter may have given a packet another destination, as ports that others
 * publish have it done (the CNI plugin portmap, kube-proxy, Docker), and then conntrack alone can
 * give the answer its source back. Such packets are forwarded by the stack and not by our
 * programs, so one on netfilter's hook for them (forward.bpf.c) notes them; a container's packets
 * that answer them are the stack's, as if there were no datapath.
 *
 * Of a flow that is forgotten the answers go out as they are, and the other end resets it. An entry
 * that is used isn't forgotten while there is an unused one (BPF_MAP_TYPE_LRU_HASH).
 */
#ifndef NKCTL_BPF_FORWARDED_H
#define NKCTL_BPF_FORWARDED_H

#include "compat.h"
#include <nkctl/nat.h>

/* By the answer's key; the value is nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NK_FORWARDED_MAX);
	__type(key, struct nk_flow_key);
	__type(value, __u32);
} forwarded SEC(".maps");

/* Whether there ever was any: where nobody translates, this is all that it costs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} forwarded_any SEC(".maps");

#endif
