// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Limits: the turn that a packet gets, what it costs, and which packets are too much. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include <nkctl/pace.h>

#include "pace.skel.h"
#include "prog.h"

/* A byte takes a microsecond. */
#define RATE_BPS   8000000ULL
#define BYTE_NS    1000ULL
#define MS         1000000ULL
#define BURST_NS   (5 * MS)
#define HORIZON_NS (60000 * MS)

/* What NK_POLICE_SLACK_NS of bpf/pace.bpf.c is. */
#define SLACK_NS (100 * MS)

/* Far enough ahead that the test is there before. */
#define AHEAD_NS (30000 * MS)

#define PACKET_BYTES 1000

static struct pace_bpf *pace;

/* What a run did with a packet. */
struct paced {
	int verdict;
	uint64_t tstamp, drops;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

static int pace_setup(void **state)
{
	const struct nk_pace config = { .rate_bps = RATE_BPS,
					.burst_bits = RATE_BPS / 200,
					.burst_ns = BURST_NS,
					.horizon_ns = HORIZON_NS,
					.drop_reason = NK_DROP_INGRESS_RATE };

	(void)state;
	pace = pace_bpf__open();
	if (!pace)
		err(1, "open the programs");
	memcpy((void *)&pace->rodata_pace->nk_pace_config, &config, sizeof(config));
	if (pace_bpf__load(pace))
		err(1, "load the programs");
	return 0;
}

static int pace_teardown(void **state)
{
	(void)state;
	pace_bpf__destroy(pace);
	return 0;
}

static uint64_t drops_read(void)
{
	static uint64_t counts[1024];
	const uint32_t reason = NK_DROP_INGRESS_RATE;
	uint64_t sum = 0;

	assert_in_range(libbpf_num_possible_cpus(), 1, COUNT(counts));
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(pace->maps.drops), &reason, counts), 0);
	for (int i = 0; i < libbpf_num_possible_cpus(); i++)
		sum += counts[i];
	return sum;
}

static struct paced run(const struct bpf_program *program, uint16_t protocol, size_t bytes,
			uint32_t gso_size)
{
	static uint8_t in[4096], out[4096];
	struct __sk_buff ctx = { .gso_size = gso_size }, after = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = (uint32_t)bytes,
		    .data_out = out, .data_size_out = sizeof(out), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .ctx_out = &after, .ctx_size_out = sizeof(after));
	uint64_t drops = drops_read();

	memset(in, 0, sizeof(in));
	in[12] = (uint8_t)(protocol >> 8);
	in[13] = (uint8_t)protocol;
	in[14] = protocol == ETH_P_IPV6 ? 0x60 : 0x45;
	if (bpf_prog_test_run_opts(bpf_program__fd(program), &opts))
		fail_msg("BPF_PROG_TEST_RUN: %s", strerror(errno));
	return (struct paced){ (int)opts.retval, after.tstamp, drops_read() - drops };
}

static void test_a_packet_goes_at_its_turn(void **state)
{
	static const uint16_t protocols[] = { ETH_P_IP, ETH_P_IPV6 };
	uint64_t turn = now_ns() + AHEAD_NS;

	(void)state;
	pace->bss->pace_next_ns = turn;
	for (size_t i = 0; i < 10; i++) {
		struct paced paced = run(pace->progs.nk_pace, protocols[i % 2], PACKET_BYTES, 0);

		assert_int_equal(paced.verdict, VERDICT_STACK);
		assert_true(paced.tstamp == turn);
		turn += PACKET_BYTES * BYTE_NS;
		assert_true(pace->bss->pace_next_ns == turn);
	}
}

static void test_after_a_rest_a_burst_goes_at_once(void **state)
{
	uint64_t before = now_ns(), after, next;
	struct paced paced;

	(void)state;
	pace->bss->pace_next_ns = 0;
	paced = run(pace->progs.nk_pace, ETH_P_IP, PACKET_BYTES, 0);
	after = now_ns();
	next = pace->bss->pace_next_ns + BURST_NS - PACKET_BYTES * BYTE_NS;
	assert_int_equal(paced.verdict, VERDICT_STACK);
	assert_true(paced.tstamp == 0);
	assert_true(before <= next && next <= after);
}

