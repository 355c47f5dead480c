/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The programs, loaded on maps of their own, and single runs of them by BPF_PROG_TEST_RUN. */
#ifndef NKCTL_TESTS_PROG_H
#define NKCTL_TESTS_PROG_H

#include <nkctl/config.h>
#include <nkctl/drop_reason.h>
#include <nkctl/maps.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net.h"
#include "nkctl.skel.h"
#include "packet.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* What a program returns: TCX_NEXT and NETKIT_NEXT, TCX_DROP and NETKIT_DROP, TC_ACT_REDIRECT. */
enum prog_verdict { VERDICT_STACK = -1, VERDICT_DROP = 2, VERDICT_REDIRECT = 7 };

#define NO_DROP NK_DROP_REASONS_MAX

/**
 * struct prog_run - a run and what it did.
 * @ifindex: of the device that the packet comes from
 * @gso_size: 0, or the size of the segments' payload in bytes
 * @is_summed: a device has summed it up (CHECKSUM_COMPLETE), and that is to be the sum of what
 *	comes out, too
 * @packet: before the run, and after it
 * @verdict: enum prog_verdict, if the program keeps its word
 * @drops: by how much each counter grew
 */
struct prog_run {
	int ifindex;
	uint32_t gso_size;
	bool is_summed;
	struct packet packet;
	int verdict;
	uint64_t drops[NK_DROP_REASONS_MAX];
};

extern struct nkctl_bpf *progs;

/*
 * prog_stack_forwards_ipv6 - what the programs are told of the host's stack (struct nk_config);
 * true unless a test sets it before prog_setup().
 */
extern bool prog_stack_forwards_ipv6;

/* prog_nat - whether the programs translate; false unless a test sets it before prog_setup(). */
extern bool prog_nat;

/*
 * prog_uplink_l3 - whether the program of uplinks without MAC headers is loaded, which takes an
 * emulated guest a second; false unless a test sets it before prog_setup().
 */
extern bool prog_uplink_l3;

/* prog_path_cache - whether they keep paths; true unless a test sets it before prog_setup(). */
extern bool prog_path_cache;

/* prog_flows_max - entries of their flow table, if not as many as ever. */
extern uint32_t prog_flows_max;

/*
 * prog_setup() - enter the host of net.h, load the programs there and claim the addresses of its
 * endpoints; ends the test program when that fails.
 */
void prog_setup(enum net_device device);

/* prog_group_setup() - the same, with veth: a test group's setup. */
int prog_group_setup(void **state);
int prog_group_teardown(void **state);

/**
 * prog_tests_add() - a test for each case of a table.
 * @tests: room for @count
 * @prefix: of the tests' names; the rest is a case's first member, a const char *
 * @cases, @size, @count: the table; a case is a test's initial state
 *
 * Return: the end of the tests added.
 */
struct CMUnitTest *prog_tests_add(struct CMUnitTest *tests, CMUnitTestFunction function,
				  const char *prefix, const void *cases, size_t size, size_t count);

/* prog_run() - run @program once on @run's packet. */
void prog_run(const struct bpf_program *program, struct prog_run *run);

/* prog_drops_read() - all drop counters, each summed over the CPUs. */
void prog_drops_read(uint64_t ret_drops[NK_DROP_REASONS_MAX]);

/* prog_endpoint_set() - claim an address of either family. */
void prog_endpoint_set(const char *addr, const struct nk_endpoint *endpoint);

/* prog_endpoint_take() - take that claim away, while the programs aren't told of the change. */
struct nk_endpoint prog_endpoint_take(const char *addr);

/* prog_next_hops_forget() - as if no packet had ever been forwarded. */
void prog_next_hops_forget(void);

/* prog_paths_forget() - as if something on the host had changed. */
void prog_paths_forget(void);

/* prog_answers_count() - ICMPv6 errors that were due in the jiffy of the last one. */
uint64_t prog_answers_count(void);

/* prog_answers_set() - as if @count had been. */
void prog_answers_set(uint64_t count);

/* prog_next_hops_age() - as if the refresh interval had passed since. */
void prog_next_hops_age(void);

/* prog_drop_name() - of a reason, as people know it. */
const char *prog_drop_name(unsigned int reason);

/* prog_assert_packet() - length and every byte. */
void prog_assert_packet(const struct packet *packet, const struct packet *expected);

/* prog_assert_drops() - exactly one packet for @reason, or none for NO_DROP. */
void prog_assert_drops(const struct prog_run *run, unsigned int reason);

#endif
