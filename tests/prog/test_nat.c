// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Address translation, case by case: which packets become what, and what the tables say then.
 * Whatever comes out is compared, in every byte, with a packet that was built for it.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <err.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nat.h"
#include "net.h"
#include "prog.h"

static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_SCTP };

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
	nat_assert_key(&flow->to, &to);
	assert_int_equal(flow->target.ifindex, 0);
	assert_int_equal(flow->sender, nat_ifindex(PLACE_SENDER));
	assert_int_equal(flow->owner, nat_ifindex(PLACE_SENDER));
	assert_int_equal(flow->state, NK_FLOW_ORIGINAL);
	assert_in_range(flow->created_ns, since_ns, nat_now_ns());
	assert_in_range(flow->seen_ns, since_ns, nat_now_ns());
	assert_int_equal(flow->packets, 1);
	assert_int_equal(flow->bytes, packet.len);

	to = nk_flow_key_turn(&key);
	nat_assert_key(&reply.to, &to);
	assert_memory_equal(&reply.target, &endpoint, sizeof(endpoint));
	assert_int_equal(reply.sender, 0);
	assert_int_equal(reply.owner, nat_ifindex(PLACE_SENDER));
	assert_int_equal(reply.state, 0);
	assert_int_equal(reply.created_ns, flow->created_ns);
	assert_int_equal(reply.packets, 0);
	assert_int_equal(reply.bytes, 0);

	assert_true(slot_find(PLACE_SENDER, flow->slot, &slot_key));
	nat_assert_key(&slot_key, &key);
}

static void test_masquerade(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct datagram datagram = nat_to_remote(protocols[i], CLIENT_PORT), reply;
		uint64_t since_ns = nat_now_ns();
		struct nk_flow flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);

		if (protocols[i] == IPPROTO_SCTP)
			assert_int_equal(nat_port_of(&flow), CLIENT_PORT);
		else
			nat_assert_port(nat_port_of(&flow));
		assert_masquerade_entries(&datagram, &flow, since_ns);
		assert_int_equal(flow.slot, i);
		assert_int_equal(ring_taken(PLACE_SENDER), i + 1);
		assert_int_equal(flows_count(PLACE_SENDER), 2 * (i + 1));
		reply = nat_answer_to(&datagram);
		(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
		assert_int_equal(flows_count(PLACE_SENDER), 2 * (i + 1));
	}
	assert_int_equal(flows_count(PLACE_OTHER), 0);
}

static void test_same_port_again(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct datagram datagram = nat_to_remote(protocols[i], CLIENT_PORT);
		const struct nk_flow_key key = datagram_key(&datagram);
		struct nk_flow first = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		struct nk_flow second;

		flow_delete(&key);
		second = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		nat_assert_key(&second.to, &first.to);
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
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	key = datagram_key(&datagram);
	first = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	reply = nat_answer_to(&datagram);
	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(progs->maps.flows), &key), 0);
	second = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	nat_assert_key(&second.to, &first.to);
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	assert_int_equal(flows_count(PLACE_SENDER), 2);
}

static void test_two_containers(void **state)
{
	nat_begin(*state);
	for (uint16_t port = CLIENT_PORT; port < CLIENT_PORT + 100; port++) {
		struct datagram one = nat_to_remote(IPPROTO_UDP, port), two = one, reply;
		struct nk_flow flow_one, flow_two;

		two.saddr = nat.other;
		flow_one = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &one);
		flow_two = nat_assert_translated(PLACE_OTHER, PLACE_WORLD, &two);
		assert_int_not_equal(nat_port_of(&flow_one), nat_port_of(&flow_two));
		reply = nat_answer_to(&one);
		(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
		reply = nat_answer_to(&two);
		(void)nat_assert_translated(PLACE_WORLD, PLACE_OTHER, &reply);
	}
	assert_int_equal(flows_count(PLACE_SENDER), 200);
	assert_int_equal(flows_count(PLACE_OTHER), 200);
}

