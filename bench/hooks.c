// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hooks - what programs that do nothing cost a packet at a device's ingress, by tcx and by cls_bpf.
 *
 * Theory of operation: what a hook costs is little beside a packet's way, so that way is made as
 * short as it can be, and the same every time. BPF_PROG_TEST_RUN of an XDP program that passes
 * everything puts frames into the stack, many with one system call and without a driver or a
 * socket (Documentation/bpf/bpf_prog_run.rst, "Running XDP programs in live frame mode"); they come
 * in by the loopback device of the caller's network namespace, meet its ingress hook, and are freed
 * right after it, since nobody takes their EtherType. So each number of programs at each hook has a
 * namespace of its own, furnished beforehand, and a round is a run in each of them: whatever else
 * the machine does meanwhile hits them alike. What programs cost is the difference to none.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bpf/uapi.h"
#include "program.h"

#define NS_PER_S     1000000000LL
#define PROGRAMS_MAX 16
#define PACKETS_MAX  10000000
#define ROUNDS_MAX   10000

/* At each place in a round. Each waits for an RCU grace period at its end, with its memory. */
#define RUNS 3

/* The verdict that leaves a packet to the next program: TCX_NEXT, TC_ACT_UNSPEC. */
#define VERDICT_NEXT (-1)

/* One batch of live frames (TEST_XDP_BATCH in net/bpf/test_run.c). */
#define CHECKED_PACKETS 64

/**
 * struct hook - a way to have programs at a device's ingress.
 * @open: before the first program, where anything is to be done
 * @attach: behind the programs that are there
 */
struct hook {
	const char *name;
	void (*open)(int ifindex);
	void (*attach)(int ifindex, int program);
};

/**
 * struct place - a network namespace whose loopback device has programs.
 * @hook: NULL: it has none
 */
struct place {
	int netns;
	const struct hook *hook;
	size_t programs;
};

static const char usage_text[] =
	"Usage: hooks [-n PACKETS] [-r ROUNDS]\n"
	"\n"
	"Prints a line 'hook=HOOK programs=N NS' for each number of programs at each hook, in "
	"each\n"
	"round: what a packet costs from its place in memory, through the hook, until it is "
	"freed.\n"
	"\n"
	"  -n PACKETS  in a run, of which the least of three makes a line (2000)\n"
	"  -r ROUNDS   after one that isn't printed (30)\n";

/* Programs ------------------------------------------------------------------------------------- */

/* A program that returns @verdict, and does nothing else. */
static int program_load(enum bpf_prog_type type, int32_t verdict)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int program =
		bpf_prog_load(type, "empty", "GPL", insns, sizeof(insns) / sizeof(*insns), NULL);

	if (program < 0)
		err(EXIT_FAILURE, "load a program");
	return program;
}

/* A device has the hook. */
static void tcx_open(int ifindex)
{
	(void)ifindex;
}

static void tcx_attach(int ifindex, int program)
{
	if (bpf_prog_attach_opts(program, ifindex, (enum bpf_attach_type)NK_BPF_TCX_INGRESS, NULL))
		err(EXIT_FAILURE, "attach a program by tcx");
}

static void cls_open(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, qdisc, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);

	if (bpf_tc_hook_create(&qdisc))
		err(EXIT_FAILURE, "make the qdisc clsact");
}

static void filter_attach(int ifindex, int program, uint32_t priority)
{
	LIBBPF_OPTS(bpf_tc_hook, qdisc, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, filter, .prog_fd = program, .priority = priority);

	if (bpf_tc_attach(&qdisc, &filter))
		err(EXIT_FAILURE, "attach a program by cls_bpf");
}

/* Each with a priority of its own, which the kernel chooses: as those of different owners have. */
static void cls_attach(int ifindex, int program)
{
	filter_attach(ifindex, program, 0);
}

/* With one priority for all: a list within one filter. */
static void cls_list_attach(int ifindex, int program)
{
	filter_attach(ifindex, program, 1);
}

static const struct hook hooks[] = {
	{ "tcx", tcx_open, tcx_attach },
	{ "cls_bpf", cls_open, cls_attach },
	{ "cls_bpf_list", cls_open, cls_list_attach },
};

#define HOOKS  (sizeof(hooks) / sizeof(*hooks))
#define PLACES (1 + HOOKS * PROGRAMS_MAX)

/* Packets -------------------------------------------------------------------------------------- */

/*
 * Puts @count frames into the stack by the loopback device. Return: the nanoseconds that it took,
 * without those that the processor spent on others.
 */
