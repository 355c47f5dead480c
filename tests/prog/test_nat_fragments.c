// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fragments of translated packets, of which only the first ones have ports. */
#include <string.h>

#include "nat.h"
#include "net.h"
#include "prog.h"

/* Where a packet is cut in two. */
#define FRAGMENT_LEN 64

static struct datagram fragment_first(const struct datagram *datagram, uint16_t id)
{
	struct datagram fragment = *datagram;

	fragment.fragment_len = FRAGMENT_LEN;
	fragment.fragment_more = true;
	fragment.fragment_id = id;
	return fragment;
}

static struct datagram fragment_later(const struct datagram *datagram, uint16_t id)
{
	struct datagram fragment = *datagram;
	struct packet packet;

	datagram_build(datagram, &packet);
	fragment.fragment_at = FRAGMENT_LEN;
	fragment.fragment_len = packet.len - ETH_HLEN - FRAGMENT_LEN -
				(nat_is_ipv4() ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
	fragment.fragment_id = id;
	return fragment;
}

static void fragments_check(enum nat_place from, enum nat_place to, const struct datagram *whole,
			    uint16_t id)
{
	struct datagram first = fragment_first(whole, id), later = fragment_later(whole, id);
	struct datagram expected, strange = fragment_later(whole, id + 1);
	size_t count = fragments_count();

	(void)nat_assert_translated(from, to, &first);
	assert_int_equal(fragments_count(), count + 1);
	expected = nat_translated(&later);
	nat_assert_forwarded(from, to, &later, &expected);
	nat_assert_forwarded(from, to, &later, &expected);
	if (from == PLACE_WORLD)
		nat_assert_stack(from, &strange);
	else if (nat_endpoint(from).flags & NK_ENDPOINT_MASQUERADE && to == PLACE_WORLD)
		nat_assert_dropped(from, &strange, NK_DROP_NAT_FRAGMENT);
}

static void fragments_masqueraded_check(const struct nat_variant *variant, size_t options_len)
{
	static const uint8_t cut[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };

	nat_begin(variant);
	for (size_t i = 0; i < COUNT(cut); i++) {
		struct datagram datagram = nat_to_remote(cut[i], CLIENT_PORT), reply;
		uint16_t id = (uint16_t)(100 + 2 * i); /* IPv6 has one count for all protocols */

		datagram.options_len = options_len;
		fragments_check(PLACE_SENDER, PLACE_WORLD, &datagram, id);
		reply = nat_answer_to(&datagram);
		fragments_check(PLACE_WORLD, PLACE_SENDER, &reply, id);
	}
}

static void test_fragments(void **state)
{
	fragments_masqueraded_check(*state, 0);
}

/* Each fragment's header names the options, and the first one alone what is behind them. */
static void test_fragments_options(void **state)
{
	fragments_masqueraded_check(*state, 8);
}

static void test_fragments_published(void **state)
{
	struct datagram datagram, reply;

	nat_begin(*state);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_UDP, PLACE_OTHER, SERVER_PORT);
	datagram = nat_to_published(IPPROTO_UDP);
	fragments_check(PLACE_WORLD, PLACE_OTHER, &datagram, 7);
	reply = nat_answer_to(&datagram);
	fragments_check(PLACE_OTHER, PLACE_WORLD, &reply, 7);
}

static void fragments_hairpin_check(void)
{
	struct datagram datagram, reply;

	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_UDP, PLACE_OTHER, SERVER_PORT);
	datagram = nat_to_hairpin(IPPROTO_UDP);
	fragments_check(PLACE_SENDER, PLACE_OTHER, &datagram, 7);
	reply = nat_answer_to(&datagram);
	fragments_check(PLACE_OTHER, PLACE_SENDER, &reply, 7);
}

static void test_fragments_hairpin(void **state)
{
	nat_begin(*state);
	fragments_hairpin_check();
}

static void test_fragments_hairpin_plain(void **state)
{
	nat_begin(*state);
	nat_flags_set(PLACE_SENDER, 0);
	nat_flags_set(PLACE_OTHER, 0);
	fragments_hairpin_check();
}

static void test_fragment_without_first(void **state)
{
	struct datagram datagram, later;

	nat_begin(*state);
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	later = fragment_later(&datagram, 9);
	nat_assert_dropped(PLACE_SENDER, &later, NK_DROP_NAT_FRAGMENT);
	later.daddr = nat.host;
	nat_assert_stack(PLACE_SENDER, &later);
	later.daddr = nat.other;
	nat_assert_forwarded(PLACE_SENDER, PLACE_OTHER, &later, &later);
	datagram = nat_datagram(&nat.remote, &nat.host, IPPROTO_UDP, CLIENT_PORT, NAT_PORT_MIN);
	later = fragment_later(&datagram, 9);
	nat_assert_stack(PLACE_WORLD, &later);
	nat_flags_set(PLACE_SENDER, 0);
	later = fragment_later(&datagram, 9);
	later.saddr = nat.sender;
	later.daddr = nat.remote;
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &later, &later);
	nat_assert_no_flows();
}