static void test_untouched(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct datagram datagram = nat_to_remote(protocols[i], CLIENT_PORT);

		nat_exempt(&nat.remote, nat_is_ipv4() ? 24 : 64);
		nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
		datagram.daddr = nat.other;
		nat_assert_forwarded(PLACE_SENDER, PLACE_OTHER, &datagram, &datagram);
	}
	nat_assert_no_flows();
	nat_begin(*state);
	nat_flags_set(PLACE_SENDER, 0);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct datagram datagram = nat_to_remote(protocols[i], CLIENT_PORT);

		nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
	}
	nat_assert_no_flows();
}

/* The longest prefix doesn't matter, but another one does. */
static void test_exempt_prefix(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
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
	datagram = nat_to_remote(IPPROTO_TCP, CLIENT_PORT);
	datagram.daddr = nat.second_remote;
	flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_memory_equal(&flow.to.saddr, &nat.second, sizeof(nat.second));
}

static void test_stack(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		datagram = nat_to_remote(protocols[i], CLIENT_PORT);
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
	nat_assert_no_flows();
}

static uint16_t sum_of(const uint8_t *data, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* "Too big" to the container, of @mtu, with the beginning of its packet as it was sent. */
static void assert_too_big(const struct prog_run *run, const struct datagram *datagram,
			   uint32_t mtu)
{
	const uint8_t *data = run->packet.data + ETH_HLEN;
	size_t len = run->packet.len - ETH_HLEN, header_len = nat_is_ipv4() ? 20 : 40;
	struct packet sent;
	uint32_t told_mtu;

	assert_int_equal(run->verdict, VERDICT_REDIRECT);
	datagram_build(datagram, &sent);
	assert_in_range(len, header_len + 8 + 28, 1280);
	if (nat_is_ipv4()) {
		assert_int_equal(sum_of(data, 20, 0), 0xffff);
		assert_int_equal(sum_of(data + 20, len - 20, 0), 0xffff);
		assert_int_equal(data[9], IPPROTO_ICMP);
		assert_memory_equal(data + 16, sent.data + ETH_HLEN + 12, 4);
		assert_int_equal(data[20], 3);
		assert_int_equal(data[21], 4);
	} else {
		assert_int_equal(sum_of(data + 8, len - 8, (uint32_t)(len - 40) + IPPROTO_ICMPV6),
				 0xffff);
		assert_int_equal(data[6], IPPROTO_ICMPV6);
		assert_memory_equal(data + 24, sent.data + ETH_HLEN + 8, 16);
		assert_int_equal(data[40], 2);
		assert_int_equal(data[41], 0);
	}
	memcpy(&told_mtu, data + header_len + 4, sizeof(told_mtu));
	assert_int_equal(ntohl(told_mtu), mtu);
	assert_memory_equal(data + header_len + 8, sent.data + ETH_HLEN, len - header_len - 8);
}

/*
 * What is too big for the way out is answered here: the stack might forward it, whole or in
 * fragments, with the container's address.
 */
static void test_too_big(void **state)
{
	struct datagram datagram;
	struct prog_run run;

	nat_begin(*state);
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	datagram.payload_len = UPLINK_MTU;
	nat_send(PLACE_SENDER, &datagram, &run);
	assert_too_big(&run, &datagram, UPLINK_MTU);
	datagram.dont_fragment = nat_is_ipv4();
	nat_send(PLACE_SENDER, &datagram, &run);
	assert_too_big(&run, &datagram, UPLINK_MTU);
	nat_assert_no_flows();
	nat_flags_set(PLACE_SENDER, 0);
	nat_assert_stack(PLACE_SENDER, &datagram);
}

static void test_protocol(void **state)
{
	static const uint8_t others[] = { IPPROTO_GRE, IPPROTO_ESP, IPPROTO_IPIP };
	struct datagram datagram;

	nat_begin(*state);
	for (size_t i = 0; i < COUNT(others); i++) {
		datagram = nat_to_remote(others[i], 0);
		datagram.dport = 0;
		nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_NAT_PROTOCOL);
		datagram.daddr = nat.host;
		nat_assert_stack(PLACE_SENDER, &datagram);
		datagram.daddr = nat.other;
		nat_assert_forwarded(PLACE_SENDER, PLACE_OTHER, &datagram, &datagram);
	}
	datagram = nat_to_remote(IPPROTO_ICMP, CLIENT_PORT); /* ICMP, but no echo */
	datagram.icmp_type = nat_is_ipv4() ? ICMP4_TIMESTAMP : 200;
	nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_NAT_PROTOCOL);
	nat_exempt(&nat.remote, nat_is_ipv4() ? 24 : 64);
	for (size_t i = 0; i < COUNT(others); i++) {
		datagram = nat_to_remote(others[i], 0);
		nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
	}
	nat_assert_no_flows();
}

