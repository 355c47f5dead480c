// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Address translation, case by case: which packets become what, and what the tables say then.
 * Whatever comes out is compared, in every byte, with a packet that was built for it.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "nat.h"
#include "net.h"
#include "prog.h"

#define NS_PER_S 1000000000ULL

/* Ports of the tests: the container's, the world's, a published one and where it leads. */
#define CLIENT_PORT    40000
#define REMOTE_PORT    443
#define PUBLISHED_PORT 8080
#define SERVER_PORT    80

/* Where a packet is cut into two fragments. */
#define FRAGMENT_LEN 64

static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_SCTP };

static struct datagram to_remote(uint8_t protocol, uint16_t sport)
{
	return nat_datagram(&nat.sender, &nat.remote, protocol, sport, REMOTE_PORT);
}

static struct datagram to_published(uint8_t protocol)
{
	return nat_datagram(&nat.remote, &nat.host, protocol, CLIENT_PORT, PUBLISHED_PORT);
}

/* What the other end gets of a packet of the flow. */
static struct datagram translated(const struct datagram *datagram)
{
	const struct nk_flow_key key = datagram_key(datagram);
	struct nk_flow flow = flow_get(&key);

	return datagram_become(datagram, &flow.to);
}

/* What it answers to that. */
static struct datagram answer_to(const struct datagram *datagram)
{
	struct datagram received = translated(datagram), reply = datagram_reply(&received);

	reply.tcp_flags = TCP_SYN | TCP_ACK;
	return reply;
}

static void assert_key(const struct nk_flow_key *key, const struct nk_flow_key *expected)
{
	assert_memory_equal(key, expected, sizeof(*key));
}

static void assert_port_in_range(uint16_t port)
{
	assert_in_range(port, NAT_PORT_MIN, NAT_PORT_MAX);
}

static void assert_no_flows(void)
{
	assert_int_equal(flows_count(PLACE_SENDER), 0);
	assert_int_equal(flows_count(PLACE_OTHER), 0);
}

/* The port behind @port in the range that a flow would try next. */
static uint16_t port_next(uint16_t port)
{
	return (uint16_t)(NAT_PORT_MIN + (port - NAT_PORT_MIN + 1) % NAT_PORTS);
}

/* Masquerading --------------------------------------------------------------------------------- */

/* Both entries of the flow that a packet of the sender's has just made. */
static void assert_masquerade_entries(const struct datagram *datagram, const struct nk_flow *flow,
				      uint64_t since_ns)
{
	const struct nk_flow_key key = datagram_key(datagram), reply_key = flow_other(&key);
	const struct nk_flow reply = flow_get(&reply_key);
	const struct nk_endpoint endpoint = nat_endpoint(PLACE_SENDER);
	struct nk_flow_key to = key, slot_key;
	struct packet packet;

	datagram_build(datagram, &packet);
	to.saddr = nat.host;
	to.sport = flow->to.sport;
	assert_key(&flow->to, &to);
	assert_int_equal(flow->target.ifindex, 0);
	assert_int_equal(flow->sender, nat_ifindex(PLACE_SENDER));
	assert_int_equal(flow->owner, nat_ifindex(PLACE_SENDER));
	assert_int_equal(flow->state, NK_FLOW_ORIGINAL);
	assert_in_range(flow->created_ns, since_ns, nat_now_ns());
	assert_in_range(flow->seen_ns, since_ns, nat_now_ns());
	assert_int_equal(flow->packets, 1);
	assert_int_equal(flow->bytes, packet.len);

	to = nk_flow_key_turn(&key);
	assert_key(&reply.to, &to);
	assert_memory_equal(&reply.target, &endpoint, sizeof(endpoint));
	assert_int_equal(reply.sender, 0);
	assert_int_equal(reply.owner, nat_ifindex(PLACE_SENDER));
	assert_int_equal(reply.state, 0);
	assert_int_equal(reply.created_ns, flow->created_ns);
	assert_int_equal(reply.packets, 0);
	assert_int_equal(reply.bytes, 0);

	assert_true(slot_find(PLACE_SENDER, flow->slot, &slot_key));
	assert_key(&slot_key, &key);
}

static void test_masquerade(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct datagram datagram = to_remote(protocols[i], CLIENT_PORT), reply;
		uint64_t since_ns = nat_now_ns();
		struct nk_flow flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);

		if (protocols[i] == IPPROTO_SCTP)
			assert_int_equal(nat_port_of(&flow), CLIENT_PORT);
		else
			assert_port_in_range(nat_port_of(&flow));
		assert_masquerade_entries(&datagram, &flow, since_ns);
		assert_int_equal(flow.slot, i);
		assert_int_equal(ring_taken(PLACE_SENDER), i + 1);
		assert_int_equal(flows_count(PLACE_SENDER), 2 * (i + 1));
		reply = answer_to(&datagram);
		(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
		assert_int_equal(flows_count(PLACE_SENDER), 2 * (i + 1));
	}
	assert_int_equal(flows_count(PLACE_OTHER), 0);
}

static void test_same_port_again(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct datagram datagram = to_remote(protocols[i], CLIENT_PORT);
		const struct nk_flow_key key = datagram_key(&datagram);
		struct nk_flow first = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		struct nk_flow second;

		flow_delete(&key);
		second = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		assert_key(&second.to, &first.to);
	}
}

/*
 * The original's entry is gone, as when somebody deletes the flow right now: the next packet of the
 * container's makes the flow whole.
 */
static void test_half_a_flow(void **state)
{
	struct datagram datagram, reply;
	struct nk_flow first, second;
	struct nk_flow_key key;

	nat_begin(*state);
	datagram = to_remote(IPPROTO_UDP, CLIENT_PORT);
	key = datagram_key(&datagram);
	first = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	reply = answer_to(&datagram);
	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(progs->maps.flows), &key), 0);
	second = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_key(&second.to, &first.to);
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	assert_int_equal(flows_count(PLACE_SENDER), 2);
}

static void test_two_containers(void **state)
{
	nat_begin(*state);
	for (uint16_t port = CLIENT_PORT; port < CLIENT_PORT + 100; port++) {
		struct datagram one = to_remote(IPPROTO_UDP, port), two = one, reply;
		struct nk_flow flow_one, flow_two;

		two.saddr = nat.other;
		flow_one = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &one);
		flow_two = nat_assert_translated(PLACE_OTHER, PLACE_WORLD, &two);
		assert_int_not_equal(nat_port_of(&flow_one), nat_port_of(&flow_two));
		reply = answer_to(&one);
		(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
		reply = answer_to(&two);
		(void)nat_assert_translated(PLACE_WORLD, PLACE_OTHER, &reply);
	}
	assert_int_equal(flows_count(PLACE_SENDER), 200);
	assert_int_equal(flows_count(PLACE_OTHER), 200);
}

