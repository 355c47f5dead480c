// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Published ports, case by case: from outside, and from containers of the node (hairpin).
 */
#include <arpa/inet.h>
#include <string.h>

#include "nat.h"
#include "net.h"
#include "prog.h"

/* Published ports ------------------------------------------------------------------------------ */

static void test_published(void **state)
{
	static const uint8_t ported[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };

	nat_begin(*state);
	nat_flags_set(PLACE_OTHER, 0);
	for (size_t i = 0; i < COUNT(ported); i++) {
		bool is_sctp = ported[i] == IPPROTO_SCTP;
		struct nk_endpoint endpoint;
		struct datagram datagram = nat_to_published(ported[i]), reply;
		struct nk_flow_key key = datagram_key(&datagram), to = key;
		struct nk_flow flow;

		nat_publish(&nat.host, PUBLISHED_PORT, ported[i], PLACE_OTHER,
			    is_sctp ? PUBLISHED_PORT : SERVER_PORT);
		endpoint = nat_endpoint(PLACE_OTHER);
		flow = nat_assert_translated(PLACE_WORLD, PLACE_OTHER, &datagram);
		to.daddr = nat.other;
		to.dport = htons(is_sctp ? PUBLISHED_PORT : SERVER_PORT);
		nat_assert_key(&flow.to, &to);
		assert_memory_equal(&flow.target, &endpoint, sizeof(endpoint));
		assert_int_equal(flow.sender, 0);
		assert_int_equal(flow.owner, nat_ifindex(PLACE_OTHER));
		assert_int_equal(flow.state, NK_FLOW_ORIGINAL);
		assert_int_equal(flow.packets, 1);
		flow = flow_reply_of(&datagram);
		to = nk_flow_key_turn(&key);
		nat_assert_key(&flow.to, &to);
		assert_int_equal(flow.target.ifindex, 0);
		assert_int_equal(flow.sender, nat_ifindex(PLACE_OTHER));
		assert_int_equal(flow.owner, nat_ifindex(PLACE_OTHER));
		assert_int_equal(flow.state, 0);
		assert_int_equal(flow.packets, 0);
		assert_int_equal(flows_count(PLACE_OTHER), 2 * (i + 1));
		reply = nat_answer_to(&datagram);
		(void)nat_assert_translated(PLACE_OTHER, PLACE_WORLD, &reply);
		(void)nat_assert_translated(PLACE_WORLD, PLACE_OTHER, &datagram);
		assert_int_equal(flows_count(PLACE_OTHER), 2 * (i + 1));
	}
	assert_int_equal(flows_count(PLACE_SENDER), 0);
}

static void test_published_exact_first(void **state)
{
	struct datagram datagram;
	struct nk_flow flow;

	nat_begin(*state);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_TCP, PLACE_OTHER, SERVER_PORT);
	nat_publish(&nat.any, PUBLISHED_PORT, IPPROTO_TCP, PLACE_SENDER, SERVER_PORT + 1);
	datagram = nat_to_published(IPPROTO_TCP);
	flow = nat_assert_translated(PLACE_WORLD, PLACE_OTHER, &datagram);
	assert_int_equal(flow.to.dport, htons(SERVER_PORT));
	datagram.daddr = nat.second;
	flow = nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &datagram);
	assert_int_equal(flow.to.dport, htons(SERVER_PORT + 1));
}

static void test_published_any(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	nat_publish(&nat.any, PUBLISHED_PORT, IPPROTO_TCP, PLACE_OTHER, SERVER_PORT);
	datagram = nat_to_published(IPPROTO_TCP);
	(void)nat_assert_translated(PLACE_WORLD, PLACE_OTHER, &datagram);
	assert_int_equal(flows_count(PLACE_OTHER), 2);
	datagram.daddr = nat.second_remote;
	nat_assert_stack(PLACE_WORLD, &datagram); /* the host forwards it */
	datagram.daddr = nat.host;
	datagram.dport++;
	nat_assert_stack(PLACE_WORLD, &datagram);
	datagram.dport--;
	datagram.protocol = IPPROTO_UDP;
	nat_assert_stack(PLACE_WORLD, &datagram);
	assert_int_equal(flows_count(PLACE_OTHER), 2);
}

