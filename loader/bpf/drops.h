/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The pinned map "drops": how many packets were dropped, and why. */
#ifndef NKCTL_BPF_DROPS_H
#define NKCTL_BPF_DROPS_H

#include <stdint.h>

#include "bpf/datapath.h"
#include "core/error.h"
#include "nkctl/drop_reason.h"

/* drops_read() - packets dropped since the load, per reason, over all CPUs. */
int drops_read(struct datapath *datapath, uint64_t ret_counts[NK_DROP_REASON_COUNT],
	       struct error *err);

#endif