static void test_untouched(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct datagram datagram = to_remote(protocols[i], CLIENT_PORT);

		nat_exempt(&nat.remote, nat_is_ipv4() ? 24 : 64);
		nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
		datagram.daddr = nat.other;
		nat_assert_forwarded(PLACE_SENDER, PLACE_OTHER, &datagram, &datagram);
	}
	assert_no_flows();
	nat_begin(*state);
	nat_flags_set(PLACE_SENDER, 0);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct datagram datagram = to_remote(protocols[i], CLIENT_PORT);

		nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
	}
	assert_no_flows();
}

/* The longest prefix doesn't matter, but another one does. */
static void test_exempt_prefix(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	datagram = to_remote(IPPROTO_UDP, CLIENT_PORT);
	nat_exempt(&nat.nowhere, nat_is_ipv4() ? 24 : 64);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	nat_exempt(&nat.remote, nat_is_ipv4() ? 32 : 128);
	datagram.sport++;
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
}

static void test_source_of_route(void **state)
{
	struct datagram datagram;
	struct nk_flow flow;

	nat_begin(*state);
	datagram = to_remote(IPPROTO_TCP, CLIENT_PORT);
	datagram.daddr = nat.second_remote;
	flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_memory_equal(&flow.to.saddr, &nat.second, sizeof(nat.second));
}

static void test_stack(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		datagram = to_remote(protocols[i], CLIENT_PORT);
		datagram.ttl = 1;
		nat_assert_stack(PLACE_SENDER, &datagram);
		datagram.ttl = 0;
		datagram.daddr = nat.host;
		nat_assert_stack(PLACE_SENDER, &datagram);
		datagram.dport = protocols[i] == IPPROTO_ICMP ? 0 : NAT_PORT_MIN;
		nat_assert_stack(PLACE_SENDER, &datagram);
		datagram.daddr = nat.nowhere;
		nat_assert_stack(PLACE_SENDER, &datagram);
		datagram.daddr = ip_of(nat_is_ipv4() ? UNREACHABLE_V4 : UNREACHABLE_V6);
		nat_assert_stack(PLACE_SENDER, &datagram);
	}
	assert_no_flows();
}

/*
 * What is too big for the way out is answered by the stack, which must not forward it in fragments:
 * they would have the container's address.
 */
static void test_too_big(void **state)
{
	struct datagram datagram, expected;
	struct packet packet;
	struct prog_run run;

	nat_begin(*state);
	datagram = to_remote(IPPROTO_UDP, CLIENT_PORT);
	datagram.payload_len = UPLINK_MTU;
	expected = datagram;
	expected.dont_fragment = nat_is_ipv4();
	nat_send(PLACE_SENDER, &datagram, &run);
	assert_int_equal(run.verdict, VERDICT_STACK);
	datagram_build(&expected, &packet);
	packet_macs(&packet, gateway_mac, sender_mac);
	prog_assert_packet(&run.packet, &packet);
	nat_assert_stack(PLACE_SENDER, &expected);
	assert_no_flows();
	nat_flags_set(PLACE_SENDER, 0);
	nat_assert_stack(PLACE_SENDER, &datagram);
}

static void test_protocol(void **state)
{
	static const uint8_t others[] = { IPPROTO_GRE, IPPROTO_ESP, IPPROTO_IPIP };
	struct datagram datagram;

	nat_begin(*state);
	for (size_t i = 0; i < COUNT(others); i++) {
		datagram = to_remote(others[i], 0);
		datagram.dport = 0;
		nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_NAT_PROTOCOL);
		datagram.daddr = nat.host;
		nat_assert_stack(PLACE_SENDER, &datagram);
		datagram.daddr = nat.other;
		nat_assert_forwarded(PLACE_SENDER, PLACE_OTHER, &datagram, &datagram);
	}
	datagram = to_remote(IPPROTO_ICMP, CLIENT_PORT); /* ICMP, but no echo */
	datagram.icmp_type = nat_is_ipv4() ? ICMP4_TIMESTAMP : 200;
	nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_NAT_PROTOCOL);
	nat_exempt(&nat.remote, nat_is_ipv4() ? 24 : 64);
	for (size_t i = 0; i < COUNT(others); i++) {
		datagram = to_remote(others[i], 0);
		nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
	}
	assert_no_flows();
}

/* The verdict and the drops of an IPv4 packet with options. */
static void options_check(const struct nk_ip *daddr, int verdict, unsigned int reason)
{
	static const uint8_t options[] = { 7, 7, 4, 0, 0, 0, 0, 0 };
	struct datagram datagram = to_remote(IPPROTO_UDP, CLIENT_PORT);
	struct prog_run run = { .ifindex = (int)nat_ifindex(PLACE_SENDER) };
	struct packet packet;

	datagram.daddr = *daddr;
	datagram_build(&datagram, &packet);
	packet_macs(&packet, gateway_mac, sender_mac);
	packet_insert(&packet, options, sizeof(options));
	packet_ipv4_checksum(&packet);
	run.packet = packet;
	prog_run(nat_from_ctr(), &run);
	prog_assert_drops(&run, reason);
	assert_int_equal(run.verdict, verdict);
	prog_assert_packet(&run.packet, &packet);
}

static void test_options(void **state)
{
	nat_begin(*state);
	if (!nat_is_ipv4()) /* IPv6 has none in its header */
		return;
	options_check(&nat.remote, VERDICT_DROP, NK_DROP_NAT_PROTOCOL);
	options_check(&nat.host, VERDICT_STACK, NO_DROP);
	nat_exempt(&nat.remote, 32);
	options_check(&nat.remote, VERDICT_STACK, NO_DROP);
	assert_no_flows();
}

/* Ports ---------------------------------------------------------------------------------------- */

/* Somebody else has @port: the other container, or a flow of his that is long over. */
static struct nk_flow_key port_occupy(const struct datagram *datagram, uint16_t port)
{
	struct nk_flow_key key = { .saddr = datagram->daddr,
				   .daddr = nat.host,
				   .sport = htons(datagram->dport),
				   .dport = htons(port),
				   .protocol = datagram->protocol };
	struct nk_flow reply = { .to = { .saddr = datagram->daddr,
					 .daddr = nat.other,
					 .sport = htons(datagram->dport),
					 .dport = htons(port),
					 .protocol = datagram->protocol },
				 .target = nat_endpoint(PLACE_OTHER),
				 .owner = nat_ifindex(PLACE_OTHER),
				 .slot = port,
				 .created_ns = nat_now_ns(),
				 .seen_ns = nat_now_ns() };
	struct nk_flow original = reply;
	struct nk_flow_key original_key = nk_flow_key_turn(&reply.to);

