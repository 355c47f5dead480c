// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What root in a container sends, a million frames of it: each goes a way that the oracle of
 * hostile.h allows, in every byte, or is dropped and counted for a reason that it gives.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "nat.h"
#include "net.h"
#include "prog.h"
#include "random.h"

/* Frames, over all tests; fewer where tests/run tells of an emulated guest. */
#define ROUNDS_NATIVE   1000000
#define ROUNDS_EMULATED 15000

#define TESTS 6

/* Each way, each reason, comes up at least so often in a million. */
#define LEAST_IN_MILLION 50

/* What came of the frames of all tests. */
static uint64_t taken[HOSTILE_WAYS], dropped[NK_DROP_REASONS_MAX], refused;

static void fail_with(const struct packet *before, const struct packet *after, int verdict,
		      const struct hostile_judgement *judgement, const char *words)
{
	print_error("ways %#x, reasons %#llx; verdict %d. The frame, before and after:\n",
		    judgement->ways, (unsigned long long)judgement->reasons, verdict);
	for (size_t i = 0; i < before->len && i < 160; i++)
		print_error("%02x%s", before->data[i], i % 16 == 15 ? "\n" : " ");
	print_error("\n");
	for (size_t i = 0; i < after->len && i < 160; i++)
		print_error("%02x%s", after->data[i], i % 16 == 15 ? "\n" : " ");
	print_error("\n");
	fail_msg("%s", words);
}

/* The counters, when they were last looked at. */
static uint64_t counted[NK_DROP_REASONS_MAX];

/* Return: the reason that was counted, once, since the last time; or NO_DROP. */
static unsigned int drop_read(void)
{
	uint64_t now[NK_DROP_REASONS_MAX];
	unsigned int reason = NO_DROP;

	prog_drops_read(now);
	for (unsigned int i = 0; i < NK_DROP_REASONS_MAX; i++) {
		if (now[i] == counted[i])
			continue;
		if (reason != NO_DROP || now[i] != counted[i] + 1)
			fail_msg("reason %s was counted that isn't one", prog_drop_name(i));
		reason = i;
	}
	memcpy(counted, now, sizeof(counted));
	return reason;
}

static const char *drop_check(const struct packet *before, const struct packet *after,
			      const struct hostile_judgement *judgement)
{
	unsigned int reason = drop_read();

	if (reason == NO_DROP)
		return "dropped and not counted";
	dropped[reason]++;
	if (!(judgement->reasons >> reason & 1))
		return prog_drop_name(reason);
	/* Translation finds out last that there is no place for a checksum, or no hop left. */
	if (prog_nat && (reason == NK_DROP_TRUNCATED || reason == NK_DROP_NO_ANSWER))
		return NULL;
	return hostile_way_taken(WAY_STACK, before, after) ? NULL : "changed and dropped";
}

/* Whether the packet went one of the allowed ways that end in the verdict. */
static const char *way_check(const struct packet *before, const struct packet *after, int verdict,
			     const struct hostile_judgement *judgement)
{
	for (unsigned int i = 0; i < HOSTILE_WAYS; i++) {
		enum hostile_way way = 1 << i;

		if (!(judgement->ways & way) || (verdict == VERDICT_STACK) != (way == WAY_STACK) ||
		    !hostile_way_taken(way, before, after))
			continue;
		taken[i]++;
		return NULL;
	}
	return verdict == VERDICT_STACK ? "to the stack against the oracle"
					: "forwarded against the oracle";
}

/* A frame that is no longer than its headers is refused by newer kernels' BPF_PROG_TEST_RUN. */
static bool is_refused(const struct packet *packet, int error)
{
	return error == EINVAL && packet->len < ETH_HLEN + sizeof(struct ipv6hdr);
}

static void check_frame(const struct bpf_program *program, int ifindex, const struct packet *before)
{
	static struct packet after;
	struct __sk_buff ctx = { .ifindex = (uint32_t)ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = before->data,
		    .data_size_in = (uint32_t)before->len, .data_out = after.data,
		    .data_size_out = sizeof(after.data), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));
	struct hostile_judgement judgement = hostile_judge(before);
	const char *words;

	if (bpf_prog_test_run_opts(bpf_program__fd(program), &opts)) {
		if (!is_refused(before, errno))
			fail_msg("BPF_PROG_TEST_RUN of %zu bytes: %s", before->len,
				 strerror(errno));
		refused++;
		return;
	}
	after.len = opts.data_size_out;
	if ((int)opts.retval == VERDICT_DROP)
		words = drop_check(before, &after, &judgement);
	else
		words = way_check(before, &after, (int)opts.retval, &judgement);
	if (words)
		fail_with(before, &after, (int)opts.retval, &judgement, words);
}

