// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ARP and neighbour discovery of containers: which questions are answered, each byte of the
 * answers, and as what the rest is counted.
 */
#include <arpa/inet.h>
#include <linux/in.h>
#include <net/if.h>
#include <string.h>

#include "net.h"
#include "prog.h"

/* Offsets of fields in an ARP frame (RFC 826) and in an ND message (RFC 4861, section 4). */
#define ARP(at, bytes, number) FIELD_AT(ETH_HLEN + (at), bytes, number)
#define ND(at, bytes, number)  L4_OF_IP6(at, bytes, number)
#define ARP_HARDWARE           0
#define ARP_PROTOCOL           2
#define ARP_LENGTHS            4
#define ARP_OPERATION          6
#define ARP_SENDER_MAC         8
#define ARP_SENDER             14
#define ARP_TARGET_MAC         18
#define ARP_TARGET             24
#define ARP_LEN                28
#define ND_TYPE                0
#define ND_CODE                1
#define ND_CHECKSUM            2
#define ND_TARGET              8
#define ND_OPTION              24
#define ND_LEN                 32 /* with one option of 8 bytes */
#define ND_FLAGS_RSO           0xe0

#define ADDR4(a, b, c, d) ((uint64_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/**
 * struct neighbour_case - a changed question, and what comes of it.
 * @from, @saddr: of ND: device and source address, by default the sender's
 * @set, @len: changes of the question
 * @is_answered: else it's dropped for @reason
 */
struct neighbour_case {
	const char *name;
	const char *from;
	const char *saddr;
	const char *target;
	struct packet_field set[PACKET_FIELDS_MAX];
	size_t len;
	bool is_answered;
	enum nk_drop_reason reason;
};

#define ANSWER    .is_answered = true
#define DROP(why) .reason = NK_DROP_##why

static const struct neighbour_case arp_cases[] = {
	{ "asks for the gateway", ANSWER },
	{ "asks for another endpoint", .set = { ARP(ARP_TARGET, 4, ADDR4(10, 88, 0, 3)) }, ANSWER },
	{ "asks for anybody", .set = { ARP(ARP_TARGET, 4, ADDR4(192, 0, 2, 9)) }, ANSWER },
	{ "asks the gateway only", .set = { FIELD_AT(0, 6, 0x026e6b63746c) }, ANSWER },
	{ "with padding", .len = 60, ANSWER },
	{ "asks for its own address", .set = { ARP(ARP_TARGET, 4, ADDR4(10, 88, 0, 2)) },
	  DROP(ARP) },
	{ "probes", .set = { ARP(ARP_SENDER, 4, 0) }, DROP(ARP) },
	{ "announces itself",
	  .set = { ARP(ARP_SENDER, 4, ADDR4(10, 88, 0, 2)),
		   ARP(ARP_TARGET, 4, ADDR4(10, 88, 0, 2)) },
	  DROP(ARP) },
	{ "from another endpoint's address", .set = { ARP(ARP_SENDER, 4, ADDR4(10, 88, 0, 3)) },
	  DROP(ARP) },
	{ "from another endpoint's address and MAC",
	  .set = { ARP(ARP_SENDER_MAC, 6, 0x02aa00000003),
		   ARP(ARP_SENDER, 4, ADDR4(10, 88, 0, 3)) },
	  DROP(ARP) },
	{ "from nobody's address", .set = { ARP(ARP_SENDER, 4, ADDR4(10, 88, 0, 9)) }, DROP(ARP) },
	{ "from another MAC", .set = { ARP(ARP_SENDER_MAC, 6, 0x02aa00000003) }, DROP(ARP) },
	{ "is a reply", .set = { ARP(ARP_OPERATION, 2, 2) }, DROP(ARP) },
	{ "is a reverse request", .set = { ARP(ARP_OPERATION, 2, 3) }, DROP(ARP) },
	{ "of other hardware", .set = { ARP(ARP_HARDWARE, 2, 6) }, DROP(ARP) },
	{ "of another protocol", .set = { ARP(ARP_PROTOCOL, 2, ETH_P_IPV6) }, DROP(ARP) },
	{ "of other lengths", .set = { ARP(ARP_LENGTHS, 2, 0x0804) }, DROP(ARP) },
	{ "of other address lengths", .set = { ARP(ARP_LENGTHS, 2, 0x0610) }, DROP(ARP) },
	{ "of an l3 endpoint", .from = OTHER, .set = { ARP(ARP_SENDER, 4, ADDR4(10, 88, 0, 4)) },
	  DROP(ARP) },
	{ "ends early", .len = ETH_HLEN + ARP_LEN - 1, DROP(TRUNCATED) },
};