/* Linux forwards what IPv4 reserves (240/4): with the container's address, if we leave it to it. */
static void test_reserved(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	if (!nat_is_ipv4()) /* what IPv6 reserves has no route anywhere */
		return;
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	datagram.daddr = ip_of("240.0.0.9");
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	datagram.daddr = ip_of("255.255.255.255");
	nat_assert_stack(PLACE_SENDER, &datagram);
}

/* The verdict and the drops of a packet with options behind its header. */
static void inserted_check(const struct datagram *datagram, const uint8_t inserted[8], int verdict,
			   unsigned int reason)
{
	struct prog_run run = { .ifindex = (int)nat_ifindex(PLACE_SENDER) };
	struct packet packet;

	datagram_build(datagram, &packet);
	packet_macs(&packet, gateway_mac, sender_mac);
	packet_insert(&packet, inserted, 8);
	if (!nat_is_ipv4())
		packet_set(&packet, &(struct packet_field)IP6(nexthdr, IPPROTO_DSTOPTS));
	packet_ipv4_checksum(&packet);
	run.packet = packet;
	prog_run(nat_from_ctr(), &run);
	prog_assert_drops(&run, reason);
	assert_int_equal(run.verdict, verdict);
	prog_assert_packet(&run.packet, &packet);
}

/* It's no fragment of anything, either. */
static void test_protocol_behind_options(void **state)
{
	static const uint8_t options[] = { IPPROTO_GRE, 0, 1, 4, 0, 0, 0, 0 };
	struct datagram datagram;

	nat_begin(*state);
	if (nat_is_ipv4()) /* it has no headers between */
		return;
	datagram = nat_to_remote(IPPROTO_GRE, 0);
	inserted_check(&datagram, options, VERDICT_DROP, NK_DROP_NAT_PROTOCOL);
	nat_assert_no_flows();
}

/* Options of 1,024 bytes: no translated packet's ports are behind so many. */
static void test_ports_far_behind(void **state)
{
	static const uint8_t options[1024] = { IPPROTO_UDP, 1024 / 8 - 1, 1, 4 };
	struct prog_run run;
	struct datagram datagram;

	nat_begin(*state);
	if (nat_is_ipv4()) /* it has room for 40 */
		return;
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	run = (struct prog_run){ .ifindex = (int)nat_ifindex(PLACE_SENDER) };
	datagram_build(&datagram, &run.packet);
	packet_macs(&run.packet, gateway_mac, sender_mac);
	packet_insert(&run.packet, options, sizeof(options));
	packet_set(&run.packet, &(struct packet_field)IP6(nexthdr, IPPROTO_DSTOPTS));
	prog_run(nat_from_ctr(), &run);
	prog_assert_drops(&run, NK_DROP_TRUNCATED);
	assert_int_equal(run.verdict, VERDICT_DROP);
}

