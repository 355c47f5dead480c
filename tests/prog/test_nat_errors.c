// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ICMP errors about translated packets: what they quote is turned back into what its sender knows,
 * and each checksum within is right.
 */
#include <string.h>

#include "nat.h"
#include "net.h"
#include "prog.h"

#define FRAGMENT_HEADER_LEN 8 /* of IPv6 */

struct error_case {
	uint8_t type_v4, code_v4;
	uint8_t type_v6, code_v6;
	uint32_t rest;
};

static const struct error_case errors[] = {
	{ ICMP4_UNREACHABLE, ICMP4_PORT, ICMP6_UNREACHABLE, ICMP6_PORT, 0 },
	{ ICMP4_UNREACHABLE, ICMP4_FRAGMENTATION_NEEDED, ICMP6_TOO_BIG, 0, 1400 },
	{ ICMP4_TIME_EXCEEDED, 0, ICMP6_TIME_EXCEEDED, 0, 0 },
};

/*
 * Errors of all kinds, about a packet that was translated, come back the way it came.
 * @sent: the packet as its sender knows it, @got: as the other end and the routers behind it do
 * @from: where the error comes from; @source: who tells
 * @as: who seems to tell
 */
static void errors_check(enum nat_place from, enum nat_place to, const struct datagram *sent,
			 const struct datagram *got, const struct nk_ip *source,
			 const struct nk_ip *as)
{
	const size_t extension_len =
		(got->fragment_len ? FRAGMENT_HEADER_LEN : 0) + got->options_len;
	const size_t header_len =
		nat_is_ipv4() ? sizeof(struct iphdr) : sizeof(struct ipv6hdr) + extension_len;

	for (size_t i = 0; i < COUNT(errors); i++) {
		const struct error_case *test = &errors[i];
		uint8_t type = nat_is_ipv4() ? test->type_v4 : test->type_v6;
		uint8_t code = nat_is_ipv4() ? test->code_v4 : test->code_v6;
		struct datagram error = nat_error(source, &got->saddr, got, type, code);
		struct datagram expected = nat_error(as, &sent->saddr, sent, type, code);
		const size_t lens[] = { error.quote_len, header_len + 8, header_len + 19,
					header_len + 27 };

		error.icmp_rest = expected.icmp_rest = test->rest;
		for (size_t j = 0; j < COUNT(lens); j++) {
			error.quote_len = expected.quote_len = lens[j];
			nat_assert_forwarded(from, to, &error, &expected);
		}
	}
}

/* Packets of each protocol, and with each kind of checksum. */
static const struct {
	uint8_t protocol;
	enum datagram_checksum checksum;
	size_t payload_len;
} quotes[] = {
	{ IPPROTO_TCP, CHECKSUM_WHOLE, 100 },  { IPPROTO_UDP, CHECKSUM_WHOLE, 101 },
	{ IPPROTO_UDP, CHECKSUM_NONE, 102 },   { IPPROTO_UDP, CHECKSUM_WHOLE, 19 },
	{ IPPROTO_ICMP, CHECKSUM_WHOLE, 100 }, { IPPROTO_SCTP, CHECKSUM_WHOLE, 100 },
};

static struct datagram quote_of(size_t i, const struct nk_ip *saddr, const struct nk_ip *daddr,
				uint16_t sport, uint16_t dport)
{
	struct datagram datagram = nat_datagram(saddr, daddr, quotes[i].protocol, sport, dport);

	datagram.payload_len = quotes[i].payload_len;
	datagram.seed = i;
	if (nat_is_ipv4()) /* IPv6 has no UDP without */
		datagram.checksum = quotes[i].checksum;
	return datagram;
}

static void test_error_inward(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(quotes); i++) {
		struct datagram sent =
			quote_of(i, &nat.sender, &nat.remote, CLIENT_PORT, REMOTE_PORT);
		struct datagram got;

		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &sent);
		got = nat_translated(&sent);
		sent.ttl = got.ttl = 1;
		errors_check(PLACE_WORLD, PLACE_SENDER, &sent, &got, &nat.remote, &nat.remote);
		errors_check(PLACE_WORLD, PLACE_SENDER, &sent, &got, &nat.router, &nat.router);
	}
}