/* An identifier comes round again: later fragments are of the packet whose first came last. */
static void test_fragment_identifier_again(void **state)
{
	struct datagram datagram, reply, first, later;

	nat_begin(*state);
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	reply = nat_answer_to(&datagram);
	fragments_check(PLACE_WORLD, PLACE_SENDER, &reply, 100);
	reply.dport = SERVER_PORT; /* of the host's own */
	first = fragment_first(&reply, 100);
	later = fragment_later(&reply, 100);
	nat_assert_stack(PLACE_WORLD, &first);
	nat_assert_stack(PLACE_WORLD, &later);
}

/* A first fragment has the ports of TCP, but its checksum is in the next one (RFC 1858). */
static void test_fragment_tiny(void **state)
{
	struct datagram datagram, first;

	nat_begin(*state);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_TCP, PLACE_OTHER, SERVER_PORT);
	datagram = nat_to_remote(IPPROTO_TCP, CLIENT_PORT);
	first = fragment_first(&datagram, 100);
	first.fragment_len = 16;
	nat_assert_dropped(PLACE_SENDER, &first, NK_DROP_TRUNCATED);
	first.daddr = nat.other; /* as it is: nothing of it is written */
	nat_assert_forwarded(PLACE_SENDER, PLACE_OTHER, &first, &first);
	datagram = nat_to_published(IPPROTO_TCP);
	first = fragment_first(&datagram, 100);
	first.fragment_len = 16;
	nat_assert_dropped(PLACE_WORLD, &first, NK_DROP_TRUNCATED);
	first.fragment_len = 24;
	(void)nat_assert_translated(PLACE_WORLD, PLACE_OTHER, &first);
}

/* All of an answer goes back through the stack, which has translated the question. */
static void answer_check(enum nat_place to, const struct nk_ip *daddr)
{
	struct datagram answer =
		nat_datagram(&nat.sender, daddr, IPPROTO_UDP, SERVER_PORT, CLIENT_PORT);
	struct datagram other = answer, first, later;

	other.dport++;
	later = fragment_later(&other, 7); /* by a path that is known, if any is kept */
	nat_assert_forwarded(PLACE_SENDER, to, &later, &later);
	nat_forwarded(&answer);
	prog_paths_forget();
	nat_assert_forwarded(PLACE_SENDER, to, &later, &later);

	nat_assert_stack(PLACE_SENDER, &answer);
	first = fragment_first(&answer, 7);
	later = fragment_later(&answer, 7);
	nat_assert_stack(PLACE_SENDER, &first);
	nat_assert_stack(PLACE_SENDER, &later);
	nat_assert_stack(PLACE_SENDER, &later);
	later = fragment_later(&answer, 8);
	nat_assert_forwarded(PLACE_SENDER, to, &later, &later);

	first = fragment_first(&other, 7);
	later = fragment_later(&other, 7);
	nat_assert_forwarded(PLACE_SENDER, to, &first, &first);
	nat_assert_forwarded(PLACE_SENDER, to, &later, &later);

	/* The identifier comes again, and the path of the first one's ports is known by now. */
	answer = fragment_first(&answer, 7);
	nat_assert_stack(PLACE_SENDER, &answer);
	nat_assert_forwarded(PLACE_SENDER, to, &first, &first);
	nat_assert_forwarded(PLACE_SENDER, to, &later, &later);
}

static void test_fragments_answer(void **state)
{
	nat_begin(*state);
	nat_flags_set(PLACE_SENDER, 0);
	answer_check(PLACE_WORLD, &nat.remote);
	nat_begin(*state);
	answer_check(PLACE_OTHER, &nat.other);
}

/* Of what is translated here the fragments stay with their flow. */
static void test_fragments_answer_masquerade(void **state)
{
	struct datagram answer, first, later, datagram;

	nat_begin(*state);
	answer = nat_datagram(&nat.sender, &nat.remote, IPPROTO_UDP, SERVER_PORT, CLIENT_PORT);
	nat_forwarded(&answer);
	first = fragment_first(&answer, 7);
	later = fragment_later(&answer, 7);
	nat_assert_stack(PLACE_SENDER, &first);
	nat_assert_stack(PLACE_SENDER, &later);
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	fragments_check(PLACE_SENDER, PLACE_WORLD, &datagram, 100);
	nat_assert_stack(PLACE_SENDER, &later);
}

static const struct nat_test tests[] = {
	{ "fragments: masqueraded", test_fragments },
	{ "fragments: masqueraded, behind options", test_fragments_options },
	{ "fragments: published", test_fragments_published },
	{ "fragments: hairpin", test_fragments_hairpin },
	{ "fragments: hairpin, nobody masquerades", test_fragments_hairpin_plain },
	{ "fragments: without the first", test_fragment_without_first },
	{ "fragments: an identifier comes again", test_fragment_identifier_again },
	{ "fragments: answers to what others translate", test_fragments_answer },
	{ "fragments: the same, and masqueraded ones", test_fragments_answer_masquerade },
	{ "fragments: too small for the checksum", test_fragment_tiny },
};

int main(void)
{
	return nat_tests_run("nat, fragments", tests, COUNT(tests), nat_group_setup);
}
