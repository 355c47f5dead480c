// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The flow table: how many flows an endpoint may have and which of them goes, what is counted, and
 * how long a flow lives.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "nat.h"
#include "net.h"
#include "prog.h"

/* How many flows ------------------------------------------------------------------------------- */

#define QUOTA NK_ENDPOINT_FLOWS_MIN

/* A full ring of the sender's: answered UDP flows from CLIENT_PORT on, and one of the other's. */
static void ring_fill(struct nk_flow_key ret_keys[QUOTA], const struct nat_variant *variant)
{
	struct datagram other;

	nat_begin(variant);
	nat_settings_set(NAT_PORT_MIN, NAT_PORT_MAX, QUOTA);
	other = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	other.saddr = nat.other;
	(void)nat_assert_translated(PLACE_OTHER, PLACE_WORLD, &other);
	for (uint16_t i = 0; i < QUOTA; i++) {
		struct datagram datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT + i), reply;
		struct nk_flow flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);

		assert_int_equal(flow.slot, i);
		ret_keys[i] = datagram_key(&datagram);
		reply = nat_answer_to(&datagram);
		(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	}
	assert_int_equal(ring_taken(PLACE_SENDER), QUOTA);
	assert_int_equal(flows_count(PLACE_SENDER), 2 * QUOTA);
}

/* One flow more: @victim's goes, with both entries, and gives its place; nobody else's. */
static void assert_evicted(const struct nk_flow_key keys[QUOTA], size_t victim)
{
	struct datagram datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT + QUOTA);
	struct nk_flow_key reply_key = flow_other(&keys[victim]), slot_key, new_key;
	struct nk_flow flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);

	assert_int_equal(flow.slot, victim);
	new_key = datagram_key(&datagram);
	assert_true(slot_find(PLACE_SENDER, (uint32_t)victim, &slot_key));
	nat_assert_key(&slot_key, &new_key);
	for (size_t i = 0; i < QUOTA; i++)
		assert_int_equal(flow_find(&keys[i], &flow), i != victim);
	assert_false(flow_find(&reply_key, &flow));
	assert_int_equal(flows_count(PLACE_SENDER), 2 * QUOTA);
	assert_int_equal(flows_count(PLACE_OTHER), 2);
}

static void test_quota_longest_silent(void **state)
{
	struct nk_flow_key keys[QUOTA];
	struct datagram datagram, late;

	ring_fill(keys, *state);
	for (size_t i = 0; i < QUOTA; i++)
		flow_age(&keys[i], NS_PER_S * (i == 5 ? 2 : 1));
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT + 5);
	late = nat_answer_to(&datagram);
	assert_evicted(keys, 5);
	/* What still comes in for it isn't the stack's. The container makes the same flow again. */
	nat_assert_dropped(PLACE_WORLD, &late, NK_DROP_NAT_NO_FLOW);
	/* A second chance for all of them, which took as many looks. */
	assert_int_equal(ring_taken(PLACE_SENDER), 2 * QUOTA);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &late);
}

/* It's the direction that was seen last that counts. */
static void test_quota_longest_silent_reply(void **state)
{
	struct nk_flow_key keys[QUOTA], reply_key;
	struct nk_flow flow;

	ring_fill(keys, *state);
	for (size_t i = 0; i < QUOTA; i++)
		flow_age(&keys[i], NS_PER_S * (i == 5 || i == 9 ? 2 : 1));
	reply_key = flow_other(&keys[5]);
	flow = flow_get(&reply_key);
	flow.seen_ns += 2 * NS_PER_S;
	flow_set(&reply_key, &flow);
	assert_evicted(keys, 9);
}

static void test_quota_unanswered(void **state)
{
	struct nk_flow_key keys[QUOTA], reply_key;
	struct nk_flow flow;

	ring_fill(keys, *state);
	for (size_t i = 0; i < QUOTA; i++)
		flow_age(&keys[i], NS_PER_S * (i == 5 ? 2 : 1));
	reply_key = flow_other(&keys[9]);
	flow = flow_get(&reply_key);
	flow.packets = 0;
	flow_set(&reply_key, &flow);
	assert_evicted(keys, 9);
}