	original.to = nk_flow_key_turn(&key);
	original.target = (struct nk_endpoint){ 0 };
	original.sender = nat_ifindex(PLACE_OTHER);
	original.state = NK_FLOW_ORIGINAL;
	original.packets = 1;
	flow_set(&original_key, &original);
	flow_set(&key, &reply);
	return original_key;
}

/* The port that a packet's flow would be given; it isn't afterwards. */
static uint16_t port_foresee(const struct datagram *datagram)
{
	const struct nk_flow_key key = datagram_key(datagram);
	struct nk_flow flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, datagram);

	flow_delete(&key);
	return nat_port_of(&flow);
}

static void test_port_taken(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct datagram datagram = to_remote(protocols[i], CLIENT_PORT);
		uint16_t port = port_foresee(&datagram);
		struct nk_flow flow;

		(void)port_occupy(&datagram, port);
		if (protocols[i] == IPPROTO_SCTP) { /* its ports stay as they are */
			nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_NAT_PORTS);
			continue;
		}
		flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		assert_int_equal(nat_port_of(&flow), port_next(port));
	}
	assert_int_equal(flows_count(PLACE_OTHER), 2 * COUNT(protocols));
}

static void test_ports_all_taken(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; protocols[i] != IPPROTO_SCTP; i++) {
		struct datagram datagram = to_remote(protocols[i], CLIENT_PORT);
		uint16_t port = port_foresee(&datagram), last = port;
		struct nk_flow_key key;
		struct nk_flow flow;

		for (int tries = 0; tries < NAT_PORTS_TRY; tries++, port = port_next(port)) {
			last = port;
			key = port_occupy(&datagram, port);
		}
		nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_NAT_PORTS);
		flow_delete(&key);
		flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		assert_int_equal(nat_port_of(&flow), last);
	}
	assert_int_equal(flows_count(PLACE_SENDER), 6);
}

/* A range smaller than the number of tries. */
static void test_ports_few(void **state)
{
	bool is_used[4] = { false };
	struct datagram datagram;

	nat_begin(*state);
	nat_settings_set(NAT_PORT_MIN, NAT_PORT_MIN + COUNT(is_used) - 1, NAT_ENDPOINT_FLOWS);
	for (size_t i = 0; i < COUNT(is_used); i++) {
		struct nk_flow flow;

		datagram = to_remote(IPPROTO_UDP, (uint16_t)(CLIENT_PORT + i));
		flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		assert_in_range(nat_port_of(&flow), NAT_PORT_MIN,
				NAT_PORT_MIN + COUNT(is_used) - 1);
		assert_false(is_used[nat_port_of(&flow) - NAT_PORT_MIN]);
		is_used[nat_port_of(&flow) - NAT_PORT_MIN] = true;
	}
	datagram = to_remote(IPPROTO_UDP, CLIENT_PORT + COUNT(is_used));
	nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_NAT_PORTS);
	datagram.dport++; /* to another port of the same host all are free again */
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
}

/* A socket of the host that what comes in for @port goes to. */
static int socket_open(uint8_t protocol, uint16_t port)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(nat_is_ipv4() ? AF_INET : AF_INET6,
			(protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	const void *addr = nat_is_ipv4() ? (void *)&v4 : (void *)&v6;

	if (fd < 0 || bind(fd, addr, nat_is_ipv4() ? sizeof(v4) : sizeof(v6)) ||
	    (protocol == IPPROTO_TCP && listen(fd, 1)))
		err(1, "open a socket on port %u", port);
	return fd;
}

static void test_port_of_socket(void **state)
{
	static const uint8_t with_sockets[] = { IPPROTO_TCP, IPPROTO_UDP };

	nat_begin(*state);
	for (size_t i = 0; i < COUNT(with_sockets); i++) {
		struct datagram datagram = to_remote(with_sockets[i], CLIENT_PORT);
		const struct nk_flow_key key = datagram_key(&datagram);
		uint16_t port = port_foresee(&datagram);
		int fd = socket_open(with_sockets[i], port);
		struct nk_flow flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);

		assert_int_equal(nat_port_of(&flow), port_next(port));
		flow_delete(&key);
		(void)close(fd);
		assert_int_equal(port_foresee(&datagram), port);
	}
}

/* The clock of flows begins with the kernel, which in a VM is now. */
static void wait_for_age(uint64_t age_ns)
{
	while (nat_now_ns() <= age_ns)
		(void)nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

static void test_port_of_expired_flow(void **state)
{
	struct datagram datagram;
	struct nk_flow_key key;
	struct nk_flow flow;
	uint16_t port;

	nat_begin(*state);
	datagram = to_remote(IPPROTO_TCP, CLIENT_PORT);
	port = port_foresee(&datagram);
	key = port_occupy(&datagram, port);
	flow = flow_get(&key);
	flow.state |= NK_FLOW_RST;
	flow_set(&key, &flow);
	wait_for_age((NK_LIFETIME_TCP_RESET + 1) * NS_PER_S);
	flow_age(&key, (NK_LIFETIME_TCP_RESET + 1) * NS_PER_S);
	flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(nat_port_of(&flow), port);
	assert_int_equal(flows_count(PLACE_OTHER), 0);
}

/* How many flows ------------------------------------------------------------------------------- */

#define QUOTA NK_ENDPOINT_FLOWS_MIN

/* A full ring of the sender's: answered UDP flows from CLIENT_PORT on, and one of the other's. */
static void ring_fill(struct nk_flow_key ret_keys[QUOTA], const struct nat_variant *variant)
{
	struct datagram other;

	nat_begin(variant);
	nat_settings_set(NAT_PORT_MIN, NAT_PORT_MAX, QUOTA);
	other = to_remote(IPPROTO_UDP, CLIENT_PORT);
	other.saddr = nat.other;
	(void)nat_assert_translated(PLACE_OTHER, PLACE_WORLD, &other);
	for (uint16_t i = 0; i < QUOTA; i++) {
		struct datagram datagram = to_remote(IPPROTO_UDP, CLIENT_PORT + i), reply;
		struct nk_flow flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);

		assert_int_equal(flow.slot, i);
		ret_keys[i] = datagram_key(&datagram);
		reply = answer_to(&datagram);
		(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	}
	assert_int_equal(ring_taken(PLACE_SENDER), QUOTA);
	assert_int_equal(flows_count(PLACE_SENDER), 2 * QUOTA);
}

/* One flow more: @victim's goes, with both entries, and gives its place; nobody else's. */
static void assert_evicted(const struct nk_flow_key keys[QUOTA], size_t victim)
{
	struct datagram datagram = to_remote(IPPROTO_UDP, CLIENT_PORT + QUOTA);
	struct nk_flow_key reply_key = flow_other(&keys[victim]), slot_key, new_key;
	struct nk_flow flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);

	assert_int_equal(flow.slot, victim);
	new_key = datagram_key(&datagram);
	assert_true(slot_find(PLACE_SENDER, (uint32_t)victim, &slot_key));
	assert_key(&slot_key, &new_key);
	for (size_t i = 0; i < QUOTA; i++)
		assert_int_equal(flow_find(&keys[i], &flow), i != victim);
	assert_false(flow_find(&reply_key, &flow));
	assert_int_equal(flows_count(PLACE_SENDER), 2 * QUOTA);
	assert_int_equal(flows_count(PLACE_OTHER), 2);
}

