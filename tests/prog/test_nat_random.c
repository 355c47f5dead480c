// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Translated packets by chance, each of which is answered, and errors about some of them: every
 * byte that comes out is compared with a packet that was built for it. And packets that are broken
 * by chance.
 */
#include <net/if.h>
#include <string.h>

#include "nat.h"
#include "net.h"
#include "prog.h"
#include "random.h"

/* Packets in each direction, over all variants. */
#define ROUNDS_NATIVE   10000
#define ROUNDS_EMULATED 1000

/* So few that most flows are evicted by later ones. */
#define ENDPOINT_FLOWS 256

#define PORT_LOWEST      1024
#define PAYLOAD_LEN_MAX  1200
#define ERROR_ONE_OUT_OF 4

/* Not one that is published: SCTP keeps its port, and couldn't have that one. */
static uint16_t random_port(void)
{
	uint16_t port;

	do
		port = (uint16_t)(PORT_LOWEST + random_below(UINT16_MAX - PORT_LOWEST));
	while (port == PUBLISHED_PORT);
	return port;
}

/* Somebody behind the router. */
static struct nk_ip random_remote(void)
{
	struct nk_ip ip = nat.remote;

	((uint8_t *)&ip)[15] = (uint8_t)random_next();
	return ip;
}

/* Whatever doesn't tell which flow it is. */
static void random_fill(struct datagram *datagram)
{
	datagram->ttl = (uint8_t)(2 + random_below(254));
	datagram->payload_len = random_below(4) ? random_below(PAYLOAD_LEN_MAX) : random_below(4);
	datagram->seed = random_next();
	datagram->dont_fragment = random_below(2);
	if (datagram->protocol == IPPROTO_UDP && nat_is_ipv4())
		datagram->checksum = random_below(4) ? CHECKSUM_WHOLE : CHECKSUM_NONE;
}

/* A packet that may begin a flow; not all of TCP's are the first one of a connection. */
static struct datagram random_datagram(const struct nk_ip *saddr, const struct nk_ip *daddr,
				       uint8_t protocol, uint16_t dport)
{
	static const uint8_t flags[] = { TCP_SYN, TCP_ACK, TCP_ACK | TCP_FIN };
	struct datagram datagram = nat_datagram(saddr, daddr, protocol, random_port(), dport);

	datagram.tcp_flags = flags[random_below(COUNT(flags))];
	random_fill(&datagram);
	return datagram;
}

static struct datagram random_reply(const struct datagram *datagram)
{
	struct datagram reply = datagram_reply(datagram);

	reply.tcp_flags = (uint8_t)random_below(0x40);
	random_fill(&reply);
	return reply;
}

/* A quotation of some length that doesn't end within TCP's checksum. */
static size_t random_quote_len(const struct datagram *quote, size_t len)
{
	size_t least = 8 + (nat_is_ipv4() ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
	size_t quote_len = least + random_below(len - least + 1);

	return quote->protocol == IPPROTO_TCP && quote_len == least + 9 ? least : quote_len;
}

/* @to tells @from that it couldn't do with a packet; @got is what it got. */
static void check_error(enum nat_place from, enum nat_place to, const struct datagram *sent,
			const struct datagram *got)
{
	uint8_t type = nat_is_ipv4() ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE;
	struct datagram error = nat_error(&got->daddr, &got->saddr, got, type, 0);
	struct datagram expected = nat_error(&sent->daddr, &sent->saddr, sent, type, 0);

	error.quote_len = expected.quote_len = random_quote_len(got, error.quote_len);
	error.icmp_rest = expected.icmp_rest = (uint32_t)random_next();
	error.ttl = expected.ttl = (uint8_t)(2 + random_below(254));
	nat_assert_forwarded(to, from, &error, &expected);
}

/* There, back, and perhaps an error about one of them. */
static void check_flow(enum nat_place from, enum nat_place to, const struct datagram *datagram)
{
	struct nk_flow flow = nat_assert_translated(from, to, datagram);
	struct datagram got = datagram_become(datagram, &flow.to);
	struct datagram reply = random_reply(&got), reply_got;

	flow = nat_assert_translated(to, from, &reply);
	reply_got = datagram_become(&reply, &flow.to);
	if (!random_below(ERROR_ONE_OUT_OF))
		check_error(from, to, datagram, &got);
	if (!random_below(ERROR_ONE_OUT_OF))
		check_error(to, from, &reply, &reply_got);
}

static void begin(const struct nat_variant *variant)
{
	nat_begin(variant);
	nat_settings_set(NAT_PORT_MIN, NAT_PORT_MAX, ENDPOINT_FLOWS);
}

static void publish(void)
{
	nat_publish(&nat.any, PUBLISHED_PORT, IPPROTO_TCP, PLACE_OTHER, SERVER_PORT);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_UDP, PLACE_OTHER, SERVER_PORT);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_SCTP, PLACE_OTHER, PUBLISHED_PORT);
}

static void assert_quotas(void)
{
	assert_in_range(flows_count(PLACE_SENDER), 0, 2 * ENDPOINT_FLOWS);
	assert_in_range(flows_count(PLACE_OTHER), 0, 2 * ENDPOINT_FLOWS);
}

static void test_masquerade(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_SCTP };

	begin(*state);
	for (unsigned int i = 0; i < random_rounds / NAT_VARIANTS; i++) {
		enum nat_place from = random_below(2) ? PLACE_SENDER : PLACE_OTHER;
		uint8_t protocol = protocols[random_below(COUNT(protocols))];
		struct nk_ip remote = random_remote();
		struct datagram datagram =
			random_datagram(from == PLACE_SENDER ? &nat.sender : &nat.other, &remote,
					protocol, random_port());

		check_flow(from, PLACE_WORLD, &datagram);
	}
	assert_quotas();
}