static void test_what_would_wait_too_long_is_dropped(void **state)
{
	const uint64_t turn = now_ns() + HORIZON_NS + AHEAD_NS;
	struct paced paced;

	(void)state;
	pace->bss->pace_next_ns = turn;
	paced = run(pace->progs.nk_pace, ETH_P_IP, PACKET_BYTES, 0);
	assert_int_equal(paced.verdict, VERDICT_DROP);
	assert_int_equal(paced.drops, 1);
	assert_true(pace->bss->pace_next_ns == turn);
}

/* Each segment behind the first one has headers of its own: 52 bytes, 72 by IPv6, and Ethernet's.
 */
static void test_segments_cost_their_headers(void **state)
{
	static const struct {
		uint16_t protocol;
		uint32_t headers;
	} cases[] = { { ETH_P_IP, 66 }, { ETH_P_IPV6, 86 } };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const uint32_t gso_size = 500, bytes = cases[i].headers + 2 * gso_size + 1;
		const uint64_t turn = now_ns() + AHEAD_NS;

		pace->bss->pace_next_ns = turn;
		(void)run(pace->progs.nk_pace, cases[i].protocol, bytes, gso_size);
		assert_true(pace->bss->pace_next_ns ==
			    turn + (bytes + 2 * cases[i].headers) * BYTE_NS);
		pace->bss->pace_next_ns = turn;
		(void)run(pace->progs.nk_pace, cases[i].protocol, bytes - 1, gso_size);
		assert_true(pace->bss->pace_next_ns ==
			    turn + (bytes - 1 + cases[i].headers) * BYTE_NS);
	}
}

static void test_arp_goes_at_once(void **state)
{
	struct paced paced;

	(void)state;
	pace->bss->pace_next_ns = now_ns() + AHEAD_NS;
	paced = run(pace->progs.nk_pace, ETH_P_ARP, 60, 0);
	assert_int_equal(paced.verdict, VERDICT_STACK);
	assert_true(paced.tstamp == 0);
}

static void check_police(const struct bpf_program *program)
{
	uint64_t turn = now_ns() + AHEAD_NS, before, after, next;
	struct paced paced;

	pace->bss->police_next_ns = turn;
	paced = run(program, ETH_P_IP, PACKET_BYTES, 0);
	assert_int_equal(paced.verdict, VERDICT_DROP);
	assert_int_equal(paced.drops, 1);
	assert_true(pace->bss->police_next_ns == turn);

	pace->bss->police_next_ns = 0;
	before = now_ns();
	paced = run(program, ETH_P_IP, PACKET_BYTES, 0);
	after = now_ns();
	next = pace->bss->police_next_ns + BURST_NS + SLACK_NS - PACKET_BYTES * BYTE_NS;
	assert_int_equal(paced.verdict, VERDICT_STACK);
	assert_int_equal(paced.drops, 0);
	assert_true(paced.tstamp == 0);
	assert_true(before <= next && next <= after);
}

static void test_what_is_more_than_the_rate_is_dropped(void **state)
{
	(void)state;
	check_police(pace->progs.nk_police);
	check_police(pace->progs.nk_police_veth);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_packet_goes_at_its_turn),
		cmocka_unit_test(test_after_a_rest_a_burst_goes_at_once),
		cmocka_unit_test(test_what_would_wait_too_long_is_dropped),
		cmocka_unit_test(test_segments_cost_their_headers),
		cmocka_unit_test(test_arp_goes_at_once),
		cmocka_unit_test(test_what_is_more_than_the_rate_is_dropped),
	};

	return cmocka_run_group_tests_name("pace", tests, pace_setup, pace_teardown);
}
