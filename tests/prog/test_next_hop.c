// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a run leaves for the next ones: next hops that are confirmed now and then. */
#include <linux/in.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "net.h"
#include "prog.h"

enum way { WAY_STACK, WAY_NEIGH, WAY_DIRECT };

/* Sends a packet and tells how it left, by the Ethernet header that it left with. */
static enum way send_to(const char *daddr)
{
	static struct prog_run run;

	run.ifindex = (int)if_nametoindex(SENDER);
	if (strchr(daddr, ':'))
		packet_ipv6(&run.packet, SENDER_V6, daddr, IPPROTO_UDP, 100);
	else
		packet_ipv4(&run.packet, SENDER_V4, daddr, IPPROTO_UDP, 100);
	prog_run(progs->progs.nk_from_ctr, &run);
	prog_assert_drops(&run, NO_DROP);
	if (run.verdict == VERDICT_STACK)
		return WAY_STACK;
	assert_int_equal(run.verdict, VERDICT_REDIRECT);
	if (!memcmp(run.packet.data, gateway_mac, ETH_ALEN))
		return WAY_NEIGH;
	assert_memory_equal(run.packet.data, router_mac, ETH_ALEN);
	return WAY_DIRECT;
}

static void check_refresh(const char *daddr)
{
	assert_int_equal(send_to(daddr), WAY_NEIGH);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_to(daddr), WAY_DIRECT);
	prog_next_hops_age();
	assert_int_equal(send_to(daddr), WAY_NEIGH);
	assert_int_equal(send_to(daddr), WAY_DIRECT);
}

static void test_refresh_v4(void **state)
{
	(void)state;
	check_refresh(REMOTE_V4);
}

static void test_refresh_v6(void **state)
{
	(void)state;
	check_refresh(REMOTE_V6);
}

static void test_refresh_v4_by_v6(void **state)
{
	(void)state;
	check_refresh(BY_V6_V4);
}

/* It's the next hop that counts, not the destination. */
static void test_shared(void **state)
{
	(void)state;
	assert_int_equal(send_to(REMOTE_V4), WAY_NEIGH);
	assert_int_equal(send_to(NARROW_V4), WAY_DIRECT);
	assert_int_equal(send_to("192.0.2.254"), WAY_DIRECT);
	assert_int_equal(send_to(REMOTE_V6), WAY_NEIGH);
	assert_int_equal(send_to(NARROW_V6), WAY_DIRECT);
	assert_int_equal(send_to("2001:db8:2::fe"), WAY_DIRECT);
}

/* More than there's room for: none is ever confirmed by another's packet. */
static void test_many(void **state)
{
	char daddr[32];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(daddr, sizeof(daddr), "10.99.%d.%d", i / 250, 1 + i % 250);
		assert_int_equal(send_to(daddr), WAY_NEIGH);
		(void)snprintf(daddr, sizeof(daddr), "2001:db8:99::%x", 1 + i);
		assert_int_equal(send_to(daddr), WAY_NEIGH);
	}
}

static void test_unresolved(void **state)
{
	(void)state;
	assert_int_equal(send_to(UNRESOLVED_V4), WAY_NEIGH);
	assert_int_equal(send_to(UNRESOLVED_V4), WAY_STACK);
	assert_int_equal(send_to(UNRESOLVED_V6), WAY_NEIGH);
	assert_int_equal(send_to(UNRESOLVED_V6), WAY_STACK);
	prog_next_hops_age();
	assert_int_equal(send_to(UNRESOLVED_V4), WAY_NEIGH);
	assert_int_equal(send_to(UNRESOLVED_V6), WAY_NEIGH);
}

/* A host that doesn't forward for the endpoint: the stack knows what to do. */
static void test_forwarding_off(void **state)
{
	(void)state;
	net_sysctl("ipv4/conf/" SENDER "/forwarding", "0");
	net_sysctl("ipv6/conf/" SENDER "/forwarding", "0");
	assert_int_equal(send_to(REMOTE_V4), WAY_STACK);
	assert_int_equal(send_to(REMOTE_V6), WAY_STACK);
}

static int forwarding_on(void **state)
{
	(void)state;
	net_sysctl("ipv4/conf/" SENDER "/forwarding", "1");
	net_sysctl("ipv6/conf/" SENDER "/forwarding", "1");
	return 0;
}

static int setup(void **state)
{
	(void)state;
	prog_next_hops_forget();
	return 0;
}

static int group_setup(void **state)
{
	(void)prog_group_setup(state);
	net_run("ip route add 10.99.0.0/16 dev " UPLINK);
	net_run("ip -6 route add 2001:db8:99::/64 dev " UPLINK);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_refresh_v4, setup),
		cmocka_unit_test_setup(test_refresh_v6, setup),
		cmocka_unit_test_setup(test_refresh_v4_by_v6, setup),
		cmocka_unit_test_setup(test_shared, setup),
		cmocka_unit_test_setup(test_many, setup),
		cmocka_unit_test_setup(test_unresolved, setup),
		cmocka_unit_test_setup_teardown(test_forwarding_off, setup, forwarding_on),
	};

	return cmocka_run_group_tests_name("next_hop", tests, group_setup, prog_group_teardown);
}
