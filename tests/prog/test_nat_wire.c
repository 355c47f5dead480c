// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Translation of real frames: where they go to, and what BPF_PROG_TEST_RUN can't make: checksums
 * that are left to a device (CHECKSUM_PARTIAL), segments that are still one packet (GSO), and
 * devices without MAC headers.
 */
#include <net/if.h>
#include <string.h>
#include <time.h>

#include "nat.h"
#include "net.h"
#include "prog.h"
#include "wire.h"

#define DEADLINE_NS 5000000000ULL

#define GSO_SIZE 1000
#define GSO_LEN  3500

/* A tun device: where its packets go in and come out. */
#define TUN "nktun"
static int tun_fd;

/* The containers' ends, and the router. */
static int fds[3];

/**
 * struct wire_case - a flow of one packet there and one back.
 * @protocol: IPPROTO_*
 * @is_partial: the checksum is left to a device
 * @is_gso: of TCP, more than one segment
 */
struct wire_case {
	const char *name;
	bool is_ipv4;
	uint8_t protocol;
	bool is_partial;
	bool is_gso;
};

static const struct wire_case cases[] = {
	{ "IPv4 TCP", true, IPPROTO_TCP, false, false },
	{ "IPv4 TCP, partial checksum", true, IPPROTO_TCP, true, false },
	{ "IPv4 TCP, segments", true, IPPROTO_TCP, true, true },
	{ "IPv4 UDP", true, IPPROTO_UDP, false, false },
	{ "IPv4 UDP, partial checksum", true, IPPROTO_UDP, true, false },
	{ "IPv6 TCP", false, IPPROTO_TCP, false, false },
	{ "IPv6 TCP, partial checksum", false, IPPROTO_TCP, true, false },
	{ "IPv6 TCP, segments", false, IPPROTO_TCP, true, true },
	{ "IPv6 UDP", false, IPPROTO_UDP, false, false },
	{ "IPv6 UDP, partial checksum", false, IPPROTO_UDP, true, false },
};

static void begin(const struct wire_case *test)
{
	nat_begin(&(struct nat_variant){ .is_ipv4 = test->is_ipv4, .is_veth = true });
	nat_publish(&nat.host, PUBLISHED_PORT, test->protocol, PLACE_OTHER, SERVER_PORT);
}

static struct datagram datagram_of(const struct wire_case *test, const struct nk_ip *saddr,
				   const struct nk_ip *daddr, uint16_t dport)
{
	struct datagram datagram = nat_datagram(saddr, daddr, test->protocol, CLIENT_PORT, dport);

	datagram.tcp_flags = TCP_ACK;
	datagram.checksum = test->is_partial ? CHECKSUM_PARTIAL : CHECKSUM_WHOLE;
	datagram.payload_len = test->is_gso ? GSO_LEN : 100;
	return datagram;
}

/* What the kernel is told of a frame, and tells. */
static struct virtio_net_hdr header_of(const struct wire_case *test)
{
	uint16_t ip_len = test->is_ipv4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct virtio_net_hdr header = { 0 };

	if (!test->is_partial)
		return header;
	header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header.csum_start = ETH_HLEN + ip_len;
	header.csum_offset = test->protocol == IPPROTO_TCP ? 16 : 6;
	if (!test->is_gso)
		return header;
	header.gso_type = test->is_ipv4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	header.gso_size = GSO_SIZE;
	header.hdr_len = header.csum_start + 20;
	return header;
}

static void assert_header(const struct virtio_net_hdr *header,
			  const struct virtio_net_hdr *expected)
{
	assert_int_equal(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, expected->flags);
	assert_int_equal(header->gso_type, expected->gso_type);
	assert_int_equal(header->gso_size, expected->gso_size);
	if (!expected->flags)
		return;
	assert_int_equal(header->csum_start, expected->csum_start);
	assert_int_equal(header->csum_offset, expected->csum_offset);
}

/* The flow of a packet that is on its way: the kernel may be late with it. */
static struct nk_flow flow_wait(const struct nk_flow_key *key)
{
	const uint64_t deadline_ns = nat_now_ns() + DEADLINE_NS;
	struct nk_flow flow;