static void test_quota_longest_silent(void **state)
{
	struct nk_flow_key keys[QUOTA];

	ring_fill(keys, *state);
	for (size_t i = 0; i < QUOTA; i++)
		flow_age(&keys[i], NS_PER_S * (i == 5 ? 2 : 1));
	assert_evicted(keys, 5);
	/* A second chance for all of them, which took as many looks. */
	assert_int_equal(ring_taken(PLACE_SENDER), 2 * QUOTA);
}

/* It's the direction that was seen last that counts. */
static void test_quota_longest_silent_reply(void **state)
{
	struct nk_flow_key keys[QUOTA], reply_key;
	struct nk_flow flow;

	ring_fill(keys, *state);
	for (size_t i = 0; i < QUOTA; i++)
		flow_age(&keys[i], NS_PER_S * (i == 5 || i == 9 ? 2 : 1));
	reply_key = flow_other(&keys[5]);
	flow = flow_get(&reply_key);
	flow.seen_ns += 2 * NS_PER_S;
	flow_set(&reply_key, &flow);
	assert_evicted(keys, 9);
}

static void test_quota_unanswered(void **state)
{
	struct nk_flow_key keys[QUOTA], reply_key;
	struct nk_flow flow;

	ring_fill(keys, *state);
	for (size_t i = 0; i < QUOTA; i++)
		flow_age(&keys[i], NS_PER_S * (i == 5 ? 2 : 1));
	reply_key = flow_other(&keys[9]);
	flow = flow_get(&reply_key);
	flow.packets = 0;
	flow_set(&reply_key, &flow);
	assert_evicted(keys, 9);
}

/* A connection that was reset and is over, before one that is unanswered. */
static void test_quota_expired(void **state)
{
	struct nk_flow_key keys[QUOTA], reply_key;
	struct datagram datagram, reply;
	struct nk_flow flow;

	ring_fill(keys, *state);
	flow_delete(&keys[QUOTA - 1]);
	datagram = to_remote(IPPROTO_TCP, CLIENT_PORT);
	do { /* in the slot that was left */
		flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	} while (flow.slot != QUOTA - 1);
	reply = answer_to(&datagram);
	reply.tcp_flags = TCP_RST;
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	keys[QUOTA - 1] = datagram_key(&datagram);
	reply_key = flow_other(&keys[9]);
	flow = flow_get(&reply_key);
	flow.packets = 0;
	flow_set(&reply_key, &flow);
	wait_for_age((NK_LIFETIME_TCP_RESET + 1) * NS_PER_S);
	flow_age(&keys[QUOTA - 1], (NK_LIFETIME_TCP_RESET + 1) * NS_PER_S);
	assert_evicted(keys, QUOTA - 1);
}

/* A place whose flow is gone is taken at once. */
static void test_quota_gone(void **state)
{
	struct nk_flow_key keys[QUOTA];
	struct datagram datagram;
	struct nk_flow flow;

	ring_fill(keys, *state);
	flow_delete(&keys[3]);
	datagram = to_remote(IPPROTO_UDP, CLIENT_PORT + QUOTA);
	flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(flow.slot, 3);
	assert_int_equal(ring_taken(PLACE_SENDER), QUOTA + 4);
	for (size_t i = 0; i < QUOTA; i++)
		assert_int_equal(flow_find(&keys[i], &flow), i != 3);
}

/* So is one whose flow is at home elsewhere. */
static void test_quota_stale(void **state)
{
	struct nk_flow_key keys[QUOTA];
	struct datagram datagram;
	struct nk_flow flow;

	ring_fill(keys, *state);
	flow = flow_get(&keys[7]);
	flow.slot = QUOTA + 7;
	flow_set(&keys[7], &flow);
	datagram = to_remote(IPPROTO_UDP, CLIENT_PORT + QUOTA);
	flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(flow.slot, 7);
	for (size_t i = 0; i < QUOTA; i++)
		assert_true(flow_find(&keys[i], &flow));
}

/* However many flows an endpoint begins, the table has no more than its quota of them. */
static void test_quota_flood(void **state)
{
	struct nk_flow_key keys[QUOTA];

	ring_fill(keys, *state);
	for (uint16_t i = 0; i < 20 * QUOTA; i++) {
		struct datagram datagram = to_remote(IPPROTO_TCP, (uint16_t)(10000 + i));

		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		assert_in_range(flows_count(PLACE_SENDER), 2, 2 * QUOTA);
	}
	assert_int_equal(flows_count(PLACE_OTHER), 2);
}

/* Life and death ------------------------------------------------------------------------------- */

static struct nk_flow reply_of(const struct datagram *datagram)
{
	const struct nk_flow_key key = datagram_key(datagram), reply_key = flow_other(&key);

	return flow_get(&reply_key);
}

static struct nk_flow original_of(const struct datagram *datagram)
{
	const struct nk_flow_key key = datagram_key(datagram);

	return flow_get(&key);
}

static void test_counters(void **state)
{
	uint64_t packets[2] = { 0 }, bytes[2] = { 0 };
	struct datagram datagram, reply;
	struct packet packet;
	struct nk_flow flow;

	nat_begin(*state);
	datagram = to_remote(IPPROTO_TCP, CLIENT_PORT);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	datagram_build(&datagram, &packet);
	packets[0]++;
	bytes[0] += packet.len;
	reply = answer_to(&datagram);
	datagram.tcp_flags = reply.tcp_flags = TCP_ACK;
	for (size_t i = 0; i < 50; i++) {
		bool is_reply = i % 3 == 0;
		struct datagram *next = is_reply ? &reply : &datagram;

		next->payload_len = 7 * i;
		datagram_build(next, &packet);
		packets[is_reply]++;
		bytes[is_reply] += packet.len;
		(void)nat_assert_translated(is_reply ? PLACE_WORLD : PLACE_SENDER,
					    is_reply ? PLACE_SENDER : PLACE_WORLD, next);
	}
	flow = original_of(&datagram);
	assert_int_equal(flow.packets, packets[0]);
	assert_int_equal(flow.bytes, bytes[0]);
	flow = reply_of(&datagram);
	assert_int_equal(flow.packets, packets[1]);
	assert_int_equal(flow.bytes, bytes[1]);
}

