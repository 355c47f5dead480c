// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The doctor's pure parts: how findings are put together, what they sum up to, whom they concern.
 */
#include <errno.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

#include "bpf/uapi.h"
#include "core/cleanup.h"
#include "nl/netfilter.h"
#include "ops/doctor_check.h"
#include "ops/nat.h"
#include "unit.h"

/* The flags of bpf_fib_lookup() that the kernel takes. */
static uint32_t fib_flags_taken;

int __wrap_probe_fib_lookup(uint32_t flags, struct error *err);

int __wrap_probe_fib_lookup(uint32_t flags, struct error *err)
{
	(void)err;
	return flags & ~fib_flags_taken ? -EINVAL : 0;
}

/* Of the flags one is needed: without it nothing is masqueraded. */
static void test_a_kernel_that_tells_no_source_address(void **state)
{
	struct doctor_check check = { 0 };
	struct node node = { .datapath = DATAPATH_CLOSED };
	struct doctor doctor = { 0 };
	struct error err = { 0 };

	(void)state;
	fib_flags_taken = NK_BPF_FIB_LOOKUP_SRC;
	doctor_check_fib_lookup(&doctor, &check);
	assert_string_equal(check.finding, "bpf_fib_lookup(), no tbid, src, no mark");
	assert_int_equal(check.state, DOCTOR_OK);
	fib_flags_taken = NK_BPF_FIB_LOOKUP_TBID | NK_BPF_FIB_LOOKUP_MARK;
	check = (struct doctor_check){ 0 };
	doctor_check_fib_lookup(&doctor, &check);
	assert_string_equal(check.finding, "bpf_fib_lookup(), tbid, no src, mark");
	assert_int_equal(check.state, DOCTOR_WARN);
	assert_non_null(strstr(check.meaning, "nothing can be masqueraded"));
	assert_non_null(strstr(check.mend, "--no-masquerade"));
	assert_int_equal(nat_enable(&node, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.message, "doesn't tell the host's address"));
	assert_false(node.datapath.nat);
}

static void test_findings_are_a_list_of_which_the_worst_state_counts(void **state)
{
	struct doctor_check check = { 0 };

	(void)state;
	finding_add(&check, DOCTOR_WARN, "%s has no program", "eth0");
	assert_string_equal(check.finding, "eth0 has no program");
	finding_add(&check, DOCTOR_OK, "wg0 (mtu %u)", 1420U);
	assert_string_equal(check.finding, "eth0 has no program, wg0 (mtu 1420)");
	assert_int_equal(check.state, DOCTOR_WARN);
	finding_add(&check, DOCTOR_FAIL, "x");
	assert_int_equal(check.state, DOCTOR_FAIL);
}

static void test_foreign_names_cannot_reach_the_terminal(void **state)
{
	struct doctor_check check = { 0 };

	(void)state;
	finding_add(&check, DOCTOR_WARN, "inet %s", "fw\033[2J\n\xff");
	assert_string_equal(check.finding, "inet fw?[2J??");
}

/* What doesn't fit is told by three dots, once, at the end; its state counts all the same. */
static void test_what_does_not_fit_is_told(void **state)
{
	struct {
		struct doctor_check check;
		char guard[16];
	} memory;
	struct doctor_check *check = &memory.check;
	const char *dots;

	(void)state;
	memset(&memory, 0, sizeof(memory));
	memset(memory.guard, '#', sizeof(memory.guard));
	for (int i = 0; i < 1000; i++)
		finding_add(check, i < 999 ? DOCTOR_NOTE : DOCTOR_WARN, "device%d", i);
	assert_true(strlen(check->finding) < sizeof(check->finding));
	dots = strstr(check->finding, ", ...");
	assert_non_null(dots);
	assert_string_equal(dots, ", ...");
	assert_int_equal(strncmp(check->finding, "device0, device1, ", 18), 0);
	assert_int_equal(check->state, DOCTOR_WARN);
	assert_string_equal(check->meaning, "");
	for (size_t i = 0; i < sizeof(memory.guard); i++)
		assert_int_equal(memory.guard[i], '#');
}

/* However long the first item is, and however it meets the end. */
static void test_items_of_every_length_leave_room_for_the_dots(void **state)
{
	char item[2 * DOCTOR_TEXT_SIZE];

	(void)state;
	for (size_t len = 1; len < sizeof(item); len++) {
		struct doctor_check check = { 0 };

		memset(item, 'x', len);
		item[len] = '\0';
		finding_add(&check, DOCTOR_NOTE, "%s", item);
		assert_true(strlen(check.finding) <= len);
		finding_add(&check, DOCTOR_NOTE, "second item of some length");
		finding_add(&check, DOCTOR_NOTE, "third");
		assert_true(strlen(check.finding) < DOCTOR_TEXT_SIZE);
		assert_true(strstr(check.finding, "third") || strstr(check.finding, ", ..."));
	}
}

static void test_the_first_explanation_stays(void **state)
{
	struct doctor_check check = { 0 };

	(void)state;
	finding_explain(&check, "it means this", "do that");
	finding_explain(&check, "something else", NULL);
	assert_string_equal(check.meaning, "it means this");
	assert_string_equal(check.mend, "do that");
}