static void options_check(const struct nk_ip *daddr, int verdict, unsigned int reason)
{
	static const uint8_t options[] = { 7, 7, 4, 0, 0, 0, 0, 0 };
	struct datagram datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);

	datagram.daddr = *daddr;
	inserted_check(&datagram, options, verdict, reason);
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
	nat_assert_no_flows();
}

/* Ports ---------------------------------------------------------------------------------------- */

/* The port behind @port in the range that a flow would try next. */
static uint16_t port_next(uint16_t port)
{
	return (uint16_t)(NAT_PORT_MIN + (port - NAT_PORT_MIN + 1) % NAT_PORTS);
}

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
		struct datagram datagram = nat_to_remote(protocols[i], CLIENT_PORT);
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
		struct datagram datagram = nat_to_remote(protocols[i], CLIENT_PORT);
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

/* Both ends have finished. */
static void flow_finish(const struct nk_flow_key *key)
{
	struct nk_flow flow = flow_get(key), reply;
	struct nk_flow_key reply_key = nk_flow_key_turn(&flow.to);

	reply = flow_get(&reply_key);
	flow.state |= NK_FLOW_FIN | NK_FLOW_ACKED;
	reply.state |= NK_FLOW_FIN | NK_FLOW_ACKED;
	reply.packets = 1;
	flow_set(key, &flow);
	flow_set(&reply_key, &reply);
}

/* A finished connection keeps its port as long as there are others, and then gives it away. */
static void test_port_of_finished_flow(void **state)
{
	struct datagram datagram;
	struct nk_flow_key key;
	struct nk_flow flow;
	uint16_t port, finished = 0;

	nat_begin(*state);
	datagram = nat_to_remote(IPPROTO_TCP, CLIENT_PORT);
	port = port_foresee(&datagram);
	for (int tries = 0; tries < NAT_PORTS_TRY - 1; tries++, port = port_next(port)) {
		key = port_occupy(&datagram, port);
		if (tries != 3)
			continue;
		flow_finish(&key);
		finished = port;
	}
	assert_int_equal(port_foresee(&datagram), port);
	(void)port_occupy(&datagram, port);
	flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(nat_port_of(&flow), finished);
	assert_int_equal(flows_count(PLACE_OTHER), 2 * (NAT_PORTS_TRY - 1));
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

		datagram = nat_to_remote(IPPROTO_UDP, (uint16_t)(CLIENT_PORT + i));
		flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		assert_in_range(nat_port_of(&flow), NAT_PORT_MIN,
				NAT_PORT_MIN + COUNT(is_used) - 1);
		assert_false(is_used[nat_port_of(&flow) - NAT_PORT_MIN]);
		is_used[nat_port_of(&flow) - NAT_PORT_MIN] = true;
	}
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT + COUNT(is_used));
	nat_assert_dropped(PLACE_SENDER, &datagram, NK_DROP_NAT_PORTS);
	datagram.dport++; /* to another port of the same host all are free again */
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
}

static int socket_bind(uint8_t protocol, uint16_t port)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(nat_is_ipv4() ? AF_INET : AF_INET6,
			(protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC |
				SOCK_NONBLOCK,
			0);
	const void *addr = nat_is_ipv4() ? (void *)&v4 : (void *)&v6;

	if (fd < 0 || bind(fd, addr, nat_is_ipv4() ? sizeof(v4) : sizeof(v6)))
		err(1, "open a socket on port %u", port);
	return fd;
}

/* A socket of the host that what comes in for @port goes to. */
static int socket_open(uint8_t protocol, uint16_t port)
{
	int fd = socket_bind(protocol, port);

	if (protocol == IPPROTO_TCP && listen(fd, 1))
		err(1, "listen on port %u", port);
	return fd;
}

