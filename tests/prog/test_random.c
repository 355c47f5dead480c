// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Packets by chance: headers with any content, good packets with a few bytes changed, and noise.
 * What the programs forward is compared with an oracle that reads the packet its own way.
 */
#include <arpa/inet.h>
#include <linux/in.h>
#include <net/if.h>
#include <string.h>

#include "net.h"
#include "prog.h"
#include "random.h"

#define ROUNDS_NATIVE   4000
#define ROUNDS_EMULATED 1000
#define NOISE_LEN_MAX   200
#define CHANGES_MAX     6

/* Where a good packet is changed most of the time: in the headers. */
#define HEADERS_LEN 100

/* Packets that were answered so far. */
static unsigned int answers;

static const char *random_of(const char *const *strings, size_t count)
{
	return strings[random_below(count)];
}

static void packet_good(struct packet *packet)
{
	static const char *const v4[] = { OTHER_V4, REMOTE_V4, HOST_V4, UNRESOLVED_V4 };
	static const char *const v6[] = { OTHER_V6, REMOTE_V6, HOST_V6, UNRESOLVED_V6 };
	static const uint8_t protocols[] = { IPPROTO_TCP,    IPPROTO_UDP,     IPPROTO_ICMP,
					     IPPROTO_ICMPV6, IPPROTO_DSTOPTS, IPPROTO_FRAGMENT };
	uint8_t protocol = protocols[random_below(sizeof(protocols))];
	size_t len = 8 + random_below(100);

	if (random_below(2))
		packet_ipv4(packet, SENDER_V4, random_of(v4, COUNT(v4)), protocol, len);
	else
		packet_ipv6(packet, SENDER_V6, random_of(v6, COUNT(v6)), protocol, len);
	if (!random_below(8))
		packet->data[ETH_HLEN + 7] = (uint8_t)random_below(3); /* IPv6's hop limit */
}

static void packet_change(struct packet *packet)
{
	for (uint64_t i = random_below(CHANGES_MAX); i > 0; i--) {
		size_t limit = random_below(4) ? HEADERS_LEN : packet->len;

		packet->data[random_below(limit < packet->len ? limit : packet->len)] =
			(uint8_t)random_next();
	}
}

static void packet_noise(struct packet *packet)
{
	static const uint16_t protocols[] = { ETH_P_IP, ETH_P_IPV6, ETH_P_ARP };

	packet->len = ETH_HLEN + 40 + random_below(NOISE_LEN_MAX);
	for (size_t i = 0; i < packet->len; i++)
		packet->data[i] = (uint8_t)random_next();
	if (random_below(4)) {
		uint16_t protocol = protocols[random_below(COUNT(protocols))];

		packet_set(packet, &(struct packet_field)ETH(h_proto, protocol));
	}
}

/* What the oracle reads, by offsets of its own. */

static uint64_t l3(const struct packet *packet, size_t offset, size_t size)
{
	return packet_get(packet, ETH_HLEN + offset, size);
}

static bool l3_is(const struct packet *packet, size_t offset, int family, const char *addr)
{
	uint8_t bytes[16];

	assert_int_equal(inet_pton(family, addr, bytes), 1);
	return !memcmp(packet->data + ETH_HLEN + offset, bytes, family == AF_INET ? 4 : 16);
}

static bool frame_is_for(const struct packet *packet, const uint8_t mac[ETH_ALEN])
{
	return !memcmp(packet->data, mac, ETH_ALEN);
}

static bool ipv4_is_endpoint(const struct packet *packet)
{
	return l3_is(packet, 16, AF_INET, SENDER_V4) || l3_is(packet, 16, AF_INET, OTHER_V4);
}

static bool ipv6_is_endpoint(const struct packet *packet)
{
	return l3_is(packet, 24, AF_INET6, SENDER_V6) || l3_is(packet, 24, AF_INET6, OTHER_V6);
}

/* Plain packets that a router may forward, for addresses that are never for it alone. */
static bool ipv4_is_plain(const struct packet *packet)
{
	uint64_t first = l3(packet, 16, 1);

	return l3(packet, 0, 1) == 0x45 && l3(packet, 8, 1) >= 2 && first && first != 127 &&
	       first >> 4 != 14 && l3(packet, 16, 4) != 0xffffffff;
}