static void check_frames(const struct bpf_program *program)
{
	int ifindex = (int)if_nametoindex(SENDER);
	static struct packet packet;

	prog_drops_read(counted);
	for (unsigned int i = 0; i < random_rounds / TESTS; i++) {
		hostile_packet(&packet);
		check_frame(program, ifindex, &packet);
	}
	assert_int_equal(drop_read(), NO_DROP);
}

static void test_netkit(void **state)
{
	(void)state;
	check_frames(progs->progs.nk_from_ctr);
}

static void test_veth(void **state)
{
	(void)state;
	check_frames(progs->progs.nk_from_ctr_veth);
}

/* Ways and reasons that the frames of a container, and of these programs, can't lead to. */
static bool reason_is_possible(unsigned int reason)
{
	switch (reason) {
	case NK_DROP_NAT_ROUTE:
	case NK_DROP_NAT_PORTS:
	case NK_DROP_NAT_FLOWS:
	case NK_DROP_NAT_NO_FLOW:
	case NK_DROP_INGRESS_RATE:
	case NK_DROP_EGRESS_RATE:
		return false;
	default:
		return true;
	}
}

/* Else the tests would show nothing. */
static void test_everything_came_up(void **state)
{
	uint64_t least = (uint64_t)random_rounds * LEAST_IN_MILLION / 1000000;

	(void)state;
	for (unsigned int i = 0; i < HOSTILE_WAYS; i++) {
		print_message("# way %#x: %llu\n", 1u << i, (unsigned long long)taken[i]);
		assert_true(taken[i] >= least);
	}
	for (unsigned int i = 0; i < NK_DROP_REASON_COUNT; i++) {
		if (!reason_is_possible(i))
			continue;
		print_message("# dropped for %s: %llu\n", prog_drop_name(i),
			      (unsigned long long)dropped[i]);
		assert_true(dropped[i] >= least);
	}
	print_message("# refused by the kernel: %llu\n", (unsigned long long)refused);
	assert_true(refused < random_rounds / 20);
}

/* On the host of net.h, but that the uplink forwards and there is a way to the sender. */
static int programs_setup(void)
{
	(void)prog_group_setup(NULL);
	net_run("ip -6 route add " SENDER_V6 " dev " SENDER);
	net_run("ip route add " SENDER_V4 " dev " SENDER);
	net_sysctl("ipv4/conf/" UPLINK "/forwarding", "1");
	net_sysctl("ipv6/conf/" UPLINK "/forwarding", "1");
	return 0;
}

static int group_setup(void **state)
{
	(void)state;
	random_begin(ROUNDS_NATIVE, ROUNDS_EMULATED);
	return programs_setup();
}

/* From here on, the stack doesn't forward IPv6 and the programs answer. */
static int answers_setup(void **state)
{
	(void)prog_group_teardown(state);
	prog_stack_forwards_ipv6 = false;
	return programs_setup();
}

static void family_setup(const struct nat_variant *variant, unsigned int subnet_len)
{
	nat_variant_set(variant);
	nat_exempt(&nat.other, subnet_len);
	nat_publish(&nat.host, HOSTILE_PUBLISHED_PORT, IPPROTO_TCP, PLACE_OTHER,
		    HOSTILE_SERVER_PORT);
	nat_publish(&nat.host, HOSTILE_PUBLISHED_PORT, IPPROTO_UDP, PLACE_OTHER,
		    HOSTILE_SERVER_PORT);
	nat_flags_set(PLACE_SENDER, NK_ENDPOINT_MASQUERADE | NK_ENDPOINT_NO_METADATA);
}

/* From here on, the sender masquerades, and the other one publishes a port. */
static int nat_setup(void **state)
{
	(void)prog_group_teardown(state);
	prog_stack_forwards_ipv6 = true;
	prog_nat = true;
	(void)programs_setup();
	nat_settings_set(NAT_PORT_MIN, NAT_PORT_MAX, NAT_ENDPOINT_FLOWS);
	family_setup(&nat_variants[0], 24);
	family_setup(&nat_variants[1], 64);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{ .name = "nk_from_ctr", .test_func = test_netkit },
		{ .name = "nk_from_ctr_veth", .test_func = test_veth },
		{ .name = "nk_from_ctr, with answers",
		  .test_func = test_netkit,
		  .setup_func = answers_setup },
		{ .name = "nk_from_ctr_veth, with answers", .test_func = test_veth },
		{ .name = "nk_from_ctr, with translation",
		  .test_func = test_netkit,
		  .setup_func = nat_setup },
		{ .name = "nk_from_ctr_veth, with translation", .test_func = test_veth },
		cmocka_unit_test(test_everything_came_up),
	};

	_Static_assert(COUNT(tests) == TESTS + 1, "frames for each");
	return cmocka_run_group_tests_name("hostile", tests, group_setup, prog_group_teardown);
}