/* Somebody outside who takes a container's address: that container's flow stays as it is. */
static void test_forged_source(void **state)
{
	struct datagram datagram, forged;
	struct nk_flow before, after;
	struct nk_flow_key key;
	struct prog_run run;

	nat_begin(*state);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_TCP, PLACE_OTHER, SERVER_PORT);
	datagram = nat_datagram(&nat.sender, &nat.host, IPPROTO_TCP, CLIENT_PORT, PUBLISHED_PORT);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_OTHER, &datagram);
	key = datagram_key(&datagram);
	before = flow_get(&key);
	forged = datagram;
	forged.tcp_flags = TCP_RST;
	nat_send(PLACE_WORLD, &forged, &run);
	assert_int_not_equal(run.verdict, VERDICT_REDIRECT);
	after = flow_get(&key);
	assert_memory_equal(&after, &before, sizeof(before));
	datagram.tcp_flags = TCP_ACK;
	(void)nat_assert_translated(PLACE_SENDER, PLACE_OTHER, &datagram);
}

/* On its last hop: who sent it is told, if the address is a single host's. */
static void test_expired(void **state)
{
	static const struct {
		const char *v4, *v6;
		bool is_told;
	} sources[] = {
		{ "0.0.0.0", "::", false },
		{ "0.1.2.3", "ff02::1", false },
		{ "127.0.0.1", "::1", false },
		{ HOST_V4, HOST_V6, false },
		{ "255.255.255.255", "ff05::2", false },
		{ "240.1.2.3", "2001:db8:9::77", true }, /* which Linux routes like any other */
	};
	struct datagram datagram;
	struct prog_run run;

	nat_begin(*state);
	net_run("ip route replace 0.0.0.0/1 via 192.0.2.254");
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_UDP, PLACE_OTHER, SERVER_PORT);
	datagram = nat_to_published(IPPROTO_UDP);
	datagram.ttl = 1;
	for (size_t i = 0; i < COUNT(sources); i++) {
		datagram.saddr = ip_of(nat_is_ipv4() ? sources[i].v4 : sources[i].v6);
		nat_send(PLACE_WORLD, &datagram, &run);
		prog_assert_drops(&run, sources[i].is_told ? NO_DROP : NK_DROP_NO_ANSWER);
		assert_int_equal(run.verdict, sources[i].is_told ? VERDICT_REDIRECT : VERDICT_DROP);
	}
	net_run("ip route del 0.0.0.0/1");
}

/* Hairpin -------------------------------------------------------------------------------------- */

static void hairpin_check(const struct nk_ip *published, enum nat_place server)
{
	static const uint8_t ported[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };

	for (size_t i = 0; i < COUNT(ported); i++) {
		bool is_sctp = ported[i] == IPPROTO_SCTP;
		uint16_t server_port = is_sctp ? PUBLISHED_PORT : SERVER_PORT;
		struct datagram datagram = nat_to_hairpin(ported[i]), reply;
		struct nk_flow_key key = datagram_key(&datagram), to = key;
		struct nk_endpoint endpoint;
		struct nk_flow flow;

		nat_publish(published, PUBLISHED_PORT, ported[i], server, server_port);
		endpoint = nat_endpoint(server);
		flow = nat_assert_translated(PLACE_SENDER, server, &datagram);
		if (is_sctp)
			assert_int_equal(nat_port_of(&flow), CLIENT_PORT);
		else
			nat_assert_port(nat_port_of(&flow));
		to.saddr = nat.host;
		to.sport = flow.to.sport;
		to.daddr = server == PLACE_OTHER ? nat.other : nat.sender;
		to.dport = htons(server_port);
		nat_assert_key(&flow.to, &to);
		assert_memory_equal(&flow.target, &endpoint, sizeof(endpoint));
		assert_int_equal(flow.sender, nat_ifindex(PLACE_SENDER));
		assert_int_equal(flow.owner, nat_ifindex(PLACE_SENDER));
		assert_int_equal(flow.state, NK_FLOW_ORIGINAL);
		flow = flow_reply_of(&datagram);
		endpoint = nat_endpoint(PLACE_SENDER);
		to = nk_flow_key_turn(&key);
		nat_assert_key(&flow.to, &to);
		assert_int_equal(flow.target.ifindex, endpoint.ifindex);
		assert_int_equal(flow.sender, nat_ifindex(server));
		assert_int_equal(flow.owner, nat_ifindex(PLACE_SENDER));
		assert_int_equal(flow.state, 0);
		reply = nat_answer_to(&datagram);
		(void)nat_assert_translated(server, PLACE_SENDER, &reply);
		(void)nat_assert_translated(PLACE_SENDER, server, &datagram);
		assert_int_equal(flows_count(PLACE_SENDER), 2 * (i + 1));
	}
	assert_int_equal(flows_count(PLACE_OTHER), 0);
}

static void test_hairpin(void **state)
{
	nat_begin(*state);
	hairpin_check(&nat.host, PLACE_OTHER);
}

static void test_hairpin_any(void **state)
{
	nat_begin(*state);
	hairpin_check(&nat.any, PLACE_OTHER);
}