/* A connection that was reset and is over, before one that is unanswered. */
static void test_quota_expired(void **state)
{
	struct nk_flow_key keys[QUOTA], reply_key;
	struct datagram datagram, reply;
	struct nk_flow flow;

	ring_fill(keys, *state);
	flow_delete(&keys[QUOTA - 1]);
	datagram = nat_to_remote(IPPROTO_TCP, CLIENT_PORT);
	do { /* in the slot that was left */
		flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	} while (flow.slot != QUOTA - 1);
	reply = nat_answer_to(&datagram);
	reply.tcp_flags = TCP_RST;
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	keys[QUOTA - 1] = datagram_key(&datagram);
	reply_key = flow_other(&keys[9]);
	flow = flow_get(&reply_key);
	flow.packets = 0;
	flow_set(&reply_key, &flow);
	nat_wait_for_age((NK_LIFETIME_TCP_RESET + 1) * NS_PER_S);
	flow_age(&keys[QUOTA - 1], (NK_LIFETIME_TCP_RESET + 1) * NS_PER_S);
	assert_evicted(keys, QUOTA - 1);
}

/* A place whose flow is gone is taken at once. */
static void test_quota_gone(void **state)
{
	struct nk_flow_key keys[QUOTA];
	struct datagram datagram;
	struct nk_flow flow;

	ring_fill(keys, *state);
	flow_delete(&keys[3]);
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT + QUOTA);
	flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(flow.slot, 3);
	assert_int_equal(ring_taken(PLACE_SENDER), QUOTA + 4);
	for (size_t i = 0; i < QUOTA; i++)
		assert_int_equal(flow_find(&keys[i], &flow), i != 3);
}

/* So is one whose flow is at home elsewhere. */
static void test_quota_stale(void **state)
{
	struct nk_flow_key keys[QUOTA];
	struct datagram datagram;
	struct nk_flow flow;

	ring_fill(keys, *state);
	flow = flow_get(&keys[7]);
	flow.slot = QUOTA + 7;
	flow_set(&keys[7], &flow);
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT + QUOTA);
	flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(flow.slot, 7);
	for (size_t i = 0; i < QUOTA; i++)
		assert_true(flow_find(&keys[i], &flow));
}

/* However many flows an endpoint begins, the table has no more than its quota of them. */
static void test_quota_flood(void **state)
{
	struct nk_flow_key keys[QUOTA];

	ring_fill(keys, *state);
	for (uint16_t i = 0; i < 20 * QUOTA; i++) {
		struct datagram datagram = nat_to_remote(IPPROTO_TCP, (uint16_t)(10000 + i));

		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		assert_in_range(flows_count(PLACE_SENDER), 2, 2 * QUOTA);
	}
	assert_int_equal(flows_count(PLACE_OTHER), 2);
}

/* Who goes on after an eviction has the port that his peer knows, also where the first is free. */
static void test_quota_same_port(void **state)
{
	struct datagram datagram, reply, other;
	struct nk_flow_key keys[QUOTA], other_key;
	struct nk_flow flow, again;
	uint16_t first;

	ring_fill(keys, *state);
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	flow = flow_get(&keys[0]);
	first = nat_port_of(&flow);
	flow_delete(&keys[0]);
	other = nat_datagram(&nat.other, &nat.remote, IPPROTO_UDP, CLIENT_PORT + 1, REMOTE_PORT);
	other_key = datagram_key(&other);
	nat_settings_set(first, first, QUOTA);
	(void)nat_assert_translated(PLACE_OTHER, PLACE_WORLD, &other);
	nat_settings_set(NAT_PORT_MIN, NAT_PORT_MAX, QUOTA);
	flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_not_equal(nat_port_of(&flow), first);
	reply = nat_answer_to(&datagram);
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);

	flow_delete(&other_key);
	for (size_t i = 0; i < QUOTA; i++)
		flow_age(&keys[i], NS_PER_S * (i == 0 ? 2 : 1));
	assert_evicted(keys, 0);
	nat_assert_dropped(PLACE_WORLD, &reply, NK_DROP_NAT_NO_FLOW);
	again = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	nat_assert_key(&again.to, &flow.to);
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
}

/* Flows that two CPUs begin at once, each so many. */
#define RACES 1000

/* How often one of the two has come to where they wait for each other. */
static atomic_uint races_arrived;

