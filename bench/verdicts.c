// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * verdicts - what a packet costs in our programs alone, for each way that it can go out of them.
 *
 * Theory of operation: BPF_PROG_TEST_RUN runs a program on a packet, and takes the time itself. The
 * programs, their tables and the host around them are those of the program tests (tests/prog),
 * which show that each byte comes out right; here a packet's verdict is looked at before its time
 * is taken and after it. Of the helpers that send a packet somewhere only the choice is made in a
 * program: the way from there is the kernel's, and isn't in a figure.
 *
 * A program's first packets make its flow and its path known, and aren't counted. A packet that
 * isn't translated is a question with the same answer when it comes out, so it can be run many
 * times in a row as well: its TTL allows for that.
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#include "../tests/prog/nat.h"
#include "prog_time.h"
#include "program.h"

#define ROUNDS_MAX   1000
#define ATTEMPTS_MAX 100000

/* Fewer than DATAGRAM_TTL. */
#define IN_A_ROW 32

/**
 * struct settings - how the programs are loaded.
 * @nat: they can translate
 * @paths: they keep paths
 */
struct settings {
	bool nat;
	bool paths;
};

/**
 * struct way - a way for a packet to go.
 * @from: whose packet it is
 * @prepare: makes its flow known, and returns its next packet
 * @reason: of a drop, or NO_DROP
 * @is_translated: by programs that can
 */
struct way {
	const char *name;
	enum nat_place from;
	struct datagram (*prepare)(void);
	enum prog_verdict verdict;
	unsigned int reason;
	bool is_translated;
};

static const char usage_text[] =
	"Usage: verdicts [-r ROUNDS] [-a ATTEMPTS]\n"
	"\n"
	"Prints a line 'program=PROGRAM way=WAY family=FAMILY nat=0|1 paths=0|1 repeat=N NS' for\n"
	"each way that a packet can go, in each round: what it costs in the program, N of them "
	"one\n"
	"after the other.\n"
	"\n"
	"  -r ROUNDS    rounds (30)\n"
	"  -a ATTEMPTS  of which the least makes a line (200)\n";

/* The ways ------------------------------------------------------------------------------------- */

/* A packet in the middle of a connection. */
static struct datagram established(struct datagram datagram)
{
	datagram.tcp_flags = TCP_ACK;
	return datagram;
}

static struct datagram plain(const struct nk_ip *saddr, const struct nk_ip *daddr)
{
	nat_flags_set(PLACE_SENDER, 0);
	return established(nat_datagram(saddr, daddr, IPPROTO_TCP, CLIENT_PORT, REMOTE_PORT));
}

static struct datagram to_endpoint(void)
{
	return plain(&nat.sender, &nat.other);
}

static struct datagram to_world(void)
{
	return plain(&nat.sender, &nat.remote);
}

static struct datagram to_host(void)
{
	return plain(&nat.sender, &nat.host);
}

static struct datagram spoofed(void)
{
	return plain(&nat.other, &nat.remote);
}

static struct datagram from_world(void)
{
	return plain(&nat.remote, &nat.sender);
}

static struct datagram not_ours(void)
{
	return plain(&nat.remote, &nat.host);
}

/* The first packets of a connection, and the next one of who began it, or of who answers. */
static struct datagram connection_next(enum nat_place from, enum nat_place to,
				       struct datagram first, bool is_answer)
{
	struct datagram answer;

	(void)nat_assert_translated(from, to, &first);
	answer = nat_answer_to(&first);
	(void)nat_assert_translated(to, from, &answer);
	return established(is_answer ? answer : first);
}

static struct datagram masqueraded(void)
{
	return connection_next(PLACE_SENDER, PLACE_WORLD, nat_to_remote(IPPROTO_TCP, CLIENT_PORT),
			       false);
}

static struct datagram masqueraded_answer(void)
{
	return connection_next(PLACE_SENDER, PLACE_WORLD, nat_to_remote(IPPROTO_TCP, CLIENT_PORT),
			       true);
}

static void publish(void)
{
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_TCP, PLACE_SENDER, SERVER_PORT);
}

static struct datagram published(void)
{
	publish();
	return connection_next(PLACE_WORLD, PLACE_SENDER, nat_to_published(IPPROTO_TCP), false);
}

static struct datagram published_answer(void)
{
	publish();
	return connection_next(PLACE_WORLD, PLACE_SENDER, nat_to_published(IPPROTO_TCP), true);
}