/* About a packet with IPv6 options, and in one with them. */
static void test_error_options(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(quotes); i++) {
		struct datagram sent =
			quote_of(i, &nat.sender, &nat.remote, CLIENT_PORT, REMOTE_PORT);
		struct datagram got, error, expected;

		sent.options_len = 16;
		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &sent);
		got = nat_translated(&sent);
		sent.ttl = got.ttl = 1;
		errors_check(PLACE_WORLD, PLACE_SENDER, &sent, &got, &nat.router, &nat.router);
		error = nat_error(&nat.router, &nat.host, &got,
				  nat_is_ipv4() ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE,
				  ICMP4_HOST);
		expected = error;
		expected.quote = &sent;
		expected.daddr = nat.sender;
		error.options_len = expected.options_len = 8;
		nat_assert_forwarded(PLACE_WORLD, PLACE_SENDER, &error, &expected);
	}
}

/* What is too big for a router may be a fragment. */
static void fragment_error_check(const struct nat_variant *variant, size_t options_len)
{
	static const uint8_t cut[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };

	nat_begin(variant);
	for (size_t i = 0; i < COUNT(cut); i++) {
		struct datagram sent = nat_to_remote(cut[i], CLIENT_PORT), got;

		sent.options_len = options_len;
		sent.payload_len = 100;
		sent.fragment_len = 64;
		sent.fragment_more = true;
		sent.fragment_id = 7;
		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &sent);
		got = nat_translated(&sent);
		sent.ttl = got.ttl = 1;
		errors_check(PLACE_WORLD, PLACE_SENDER, &sent, &got, &nat.router, &nat.router);
	}
}

static void test_error_about_fragment(void **state)
{
	fragment_error_check(*state, 0);
}

static void test_error_about_fragment_options(void **state)
{
	fragment_error_check(*state, 8);
}

static void test_error_outward(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(quotes); i++) {
		struct datagram datagram =
			quote_of(i, &nat.sender, &nat.remote, CLIENT_PORT, REMOTE_PORT);
		struct datagram sent, got;

		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		sent = nat_answer_to(&datagram);
		(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &sent);
		got = nat_translated(&sent);
		errors_check(PLACE_SENDER, PLACE_WORLD, &sent, &got, &nat.sender, &nat.host);
	}
}

static void test_error_published(void **state)
{
	nat_begin(*state);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_TCP, PLACE_OTHER, SERVER_PORT);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_UDP, PLACE_OTHER, SERVER_PORT);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_SCTP, PLACE_OTHER, PUBLISHED_PORT);
	for (size_t i = 0; i < COUNT(quotes); i++) {
		struct datagram sent =
			quote_of(i, &nat.remote, &nat.host, CLIENT_PORT, PUBLISHED_PORT);
		struct datagram got, reply, reply_got;

		if (quotes[i].protocol == IPPROTO_ICMP)
			continue;
		(void)nat_assert_translated(PLACE_WORLD, PLACE_OTHER, &sent);
		got = nat_translated(&sent);
		errors_check(PLACE_OTHER, PLACE_WORLD, &sent, &got, &nat.other, &nat.host);
		reply = nat_answer_to(&sent);
		(void)nat_assert_translated(PLACE_OTHER, PLACE_WORLD, &reply);
		reply_got = nat_translated(&reply);
		errors_check(PLACE_WORLD, PLACE_OTHER, &reply, &reply_got, &nat.remote,
			     &nat.remote);
	}
}

static void error_hairpin_check(void)
{
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_TCP, PLACE_OTHER, SERVER_PORT);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_UDP, PLACE_OTHER, SERVER_PORT);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_SCTP, PLACE_OTHER, PUBLISHED_PORT);
	for (size_t i = 0; i < COUNT(quotes); i++) {
		struct datagram sent =
			quote_of(i, &nat.sender, &nat.host, CLIENT_PORT, PUBLISHED_PORT);
		struct datagram got, reply, reply_got;

		if (quotes[i].protocol == IPPROTO_ICMP)
			continue;
		(void)nat_assert_translated(PLACE_SENDER, PLACE_OTHER, &sent);
		got = nat_translated(&sent);
		errors_check(PLACE_OTHER, PLACE_SENDER, &sent, &got, &nat.other, &nat.host);
		reply = nat_answer_to(&sent);
		(void)nat_assert_translated(PLACE_OTHER, PLACE_SENDER, &reply);
		reply_got = nat_translated(&reply);
		errors_check(PLACE_SENDER, PLACE_OTHER, &reply, &reply_got, &nat.sender, &nat.host);
	}
}