static const struct neighbour_case nd_cases[] = {
	{ "asks for the gateway", ANSWER },
	{ "asks for another endpoint", .target = OTHER_V6, ANSWER },
	{ "asks for a link-local address", .target = "fe80::1", ANSWER },
	{ "asks from its link-local address", .saddr = "fe80::2", ANSWER },
	{ "asks without an option", .set = { IP6(payload_len, ND_OPTION) },
	  .len = ETH_HLEN + 40 + ND_OPTION, ANSWER },
	{ "asks with a nonce, too",
	  .set = { IP6(payload_len, ND_LEN + 8), ND(ND_LEN, 2, 14 << 8 | 1) },
	  .len = ETH_HLEN + 40 + ND_LEN + 8, ANSWER },
	{ "asks with four options",
	  .set = { IP6(payload_len, ND_LEN + 24), ND(ND_LEN, 2, 14 << 8 | 1),
		   ND(ND_LEN + 8, 2, 14 << 8 | 1), ND(ND_LEN + 16, 2, 14 << 8 | 1) },
	  .len = ETH_HLEN + 40 + ND_LEN + 24, ANSWER },
	{ "asks with five options",
	  .set = { IP6(payload_len, ND_LEN + 32), ND(ND_LEN, 2, 14 << 8 | 1),
		   ND(ND_LEN + 8, 2, 14 << 8 | 1), ND(ND_LEN + 16, 2, 14 << 8 | 1),
		   ND(ND_LEN + 24, 2, 14 << 8 | 1) },
	  .len = ETH_HLEN + 40 + ND_LEN + 32, DROP(ND) },
	{ "with padding behind the packet", .len = ETH_HLEN + 40 + ND_LEN + 10, ANSWER },
	{ "asks for its own address", .target = SENDER_V6, DROP(ND) },
	{ "asks for its own address from its link-local one", .saddr = "fe80::2",
	  .target = SENDER_V6, DROP(ND) },
	{ "asks for a multicast address", .target = "ff02::1", DROP(ND) },
	{ "detects duplicates", .saddr = "::", DROP(LINK_LOCAL) },
	{ "from another endpoint's address", .saddr = OTHER_V6, DROP(SOURCE) },
	{ "from nobody's address", .saddr = "fd00:88::9", DROP(SOURCE) },
	{ "of another hop limit", .set = { IP6(hop_limit, 254) }, DROP(ND) },
	{ "of another code", .set = { ND(ND_CODE, 1, 1) }, DROP(ND) },
	{ "with another MAC in its option", .set = { ND(ND_OPTION + 2, 6, 0x02aa00000003) },
	  DROP(ND) },
	{ "with an option of length 0", .set = { ND(ND_OPTION + 1, 1, 0) }, DROP(ND) },
	{ "with an option longer than the message", .set = { ND(ND_OPTION + 1, 1, 2) }, DROP(ND) },
	{ "whose option ends early", .set = { IP6(payload_len, ND_OPTION + 7) }, DROP(ND) },
	{ "without a target", .set = { IP6(payload_len, ND_OPTION - 1) }, DROP(ND) },
	{ "ends before its target does", .set = { IP6(payload_len, ND_OPTION - 1) },
	  .len = ETH_HLEN + 40 + ND_OPTION - 1, DROP(TRUNCATED) },
	{ "of an l3 endpoint, without a MAC", .set = { FIELD_AT(6, 6, 0), ND(ND_OPTION + 2, 6, 0) },
	  DROP(ND) },
	{ "is an advertisement", .set = { ND(ND_TYPE, 1, 136) }, DROP(ND) },
	{ "is a redirect", .set = { ND(ND_TYPE, 1, 137) }, DROP(ND) },
	{ "is a router advertisement", .saddr = "fe80::2", .set = { ND(ND_TYPE, 1, 134) },
	  DROP(RA) },
	{ "is a router advertisement from a global address", .set = { ND(ND_TYPE, 1, 134) },
	  DROP(RA) },
	{ "is a router solicitation", .saddr = "fe80::2", .set = { ND(ND_TYPE, 1, 133) },
	  DROP(LINK_LOCAL) },
};

