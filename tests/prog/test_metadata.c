// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * An endpoint that is kept away from the cloud's metadata: whatever it sends there is dropped as
 * such, whatever else it sends is not.
 */
#include <netinet/in.h>

#include "nat.h"
#include "net.h"
#include "prog.h"

#define METADATA_V4 "169.254.169.254"
#define METADATA_V6 "fd00:ec2::254"

#define OPTIONS_LEN 8

static struct nk_ip metadata(void)
{
	return ip_of(nat_is_ipv4() ? METADATA_V4 : METADATA_V6);
}

/* Its neighbours: a bit of difference at either end. */
static struct nk_ip beside(unsigned int i)
{
	static const char *const v4[] = { "169.254.169.253", "169.254.169.255", "168.254.169.254" };
	static const char *const v6[] = { "fd00:ec2::253", "fd00:ec3::254", "fd00:ec2:0:0:1::254" };

	return ip_of(nat_is_ipv4() ? v4[i] : v6[i]);
}

#define BESIDE 3

static struct datagram to(const struct nk_ip *daddr, uint8_t protocol)
{
	return nat_datagram(&nat.sender, daddr, protocol, CLIENT_PORT, SERVER_PORT);
}

/* The sender, as a test's beginning. */
static void begin(const struct nat_variant *variant, uint32_t flags)
{
	nat_begin(variant);
	nat_flags_set(PLACE_SENDER, flags);
}

static void test_withheld(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_GRE };
	static const uint32_t flags[] = { NK_ENDPOINT_NO_METADATA,
					  NK_ENDPOINT_NO_METADATA | NK_ENDPOINT_MASQUERADE };
	struct nk_ip daddr;
	struct datagram datagram;

	for (size_t i = 0; i < COUNT(flags); i++) {
		begin(*state, flags[i]);
		daddr = metadata();
		for (size_t j = 0; j < COUNT(protocols); j++) {
			datagram = to(&daddr, protocols[j]);
			nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_METADATA);
		}
		datagram = to(&daddr, nat_icmp());
		nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_METADATA);
		nat_assert_no_flows();
	}
}

/* The stack would take those for itself, or forward them. */
static void test_withheld_in_other_clothes(void **state)
{
	struct datagram datagram;
	struct nk_ip daddr;

	begin(*state, NK_ENDPOINT_NO_METADATA);
	daddr = metadata();
	datagram = to(&daddr, IPPROTO_UDP);
	datagram.ttl = 1;
	nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_METADATA);
	datagram = to(&daddr, IPPROTO_UDP);
	datagram.fragment_more = true;
	datagram.fragment_len = 40;
	datagram.fragment_id = 7;
	nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_METADATA);
	datagram.fragment_at = 40;
	nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_METADATA);
}

static void frame_check(const struct packet *packet, int verdict, unsigned int reason)
{
	struct prog_run run = { .ifindex = (int)nat_ifindex(PLACE_SENDER), .packet = *packet };

	prog_run(nat_from_ctr(), &run);
	assert_int_equal(run.verdict, verdict);
	prog_assert_drops(&run, reason);
}

static void test_withheld_with_options(void **state)
{
	static const uint8_t options[2][OPTIONS_LEN] = { { IPPROTO_UDP, 0, 1, 4, 0, 0, 0, 0 },
							 { 7, 7, 4, 0, 0, 0, 0, 0 } };
	struct packet packet;

	begin(*state, NK_ENDPOINT_NO_METADATA);
	if (nat_is_ipv4())
		packet_ipv4(&packet, SENDER_V4, METADATA_V4, IPPROTO_UDP, 40);
	else
		packet_ipv6(&packet, SENDER_V6, METADATA_V6, IPPROTO_UDP, 40);
	packet_macs(&packet, other_mac, sender_mac);
	frame_check(&packet, VERDICT_DROP, NK_DROP_METADATA);
	packet_macs(&packet, gateway_mac, sender_mac);
	packet_insert(&packet, options[nat_is_ipv4()], OPTIONS_LEN);
	if (!nat_is_ipv4())
		packet_set(&packet, &(struct packet_field)IP6(nexthdr, IPPROTO_HOPOPTS));
	packet_ipv4_checksum(&packet);
	frame_check(&packet, VERDICT_DROP, NK_DROP_METADATA);
}

/* Its path is known when the endpoint is told to stay away. */
static void test_withheld_from_now_on(void **state)
{
	struct datagram datagram;
	struct nk_ip daddr;

	begin(*state, 0);
	daddr = metadata();
	datagram = to(&daddr, IPPROTO_UDP);
	for (int i = 0; i < 3; i++)
		nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
	nat_flags_set(PLACE_SENDER, NK_ENDPOINT_NO_METADATA);
	for (int i = 0; i < 3; i++)
		nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_METADATA);
	nat_flags_set(PLACE_SENDER, NK_ENDPOINT_MASQUERADE);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
}

static void test_others_pass(void **state)
{
	struct datagram datagram;
	struct nk_ip daddr;

	begin(*state, NK_ENDPOINT_NO_METADATA | NK_ENDPOINT_MASQUERADE);
	for (unsigned int i = 0; i < BESIDE; i++) {
		daddr = beside(i);
		datagram = to(&daddr, IPPROTO_UDP);
		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	}
	daddr = metadata();
	datagram = nat_datagram(&nat.other, &daddr, IPPROTO_UDP, CLIENT_PORT, SERVER_PORT);
	(void)nat_assert_translated(PLACE_OTHER, PLACE_WORLD, &datagram);
	/* That flag alone isn't one for translation. */
	nat_flags_set(PLACE_SENDER, NK_ENDPOINT_NO_METADATA);
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT + 1);
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
}

/* Behind the router, as in a cloud. */
static int group_setup(void **state)
{
	(void)nat_group_setup(state);
	net_run("ip route add 168.0.0.0/7 via 192.0.2.254");
	net_run("ip -6 route add fd00:ec2::/31 via 2001:db8:2::fe");
	return 0;
}

int main(void)
{
	static const struct nat_test tests[] = {
		{ "withheld", test_withheld },
		{ "withheld: hops, fragments", test_withheld_in_other_clothes },
		{ "withheld: options, other MAC addresses", test_withheld_with_options },
		{ "withheld from now on", test_withheld_from_now_on },
		{ "others pass", test_others_pass },
	};

	return nat_tests_run("metadata", tests, COUNT(tests), group_setup);
}