/* Spins, so that both go on at once. */
static void races_meet(void)
{
	unsigned int others = atomic_fetch_add(&races_arrived, 1) / 2 * 2 + 2;

	while (atomic_load(&races_arrived) < others)
		(void)sched_yield();
}

/* One CPU's part: packet @i of its. Returns whether it fails: assertions are the main thread's. */
static bool race_run(const struct packet packets[RACES], size_t i)
{
	struct __sk_buff ctx = { .ifindex = nat_ifindex(PLACE_SENDER) };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packets[i].data,
		    .data_size_in = (uint32_t)packets[i].len, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));

	races_meet();
	return bpf_prog_test_run_opts(bpf_program__fd(nat_from_ctr()), &opts);
}

static void *race_main(void *packets)
{
	bool failed;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET((sched_getcpu() + 1) % sysconf(_SC_NPROCESSORS_ONLN), &cpus);
	failed = sched_setaffinity(0, sizeof(cpus), &cpus);
	for (size_t i = 0; i < RACES; i++) {
		races_meet();
		failed |= race_run(packets, i);
	}
	return failed ? packets : NULL;
}

static void race_prepare(struct packet packets[RACES], uint16_t port)
{
	for (uint16_t i = 0; i < RACES; i++) {
		struct datagram datagram = nat_to_remote(IPPROTO_UDP, port + i);

		packets[i] = nat_packet_before(PLACE_SENDER, &datagram);
	}
}

/* As flow_age(), of what flow there is: an assertion would leave the other thread behind. */
static void place_age(uint32_t slot)
{
	struct nk_flow_key key;
	struct nk_flow flow;

	if (!slot_find(PLACE_SENDER, slot, &key))
		return;
	for (int i = 0; i < 2 && flow_find(&key, &flow); i++) {
		flow.seen_ns -= NS_PER_S;
		flow_set(&key, &flow);
		key = nk_flow_key_turn(&flow.to);
	}
}

/* All flows of the sender have a place: one without is never evicted, and isn't found any more. */
static void assert_placed(void)
{
	struct nk_flow_key key, slot_key, *previous = NULL;
	int fd = bpf_map__fd(progs->maps.flows);

	for (; !bpf_map_get_next_key(fd, previous, &key); previous = &key) {
		struct nk_flow flow = flow_get(&key);

		if (flow.owner != nat_ifindex(PLACE_SENDER) || !(flow.state & NK_FLOW_ORIGINAL))
			continue;
		assert_true(slot_find(PLACE_SENDER, flow.slot, &slot_key));
		nat_assert_key(&slot_key, &key);
	}
}

/* Two CPUs that want the place of the same flow, the longest silent. */
static void test_quota_race(void **state)
{
	static struct packet packets[2][RACES];
	struct nk_flow_key keys[QUOTA];
	bool failed = false;
	pthread_t thread;
	void *result;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	ring_fill(keys, *state);
	race_prepare(packets[0], 10000);
	race_prepare(packets[1], 20000);
	assert_int_equal(pthread_create(&thread, NULL, race_main, packets[1]), 0);
	for (uint32_t i = 0; i < RACES; i++) {
		races_meet();
		place_age(i % QUOTA);
		failed |= race_run(packets[0], i);
	}
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_false(failed || result);
	assert_placed();
	assert_in_range(flows_count(PLACE_SENDER), 2, 2 * QUOTA);
}

/* Life and death ------------------------------------------------------------------------------- */

static void test_counters(void **state)
{
	uint64_t packets[2] = { 0 }, bytes[2] = { 0 };
	struct datagram datagram, reply;
	struct packet packet;
	struct nk_flow flow;

	nat_begin(*state);
	datagram = nat_to_remote(IPPROTO_TCP, CLIENT_PORT);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	datagram_build(&datagram, &packet);
	packets[0]++;
	bytes[0] += packet.len;
	reply = nat_answer_to(&datagram);
	datagram.tcp_flags = reply.tcp_flags = TCP_ACK;
	for (size_t i = 0; i < 50; i++) {
		bool is_reply = i % 3 == 0;
		struct datagram *next = is_reply ? &reply : &datagram;

		next->payload_len = 7 * i;
		datagram_build(next, &packet);
		packets[is_reply]++;
		bytes[is_reply] += packet.len;
		(void)nat_assert_translated(is_reply ? PLACE_WORLD : PLACE_SENDER,
					    is_reply ? PLACE_SENDER : PLACE_WORLD, next);
	}
	flow = flow_original_of(&datagram);
	assert_int_equal(flow.packets, packets[0]);
	assert_int_equal(flow.bytes, bytes[0]);
	flow = flow_reply_of(&datagram);
	assert_int_equal(flow.packets, packets[1]);
	assert_int_equal(flow.bytes, bytes[1]);
}