	while (!flow_find(key, &flow)) {
		assert_in_range(nat_now_ns(), 0, deadline_ns);
		(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return flow;
}

static void receive(const struct wire_case *test, enum nat_place to,
		    const struct datagram *expected)
{
	const struct virtio_net_hdr expected_header = header_of(test);
	struct packet packet = nat_packet_after(to, expected);
	struct virtio_net_hdr header = wire_expect(fds[to], &packet);

	assert_header(&header, &expected_header);
}

/* Sends a packet; @ret_got is what the other end has to get, and does. */
static void pass(const struct wire_case *test, enum nat_place from, enum nat_place to,
		 const struct datagram *datagram, struct datagram *ret_got)
{
	const struct nk_flow_key key = datagram_key(datagram);
	const struct virtio_net_hdr header = header_of(test);
	struct packet packet = nat_packet_before(from, datagram);
	struct nk_flow flow;

	wire_send(fds[from], &packet, &header);
	flow = flow_wait(&key);
	*ret_got = datagram_become(datagram, &flow.to);
	receive(test, to, ret_got);
}

static void pass_both(const struct wire_case *test, enum nat_place from, enum nat_place to,
		      const struct datagram *datagram)
{
	struct datagram got, reply;

	pass(test, from, to, datagram, &got);
	reply = datagram_reply(&got);
	pass(test, to, from, &reply, &got);
}

static void test_masquerade(void **state)
{
	struct datagram datagram;

	begin(*state);
	datagram = datagram_of(*state, &nat.sender, &nat.remote, REMOTE_PORT);
	pass_both(*state, PLACE_SENDER, PLACE_WORLD, &datagram);
}

static void test_published(void **state)
{
	struct datagram datagram;

	begin(*state);
	datagram = datagram_of(*state, &nat.remote, &nat.host, PUBLISHED_PORT);
	pass_both(*state, PLACE_WORLD, PLACE_OTHER, &datagram);
}

static void test_hairpin(void **state)
{
	struct datagram datagram;

	begin(*state);
	datagram = datagram_of(*state, &nat.sender, &nat.host, PUBLISHED_PORT);
	pass_both(*state, PLACE_SENDER, PLACE_OTHER, &datagram);
}

/* From a device without MAC headers. */
static void test_tun(void **state)
{
	const struct wire_case *test = *state;
	struct virtio_net_hdr header = header_of(test);
	struct datagram datagram;
	struct nk_flow_key key;
	struct packet packet;
	struct nk_flow flow;

	begin(test);
	datagram = datagram_of(test, &nat.remote, &nat.host, PUBLISHED_PORT);
	key = datagram_key(&datagram);
	packet = nat_packet_before(PLACE_WORLD, &datagram);
	packet_strip(&packet);
	if (test->is_partial)
		header.csum_start -= ETH_HLEN;
	if (test->is_gso)
		header.hdr_len -= ETH_HLEN;
	wire_send(tun_fd, &packet, &header);
	flow = flow_wait(&key);
	datagram = datagram_become(&datagram, &flow.to);
	receive(test, PLACE_OTHER, &datagram);
}

static int group_setup(void **state)
{
	prog_uplink_l3 = true;
	(void)nat_group_setup(state);
	wire_containers_create();
	tun_fd = wire_tun_create(TUN);
	fds[PLACE_WORLD] = wire_open(UPLINK_PEER, ETH_P_ALL);
	fds[PLACE_SENDER] = wire_open(SENDER_PEER, ETH_P_ALL);
	fds[PLACE_OTHER] = wire_open(OTHER_PEER, ETH_P_ALL);
	wire_attach(progs->progs.nk_from_ctr_veth, SENDER);
	wire_attach(progs->progs.nk_from_ctr_veth, OTHER);
	wire_attach(progs->progs.nk_uplink, UPLINK);
	wire_attach(progs->progs.nk_uplink_l3, TUN);
	return 0;
}

int main(void)
{
	static struct CMUnitTest tests[4 * COUNT(cases)];
	struct CMUnitTest *end = tests;

	end = prog_tests_add(end, test_masquerade, "masquerade", cases, sizeof(*cases),
			     COUNT(cases));
	end = prog_tests_add(end, test_published, "published", cases, sizeof(*cases), COUNT(cases));
	end = prog_tests_add(end, test_hairpin, "hairpin", cases, sizeof(*cases), COUNT(cases));
	(void)prog_tests_add(end, test_tun, "published, from a tun device", cases, sizeof(*cases),
			     COUNT(cases));
	return cmocka_run_group_tests_name("nat, wire", tests, group_setup, prog_group_teardown);
}