static void test_error_hairpin(void **state)
{
	nat_begin(*state);
	error_hairpin_check();
}

static void test_error_hairpin_plain(void **state)
{
	nat_begin(*state);
	nat_flags_set(PLACE_SENDER, 0);
	nat_flags_set(PLACE_OTHER, 0);
	error_hairpin_check();
}

/* An error on its last hop goes no further, and nobody is told of it. */
static void last_hop_check(enum nat_place from, enum nat_place to, const struct datagram *sent,
			   const struct nk_ip *as)
{
	const uint8_t type = nat_is_ipv4() ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE;
	const uint8_t code = nat_is_ipv4() ? ICMP4_PORT : ICMP6_PORT;
	struct datagram got = nat_translated(sent);
	struct datagram error = nat_error(&got.daddr, &got.saddr, &got, type, code);
	struct datagram expected = nat_error(as, &sent->saddr, sent, type, code);

	error.ttl = expected.ttl = 2;
	nat_assert_forwarded(from, to, &error, &expected);
	error.ttl = 1;
	if (nat_is_ipv4() && from != PLACE_WORLD)
		nat_assert_stack(from, &error);
	else
		nat_assert_dropped(from, &error, NK_DROP_NO_ANSWER);
}

static void test_error_last_hop(void **state)
{
	struct datagram sent, reply;

	nat_begin(*state);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_UDP, PLACE_OTHER, SERVER_PORT);
	sent = nat_to_hairpin(IPPROTO_UDP);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_OTHER, &sent);
	last_hop_check(PLACE_OTHER, PLACE_SENDER, &sent, &nat.host);
	sent = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &sent);
	last_hop_check(PLACE_WORLD, PLACE_SENDER, &sent, &nat.remote);
	reply = nat_answer_to(&sent);
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	last_hop_check(PLACE_SENDER, PLACE_WORLD, &reply, &nat.host);
}

/* Errors about packets that nobody translated. */
static void test_error_unknown(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(quotes); i++) {
		struct datagram sent =
			quote_of(i, &nat.host, &nat.remote, CLIENT_PORT, REMOTE_PORT);
		struct datagram error = nat_error(
			&nat.remote, &nat.host, &sent,
			nat_is_ipv4() ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE, ICMP4_HOST);

		nat_assert_stack(PLACE_WORLD, &error);
	}
	nat_assert_no_flows();
}

/* An error whose quotation isn't of a packet of the one that it's sent to. */
static void test_error_forged(void **state)
{
	struct datagram sent, got, error;

	nat_begin(*state);
	sent = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &sent);
	got = nat_translated(&sent);
	error = nat_error(&nat.remote, &nat.host, &got,
			  nat_is_ipv4() ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE, ICMP4_HOST);
	error.daddr = nat.second;
	nat_assert_stack(PLACE_WORLD, &error);
}

static const struct nat_test tests[] = {
	{ "errors: inward", test_error_inward },
	{ "errors: with options, about a packet with options", test_error_options },
	{ "errors: about a fragment", test_error_about_fragment },
	{ "errors: about a fragment with options", test_error_about_fragment_options },
	{ "errors: outward", test_error_outward },
	{ "errors: of published ports, both ways", test_error_published },
	{ "errors: of hairpins, both ways", test_error_hairpin },
	{ "errors: of hairpins, nobody masquerades", test_error_hairpin_plain },
	{ "errors: on their last hop", test_error_last_hop },
	{ "errors: of no flow", test_error_unknown },
	{ "errors: to somebody else", test_error_forged },
};

int main(void)
{
	return nat_tests_run("nat, errors", tests, COUNT(tests), nat_group_setup);
}