/* Each direction notes what it says itself. */
static void test_tcp_state(void **state)
{
	struct datagram datagram, reply;

	nat_begin(*state);
	datagram = to_remote(IPPROTO_TCP, CLIENT_PORT);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	reply = answer_to(&datagram);
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	assert_int_equal(original_of(&datagram).state, NK_FLOW_ORIGINAL);
	assert_int_equal(reply_of(&datagram).state, 0);
	datagram.tcp_flags = TCP_FIN | TCP_ACK;
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(original_of(&datagram).state, NK_FLOW_ORIGINAL | NK_FLOW_FIN);
	assert_int_equal(reply_of(&datagram).state, 0);
	reply.tcp_flags = TCP_FIN | TCP_ACK;
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	assert_int_equal(original_of(&datagram).state, NK_FLOW_ORIGINAL | NK_FLOW_FIN);
	assert_int_equal(reply_of(&datagram).state, NK_FLOW_FIN);
	reply.tcp_flags = TCP_RST | TCP_ACK;
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	assert_int_equal(reply_of(&datagram).state, NK_FLOW_FIN | NK_FLOW_RST);
	datagram.tcp_flags = TCP_RST;
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(original_of(&datagram).state,
			 NK_FLOW_ORIGINAL | NK_FLOW_FIN | NK_FLOW_RST);
}

static void test_syn_renews(void **state)
{
	struct datagram datagram, reply;
	struct nk_flow first, again;
	struct nk_flow_key key;
	struct packet packet;

	nat_begin(*state);
	datagram = to_remote(IPPROTO_TCP, CLIENT_PORT);
	key = datagram_key(&datagram);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	reply = answer_to(&datagram);
	reply.tcp_flags = TCP_FIN | TCP_ACK;
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	datagram.tcp_flags = TCP_FIN | TCP_ACK;
	first = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	first.created_ns -= NS_PER_S;
	flow_set(&key, &first);

	datagram.tcp_flags = TCP_SYN;
	again = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	datagram_build(&datagram, &packet);
	assert_key(&again.to, &first.to);
	assert_int_equal(again.slot, first.slot);
	assert_int_equal(again.state, NK_FLOW_ORIGINAL);
	assert_true(again.created_ns > first.created_ns);
	assert_int_equal(again.packets, 1);
	assert_int_equal(again.bytes, packet.len);
	again = reply_of(&datagram);
	assert_int_equal(again.state, 0);
	assert_true(again.created_ns > first.created_ns);
	assert_int_equal(again.packets, 0);
	assert_int_equal(again.bytes, 0);
	assert_int_equal(flows_count(PLACE_SENDER), 2);
}

struct lifetime_case {
	uint8_t protocol;
	bool is_answered;
	uint32_t original;
	uint32_t reply;
	uint64_t lifetime_s;
};

static const struct lifetime_case lifetimes[] = {
	{ IPPROTO_TCP, false, 0, 0, 120 },
	{ IPPROTO_TCP, true, 0, 0, 432000 },
	{ IPPROTO_TCP, true, NK_FLOW_FIN, 0, 432000 },
	{ IPPROTO_TCP, true, 0, NK_FLOW_FIN, 432000 },
	{ IPPROTO_TCP, true, NK_FLOW_FIN, NK_FLOW_FIN, 120 },
	{ IPPROTO_TCP, true, NK_FLOW_RST, 0, 10 },
	{ IPPROTO_TCP, true, 0, NK_FLOW_RST, 10 },
	{ IPPROTO_TCP, false, NK_FLOW_RST, 0, 10 },
	{ IPPROTO_UDP, false, 0, 0, 60 },
	{ IPPROTO_UDP, true, 0, 0, 300 },
	{ IPPROTO_ICMP, false, 0, 0, 60 },
	{ IPPROTO_ICMP, true, 0, 0, 60 },
	{ IPPROTO_SCTP, false, 0, 0, 3600 },
	{ IPPROTO_SCTP, true, 0, 0, 3600 },
};

static void flow_prepare(const struct datagram *datagram, const struct lifetime_case *test)
{
	const struct nk_flow_key key = datagram_key(datagram), reply_key = flow_other(&key);
	struct nk_flow original = flow_get(&key), reply = flow_get(&reply_key);

	original.state |= test->original;
	reply.state |= test->reply;
	reply.packets = test->is_answered;
	flow_set(&key, &original);
	flow_set(&reply_key, &reply);
}

/* What becomes of a reply that has no flow any more. */
static void assert_lost(const struct datagram *reply)
{
	if (reply->protocol == IPPROTO_TCP || reply->protocol == IPPROTO_UDP)
		nat_assert_dropped(PLACE_WORLD, reply, NK_DROP_NAT_NO_FLOW);
	else
		nat_assert_stack(PLACE_WORLD, reply);
}

/* Two seconds before a flow's end and after it. Longer lives than the kernel's can't be tested. */
static void lifetime_check(const struct lifetime_case *test, uint16_t sport)
{
	struct datagram datagram = to_remote(test->protocol, sport), reply;
	const struct nk_flow_key key = datagram_key(&datagram);
	uint64_t after_ns = (test->lifetime_s + 2) * NS_PER_S;
	uint64_t before_ns = (test->lifetime_s - 2) * NS_PER_S;

	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	reply = answer_to(&datagram);
	reply.tcp_flags = TCP_ACK;
	flow_prepare(&datagram, test);
	if (test->lifetime_s == NK_LIFETIME_SHORTEST)
		wait_for_age(after_ns);
	if (after_ns < nat_now_ns()) {
		flow_age(&key, after_ns);
		assert_lost(&reply);
	}
	flow_age(&key, before_ns < nat_now_ns() ? before_ns : nat_now_ns());
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
}

static void test_lifetimes(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(lifetimes); i++)
		lifetime_check(&lifetimes[i], (uint16_t)(CLIENT_PORT + i));
}

/* The container's own packet revives it. */
static void test_expired_flow_revives(void **state)
{
	struct datagram datagram, reply;
	struct nk_flow_key key, to;
	struct nk_flow flow;

	nat_begin(*state);
	datagram = to_remote(IPPROTO_TCP, CLIENT_PORT);
	key = datagram_key(&datagram);
	to = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram).to;
	reply = answer_to(&datagram);
	reply.tcp_flags = TCP_RST;
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	wait_for_age((NK_LIFETIME_TCP_RESET + 1) * NS_PER_S);
	flow_age(&key, (NK_LIFETIME_TCP_RESET + 1) * NS_PER_S);
	assert_lost(&reply);
	flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_key(&flow.to, &to);
	assert_int_equal(flows_count(PLACE_SENDER), 2);
	reply.tcp_flags = TCP_SYN | TCP_ACK;
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
}

