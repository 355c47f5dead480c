/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Containers' packets that answer what the host's stack has brought them: see forwarded.h. */
#ifndef NKCTL_BPF_ANSWER_H
#define NKCTL_BPF_ANSWER_H

#include "address.h"
#include "forwarded.h"
#include "parse.h"
#include "path.h"

static __always_inline bool answers_are_noted(void)
{
	__u32 zero = 0;
	const __u32 *any = bpf_map_lookup_elem(&forwarded_any, &zero);

	return any && *any;
}

static __always_inline bool answer_is_for_stack(const struct nk_upper *upper, struct nk_ip saddr,
						struct nk_ip daddr)
{
	struct nk_flow_key key = {
		.saddr = saddr,
		.daddr = daddr,
		.sport = upper->sport,
		.dport = upper->dport,
		.protocol = upper->protocol,
	};

	return unlikely(answers_are_noted()) && bpf_map_lookup_elem(&forwarded, &key);
}

#endif