/* Each direction notes what it says itself. */
static void tcp_state_check(const struct nat_variant *variant, size_t options_len)
{
	struct datagram datagram, reply;

	nat_begin(variant);
	datagram = nat_to_remote(IPPROTO_TCP, CLIENT_PORT);
	datagram.options_len = options_len;
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	reply = nat_answer_to(&datagram);
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	assert_int_equal(flow_original_of(&datagram).state, NK_FLOW_ORIGINAL);
	assert_int_equal(flow_reply_of(&datagram).state, 0);
	datagram.tcp_flags = TCP_FIN | TCP_ACK;
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(flow_original_of(&datagram).state, NK_FLOW_ORIGINAL | NK_FLOW_FIN);
	assert_int_equal(flow_reply_of(&datagram).state, 0);
	reply.tcp_flags = TCP_FIN | TCP_ACK;
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	assert_int_equal(flow_original_of(&datagram).state, NK_FLOW_ORIGINAL | NK_FLOW_FIN);
	assert_int_equal(flow_reply_of(&datagram).state, NK_FLOW_FIN);
	reply.tcp_flags = TCP_RST | TCP_ACK;
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	assert_int_equal(flow_reply_of(&datagram).state, NK_FLOW_FIN | NK_FLOW_RST);
	datagram.tcp_flags = TCP_RST;
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(flow_original_of(&datagram).state,
			 NK_FLOW_ORIGINAL | NK_FLOW_FIN | NK_FLOW_RST);
}

static void test_tcp_state(void **state)
{
	tcp_state_check(*state, 0);
}

/* Behind IPv6's extension headers, too. */
static void test_tcp_state_options(void **state)
{
	tcp_state_check(*state, 8);
	tcp_state_check(*state, 24);
}

static void test_syn_renews(void **state)
{
	struct datagram datagram, reply;
	struct nk_flow first, again;
	struct nk_flow_key key;
	struct packet packet;

	nat_begin(*state);
	datagram = nat_to_remote(IPPROTO_TCP, CLIENT_PORT);
	key = datagram_key(&datagram);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	reply = nat_answer_to(&datagram);
	reply.tcp_flags = TCP_FIN | TCP_ACK;
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	datagram.tcp_flags = TCP_FIN | TCP_ACK;
	first = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	first.created_ns -= NS_PER_S;
	flow_set(&key, &first);

	datagram.tcp_flags = TCP_SYN;
	again = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	datagram_build(&datagram, &packet);
	nat_assert_key(&again.to, &first.to);
	assert_int_equal(again.slot, first.slot);
	assert_int_equal(again.state, NK_FLOW_ORIGINAL);
	assert_true(again.created_ns > first.created_ns);
	assert_int_equal(again.packets, 1);
	assert_int_equal(again.bytes, packet.len);
	again = flow_reply_of(&datagram);
	assert_int_equal(again.state, 0);
	assert_true(again.created_ns > first.created_ns);
	assert_int_equal(again.packets, 0);
	assert_int_equal(again.bytes, 0);
	assert_int_equal(flows_count(PLACE_SENDER), 2);
}

/* Of a connection that is routed in, the first packet that a flow counts is the container's. */
static void test_syn_ack_renews(void **state)
{
	struct datagram answer;
	struct nk_flow_key key, answer_key;
	struct nk_flow flow;

	nat_begin(*state);
	answer = nat_datagram(&nat.sender, &nat.remote, IPPROTO_TCP, SERVER_PORT, CLIENT_PORT);
	answer_key = datagram_key(&answer);
	answer.tcp_flags = TCP_SYN | TCP_ACK;
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &answer, &answer);
	key = flow_other(&answer_key);
	answer.tcp_flags = TCP_FIN | TCP_ACK;
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &answer, &answer);
	assert_true(flow_get(&answer_key).state & NK_FLOW_FIN);

	answer.tcp_flags = TCP_SYN | TCP_ACK;
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &answer, &answer);
	flow = flow_get(&answer_key);
	assert_int_equal(flow.state, NK_FLOW_ROUTED);
	assert_int_equal(flow.packets, 1);
	assert_int_equal(flow_get(&key).state, NK_FLOW_ORIGINAL | NK_FLOW_ROUTED);
	assert_int_equal(flows_count(PLACE_SENDER), 2);
}