static void socket_connect(int fd, const struct nk_ip *addr, uint16_t port)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };

	v4.sin_addr.s_addr = addr->words[3];
	memcpy(&v6.sin6_addr, addr, sizeof(*addr));
	if (connect(fd, nat_is_ipv4() ? (void *)&v4 : (void *)&v6,
		    nat_is_ipv4() ? sizeof(v4) : sizeof(v6)) &&
	    errno != EINPROGRESS)
		err(1, "connect to port %u", port);
}

/* The kernel may choose a published port for a socket of the host, which is to have its answers. */
static void test_published_port_of_connection(void **state)
{
	static const uint8_t with_sockets[] = { IPPROTO_TCP, IPPROTO_UDP };

	nat_begin(*state);
	for (size_t i = 0; i < COUNT(with_sockets); i++) {
		struct datagram datagram = nat_datagram(&nat.remote, &nat.host, with_sockets[i],
							REMOTE_PORT, PUBLISHED_PORT);
		int fd = socket_bind(with_sockets[i], PUBLISHED_PORT);

		socket_connect(fd, &nat.remote, REMOTE_PORT);
		nat_publish(&nat.host, PUBLISHED_PORT, with_sockets[i], PLACE_OTHER, SERVER_PORT);
		datagram.tcp_flags = TCP_SYN | TCP_ACK;
		nat_assert_stack(PLACE_WORLD, &datagram);
		nat_assert_no_flows();
		(void)close(fd);
		(void)nat_assert_translated(PLACE_WORLD, PLACE_OTHER, &datagram);
		nat_begin(*state);
	}
}

static void test_port_of_socket(void **state)
{
	static const uint8_t with_sockets[] = { IPPROTO_TCP, IPPROTO_UDP };

	nat_begin(*state);
	for (size_t i = 0; i < COUNT(with_sockets); i++) {
		struct datagram datagram = nat_to_remote(with_sockets[i], CLIENT_PORT);
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

static void test_port_of_expired_flow(void **state)
{
	struct datagram datagram;
	struct nk_flow_key key;
	struct nk_flow flow;
	uint16_t port;

	nat_begin(*state);
	datagram = nat_to_remote(IPPROTO_TCP, CLIENT_PORT);
	port = port_foresee(&datagram);
	key = port_occupy(&datagram, port);
	flow = flow_get(&key);
	flow.state |= NK_FLOW_RST;
	flow_set(&key, &flow);
	nat_wait_for_age((NK_LIFETIME_TCP_RESET + 1) * NS_PER_S);
	flow_age(&key, (NK_LIFETIME_TCP_RESET + 1) * NS_PER_S);
	flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(nat_port_of(&flow), port);
	assert_int_equal(flows_count(PLACE_OTHER), 0);
}

/*
 * A reply's entry whose original isn't written is of a flow that another CPU is making now: two
 * flows with one port would get each other's answers. A second later it's what was left of one.
 */
static void test_port_of_half_a_flow(void **state)
{
	struct nk_flow_key key, reply_key;
	struct datagram datagram;
	struct nk_flow flow;
	uint16_t port;

	nat_begin(*state);
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	port = port_foresee(&datagram);
	key = port_occupy(&datagram, port);
	reply_key = flow_other(&key);
	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(progs->maps.flows), &key), 0);
	assert_int_equal(port_foresee(&datagram), port_next(port));
	flow = flow_get(&reply_key);
	assert_int_equal(flow.owner, nat_ifindex(PLACE_OTHER));
	flow.seen_ns -= 2 * NS_PER_S;
	flow_set(&reply_key, &flow);
	flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(nat_port_of(&flow), port);
	assert_int_equal(flows_count(PLACE_OTHER), 0);
}

