// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "prog_time.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <linux/bpf.h>

static int empty = -1;

void prog_time_setup(void)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	empty = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "empty", "GPL", insns, COUNT(insns), NULL);
	if (empty < 0)
		err(1, "load a program that does nothing");
}

/* Return: the nanoseconds of one of @repeat runs on @run's packet, of which @ret_run tells. */
static uint32_t test_run(int program, const struct prog_run *run, uint32_t repeat,
			 struct prog_run *ret_run)
{
	struct __sk_buff ctx = { .ifindex = (uint32_t)run->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = run->packet.data,
		    .data_size_in = (uint32_t)run->packet.len, .data_out = ret_run->packet.data,
		    .data_size_out = sizeof(ret_run->packet.data), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = (int)repeat);

	if (bpf_prog_test_run_opts(program, &opts))
		err(1, "BPF_PROG_TEST_RUN");
	ret_run->packet.len = opts.data_size_out;
	ret_run->verdict = (int)opts.retval;
	return opts.duration;
}

double prog_time(const struct bpf_program *program, struct prog_run *run, uint32_t repeat,
		 unsigned int attempts)
{
	uint32_t least_ns = UINT32_MAX, least_empty_ns = UINT32_MAX;
	static struct prog_run ran;

	for (unsigned int i = 0; i < attempts; i++) {
		uint32_t empty_ns = test_run(empty, run, repeat, &ran);
		uint32_t ns = test_run(bpf_program__fd(program), run, repeat, &ran);

		if (empty_ns < least_empty_ns)
			least_empty_ns = empty_ns;
		if (ns < least_ns)
			least_ns = ns;
	}
	run->packet = ran.packet;
	run->verdict = ran.verdict;
	return (double)least_ns - least_empty_ns;
}