static void arp_request(struct packet *packet)
{
	static const struct packet_field request[] = {
		FIELD_AT(0, 6, 0xffffffffffff),
		ETH(h_proto, ETH_P_ARP),
		ARP(ARP_HARDWARE, 2, 1),
		ARP(ARP_PROTOCOL, 2, ETH_P_IP),
		ARP(ARP_LENGTHS, 2, 0x0604),
		ARP(ARP_OPERATION, 2, 1),
		ARP(ARP_SENDER, 4, ADDR4(10, 88, 0, 2)),
		ARP(ARP_TARGET, 4, ADDR4(10, 88, 0, 1)),
	};

	memset(packet, 0, sizeof(*packet));
	packet->len = ETH_HLEN + ARP_LEN;
	packet_macs(packet, gateway_mac, sender_mac);
	memcpy(packet->data + ETH_HLEN + ARP_SENDER_MAC, sender_mac, ETH_ALEN);
	for (size_t i = 0; i < sizeof(request) / sizeof(*request); i++)
		packet_set(packet, &request[i]);
}

/* The asker gets the gateway's MAC for whatever it asked. */
static struct packet arp_answer(const struct packet *question)
{
	struct packet answer = *question;
	uint8_t *arp = answer.data + ETH_HLEN;

	packet_macs(&answer, sender_mac, gateway_mac);
	packet_set(&answer, &(struct packet_field)ARP(ARP_OPERATION, 2, 2));
	memcpy(arp + ARP_SENDER_MAC, gateway_mac, ETH_ALEN);
	memcpy(arp + ARP_SENDER, question->data + ETH_HLEN + ARP_TARGET, 4);
	memcpy(arp + ARP_TARGET_MAC, sender_mac, ETH_ALEN);
	memcpy(arp + ARP_TARGET, question->data + ETH_HLEN + ARP_SENDER, 4);
	return answer;
}

static void nd_solicitation(struct packet *packet, const char *saddr, const char *target)
{
	packet_ipv6(packet, saddr, "ff02::1:ff00:1", IPPROTO_ICMPV6, ND_LEN);
	packet_set(packet, &(struct packet_field)FIELD_AT(0, 6, 0x3333ff000001));
	packet_set(packet, &(struct packet_field)IP6(hop_limit, 255));
	packet_set(packet, &(struct packet_field)ND(ND_TYPE, 1, 135));
	packet_set(packet, &(struct packet_field)ND(ND_OPTION, 2, 1 << 8 | 1));
	memcpy(packet->data + ETH_HLEN + 40 + ND_OPTION + 2, sender_mac, ETH_ALEN);
	assert_int_equal(inet_pton(AF_INET6, target, packet->data + ETH_HLEN + 40 + ND_TARGET), 1);
}

static uint16_t nd_checksum(const struct packet *packet)
{
	const uint8_t *ip6 = packet->data + ETH_HLEN;
	uint32_t sum = ND_LEN + IPPROTO_ICMPV6;

	sum = checksum_add(sum, ip6 + offsetof(struct ipv6hdr, saddr), 2 * 16);
	return checksum_fold(checksum_add(sum, ip6 + 40, ND_LEN));
}