/* A reply's entry whose original leads elsewhere by now goes without it. */
static void test_port_of_former_reply(void **state)
{
	const uint64_t age_ns = (NK_LIFETIME_TCP_RESET + 1) * NS_PER_S;
	struct nk_flow_key key, former_key, reply_key;
	struct nk_flow original, reply, flow;
	struct datagram datagram;
	uint16_t port;

	nat_begin(*state);
	datagram = nat_to_remote(IPPROTO_TCP, CLIENT_PORT);
	port = port_foresee(&datagram);
	key = port_occupy(&datagram, port);
	former_key = flow_other(&key);
	original = flow_get(&key);
	reply = flow_get(&former_key);
	original.state |= NK_FLOW_RST;
	flow_set(&key, &original);
	nat_wait_for_age(age_ns);
	flow_age(&key, age_ns);
	original = flow_get(&key);
	original.to.sport = htons(port_next(port));
	flow_set(&key, &original);
	reply_key = flow_other(&key);
	flow_set(&reply_key, &reply);

	flow = nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	assert_int_equal(nat_port_of(&flow), port);
	assert_true(flow_find(&key, &flow));
	assert_true(flow_find(&reply_key, &flow));
	assert_int_equal(flows_count(PLACE_OTHER), 2);
}

/* From outside, without a flow ----------------------------------------------------------------- */