/* A container that speaks to its own port of the host. */
static void test_hairpin_self(void **state)
{
	nat_begin(*state);
	hairpin_check(&nat.host, PLACE_SENDER);
}

/*
 * The container that a flow leads to dies: the flow goes with the next packet, which is counted,
 * and who takes the container's address gets none of the dead one's packets.
 */
static void test_hairpin_dead(void **state)
{
	const char *address;
	struct nk_endpoint endpoint;
	struct datagram datagram;
	struct nk_flow_key key;

	nat_begin(*state);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_TCP, PLACE_OTHER, SERVER_PORT);
	address = nat_is_ipv4() ? OTHER_V4 : OTHER_V6;
	datagram = nat_to_hairpin(IPPROTO_TCP);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_OTHER, &datagram);
	datagram.tcp_flags = TCP_ACK;
	endpoint = prog_endpoint_take(address);
	prog_paths_forget();
	nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_NAT_NO_FLOW);
	assert_false(slot_find(PLACE_SENDER, 0, &key));
	nat_assert_no_flows();
	nat_assert_stack(PLACE_SENDER, &datagram);

	prog_endpoint_set(address, &endpoint);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_OTHER, &datagram);
	endpoint.ifindex++;
	prog_endpoint_set(address, &endpoint);
	nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_NAT_NO_FLOW);
	nat_assert_no_flows();
	endpoint.ifindex--;
	prog_endpoint_set(address, &endpoint);
}

/* Neither end masquerades. */
static void test_hairpin_plain(void **state)
{
	nat_begin(*state);
	nat_flags_set(PLACE_SENDER, 0);
	nat_flags_set(PLACE_OTHER, 0);
	hairpin_check(&nat.host, PLACE_OTHER);
}

/* A port of another protocol, or another one, isn't published; nor is the world's. */
static void test_hairpin_none(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	nat_publish(&nat.any, PUBLISHED_PORT, IPPROTO_TCP, PLACE_OTHER, SERVER_PORT);
	datagram = nat_to_hairpin(IPPROTO_UDP);
	nat_assert_stack(PLACE_SENDER, &datagram);
	datagram = nat_to_hairpin(IPPROTO_TCP);
	datagram.dport++;
	nat_assert_stack(PLACE_SENDER, &datagram);
	nat_assert_no_flows();
	datagram.dport--;
	datagram.daddr = nat.remote;
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
}

/* What comes in for a published port isn't an answer to who keeps that port for himself. */
static void test_hairpin_port_published(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_SCTP, PLACE_OTHER, PUBLISHED_PORT);
	datagram = nat_to_hairpin(IPPROTO_SCTP);
	datagram.sport = PUBLISHED_PORT;
	nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_NAT_PORTS);
	nat_assert_no_flows();
}

/* The lookup tells it like the host's own: it is to come to nobody else. */
static void test_hairpin_nowhere(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	nat_publish(&nat.any, PUBLISHED_PORT, IPPROTO_TCP, PLACE_OTHER, SERVER_PORT);
	datagram = nat_to_hairpin(IPPROTO_TCP);
	datagram.daddr = nat.nowhere;
	nat_assert_stack(PLACE_SENDER, &datagram);
	nat_assert_no_flows();
}

static void test_link_local(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	if (nat_is_ipv4())
		return;
	nat_publish(&nat.any, PUBLISHED_PORT, IPPROTO_TCP, PLACE_OTHER, SERVER_PORT);
	datagram = nat_to_published(IPPROTO_TCP);
	datagram.saddr = ip_of("fe80::c");
	nat_assert_stack(PLACE_WORLD, &datagram);
	nat_assert_no_flows();
}

static const struct nat_test tests[] = {
	{ "published: two entries, and the way back", test_published },
	{ "published: an address before any", test_published_exact_first },
	{ "published: any address is the host's", test_published_any },
	{ "published: a forged source changes nobody's flow", test_forged_source },
	{ "published: on its last hop", test_expired },
	{ "published: not to who can't be answered", test_link_local },
	{ "hairpin: there and back", test_hairpin },
	{ "hairpin: a port of any address", test_hairpin_any },
	{ "hairpin: to itself", test_hairpin_self },
	{ "hairpin: to one who died", test_hairpin_dead },
	{ "hairpin: nobody masquerades", test_hairpin_plain },
	{ "hairpin: not published", test_hairpin_none },
	{ "hairpin: no route", test_hairpin_nowhere },
	{ "hairpin: SCTP whose own port is published", test_hairpin_port_published },
};

int main(void)
{
	return nat_tests_run("nat, published", tests, COUNT(tests), nat_group_setup);
}