static bool ipv6_is_plain(const struct packet *packet)
{
	return l3(packet, 0, 1) >> 4 == 6 && l3(packet, 7, 1) >= 2 && l3(packet, 24, 1) != 0xff &&
	       (l3(packet, 24, 2) & 0xffc0) != 0xfe80 &&
	       (l3(packet, 24, 8) ||
		(l3(packet, 32, 4) != 0xffff && (l3(packet, 32, 4) || l3(packet, 36, 4) > 1)));
}

static bool ipv4_is_dhcp_server(const struct packet *packet)
{
	return l3(packet, 9, 1) == IPPROTO_UDP && !(l3(packet, 6, 2) & 0x1fff) &&
	       l3(packet, 20, 4) == (67 << 16 | 68);
}

static bool ipv4_may_leave(const struct packet *packet)
{
	uint64_t total_len = l3(packet, 2, 2), protocol = l3(packet, 9, 1);
	bool has_ports = (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) &&
			 !(l3(packet, 6, 2) & 0x1fff);

	return packet->len >= ETH_HLEN + 20 && frame_is_for(packet, gateway_mac) &&
	       l3_is(packet, 12, AF_INET, SENDER_V4) && ipv4_is_plain(packet) && total_len >= 20 &&
	       total_len <= packet->len - ETH_HLEN && !(has_ports && packet->len < ETH_HLEN + 28) &&
	       !ipv4_is_dhcp_server(packet);
}

/* Options are the stack's, if it forwards. */
static bool ipv6_is_skipped(uint64_t protocol)
{
	bool is_option = protocol == 0 || protocol == 43;

	return protocol == 60 || protocol == 44 || protocol == 51 ||
	       (is_option && !prog_stack_forwards_ipv6);
}

/* Upper layers that nobody may forge, and chains that the stack has to see or nobody. */
static bool ipv6_upper_may_leave(const struct packet *packet)
{
	uint64_t protocol = l3(packet, 6, 1);
	size_t offset = ETH_HLEN + 40;

	for (int headers = 0; ipv6_is_skipped(protocol); headers++) {
		uint64_t len = 8 * (packet_get(packet, offset + 1, 1) + 1);
		uint64_t fragment = packet_get(packet, offset + 2, 2) >> 3;

		if (headers == 6 || offset + 4 > packet->len)
			return false;
		if (protocol == 51)
			len = 4 * (packet_get(packet, offset + 1, 1) + 2);
		if (protocol == 44)
			len = 8;
		fragment = protocol == 44 ? fragment : 0;
		protocol = packet_get(packet, offset, 1);
		offset += len;
		if (fragment)
			return true;
	}
	if (protocol == 0 || protocol == 43)
		return false;
	if (protocol != 6 && protocol != 17 && protocol != 58)
		return true;
	if (offset + 8 > packet->len)
		return false;
	if (protocol == 58)
		return packet->data[offset] < 133 || packet->data[offset] > 137;
	return protocol == 6 || packet_get(packet, offset, 4) != (547 << 16 | 546);
}

static bool ipv6_may_leave(const struct packet *packet)
{
	return packet->len >= ETH_HLEN + 40 && frame_is_for(packet, gateway_mac) &&
	       l3_is(packet, 8, AF_INET6, SENDER_V6) && ipv6_is_plain(packet) &&
	       l3(packet, 4, 2) + 40 <= packet->len - ETH_HLEN && ipv6_upper_may_leave(packet);
}

/*
 * Questions are answered in tests of their own; here it's enough that none of these is one: too few
 * bytes are changed for noise to become a question, too many for a good packet.
 */
static bool may_leave(const struct packet *packet)
{
	switch (packet_get(packet, offsetof(struct ethhdr, h_proto), 2)) {
	case ETH_P_IP:
		return ipv4_may_leave(packet);
	case ETH_P_IPV6:
		return ipv6_may_leave(packet);
	default:
		return false;
	}
}