static void test_published(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };

	begin(*state);
	publish();
	for (unsigned int i = 0; i < random_rounds / NAT_VARIANTS; i++) {
		uint8_t protocol = protocols[random_below(COUNT(protocols))];
		struct nk_ip remote = random_remote();
		struct datagram datagram =
			random_datagram(&remote, &nat.host, protocol, PUBLISHED_PORT);

		check_flow(PLACE_WORLD, PLACE_OTHER, &datagram);
	}
	assert_quotas();
}

static void test_hairpin(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };

	begin(*state);
	publish();
	for (unsigned int i = 0; i < random_rounds / NAT_VARIANTS; i++) {
		uint8_t protocol = protocols[random_below(COUNT(protocols))];
		struct datagram datagram =
			random_datagram(&nat.sender, &nat.host, protocol, PUBLISHED_PORT);

		check_flow(PLACE_SENDER, PLACE_OTHER, &datagram);
	}
	assert_quotas();
}

/* Whether a packet is of a kind that is never the first of a conversation of its sender's. */
static bool is_answer(const struct packet *packet)
{
	size_t upper = nat_is_ipv4() ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	uint64_t type = packet_get(packet, ETH_HLEN + upper, 1);
	uint64_t flags = packet_get(packet, ETH_HLEN + upper + 13, 1);

	switch (packet_get(packet, ETH_HLEN + (nat_is_ipv4() ? 9 : 6), 1)) {
	case IPPROTO_TCP:
		return flags & TCP_RST || (flags & TCP_SYN && flags & TCP_ACK);
	case IPPROTO_ICMP:
		return type == ICMP4_ECHO_REPLY || type == ICMP4_UNREACHABLE ||
		       type == ICMP4_TIME_EXCEEDED || type == ICMP4_PARAMETER_PROBLEM;
	case IPPROTO_ICMPV6:
		return type == ICMP6_ECHO_REPLY || type < ICMP6_ECHO_REQUEST;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
		return !nat_is_ipv4(); /* it may be one */
	default:
		return false;
	}
}

/* Whether a packet's source and destination are these. */
static bool packet_is(const struct packet *packet, const struct nk_ip *saddr,
		      const struct nk_ip *daddr)
{
	const uint8_t *addrs = packet->data + ETH_HLEN + (nat_is_ipv4() ? 12 : 8);
	size_t skip = nat_is_ipv4() ? 12 : 0, len = sizeof(*saddr) - skip;

	return !memcmp(addrs, (const uint8_t *)saddr + skip, len) &&
	       !memcmp(addrs + len, (const uint8_t *)daddr + skip, len);
}

/* Bytes changed by chance, most of them behind the addresses. */
static void packet_change(struct packet *packet)
{
	for (uint64_t i = random_below(4); i > 0; i--)
		packet->data[ETH_HLEN + random_below(packet->len - ETH_HLEN)] =
			(uint8_t)random_next();
	packet_ipv4_checksum(packet);
}

/*
 * Whatever a masquerading container sends, the world doesn't see its address, but for answers to
 * who knows that address.
 */
static void test_no_leak(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_TCP,  IPPROTO_UDP, IPPROTO_ICMP,
					     IPPROTO_SCTP, IPPROTO_GRE, IPPROTO_FRAGMENT };
	unsigned int forwarded = 0;

	begin(*state);
	for (unsigned int i = 0; i < random_rounds / NAT_VARIANTS; i++) {
		uint8_t protocol = protocols[random_below(COUNT(protocols))];
		struct datagram datagram =
			random_datagram(&nat.sender, &nat.remote, protocol, random_port());
		struct prog_run run = { .ifindex = (int)nat_ifindex(PLACE_SENDER) };
		struct packet sent;

		datagram.payload_len = 8 + random_below(40);
		sent = nat_packet_before(PLACE_SENDER, &datagram);
		packet_change(&sent);
		run.packet = sent;
		prog_run(nat_from_ctr(), &run);
		if (run.verdict != VERDICT_REDIRECT)
			continue;
		forwarded++;
		if (packet_is(&run.packet, &nat.sender, &nat.remote))
			assert_true(is_answer(&sent));
	}
	assert_true(forwarded > random_rounds / NAT_VARIANTS / 20); /* else it would show nothing */
}

static int group_setup(void **state)
{
	random_begin(ROUNDS_NATIVE, ROUNDS_EMULATED);
	return nat_group_setup(state);
}

int main(void)
{
	static struct CMUnitTest tests[4 * NAT_VARIANTS];
	struct CMUnitTest *end = tests;

	end = prog_tests_add(end, test_masquerade, "masquerade", nat_variants,
			     sizeof(*nat_variants), NAT_VARIANTS);
	end = prog_tests_add(end, test_published, "published", nat_variants, sizeof(*nat_variants),
			     NAT_VARIANTS);
	end = prog_tests_add(end, test_hairpin, "hairpin", nat_variants, sizeof(*nat_variants),
			     NAT_VARIANTS);
	(void)prog_tests_add(end, test_no_leak, "no leak", nat_variants, sizeof(*nat_variants),
			     NAT_VARIANTS);
	return cmocka_run_group_tests_name("nat, random", tests, group_setup, prog_group_teardown);
}