static const struct way ways[] = {
	{ "to_endpoint", PLACE_SENDER, to_endpoint, VERDICT_REDIRECT, NO_DROP, false },
	{ "to_world", PLACE_SENDER, to_world, VERDICT_REDIRECT, NO_DROP, false },
	{ "to_world_masqueraded", PLACE_SENDER, masqueraded, VERDICT_REDIRECT, NO_DROP, true },
	{ "published_answer", PLACE_SENDER, published_answer, VERDICT_REDIRECT, NO_DROP, true },
	{ "to_host", PLACE_SENDER, to_host, VERDICT_STACK, NO_DROP, false },
	{ "spoofed", PLACE_SENDER, spoofed, VERDICT_DROP, NK_DROP_SOURCE, false },
	{ "from_world", PLACE_WORLD, from_world, VERDICT_REDIRECT, NO_DROP, false },
	{ "masqueraded_answer", PLACE_WORLD, masqueraded_answer, VERDICT_REDIRECT, NO_DROP, true },
	{ "published", PLACE_WORLD, published, VERDICT_REDIRECT, NO_DROP, true },
	{ "not_ours", PLACE_WORLD, not_ours, VERDICT_STACK, NO_DROP, false },
};

/* Rounds --------------------------------------------------------------------------------------- */

/* Whether the packet takes the way that is meant: twice, since the first makes its path known. */
static void way_check(const struct way *way, const struct datagram *datagram)
{
	struct prog_run run;

	for (int i = 0; i < 2; i++) {
		nat_send(way->from, datagram, &run);
		assert_int_equal(run.verdict, way->verdict);
		prog_assert_drops(&run, way->reason);
	}
}

/* The TTL that a packet comes out with tells how many runs have forwarded it. */
static uint32_t hops_of(const struct packet *packet)
{
	size_t offset =
		nat_is_ipv4() ? offsetof(struct iphdr, ttl) : offsetof(struct ipv6hdr, hop_limit);

	return DATAGRAM_TTL - (uint32_t)packet_get(packet, ETH_HLEN + offset, 1);
}

static void way_measure(const struct way *way, const struct settings *settings, uint32_t repeat,
			unsigned int attempts)
{
	bool is_in = way->from == PLACE_WORLD;
	const struct bpf_program *program =
		is_in ? progs->progs.nk_uplink : progs->progs.nk_from_ctr;
	struct datagram datagram = way->prepare();
	static struct prog_run run;
	double ns;

	way_check(way, &datagram);
	run.ifindex = (int)(is_in ? if_nametoindex(UPLINK) : nat_ifindex(way->from));
	run.packet = nat_packet_before(way->from, &datagram);
	ns = prog_time(program, &run, repeat, attempts);
	assert_int_equal(run.verdict, way->verdict);
	assert_int_equal(hops_of(&run.packet), way->verdict == VERDICT_REDIRECT ? repeat : 0);
	printf("program=%s way=%s family=%s nat=%d paths=%d repeat=%u %.0f\n",
	       bpf_program__name(program), way->name, nat_is_ipv4() ? "ipv4" : "ipv6",
	       settings->nat, settings->paths, repeat, ns);
}

static void ways_measure(const struct nat_variant *variant, const struct settings *settings,
			 unsigned int attempts)
{
	for (size_t i = 0; i < COUNT(ways); i++) {
		if (ways[i].is_translated && !settings->nat)
			continue;
		nat_begin(variant);
		way_measure(&ways[i], settings, 1, attempts);
		if (!ways[i].is_translated)
			way_measure(&ways[i], settings, IN_A_ROW, attempts);
	}
}

static void settings_measure(const struct settings *settings, unsigned int rounds,
			     unsigned int attempts)
{
	void *state = NULL;

	prog_nat = settings->nat;
	prog_path_cache = settings->paths;
	(void)(prog_nat ? nat_group_setup(&state) : prog_group_setup(&state)); /* or they end us */
	prog_time_setup();
	for (unsigned int round = 0; round < rounds; round++)
		for (size_t i = 0; i < NAT_VARIANTS; i++)
			if (!nat_variants[i].is_veth)
				ways_measure(&nat_variants[i], settings, attempts);
	(void)prog_group_teardown(&state); /* can't fail */
}

int main(int argc, char **argv)
{
	static const struct settings settings[] = {
		{ false, false }, { false, true }, { true, false }, { true, true }
	};
	unsigned int rounds = 30, attempts = 200;
	const struct number_option options[] = { { 'r', ROUNDS_MAX, &rounds },
						 { 'a', ATTEMPTS_MAX, &attempts } };

	numbers_parse(argc, argv, options, COUNT(options), usage_text);
	for (size_t i = 0; i < COUNT(settings); i++)
		settings_measure(&settings[i], rounds, attempts);
	return EXIT_SUCCESS;
}