static bool may_enter(const struct packet *packet)
{
	if (!frame_is_for(packet, uplink_mac))
		return false;
	switch (packet_get(packet, offsetof(struct ethhdr, h_proto), 2)) {
	case ETH_P_IP:
		return packet->len >= ETH_HLEN + 20 && ipv4_is_endpoint(packet) &&
		       ipv4_is_plain(packet);
	case ETH_P_IPV6:
		return packet->len >= ETH_HLEN + 40 && ipv6_is_endpoint(packet) &&
		       ipv6_is_plain(packet) &&
		       (!prog_stack_forwards_ipv6 ||
			(l3(packet, 6, 1) != 0 && l3(packet, 6, 1) != 43));
	default:
		return false;
	}
}

static bool may_not(const struct packet *packet)
{
	(void)packet;
	return false;
}

static bool is_to_endpoint(const struct packet *packet)
{
	bool is_ipv4 = packet_get(packet, offsetof(struct ethhdr, h_proto), 2) == ETH_P_IP;

	return is_ipv4 ? ipv4_is_endpoint(packet) : ipv6_is_endpoint(packet);
}

/* Packets are too small here for any answer but one: their hop limit was used up. */
static bool is_answer(const struct prog_run *run, const struct packet *packet)
{
	return run->verdict == VERDICT_REDIRECT && !prog_stack_forwards_ipv6 &&
	       packet_get(packet, offsetof(struct ethhdr, h_proto), 2) == ETH_P_IPV6 &&
	       l3(packet, 7, 1) <= 1;
}

static struct packet answer_expect(const struct packet *answer, const struct packet *packet)
{
	struct packet expected;

	assert_true(l3_is(answer, 8, AF_INET6, GATEWAY_V6) || l3_is(answer, 8, AF_INET6, HOST_V6));
	packet_icmp6_error(&expected, packet, answer->data + ETH_HLEN + 8, 3, 0,
			   packet->len - ETH_HLEN < 96 ? 48 : 96);
	return expected;
}

/*
 * Whatever the verdict: only what was forwarded is changed, or turned into an answer; only what was
 * dropped is counted.
 */
static void check_run(const struct prog_run *run, const struct packet *packet)
{
	struct packet expected = *packet;
	uint64_t drops = 0;

	for (unsigned int i = 0; i < NK_DROP_REASONS_MAX; i++)
		drops += run->drops[i];
	assert_int_equal(drops, run->verdict == VERDICT_DROP);
	if (is_answer(run, packet)) {
		expected = answer_expect(&run->packet, packet);
	} else if (run->verdict == VERDICT_REDIRECT) {
		packet_forwarded(&expected);
		memcpy(expected.data, run->packet.data, 2 * ETH_ALEN);
	} else {
		assert_true(run->verdict == VERDICT_DROP || run->verdict == VERDICT_STACK);
	}
	prog_assert_packet(&run->packet, &expected);
}

static void fail_with(const char *message, const struct packet *packet)
{
	for (size_t i = 0; i < packet->len; i++)
		print_error("%02x%s", packet->data[i], i % 16 == 15 ? "\n" : " ");
	fail_msg("%s", message);
}

/* Return: whether the packet was forwarded. */
static bool check_packet(const struct bpf_program *program, const struct packet *packet,
			 const char *device, bool (*may_pass)(const struct packet *packet))
{
	struct prog_run run = { .ifindex = (int)if_nametoindex(device), .packet = *packet };
	bool is_forwarded, may_be_forwarded = may_pass(packet);

	if (!prog_stack_forwards_ipv6)
		prog_answers_set(0);
	prog_run(program, &run);
	is_forwarded = run.verdict == VERDICT_REDIRECT;
	if (is_answer(&run, packet)) {
		struct packet with_hops = *packet;

		with_hops.data[ETH_HLEN + 7] = 2;
		if (!may_pass(&with_hops))
			fail_with("answered against the oracle", packet);
		check_run(&run, packet);
		answers++;
		return false;
	}
	if (is_forwarded && !may_be_forwarded)
		fail_with("forwarded against the oracle", packet);
	if (!is_forwarded && may_be_forwarded && is_to_endpoint(packet))
		fail_with("not forwarded against the oracle", packet);
	check_run(&run, packet);
	return is_forwarded;
}