/* From outside, without a flow ----------------------------------------------------------------- */

static void test_unknown_inbound(void **state)
{
	struct datagram datagram;
	int fd;

	nat_begin(*state);
	datagram = nat_datagram(&nat.remote, &nat.host, IPPROTO_TCP, CLIENT_PORT, NAT_PORT_MIN);
	nat_assert_stack(PLACE_WORLD, &datagram);
	datagram.tcp_flags = TCP_ACK;
	nat_assert_dropped(PLACE_WORLD, &datagram, NK_DROP_NAT_NO_FLOW);
	datagram.tcp_flags = TCP_RST;
	nat_assert_dropped(PLACE_WORLD, &datagram, NK_DROP_NAT_NO_FLOW);
	datagram.dport = NAT_PORT_MAX;
	nat_assert_dropped(PLACE_WORLD, &datagram, NK_DROP_NAT_NO_FLOW);
	datagram.dport = NAT_PORT_MAX + 1;
	nat_assert_stack(PLACE_WORLD, &datagram);
	datagram.dport = NAT_PORT_MIN - 1;
	nat_assert_stack(PLACE_WORLD, &datagram);

	datagram = nat_datagram(&nat.remote, &nat.host, IPPROTO_UDP, CLIENT_PORT, NAT_PORT_MIN);
	nat_assert_dropped(PLACE_WORLD, &datagram, NK_DROP_NAT_NO_FLOW);
	fd = socket_open(IPPROTO_UDP, NAT_PORT_MIN);
	nat_assert_stack(PLACE_WORLD, &datagram);
	(void)close(fd);
	datagram.daddr = nat.second_remote;
	nat_assert_stack(PLACE_WORLD, &datagram);

	for (size_t i = 0; i < COUNT(protocols); i++) {
		datagram = nat_datagram(&nat.remote, &nat.host, protocols[i], CLIENT_PORT, 22);
		nat_assert_stack(PLACE_WORLD, &datagram);
		datagram = datagram_reply(&datagram);
		datagram.saddr = nat.remote;
		datagram.daddr = nat.host;
		nat_assert_stack(PLACE_WORLD, &datagram);
	}
	assert_no_flows();
}

/* To an endpoint's own port in the range: it's no port of the host. */
static void test_inbound_to_endpoint(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	datagram = nat_datagram(&nat.remote, &nat.sender, IPPROTO_TCP, CLIENT_PORT, NAT_PORT_MIN);
	datagram.tcp_flags = TCP_ACK;
	nat_assert_forwarded(PLACE_WORLD, PLACE_SENDER, &datagram, &datagram);
	datagram.protocol = IPPROTO_UDP;
	nat_assert_forwarded(PLACE_WORLD, PLACE_SENDER, &datagram, &datagram);
}

/* Who is outside and speaks to a container's own address gets answers from that address. */
static void test_routed(void **state)
{
	static const uint8_t routed[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };

	nat_begin(*state);
	for (size_t i = 0; i < COUNT(routed); i++) {
		struct datagram datagram =
			nat_datagram(&nat.remote, &nat.sender, routed[i], CLIENT_PORT, SERVER_PORT);
		struct datagram reply = datagram_reply(&datagram);
		struct nk_flow_key key;

		nat_assert_forwarded(PLACE_WORLD, PLACE_SENDER, &datagram, &datagram);
		reply.tcp_flags = TCP_SYN | TCP_ACK;
		nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &reply, &reply);
		reply.tcp_flags = TCP_ACK;
		nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &reply, &reply);
		key = datagram_key(&datagram);
		assert_true(flow_get(&key).state & NK_FLOW_ROUTED);
		assert_int_equal(flows_count(PLACE_SENDER), 2 * (i + 1));
	}
}

/* Published ports ------------------------------------------------------------------------------ */

static void test_published(void **state)
{
	static const uint8_t ported[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };

	nat_begin(*state);
	nat_flags_set(PLACE_OTHER, 0);
	for (size_t i = 0; i < COUNT(ported); i++) {
		bool is_sctp = ported[i] == IPPROTO_SCTP;
		struct nk_endpoint endpoint;
		struct datagram datagram = to_published(ported[i]), reply;
		struct nk_flow_key key = datagram_key(&datagram), to = key;
		struct nk_flow flow;

		nat_publish(&nat.host, PUBLISHED_PORT, ported[i], PLACE_OTHER,
			    is_sctp ? PUBLISHED_PORT : SERVER_PORT);
		endpoint = nat_endpoint(PLACE_OTHER);
		flow = nat_assert_translated(PLACE_WORLD, PLACE_OTHER, &datagram);
		to.daddr = nat.other;
		to.dport = htons(is_sctp ? PUBLISHED_PORT : SERVER_PORT);
		assert_key(&flow.to, &to);
		assert_memory_equal(&flow.target, &endpoint, sizeof(endpoint));
		assert_int_equal(flow.sender, 0);
		assert_int_equal(flow.owner, nat_ifindex(PLACE_OTHER));
		assert_int_equal(flow.state, NK_FLOW_ORIGINAL);
		assert_int_equal(flow.packets, 1);
		flow = reply_of(&datagram);
		to = nk_flow_key_turn(&key);
		assert_key(&flow.to, &to);
		assert_int_equal(flow.target.ifindex, 0);
		assert_int_equal(flow.sender, nat_ifindex(PLACE_OTHER));
		assert_int_equal(flow.owner, nat_ifindex(PLACE_OTHER));
		assert_int_equal(flow.state, 0);
		assert_int_equal(flow.packets, 0);
		assert_int_equal(flows_count(PLACE_OTHER), 2 * (i + 1));
		reply = answer_to(&datagram);
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
	datagram = to_published(IPPROTO_TCP);
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
	datagram = to_published(IPPROTO_TCP);
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

/* Hairpin -------------------------------------------------------------------------------------- */

static struct datagram to_hairpin(uint8_t protocol)
{
	return nat_datagram(&nat.sender, &nat.host, protocol, CLIENT_PORT, PUBLISHED_PORT);
}

static void hairpin_check(const struct nk_ip *published, enum nat_place server)
{
	static const uint8_t ported[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };

	for (size_t i = 0; i < COUNT(ported); i++) {
		bool is_sctp = ported[i] == IPPROTO_SCTP;
		uint16_t server_port = is_sctp ? PUBLISHED_PORT : SERVER_PORT;
		struct datagram datagram = to_hairpin(ported[i]), reply;
		struct nk_flow_key key = datagram_key(&datagram), to = key;
		struct nk_endpoint endpoint;
		struct nk_flow flow;

		nat_publish(published, PUBLISHED_PORT, ported[i], server, server_port);
		endpoint = nat_endpoint(server);
		flow = nat_assert_translated(PLACE_SENDER, server, &datagram);
		if (is_sctp)
			assert_int_equal(nat_port_of(&flow), CLIENT_PORT);
		else
			assert_port_in_range(nat_port_of(&flow));
		to.saddr = nat.host;
		to.sport = flow.to.sport;
		to.daddr = server == PLACE_OTHER ? nat.other : nat.sender;
		to.dport = htons(server_port);
		assert_key(&flow.to, &to);
		assert_memory_equal(&flow.target, &endpoint, sizeof(endpoint));
		assert_int_equal(flow.sender, nat_ifindex(PLACE_SENDER));
		assert_int_equal(flow.owner, nat_ifindex(PLACE_SENDER));
		assert_int_equal(flow.state, NK_FLOW_ORIGINAL);
		flow = reply_of(&datagram);
		endpoint = nat_endpoint(PLACE_SENDER);
		to = nk_flow_key_turn(&key);
		assert_key(&flow.to, &to);
		assert_int_equal(flow.target.ifindex, endpoint.ifindex);
		assert_int_equal(flow.sender, nat_ifindex(server));
		assert_int_equal(flow.owner, nat_ifindex(PLACE_SENDER));
		assert_int_equal(flow.state, 0);
		reply = answer_to(&datagram);
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
	datagram = to_hairpin(IPPROTO_UDP);
	nat_assert_stack(PLACE_SENDER, &datagram);
	datagram = to_hairpin(IPPROTO_TCP);
	datagram.dport++;
	nat_assert_stack(PLACE_SENDER, &datagram);
	assert_no_flows();
	datagram.dport--;
	datagram.daddr = nat.remote;
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
}

/* ICMP errors ---------------------------------------------------------------------------------- */

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
	const size_t header_len = nat_is_ipv4() ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);

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
		got = translated(&sent);
		sent.ttl = got.ttl = 1;
		errors_check(PLACE_WORLD, PLACE_SENDER, &sent, &got, &nat.remote, &nat.remote);
		errors_check(PLACE_WORLD, PLACE_SENDER, &sent, &got, &nat.router, &nat.router);
	}
}