static struct packet nd_answer(const struct packet *question)
{
	const uint8_t *asked = question->data + ETH_HLEN;
	struct packet answer;
	uint8_t *ip6 = answer.data + ETH_HLEN;

	packet_ipv6(&answer, "::", "::", IPPROTO_ICMPV6, ND_LEN);
	packet_macs(&answer, sender_mac, gateway_mac);
	packet_set(&answer, &(struct packet_field)IP6(hop_limit, 255));
	memcpy(ip6 + offsetof(struct ipv6hdr, saddr), asked + 40 + ND_TARGET, 16);
	memcpy(ip6 + offsetof(struct ipv6hdr, daddr), asked + offsetof(struct ipv6hdr, saddr), 16);
	packet_set(&answer, &(struct packet_field)ND(ND_TYPE, 1, 136));
	packet_set(&answer, &(struct packet_field)ND(4, 1, ND_FLAGS_RSO));
	memcpy(ip6 + 40 + ND_TARGET, asked + 40 + ND_TARGET, 16);
	packet_set(&answer, &(struct packet_field)ND(ND_OPTION, 2, 2 << 8 | 1));
	memcpy(ip6 + 40 + ND_OPTION + 2, gateway_mac, ETH_ALEN);
	packet_set(&answer, &(struct packet_field)ND(ND_CHECKSUM, 2, nd_checksum(&answer)));
	return answer;
}

static void case_check(const struct neighbour_case *test, struct prog_run *run,
		       struct packet (*answer)(const struct packet *question),
		       const struct bpf_program *program)
{
	struct packet expected;

	run->ifindex = (int)if_nametoindex(test->from ? test->from : SENDER);
	packet_set_all(&run->packet, test->set);
	if (test->len)
		run->packet.len = test->len;
	expected = test->is_answered ? answer(&run->packet) : run->packet;
	prog_run(program, run);
	assert_int_equal(run->verdict, test->is_answered ? VERDICT_REDIRECT : VERDICT_DROP);
	prog_assert_drops(run, test->is_answered ? NO_DROP : test->reason);
	prog_assert_packet(&run->packet, &expected);
}

static void arp_check(const struct neighbour_case *test, const struct bpf_program *program)
{
	struct prog_run run = { 0 };

	arp_request(&run.packet);
	case_check(test, &run, arp_answer, program);
}

static void nd_check(const struct neighbour_case *test, const struct bpf_program *program)
{
	struct prog_run run = { 0 };

	nd_solicitation(&run.packet, test->saddr ? test->saddr : SENDER_V6,
			test->target ? test->target : GATEWAY_V6);
	case_check(test, &run, nd_answer, program);
}

static void test_arp_netkit(void **state)
{
	arp_check(*state, progs->progs.nk_from_ctr);
}

static void test_arp_veth(void **state)
{
	arp_check(*state, progs->progs.nk_from_ctr_veth);
}

static void test_nd_netkit(void **state)
{
	nd_check(*state, progs->progs.nk_from_ctr);
}

static void test_nd_veth(void **state)
{
	nd_check(*state, progs->progs.nk_from_ctr_veth);
}

/* Neighbour discovery behind extension headers, which it never needs (RFC 6980). */
static void check_hidden(uint8_t first, const uint8_t *headers, size_t len, uint8_t type,
			 enum nk_drop_reason reason)
{
	struct prog_run run = { .ifindex = (int)if_nametoindex(SENDER) };

	/* This target would do as an option, were the message looked for 8 bytes before. */
	nd_solicitation(&run.packet, SENDER_V6, "fd00:88::e01:0:0:1");
	packet_set(&run.packet, &(struct packet_field)ND(ND_TYPE, 1, type));
	packet_insert(&run.packet, headers, len);
	packet_set(&run.packet, &(struct packet_field)IP6(nexthdr, first));
	prog_run(progs->progs.nk_from_ctr, &run);
	assert_int_equal(run.verdict, VERDICT_DROP);
	prog_assert_drops(&run, reason);
}