/* Return: how many packets were forwarded. */
static unsigned int check_random(const struct bpf_program *program, bool is_uplink,
				 void (*build)(struct packet *packet))
{
	static struct packet packet;
	unsigned int forwarded = 0;

	for (unsigned int i = 0; i < random_rounds; i++) {
		memset(&packet, 0, sizeof(packet));
		build(&packet);
		if (is_uplink && random_below(8))
			packet_macs(&packet, uplink_mac, router_mac);
		packet_change(&packet);
		packet_ipv4_checksum(&packet);
		forwarded += check_packet(program, &packet, is_uplink ? UPLINK : SENDER,
					  is_uplink ? may_enter : may_leave);
	}
	return forwarded;
}

static void test_changed(void **state)
{
	const unsigned int least = random_rounds / 20; /* else the test would show nothing */

	(void)state;
	assert_true(check_random(progs->progs.nk_from_ctr, false, packet_good) > least);
	assert_true(check_random(progs->progs.nk_from_ctr_veth, false, packet_good) > least);
	assert_true(check_random(progs->progs.nk_uplink, true, packet_good) > least);
}

static void test_answered(void **state)
{
	(void)state;
	answers = 0;
	test_changed(state);
	assert_true(answers > random_rounds / 400); /* a sixth of what comes up, or so */
}

static void test_noise(void **state)
{
	(void)state;
	(void)check_random(progs->progs.nk_from_ctr, false, packet_noise);
	(void)check_random(progs->progs.nk_from_ctr_veth, false, packet_noise);
	(void)check_random(progs->progs.nk_uplink, true, packet_noise);
}

/* The l3 program reads from the first byte on; that's noise for the kernel's idea of a frame. */
static void test_noise_l3(void **state)
{
	static struct packet packet;

	(void)state;
	for (unsigned int i = 0; i < random_rounds; i++) {
		packet_noise(&packet);
		assert_false(check_packet(progs->progs.nk_uplink_l3, &packet, UPLINK, may_not));
	}
}

/* Every checksum that a header may have. */
static void test_checksums(void **state)
{
	static struct prog_run run;
	struct packet packet;

	(void)state;
	packet_ipv4(&packet, REMOTE_V4, OTHER_V4, IPPROTO_UDP, 20);
	packet_macs(&packet, uplink_mac, router_mac);
	for (uint32_t id = 0; id <= UINT16_MAX; id++) {
		packet_set(&packet, &(struct packet_field)IP4(id, id));
		packet_ipv4_checksum(&packet);
		run = (struct prog_run){ .ifindex = (int)if_nametoindex(UPLINK), .packet = packet };
		prog_run(progs->progs.nk_uplink, &run);
		assert_int_equal(run.verdict, VERDICT_REDIRECT);
		check_run(&run, &packet);
	}
}

static int group_setup(void **state)
{
	random_begin(ROUNDS_NATIVE, ROUNDS_EMULATED);
	prog_uplink_l3 = true;
	return prog_group_setup(state);
}

/* From here on, the stack doesn't forward IPv6 and the programs answer. */
static int answers_setup(void **state)
{
	(void)prog_group_teardown(state);
	prog_stack_forwards_ipv6 = false;
	(void)prog_group_setup(state);
	net_run("ip -6 route add " SENDER_V6 " dev " SENDER);
	net_sysctl("ipv6/conf/" UPLINK "/forwarding", "1");
	return 0;
}

/* From here on, the programs translate, but nothing is masqueraded or published: all is the same.
 */
static int nat_setup(void **state)
{
	(void)prog_group_teardown(state);
	prog_stack_forwards_ipv6 = true;
	prog_nat = true;
	return prog_group_setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_noise_l3),
		cmocka_unit_test(test_checksums),
		{ .name = "test_changed, with answers",
		  .test_func = test_answered,
		  .setup_func = answers_setup },
		{ .name = "test_noise, with answers", .test_func = test_noise },
		{ .name = "test_noise_l3, with answers", .test_func = test_noise_l3 },
		{ .name = "test_changed, with translation",
		  .test_func = test_changed,
		  .setup_func = nat_setup },
		{ .name = "test_noise, with translation", .test_func = test_noise },
		{ .name = "test_noise_l3, with translation", .test_func = test_noise_l3 },
	};

	return cmocka_run_group_tests_name("random", tests, group_setup, prog_group_teardown);
}