static void test_error_outward(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(quotes); i++) {
		struct datagram datagram =
			quote_of(i, &nat.sender, &nat.remote, CLIENT_PORT, REMOTE_PORT);
		struct datagram sent, got;

		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		sent = answer_to(&datagram);
		(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &sent);
		got = translated(&sent);
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
		got = translated(&sent);
		errors_check(PLACE_OTHER, PLACE_WORLD, &sent, &got, &nat.other, &nat.host);
		reply = answer_to(&sent);
		(void)nat_assert_translated(PLACE_OTHER, PLACE_WORLD, &reply);
		reply_got = translated(&reply);
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
		got = translated(&sent);
		errors_check(PLACE_OTHER, PLACE_SENDER, &sent, &got, &nat.other, &nat.host);
		reply = answer_to(&sent);
		(void)nat_assert_translated(PLACE_OTHER, PLACE_SENDER, &reply);
		reply_got = translated(&reply);
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
	assert_no_flows();
}

/* An error whose quotation isn't of a packet of the one that it's sent to. */
static void test_error_forged(void **state)
{
	struct datagram sent, got, error;

	nat_begin(*state);
	sent = to_remote(IPPROTO_UDP, CLIENT_PORT);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &sent);
	got = translated(&sent);
	error = nat_error(&nat.remote, &nat.host, &got,
			  nat_is_ipv4() ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE, ICMP4_HOST);
	error.daddr = nat.second;
	nat_assert_stack(PLACE_WORLD, &error);
}

/* Fragments ------------------------------------------------------------------------------------ */

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
	expected = translated(&later);
	nat_assert_forwarded(from, to, &later, &expected);
	nat_assert_forwarded(from, to, &later, &expected);
	if (from == PLACE_WORLD)
		nat_assert_stack(from, &strange);
	else if (nat_endpoint(from).flags & NK_ENDPOINT_MASQUERADE && to == PLACE_WORLD)
		nat_assert_dropped(from, &strange, NK_DROP_NAT_FRAGMENT);
}

static void test_fragments(void **state)
{
	static const uint8_t cut[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };

	nat_begin(*state);
	for (size_t i = 0; i < COUNT(cut); i++) {
		struct datagram datagram = to_remote(cut[i], CLIENT_PORT), reply;

		fragments_check(PLACE_SENDER, PLACE_WORLD, &datagram, 100);
		reply = answer_to(&datagram);
		fragments_check(PLACE_WORLD, PLACE_SENDER, &reply, 100);
	}
}

static void test_fragments_published(void **state)
{
	struct datagram datagram, reply;

	nat_begin(*state);
	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_UDP, PLACE_OTHER, SERVER_PORT);
	datagram = to_published(IPPROTO_UDP);
	fragments_check(PLACE_WORLD, PLACE_OTHER, &datagram, 7);
	reply = answer_to(&datagram);
	fragments_check(PLACE_OTHER, PLACE_WORLD, &reply, 7);
}

static void fragments_hairpin_check(void)
{
	struct datagram datagram, reply;

	nat_publish(&nat.host, PUBLISHED_PORT, IPPROTO_UDP, PLACE_OTHER, SERVER_PORT);
	datagram = to_hairpin(IPPROTO_UDP);
	fragments_check(PLACE_SENDER, PLACE_OTHER, &datagram, 7);
	reply = answer_to(&datagram);
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
	datagram = to_remote(IPPROTO_UDP, CLIENT_PORT);
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
	assert_no_flows();
}

/* Checksums ------------------------------------------------------------------------------------ */

/* The same packet with the seed that gives it a UDP checksum of @checksum. */
static void udp_checksum_find(struct datagram *datagram, uint16_t checksum)
{
	size_t at = ETH_HLEN + 6 + (nat_is_ipv4() ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
	struct packet packet;

	do {
		datagram->seed++;
		datagram_build(datagram, &packet);
	} while (packet_get(&packet, at, 2) != checksum);
}

/* A sum of zero is written as 0xffff (RFC 768), before translation, after it, and in quotations. */
static void test_udp_checksum_zero(void **state)
{
	struct datagram sent, got;

	nat_begin(*state);
	sent = to_remote(IPPROTO_UDP, CLIENT_PORT);
	sent.payload_len = 3;
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &sent);
	udp_checksum_find(&sent, 0xffff);
	got = translated(&sent);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &sent);
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &sent, &got);
	{
		struct datagram error = nat_error(
			&nat.remote, &nat.host, &got,
			nat_is_ipv4() ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE, ICMP4_HOST);
		struct datagram expected = error;

		expected.quote = &sent;
		expected.daddr = nat.sender;
		nat_assert_forwarded(PLACE_WORLD, PLACE_SENDER, &error, &expected);
	}
	udp_checksum_find(&got, 0xffff);
	sent.seed = got.seed;
	nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &sent, &got);
}