static void test_nd_hidden(void **state)
{
	static const uint8_t fragment[] = { IPPROTO_ICMPV6, 0, 0, 1, 0, 0, 0, 1 };
	static const uint8_t options[] = { IPPROTO_ICMPV6, 0, 1, 4, 0, 0, 0, 0 };
	static const uint8_t both[] = { IPPROTO_FRAGMENT, 0, 1, 4, 0, 0, 0, 0,
					IPPROTO_ICMPV6,   0, 0, 1, 0, 0, 0, 1 };

	(void)state;
	check_hidden(IPPROTO_FRAGMENT, fragment, sizeof(fragment), 134, NK_DROP_RA);
	check_hidden(IPPROTO_DSTOPTS, options, sizeof(options), 134, NK_DROP_RA);
	check_hidden(IPPROTO_HOPOPTS, options, sizeof(options), 134, NK_DROP_RA);
	check_hidden(IPPROTO_DSTOPTS, both, sizeof(both), 134, NK_DROP_RA);
	check_hidden(IPPROTO_FRAGMENT, fragment, sizeof(fragment), 135, NK_DROP_ND);
	check_hidden(IPPROTO_HOPOPTS, options, sizeof(options), 135, NK_DROP_ND);
	check_hidden(IPPROTO_DSTOPTS, options, sizeof(options), 136, NK_DROP_ND);
}

/* Addresses that make sums with any carry. */
static void test_nd_checksums(void **state)
{
	struct prog_run run = { 0 };
	struct packet expected;

	(void)state;
	for (unsigned int i = 0; i < 2000; i++) {
		run.ifindex = (int)if_nametoindex(SENDER);
		nd_solicitation(&run.packet, SENDER_V6, GATEWAY_V6);
		packet_set(&run.packet,
			   &(struct packet_field)ND(ND_TARGET + 2, 6, i * 0x1f0e2d3c4b));
		expected = nd_answer(&run.packet);
		prog_run(progs->progs.nk_from_ctr, &run);
		assert_int_equal(run.verdict, VERDICT_REDIRECT);
		prog_assert_packet(&run.packet, &expected);
	}
}

/* An l3 endpoint beside the others: its end of the pair has the same MAC as the host's. */
static int group_setup(void **state)
{
	struct nk_endpoint l3 = { .mtu = ENDPOINT_MTU };

	(void)prog_group_setup(state);
	l3.ifindex = if_nametoindex(OTHER);
	memcpy(l3.mac, sender_mac, ETH_ALEN);
	memcpy(l3.gateway_mac, sender_mac, ETH_ALEN);
	prog_endpoint_set("10.88.0.4", &l3);
	return 0;
}

static struct CMUnitTest *tests_add(struct CMUnitTest *tests, CMUnitTestFunction arp,
				    CMUnitTestFunction nd)
{
	tests = prog_tests_add(tests, arp, "ARP", arp_cases, sizeof(*arp_cases), COUNT(arp_cases));
	return prog_tests_add(tests, nd, "ND", nd_cases, sizeof(*nd_cases), COUNT(nd_cases));
}

int main(void)
{
	static struct CMUnitTest tests[2 * COUNT(arp_cases) + 2 * COUNT(nd_cases) + 2];
	struct CMUnitTest *end = tests;

	end = tests_add(end, test_arp_netkit, test_nd_netkit);
	end = tests_add(end, test_arp_veth, test_nd_veth);
	*end++ = (struct CMUnitTest)cmocka_unit_test(test_nd_hidden);
	*end = (struct CMUnitTest)cmocka_unit_test(test_nd_checksums);
	return cmocka_run_group_tests_name("neighbour", tests, group_setup, prog_group_teardown);
}