static void test_an_explanation_needs_no_mend(void **state)
{
	struct doctor_check check = { 0 };

	(void)state;
	finding_explain(&check, "it means this", NULL);
	assert_string_equal(check.mend, "");
}

static void test_all_well_is_ready_by_netkit(void **state)
{
	struct doctor_check checks[DOCTOR_CHECK_COUNT] = { 0 };

	(void)state;
	assert_int_equal(doctor_verdict(checks), DOCTOR_VERDICT_NETKIT);
	checks[DOCTOR_CHECK_uplinks].state = DOCTOR_WARN;
	assert_int_equal(doctor_verdict(checks), DOCTOR_VERDICT_NETKIT);
}

static void test_without_netkit_it_is_veth(void **state)
{
	struct doctor_check checks[DOCTOR_CHECK_COUNT] = { 0 };

	(void)state;
	checks[DOCTOR_CHECK_netkit].state = DOCTOR_WARN;
	assert_int_equal(doctor_verdict(checks), DOCTOR_VERDICT_VETH);
}

static void test_any_failure_is_not_ready(void **state)
{
	(void)state;
	for (size_t id = 0; id < DOCTOR_CHECK_COUNT; id++) {
		struct doctor_check checks[DOCTOR_CHECK_COUNT] = { 0 };

		checks[id].state = DOCTOR_FAIL;
		assert_int_equal(doctor_verdict(checks), DOCTOR_VERDICT_NOT_READY);
		assert_int_equal(doctor_count(checks, DOCTOR_FAIL), 1);
		assert_int_equal(doctor_count(checks, DOCTOR_OK), DOCTOR_CHECK_COUNT - 1);
	}
}

static void test_states_and_verdicts_have_their_names(void **state)
{
	(void)state;
	assert_string_equal(doctor_state_name(DOCTOR_OK), "ok");
	assert_string_equal(doctor_state_name(DOCTOR_FAIL), "fail");
	assert_string_equal(doctor_verdict_name(DOCTOR_VERDICT_NETKIT), "ready-netkit");
	assert_string_equal(doctor_verdict_text(DOCTOR_VERDICT_VETH), "ready with veth");
	assert_string_equal(doctor_verdict_text(DOCTOR_VERDICT_NOT_READY), "not ready");
}

/* Of all hooks of all families, these are the ones that redirected packets go past. */
static void test_forwarded_packets_pass_these_hooks(void **state)
{
	static const struct {
		uint8_t family;
		uint32_t hook;
	} passed[] = {
		{ NFPROTO_INET, NF_INET_INGRESS },     { NFPROTO_INET, NF_INET_PRE_ROUTING },
		{ NFPROTO_INET, NF_INET_FORWARD },     { NFPROTO_INET, NF_INET_POST_ROUTING },
		{ NFPROTO_IPV4, NF_INET_INGRESS },     { NFPROTO_IPV4, NF_INET_PRE_ROUTING },
		{ NFPROTO_IPV4, NF_INET_FORWARD },     { NFPROTO_IPV4, NF_INET_POST_ROUTING },
		{ NFPROTO_IPV6, NF_INET_INGRESS },     { NFPROTO_IPV6, NF_INET_PRE_ROUTING },
		{ NFPROTO_IPV6, NF_INET_FORWARD },     { NFPROTO_IPV6, NF_INET_POST_ROUTING },
		{ NFPROTO_NETDEV, NF_NETDEV_INGRESS },
	};

	(void)state;
	for (unsigned int family = 0; family < NFPROTO_NUMPROTO; family++) {
		for (uint32_t hook = 0; hook <= NF_INET_INGRESS; hook++) {
			struct netfilter_chain chain = { .family = (uint8_t)family, .hook = hook };
			bool expected = false;

			for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
				expected |= passed[i].family == family && passed[i].hook == hook;
			if (netfilter_sees_forwarded(&chain) != expected)
				fail_msg("family %u, hook %u: should be %d", family, hook,
					 expected);
		}
	}
}

static void test_families_have_the_names_that_nft_uses(void **state)
{
	(void)state;
	assert_string_equal(netfilter_family_name(NFPROTO_INET), "inet");
	assert_string_equal(netfilter_family_name(NFPROTO_IPV6), "ip6");
	assert_string_equal(netfilter_family_name(NFPROTO_NETDEV), "netdev");
	assert_string_equal(netfilter_family_name(NFPROTO_UNSPEC), "?");
	assert_string_equal(netfilter_family_name(255), "?");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_kernel_that_tells_no_source_address),
		cmocka_unit_test(test_findings_are_a_list_of_which_the_worst_state_counts),
		cmocka_unit_test(test_foreign_names_cannot_reach_the_terminal),
		cmocka_unit_test(test_what_does_not_fit_is_told),
		cmocka_unit_test(test_items_of_every_length_leave_room_for_the_dots),
		cmocka_unit_test(test_the_first_explanation_stays),
		cmocka_unit_test(test_an_explanation_needs_no_mend),
		cmocka_unit_test(test_all_well_is_ready_by_netkit),
		cmocka_unit_test(test_without_netkit_it_is_veth),
		cmocka_unit_test(test_any_failure_is_not_ready),
		cmocka_unit_test(test_states_and_verdicts_have_their_names),
		cmocka_unit_test(test_forwarded_packets_pass_these_hooks),
		cmocka_unit_test(test_families_have_the_names_that_nft_uses),
	};

	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
