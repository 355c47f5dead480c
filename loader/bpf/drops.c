// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/drops.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/table.h"

int drops_read(struct datapath *datapath, uint64_t ret_counts[NK_DROP_REASON_COUNT],
	       struct error *err)
{
	uint64_t counts[NK_DROP_REASON_COUNT] = { 0 };
	int cpus = libbpf_num_possible_cpus(), ret;
	_cleanup_free_ uint64_t *per_cpu = NULL;

	if (cpus < 0)
		return error_sys(err, cpus, "count the CPUs");
	per_cpu = calloc((size_t)cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return error_sys(err, ENOMEM, "read the drop counters");
	for (uint32_t reason = 0; reason < NK_DROP_REASON_COUNT; reason++) {
		ret = table_get(datapath, MAP_DROPS, &reason, per_cpu, err);
		if (ret)
			return ret;
		for (int cpu = 0; cpu < cpus; cpu++)
			counts[reason] += per_cpu[cpu];
	}
	memcpy(ret_counts, counts, sizeof(counts));
	return 0;
}