struct lifetime_case {
	uint8_t protocol;
	bool is_answered;
	uint32_t original;
	uint32_t reply;
	uint64_t lifetime_s;
};

static const struct lifetime_case lifetimes[] = {
	{ IPPROTO_TCP, false, 0, 0, 120 },
	{ IPPROTO_TCP, true, 0, 0, 120 },
	{ IPPROTO_TCP, true, NK_FLOW_ACKED, 0, 432000 },
	{ IPPROTO_TCP, true, NK_FLOW_ACKED | NK_FLOW_FIN, 0, 432000 },
	{ IPPROTO_TCP, true, NK_FLOW_ACKED, NK_FLOW_FIN, 432000 },
	{ IPPROTO_TCP, true, NK_FLOW_ACKED | NK_FLOW_FIN, NK_FLOW_FIN, 120 },
	/* A reset may be forged: it ends a flow for who wants its place, not for its packets. */
	{ IPPROTO_TCP, true, NK_FLOW_ACKED | NK_FLOW_RST, 0, 432000 },
	{ IPPROTO_TCP, true, NK_FLOW_ACKED, NK_FLOW_RST, 432000 },
	{ IPPROTO_TCP, false, NK_FLOW_RST, 0, 120 },
	{ IPPROTO_UDP, false, 0, 0, 60 },
	{ IPPROTO_UDP, true, 0, 0, 300 },
	{ IPPROTO_ICMP, false, 0, 0, 60 },
	{ IPPROTO_ICMP, true, 0, 0, 60 },
	{ IPPROTO_SCTP, false, 0, 0, 3600 },
	{ IPPROTO_SCTP, true, 0, 0, 3600 },
};

static void flow_prepare(const struct datagram *datagram, const struct lifetime_case *test)
{
	const struct nk_flow_key key = datagram_key(datagram), reply_key = flow_other(&key);
	struct nk_flow original = flow_get(&key), reply = flow_get(&reply_key);

	original.state |= test->original;
	reply.state |= test->reply;
	reply.packets = test->is_answered;
	flow_set(&key, &original);
	flow_set(&reply_key, &reply);
}

/* Two seconds before a flow's end and after it. Longer lives than the kernel's can't be tested. */
static void lifetime_check(const struct lifetime_case *test, uint16_t sport)
{
	struct datagram datagram = nat_to_remote(test->protocol, sport), reply;
	const struct nk_flow_key key = datagram_key(&datagram);
	uint64_t after_ns = (test->lifetime_s + 2) * NS_PER_S;
	uint64_t before_ns = (test->lifetime_s - 2) * NS_PER_S;

	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	reply = nat_answer_to(&datagram);
	reply.tcp_flags = TCP_ACK;
	flow_prepare(&datagram, test);
	if (after_ns < nat_now_ns()) {
		flow_age(&key, after_ns);
		nat_assert_stack(PLACE_WORLD, &reply);
	}
	flow_age(&key, before_ns < nat_now_ns() ? before_ns : nat_now_ns());
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
}

static void test_lifetimes(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(lifetimes); i++)
		lifetime_check(&lifetimes[i], (uint16_t)(CLIENT_PORT + i));
}

/* The container's own packet revives it. */
static void test_expired_flow_revives(void **state)
{
	const uint64_t age_ns = (NK_LIFETIME_UDP_OPENING + 1) * NS_PER_S;
	struct datagram datagram, reply;
	struct nk_flow_key key, to;
	struct nk_flow flow;

	if (nat_now_ns() < age_ns)
		skip(); /* the clock begins with the machine */
	nat_begin(*state);
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	key = datagram_key(&datagram);
	to = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram).to;
	reply = nat_answer_to(&datagram);
	flow_age(&key, age_ns);
	nat_assert_stack(PLACE_WORLD, &reply);
	flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	nat_assert_key(&flow.to, &to);
	assert_int_equal(flows_count(PLACE_SENDER), 2);
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
}

/* Another way out ------------------------------------------------------------------------------ */