/* It may be the host's own, or of a translation by somebody else: netfilter's. */
static void test_unknown_inbound(void **state)
{
	static const uint16_t ports[] = { NAT_PORT_MIN - 1, NAT_PORT_MIN, NAT_PORT_MAX,
					  NAT_PORT_MAX + 1 };
	struct datagram datagram;

	nat_begin(*state);
	for (size_t i = 0; i < COUNT(ports); i++) {
		datagram = nat_datagram(&nat.remote, &nat.host, IPPROTO_TCP, CLIENT_PORT, ports[i]);
		nat_assert_stack(PLACE_WORLD, &datagram);
		datagram.tcp_flags = TCP_ACK;
		nat_assert_stack(PLACE_WORLD, &datagram);
		datagram = nat_datagram(&nat.remote, &nat.host, IPPROTO_UDP, CLIENT_PORT, ports[i]);
		nat_assert_stack(PLACE_WORLD, &datagram);
	}

	for (size_t i = 0; i < COUNT(protocols); i++) {
		datagram = nat_datagram(&nat.remote, &nat.host, protocols[i], CLIENT_PORT, 22);
		nat_assert_stack(PLACE_WORLD, &datagram);
		datagram = datagram_reply(&datagram);
		datagram.saddr = nat.remote;
		datagram.daddr = nat.host;
		nat_assert_stack(PLACE_WORLD, &datagram);
	}
	nat_assert_no_flows();
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
static void routed_check(const struct nat_variant *variant, size_t options_len)
{
	static const uint8_t routed[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };

	nat_begin(variant);
	for (size_t i = 0; i < COUNT(routed); i++) {
		struct datagram datagram =
			nat_datagram(&nat.remote, &nat.sender, routed[i], CLIENT_PORT, SERVER_PORT);
		struct datagram reply = datagram_reply(&datagram);
		struct nk_flow_key key;

		datagram.options_len = reply.options_len = options_len;
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

static void test_routed(void **state)
{
	routed_check(*state, 0);
}

static void test_routed_options(void **state)
{
	routed_check(*state, 8);
}

/* A forged packet of TCP begins nothing, wherever its header is: the container's SYN+ACK does. */
static void test_routed_forged(void **state)
{
	struct datagram datagram;

	nat_begin(*state);
	datagram = nat_datagram(&nat.remote, &nat.sender, IPPROTO_TCP, SERVER_PORT, CLIENT_PORT);
	datagram.tcp_flags = TCP_ACK;
	for (datagram.options_len = 0; datagram.options_len <= 8; datagram.options_len += 8)
		nat_assert_forwarded(PLACE_WORLD, PLACE_SENDER, &datagram, &datagram);
	nat_assert_no_flows();
}

/* As older kernels make one packet of many TCP segments (BIG TCP); here of a few. */
static void jumbo_make(struct packet *packet)
{
	static const uint8_t jumbo[8] = { IPPROTO_TCP, 0, 0xc2, 4, 0, 1, 0x11, 0x70 };

	packet_insert(packet, jumbo, sizeof(jumbo));
	packet_set(packet, &(struct packet_field)IP6(nexthdr, IPPROTO_HOPOPTS));
	packet_set(packet, &(struct packet_field)IP6(payload_len, 0));
}

static void jumbo_send(const struct datagram *datagram, uint32_t gso_size, struct prog_run *ret_run)
{
	*ret_run = (struct prog_run){ .ifindex = (int)if_nametoindex(UPLINK),
				      .gso_size = gso_size,
				      .packet = nat_packet_before(PLACE_WORLD, datagram) };
	jumbo_make(&ret_run->packet);
	prog_run(progs->progs.nk_uplink, ret_run);
}

/* Its segments don't have the header that tells of its length, and are as large as the MTU. */
static void test_jumbo(void **state)
{
	const uint32_t gso_size = ENDPOINT_MTU - sizeof(struct ipv6hdr) - 20;
	struct datagram datagram, reply, got;
	struct packet expected;
	struct prog_run run;

	nat_begin(*state);
	if (nat_is_ipv4()) /* which has no such header */
		return;
	datagram = nat_to_remote(IPPROTO_TCP, CLIENT_PORT);
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	reply = nat_answer_to(&datagram);
	reply.tcp_flags = TCP_ACK;
	reply.payload_len = 3000;
	got = nat_translated(&reply);
	jumbo_send(&reply, gso_size, &run);
	expected = nat_packet_after(PLACE_SENDER, &got);
	jumbo_make(&expected);
	prog_assert_drops(&run, NO_DROP);
	assert_int_equal(run.verdict, VERDICT_REDIRECT);
	prog_assert_packet(&run.packet, &expected);
	assert_int_equal(flow_reply_of(&datagram).state, NK_FLOW_ACKED);

	jumbo_send(&reply, gso_size + 1, &run);
	assert_int_equal(run.verdict, VERDICT_REDIRECT);
	assert_int_equal(packet_get(&run.packet, ETH_HLEN + sizeof(struct ipv6hdr), 1),
			 ICMP6_TOO_BIG);

	reply.dport = 22; /* the host's own */
	jumbo_send(&reply, gso_size, &run);
	assert_int_equal(run.verdict, VERDICT_STACK);
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
	sent = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	sent.payload_len = 3;
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &sent);
	udp_checksum_find(&sent, 0xffff);
	got = nat_translated(&sent);
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

/* None stays none; what a device has summed up learns of the new ports all the same. */
static void test_udp_checksum_none(void **state)
{
	struct datagram datagram, reply;

	nat_begin(*state);
	datagram = nat_to_remote(IPPROTO_UDP, CLIENT_PORT);
	datagram.checksum = CHECKSUM_NONE;
	(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
	reply = nat_answer_to(&datagram);
	(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
}

/* Nobody's error is corrected: the receiver has to see it. */
static void test_checksum_wrong(void **state)
{
	nat_begin(*state);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct datagram datagram = nat_to_remote(protocols[i], CLIENT_PORT), reply;

		datagram.checksum = CHECKSUM_WRONG;
		(void)nat_assert_translated(PLACE_SENDER, PLACE_WORLD, &datagram);
		reply = nat_answer_to(&datagram);
		(void)nat_assert_translated(PLACE_WORLD, PLACE_SENDER, &reply);
	}
}

static const struct nat_test tests[] = {
	{ "masquerade: two entries, and the way back", test_masquerade },
	{ "masquerade: the same flow gets the same port again", test_same_port_again },
	{ "masquerade: a flow that lost an entry is made whole", test_half_a_flow },
	{ "masquerade: two containers with one port", test_two_containers },
	{ "masquerade: exempt, or to an endpoint, or not asked for", test_untouched },
	{ "masquerade: prefixes that are exempt", test_exempt_prefix },
	{ "masquerade: the source that the route names", test_source_of_route },
	{ "masquerade: the stack's own packets stay as they are", test_stack },
	{ "masquerade: too big", test_too_big },
	{ "masquerade: reserved addresses", test_reserved },
	{ "masquerade: other protocols", test_protocol },
	{ "masquerade: other protocols behind options", test_protocol_behind_options },
	{ "masquerade: ports far behind", test_ports_far_behind },
	{ "masquerade: IPv4 options", test_options },
	{ "ports: one that another flow has", test_port_taken },
	{ "ports: all that are tried are taken", test_ports_all_taken },
	{ "ports: a finished connection gives its own away", test_port_of_finished_flow },
	{ "ports: a small range", test_ports_few },
	{ "ports: one that a socket of the host has", test_port_of_socket },
	{ "ports: a published one that a connection of the host has",
	  test_published_port_of_connection },
	{ "ports: one of an expired flow", test_port_of_expired_flow },
	{ "ports: one of a flow that is being made", test_port_of_half_a_flow },
	{ "ports: one of a flow that has another by now", test_port_of_former_reply },
	{ "inbound: no flow", test_unknown_inbound },
	{ "inbound: to an endpoint", test_inbound_to_endpoint },
	{ "inbound: routed, and answers", test_routed },
	{ "inbound: routed, and answers, behind options", test_routed_options },
	{ "inbound: routed, and forged", test_routed_forged },
	{ "inbound: BIG TCP with a header of its own", test_jumbo },
	{ "checksums: zero", test_udp_checksum_zero },
	{ "checksums: none of UDP", test_udp_checksum_none },
	{ "checksums: wrong ones stay wrong", test_checksum_wrong },
};

/* Switched off --------------------------------------------------------------------------------- */

/* Programs without translation, though the tables are full of it. */
static void test_disabled(void **state)
{
	nat_begin(*state);
	nat_publish(&nat.any, PUBLISHED_PORT, IPPROTO_TCP, PLACE_OTHER, SERVER_PORT);
	nat_publish(&nat.any, PUBLISHED_PORT, IPPROTO_UDP, PLACE_OTHER, SERVER_PORT);
	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct datagram datagram = nat_to_remote(protocols[i], CLIENT_PORT);

		nat_assert_forwarded(PLACE_SENDER, PLACE_WORLD, &datagram, &datagram);
		datagram = nat_to_hairpin(protocols[i]);
		nat_assert_stack(PLACE_SENDER, &datagram);
		datagram = nat_to_published(protocols[i]);
		nat_assert_stack(PLACE_WORLD, &datagram);
		datagram.tcp_flags = TCP_ACK;
		datagram.dport = datagram.dport ? NAT_PORT_MIN : 0;
		nat_assert_stack(PLACE_WORLD, &datagram);
		datagram.daddr = nat.sender;
		nat_assert_forwarded(PLACE_WORLD, PLACE_SENDER, &datagram, &datagram);
	}
	nat_assert_no_flows();
	assert_int_equal(fragments_count(), 0);
}

/* Answers go by the host's routes to the containers. */
static int answers_setup(void **state)
{
	(void)nat_group_setup(state);
	net_run("ip route add " SENDER_V4 " dev " SENDER " src " GATEWAY_V4);
	net_run("ip -6 route add " SENDER_V6 " dev " SENDER " src " GATEWAY_V6);
	return 0;
}

static int disabled_setup(void **state)
{
	prog_nat = false;
	return prog_group_setup(state);
}

static const struct nat_test tests_disabled[] = { { "switched off", test_disabled } };

int main(void)
{
	int failed = nat_tests_run("nat", tests, COUNT(tests), answers_setup);

	return failed + nat_tests_run("nat, switched off", tests_disabled, COUNT(tests_disabled),
				      disabled_setup);
}