/* Nobody's error is corrected: the receiver has to see it. */
static void test_checksum_wrong(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct datagram datagram = to_remote(protocols[i], CLIENT_PORT), reply;

		datagram.checksum = CHECKSUM_WRONG;
		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		reply = answer_to(&datagram);
		(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	}
}

/* Switched off --------------------------------------------------------------------------------- */

/* Programs without translation, though the tables are full of it. */
static void test_disabled(void **state)
{
	nat_begin(*state);
	nat_publish(&nat.any, PUBLISHED_PORT, IPPROTO_TCP, PLACE_OTHER, SERVER_PORT);
	nat_publish(&nat.any, PUBLISHED_PORT, IPPROTO_UDP, PLACE_OTHER, SERVER_PORT);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct datagram datagram = to_remote(protocols[i], CLIENT_PORT);

		nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
		datagram = to_hairpin(protocols[i]);
		nat_assert_stack(PLACE_SENDER, &datagram);
		datagram = to_published(protocols[i]);
		nat_assert_stack(PLACE_WORLD, &datagram);
		datagram.tcp_flags = TCP_ACK;
		datagram.dport = datagram.dport ? NAT_PORT_MIN : 0;
		nat_assert_stack(PLACE_WORLD, &datagram);
		datagram.daddr = nat.sender;
		nat_assert_forwarded(PLACE_WORLD, PLACE_SENDER, &datagram, &datagram);
	}
	assert_no_flows();
	assert_int_equal(fragments_count(), 0);
}

static int disabled_setup(void **state)
{
	prog_nat = false;
	return prog_group_setup(state);
}

static const struct test {
	const char *name;
	CMUnitTestFunction function;
} tests[] = {
	{ "masquerade: two entries, and the way back", test_masquerade },
	{ "masquerade: the same flow gets the same port again", test_same_port_again },
	{ "masquerade: a flow that lost an entry is made whole", test_half_a_flow },
	{ "masquerade: two containers with one port", test_two_containers },
	{ "masquerade: exempt, or to an endpoint, or not asked for", test_untouched },
	{ "masquerade: prefixes that are exempt", test_exempt_prefix },
	{ "masquerade: the source that the route names", test_source_of_route },
	{ "masquerade: the stack's own packets stay as they are", test_stack },
	{ "masquerade: too big", test_too_big },
	{ "masquerade: other protocols", test_protocol },
	{ "masquerade: IPv4 options", test_options },
	{ "ports: one that another flow has", test_port_taken },
	{ "ports: all that are tried are taken", test_ports_all_taken },
	{ "ports: a small range", test_ports_few },
	{ "ports: one that a socket of the host has", test_port_of_socket },
	{ "ports: one of an expired flow", test_port_of_expired_flow },
	{ "quota: the longest silent goes", test_quota_longest_silent },
	{ "quota: either direction's packets keep a flow", test_quota_longest_silent_reply },
	{ "quota: the unanswered goes before", test_quota_unanswered },
	{ "quota: the expired goes first", test_quota_expired },
	{ "quota: a place whose flow is gone", test_quota_gone },
	{ "quota: a place whose flow is elsewhere", test_quota_stale },
	{ "quota: a flood", test_quota_flood },
	{ "flows: counters", test_counters },
	{ "flows: FIN and RST", test_tcp_state },
	{ "flows: a SYN renews", test_syn_renews },
	{ "flows: lifetimes", test_lifetimes },
	{ "flows: an expired one revives from inside alone", test_expired_flow_revives },
	{ "inbound: no flow", test_unknown_inbound },
	{ "inbound: to an endpoint", test_inbound_to_endpoint },
	{ "inbound: routed, and answers", test_routed },
	{ "published: two entries, and the way back", test_published },
	{ "published: an address before any", test_published_exact_first },
	{ "published: any address is the host's", test_published_any },
	{ "published: a forged source changes nobody's flow", test_forged_source },
	{ "hairpin: there and back", test_hairpin },
	{ "hairpin: a port of any address", test_hairpin_any },
	{ "hairpin: to itself", test_hairpin_self },
	{ "hairpin: nobody masquerades", test_hairpin_plain },
	{ "hairpin: not published", test_hairpin_none },
	{ "errors: inward", test_error_inward },
	{ "errors: outward", test_error_outward },
	{ "errors: of published ports, both ways", test_error_published },
	{ "errors: of hairpins, both ways", test_error_hairpin },
	{ "errors: of hairpins, nobody masquerades", test_error_hairpin_plain },
	{ "errors: of no flow", test_error_unknown },
	{ "errors: to somebody else", test_error_forged },
	{ "fragments: masqueraded", test_fragments },
	{ "fragments: published", test_fragments_published },
	{ "fragments: hairpin", test_fragments_hairpin },
	{ "fragments: hairpin, nobody masquerades", test_fragments_hairpin_plain },
	{ "fragments: without the first", test_fragment_without_first },
	{ "checksums: zero", test_udp_checksum_zero },
	{ "checksums: wrong ones stay wrong", test_checksum_wrong },
};

/* Each test for each program and family. */
static struct CMUnitTest *tests_add(struct CMUnitTest *end, const struct test *test)
{
	for (size_t i = 0; i < NAT_VARIANTS; i++) {
		char *name;

		if (asprintf(&name, "%s: %s", nat_variants[i].name, test->name) < 0)
			err(1, "name a test");
		*end++ = (struct CMUnitTest){ .name = name,
					      .test_func = test->function,
					      .initial_state = (void *)&nat_variants[i] };
	}
	return end;
}

int main(void)
{
	static const struct test disabled = { "switched off", test_disabled };
	static struct CMUnitTest all[NAT_VARIANTS * COUNT(tests)], off[NAT_VARIANTS];
	struct CMUnitTest *end = all;
	int failed;

	for (size_t i = 0; i < COUNT(tests); i++)
		end = tests_add(end, &tests[i]);
	(void)tests_add(off, &disabled);
	failed = cmocka_run_group_tests_name("nat", all, nat_group_setup, prog_group_teardown);
	return failed + cmocka_run_group_tests_name("nat, switched off", off, disabled_setup,
						    prog_group_teardown);
}
