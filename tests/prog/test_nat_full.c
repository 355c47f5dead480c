// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A flow table that is full: who wants another flow gives up one of its own, and nobody else's. */
#include <string.h>

#include "nat.h"
#include "net.h"
#include "prog.h"

/* Few enough to be filled at once. */
#define FLOWS   32
#define ENTRIES (2 * FLOWS)

/* The next flow of an endpoint to the remote. */
static struct datagram flow_begin(enum nat_place from, size_t i)
{
	struct datagram datagram = nat_to_remote(IPPROTO_UDP, (uint16_t)(CLIENT_PORT + i));

	datagram.saddr = from == PLACE_SENDER ? nat.sender : nat.other;
	return datagram;
}

/* Flows that were answered: others' have to leave them alone. */
static void flows_begin(enum nat_place from, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct datagram datagram = flow_begin(from, i), answer;

		(void)nat_assert_translated(from, PLACE_WORLD, &datagram);
		answer = nat_answer_to(&datagram);
		(void)nat_assert_translated(PLACE_WORLD, from, &answer);
	}
	assert_int_equal(flows_count(from), 2 * count);
}

/* All of its own, far below its quota. */
static void test_own(void **state)
{
	nat_begin(*state);
	flows_begin(PLACE_SENDER, FLOWS);
	for (size_t i = FLOWS; i < 8 * FLOWS; i++) {
		struct datagram datagram = flow_begin(PLACE_SENDER, i);

		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		assert_in_range(flows_count(PLACE_SENDER), 2, ENTRIES);
	}
}

/* Somebody without a flow gets none; what he tries leaves nothing behind. */
static void test_others(void **state)
{
	nat_begin(*state);
	flows_begin(PLACE_OTHER, FLOWS);
	for (size_t i = 0; i < FLOWS; i++) {
		struct datagram datagram = flow_begin(PLACE_SENDER, i);

		nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_NAT_FLOWS);
	}
	assert_int_equal(flows_count(PLACE_SENDER), 0);
	assert_int_equal(flows_count(PLACE_OTHER), ENTRIES);
}

/* Who has one flow can have another in its place. */
static void test_one_of_own(void **state)
{
	nat_begin(*state);
	flows_begin(PLACE_SENDER, 1);
	flows_begin(PLACE_OTHER, FLOWS - 1);
	for (size_t i = 1; i < FLOWS; i++) {
		struct datagram datagram = flow_begin(PLACE_SENDER, i);

		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		assert_int_equal(flows_count(PLACE_SENDER), 2);
	}
	assert_int_equal(flows_count(PLACE_OTHER), 2 * (FLOWS - 1));
}

/* There is room for one of a flow's two entries: that isn't enough, and is left as it was. */
static void test_half_a_place(void **state)
{
	struct datagram datagram;
	struct nk_flow_key key;

	nat_begin(*state);
	flows_begin(PLACE_OTHER, FLOWS);
	datagram = flow_begin(PLACE_OTHER, 0);
	key = datagram_key(&datagram);
	assert_int_equal(bpf_map__delete_elem(progs->maps.flows, &key, sizeof(key), 0), 0);
	datagram = flow_begin(PLACE_SENDER, 0);
	nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_NAT_FLOWS);
	assert_int_equal(flows_count(PLACE_SENDER), 0);
	assert_int_equal(flows_count(PLACE_OTHER), ENTRIES - 1);
}

static void test_half_a_place_own(void **state)
{
	struct datagram datagram;
	struct nk_flow_key key;

	nat_begin(*state);
	flows_begin(PLACE_SENDER, 2);
	flows_begin(PLACE_OTHER, FLOWS - 2);
	datagram = flow_begin(PLACE_OTHER, 0);
	key = datagram_key(&datagram);
	assert_int_equal(bpf_map__delete_elem(progs->maps.flows, &key, sizeof(key), 0), 0);
	datagram = flow_begin(PLACE_SENDER, 2);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(flows_count(PLACE_OTHER), 2 * (FLOWS - 2) - 1);
}

/* Flows that were never answered give way to others', if need be. */
static void test_unanswered(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	for (uint16_t i = 0; i < FLOWS; i++) {
		datagram = flow_begin(PLACE_SENDER, i);
		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	}
	for (uint16_t i = 0; i < 4; i++) {
		datagram = flow_begin(PLACE_OTHER, i);
		(void)nat_assert_translated(PLACE_OTHER, PLACE_WORLD, &datagram);
	}
	assert_in_range(flows_count(PLACE_OTHER), 2, 8);
	assert_in_range(flows_count(PLACE_SENDER), 2 * (FLOWS - 4), 2 * (FLOWS - 1));
}

/* A published port's flows count for the endpoint that it leads to. */
static void test_published(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_UDP, PLACE_OTHER, SERVER_PORT);
	flows_begin(PLACE_SENDER, FLOWS - 1);
	for (uint16_t i = 0; i < FLOWS; i++) {
		datagram = nat_to_published(IPPROTO_UDP);
		datagram.sport = CLIENT_PORT + i;
		(void)nat_assert_translated(PLACE_WORLD, PLACE_OTHER, &datagram);
		assert_int_equal(flows_count(PLACE_OTHER), 2);
	}
	assert_int_equal(flows_count(PLACE_SENDER), 2 * (FLOWS - 1));
}

static const struct nat_test tests[] = {
	{ "full of its own", test_own },
	{ "full of others'", test_others },
	{ "one is its own", test_one_of_own },
	{ "room for half a flow, among others'", test_half_a_place },
	{ "room for half a flow, and some are its own", test_half_a_place_own },
	{ "the unanswered give way", test_unanswered },
	{ "published", test_published },
};

static int group_setup(void **state)
{
	prog_flows_max = ENTRIES;
	return nat_group_setup(state);
}

int main(void)
{
	return nat_tests_run("nat, full", tests, COUNT(tests), group_setup);
}