static int64_t packets_send(int injector, unsigned int count)
{
	/* An EtherType for experiments (IEEE 802), which no protocol is registered for. */
	static const struct {
		struct ethhdr eth;
		uint8_t payload[64 - sizeof(struct ethhdr)];
	} frame = { .eth.h_proto = __builtin_bswap16(0x88b5) };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &frame, .data_size_in = sizeof(frame),
		    .repeat = (int)count, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	struct timespec begin, end;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin); /* can't fail: the clock exists */
	if (bpf_prog_test_run_opts(injector, &opts))
		err(EXIT_FAILURE, "put packets into the stack");
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end); /* as above */
	return (end.tv_sec - begin.tv_sec) * NS_PER_S + end.tv_nsec - begin.tv_nsec;
}

static uint64_t program_runs(int program)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(program, &info, &len))
		err(EXIT_FAILURE, "ask how often a program has run");
	return info.run_cnt;
}

/* Places --------------------------------------------------------------------------------------- */

static void place_enter(const struct place *place)
{
	if (setns(place->netns, CLONE_NEWNET))
		err(EXIT_FAILURE, "enter a network namespace");
}

/* A place with as many of @programs as @hook is to have. */
static struct place place_make(const struct hook *hook, const int *programs, size_t count)
{
	struct place place = { .hook = hook, .programs = count };
	int ifindex;

	if (unshare(CLONE_NEWNET))
		err(EXIT_FAILURE, "make a network namespace");
	place.netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ifindex = (int)if_nametoindex("lo");
	if (place.netns < 0 || !ifindex)
		err(EXIT_FAILURE, "find the loopback device of a network namespace");
	if (hook)
		hook->open(ifindex);
	for (size_t i = 0; i < count; i++)
		hook->attach(ifindex, programs[i]);
	return place;
}

static void places_make(struct place ret_places[PLACES], const int *programs)
{
	*ret_places++ = place_make(NULL, programs, 0);
	for (size_t i = 0; i < HOOKS; i++)
		for (size_t count = 1; count <= PROGRAMS_MAX; count++)
			*ret_places++ = place_make(&hooks[i], programs, count);
}

/* Whether what is measured is what is meant: a place's programs, and no others, see each packet. */
static void place_check(const struct place *place, int injector, const int *programs)
{
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	uint64_t before[PROGRAMS_MAX], runs;

	if (stats < 0)
		err(EXIT_FAILURE, "have runs of programs counted");
	for (size_t i = 0; i < PROGRAMS_MAX; i++)
		before[i] = program_runs(programs[i]);
	place_enter(place);
	(void)packets_send(injector, CHECKED_PACKETS);
	for (size_t i = 0; i < PROGRAMS_MAX; i++) {
		runs = program_runs(programs[i]) - before[i];
		if (runs != (i < place->programs ? CHECKED_PACKETS : 0))
			errx(EXIT_FAILURE, "%d packets at %zu programs: number %zu ran %llu times",
			     CHECKED_PACKETS, place->programs, i + 1, (unsigned long long)runs);
	}
	(void)close(stats); /* nothing was written */
}

/* The least of some runs, since whatever comes between can only make one longer. */
static void place_measure(const struct place *place, int injector, unsigned int count,
			  bool is_printed)
{
	int64_t least_ns = INT64_MAX;

	place_enter(place);
	for (int i = 0; i < RUNS; i++) {
		int64_t ns = packets_send(injector, count);

		if (ns < least_ns)
			least_ns = ns;
	}
	if (is_printed)
		printf("hook=%s programs=%zu %.2f\n", place->hook ? place->hook->name : "none",
		       place->programs, (double)least_ns / count);
}

static void rounds_run(unsigned int count, unsigned int rounds)
{
	int injector = program_load(BPF_PROG_TYPE_XDP, XDP_PASS), programs[PROGRAMS_MAX];
	struct place places[PLACES];

	for (size_t i = 0; i < PROGRAMS_MAX; i++)
		programs[i] = program_load(BPF_PROG_TYPE_SCHED_CLS, VERDICT_NEXT);
	places_make(places, programs);
	for (size_t i = 0; i < PLACES; i++)
		place_check(&places[i], injector, programs);
	for (unsigned int round = 0; round <= rounds; round++)
		for (size_t i = 0; i < PLACES; i++)
			place_measure(&places[(round + i) % PLACES], injector, count, round);
}

int main(int argc, char **argv)
{
	unsigned int count = 2000, rounds = 30;
	const struct number_option options[] = { { 'n', PACKETS_MAX, &count },
						 { 'r', ROUNDS_MAX, &rounds } };

	numbers_parse(argc, argv, options, sizeof(options) / sizeof(*options), usage_text);
	processor_pin();
	rounds_run(count, rounds);
	return EXIT_SUCCESS;
}
