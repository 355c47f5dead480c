// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Paths that are kept for packets that translation looks at: the way out is kept, and what becomes
 * of a packet is decided each time.
 */
#include <netinet/in.h>

#include <bpf/bpf.h>

#include "nat.h"
#include "net.h"
#include "prog.h"

/* The tables say now that nothing leads to the remote, and later again that something does. */
static void remote_refuse(void)
{
	net_run("ip route add unreachable %s", nat_is_ipv4() ? REMOTE_V4 : REMOTE_V6 " metric 1");
}

static void remote_allow(void)
{
	net_run("ip route del unreachable %s", nat_is_ipv4() ? REMOTE_V4 : REMOTE_V6 " metric 1");
}

/* A packet whose way out is known from then on. */
static struct datagram remote_prime(uint8_t protocol)
{
	struct datagram datagram = nat_to_remote(protocol, CLIENT_PORT);

	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	datagram.tcp_flags = TCP_ACK;
	return datagram;
}

static void exempt_clear(void)
{
	struct nk_exempt key;

	while (!bpf_map_get_next_key(bpf_map__fd(progs->maps.exempt), NULL, &key))
		assert_int_equal(bpf_map_delete_elem(bpf_map__fd(progs->maps.exempt), &key), 0);
}

static void test_flow(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };

	nat_begin(*state);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct datagram datagram = remote_prime(protocols[i]);

		remote_refuse();
		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		prog_paths_forget();
		nat_assert_stack(PLACE_SENDER, &datagram);
		remote_allow();
		prog_paths_forget();
		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	}
}

/* Nobody tells of a destination that is exempt, or that no longer is: that isn't kept. */
static void test_exempt(void **state)
{
	struct datagram datagram;
	struct nk_flow_key key;

	nat_begin(*state);
	datagram = remote_prime(IPPROTO_UDP);
	key = datagram_key(&datagram);
	nat_exempt(&nat.remote, nat_is_ipv4() ? 32 : 128);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	flow_delete(&key);
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
	nat_assert_no_flows();
	remote_refuse();
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
	prog_paths_forget();
	nat_assert_stack(PLACE_SENDER, &datagram);
	remote_allow();
	prog_paths_forget();
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
	exempt_clear();
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
}

/* A port of an address that the host gets, and publishes, leads to its container at once. */
static void test_published(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	nat_flags_set(PLACE_SENDER, 0);
	datagram = nat_to_published(IPPROTO_UDP);
	datagram.saddr = nat.sender;
	datagram.daddr = nat.remote;
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
	net_address_add(nat_is_ipv4() ? REMOTE_V4 : REMOTE_V6, nat_is_ipv4() ? 32 : 128, "lo");
	nat_publish(&nat.remote, PUBLISHED_PORT, IPPROTO_UDP, PLACE_OTHER, SERVER_PORT);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_OTHER, &datagram);
	net_run("ip addr del %s dev lo", nat_is_ipv4() ? REMOTE_V4 : REMOTE_V6);
	prog_paths_forget();
}

static void test_masquerading_begins(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	nat_flags_set(PLACE_SENDER, 0);
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
	nat_flags_set(PLACE_SENDER, NK_ENDPOINT_MASQUERADE);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	nat_flags_set(PLACE_SENDER, 0);
	datagram.sport++; /* the other goes on in its flow */
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
}

/* An endpoint that only has limits has nothing to do with the table of flows. */
static void test_other_flags(void **state)
{
	static const uint32_t flags[] = { NK_ENDPOINT_PACED, NK_ENDPOINT_POLICED,
					  NK_ENDPOINT_NO_METADATA };
	struct datagram datagram;

	nat_begin(*state);
	datagram = remote_prime(IPPROTO_UDP);
	for (size_t i = 0; i < COUNT(flags); i++) {
		nat_flags_set(PLACE_SENDER, flags[i]);
		nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
		nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
		nat_flags_set(PLACE_SENDER, flags[i] | NK_ENDPOINT_PUBLISHED);
		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	}
}

/* What isn't plain goes the long way, which leads nowhere any more. */
static void test_expired(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	datagram = remote_prime(IPPROTO_UDP);
	remote_refuse();
	datagram.ttl = 1;
	nat_assert_stack(PLACE_SENDER, &datagram);
	remote_allow();
	prog_paths_forget();
}

/*
 * A later fragment shows no ports, and asks the FIB with the first one's all the same: the path of
 * packets that have none isn't its own.
 */
static void test_later_fragment(void **state)
{
	struct datagram first, later, portless, expected;

	nat_begin(*state);
	portless = nat_datagram(&nat.sender, &nat.remote, IPPROTO_UDP, 0, 0);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &portless);
	net_run("ip %s rule add ipproto udp dport %d prohibit", nat_is_ipv4() ? "" : "-6",
		REMOTE_PORT);
	first = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	first.fragment_len = 64;
	first.fragment_id = 9;
	first.fragment_more = true;
	nat_assert_stack(PLACE_SENDER, &first);
	net_run("ip %s rule del ipproto udp dport %d prohibit", nat_is_ipv4() ? "" : "-6",
		REMOTE_PORT);
	prog_paths_forget();
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &first);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &portless);

	later = first;
	later.fragment_at = first.fragment_len;
	later.fragment_len = 8;
	expected = nat_translated(&later);
	remote_refuse();
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &portless);
	nat_assert_stack(PLACE_SENDER, &later);
	remote_allow();
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &later, &expected);
	prog_paths_forget();
}

static const struct nat_test tests[] = {
	{ "a flow's way", test_flow },
	{ "exempt or not is decided each time", test_exempt },
	{ "a port becomes published", test_published },
	{ "masquerading begins and ends", test_masquerading_begins },
	{ "limits alone", test_other_flags },
	{ "the last hop", test_expired },
	{ "later fragments", test_later_fragment },
};

int main(void)
{
	return nat_tests_run("nat_path", tests, COUNT(tests), nat_group_setup);
}