/* As if a flow had been made for another device, where the host has that address. */
static struct nk_flow_key flow_set_elsewhere(const struct datagram *datagram,
					     const struct nk_ip *address)
{
	const struct nk_flow_key key = datagram_key(datagram);
	struct nk_flow_key reply_key = flow_other(&key);
	struct nk_flow original = flow_get(&key), reply = flow_get(&reply_key);

	flow_delete(&key);
	original.egress += 100;
	original.to.saddr = reply_key.daddr = *address;
	flow_set(&key, &original);
	flow_set(&reply_key, &reply);
	return reply_key;
}

static void test_moves(void **state)
{
	struct datagram datagram;
	struct nk_flow first, again;

	nat_begin(*state);
	datagram = nat_to_remote(IPPROTO_TCP, CLIENT_PORT);
	first = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	(void)flow_set_elsewhere(&datagram, &nat.host);
	datagram.tcp_flags = TCP_ACK;
	again = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(again.egress, first.egress);
	assert_int_equal(again.slot, first.slot);
	assert_int_equal(again.packets, 2);
	assert_int_equal(flows_count(PLACE_SENDER), 2);
}

static void test_moves_to_other_address(void **state)
{
	struct nk_flow_key former_reply, key;
	struct nk_flow first, again;
	struct datagram datagram;

	nat_begin(*state);
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	first = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	former_reply = flow_set_elsewhere(&datagram, &nat.second);
	again = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	nat_assert_key(&again.to, &first.to);
	assert_int_equal(again.egress, first.egress);
	assert_int_equal(again.packets, 1);
	assert_false(flow_find(&former_reply, &again));
	assert_false(slot_find(PLACE_SENDER, first.slot, &key));
	assert_int_equal(flows_count(PLACE_SENDER), 2);
}

/* In a full ring it keeps its place, whose flow goes in any case, and nobody is evicted. */
static void moves_in_full_ring(const struct nat_variant *variant, bool is_expired)
{
	struct datagram datagram;
	struct nk_flow_key keys[QUOTA], former_reply, slot_key;
	struct nk_flow flow;

	ring_fill(keys, variant);
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	former_reply = flow_set_elsewhere(&datagram, &nat.second);
	if (is_expired)
		assert_int_equal(bpf_map_delete_elem(bpf_map__fd(progs->maps.flows), &former_reply),
				 0);
	flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(flow.slot, 0);
	assert_true(slot_find(PLACE_SENDER, 0, &slot_key));
	nat_assert_key(&slot_key, &keys[0]);
	for (size_t i = 0; i < QUOTA; i++)
		assert_true(flow_find(&keys[i], &flow));
	assert_false(flow_find(&former_reply, &flow));
	assert_int_equal(flows_count(PLACE_SENDER), 2 * QUOTA);
}

static void test_moves_in_full_ring(void **state)
{
	moves_in_full_ring(*state, false);
	moves_in_full_ring(*state, true);
}

static const struct nat_test tests[] = {
	{ "quota: the longest silent goes", test_quota_longest_silent },
	{ "quota: either direction's packets keep a flow", test_quota_longest_silent_reply },
	{ "quota: the unanswered goes before", test_quota_unanswered },
	{ "quota: the expired goes first", test_quota_expired },
	{ "quota: a place whose flow is gone", test_quota_gone },
	{ "quota: a place whose flow is elsewhere", test_quota_stale },
	{ "quota: a flood", test_quota_flood },
	{ "quota: the same port after an eviction", test_quota_same_port },
	{ "quota: two CPUs", test_quota_race },
	{ "flows: counters", test_counters },
	{ "flows: FIN and RST", test_tcp_state },
	{ "flows: FIN and RST behind options", test_tcp_state_options },
	{ "flows: a SYN renews", test_syn_renews },
	{ "flows: a SYN+ACK of a routed one renews", test_syn_ack_renews },
	{ "flows: lifetimes", test_lifetimes },
	{ "flows: an expired one revives from inside alone", test_expired_flow_revives },
	{ "flows: another device, the same address", test_moves },
	{ "flows: another device, another address", test_moves_to_other_address },
	{ "flows: another device, another address, a full ring", test_moves_in_full_ring },
};

int main(void)
{
	return nat_tests_run("nat, flows", tests, COUNT(tests), nat_group_setup);
}
