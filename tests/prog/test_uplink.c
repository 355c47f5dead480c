// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Packets that an uplink gets: those for an endpoint go in, with each byte as it has to be; all
 * others pass untouched.
 */
#include <linux/in.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "net.h"
#include "prog.h"
#include "wire.h"

/* <linux/virtio_net.h> has it since Linux 6.2. */
#define NK_VIRTIO_NET_HDR_GSO_UDP_L4 5

/**
 * struct uplink_case - a packet from the router.
 * @build, @daddr, @protocol, @payload_len: what packet_ipv4() or packet_ipv6() makes
 * @insert, @insert_len: options or extension headers
 * @set: fields, written last
 * @gso_size: see struct prog_run
 * @is_delivered: to the other endpoint; else it passes
 * @device: kind of device that can get such a packet
 */
struct uplink_case {
	const char *name;
	void (*build)(struct packet *packet, const char *saddr, const char *daddr, uint8_t protocol,
		      size_t payload_len);
	const char *daddr;
	uint8_t protocol;
	size_t payload_len;
	const uint8_t *insert;
	size_t insert_len;
	struct packet_field set[PACKET_FIELDS_MAX];
	uint32_t gso_size;
	bool is_delivered;
	enum { DEVICE_ANY, DEVICE_ETHERNET, DEVICE_TUN } device;
};

#define V4(to, upper, len) \
	.build = packet_ipv4, .daddr = (to), .protocol = IPPROTO_##upper, .payload_len = (len)
#define V6(to, upper, len) \
	.build = packet_ipv6, .daddr = (to), .protocol = IPPROTO_##upper, .payload_len = (len)
#define INSERT(...) \
	.insert = (const uint8_t[]){ __VA_ARGS__ }, .insert_len = sizeof((uint8_t[]){ __VA_ARGS__ })
#define DELIVERED .is_delivered = true
#define ETHERNET  .device = DEVICE_ETHERNET

#define TCP_LEN         32 /* as packet_ipv4() builds it */
#define FRAGMENT_SECOND 0x0005
#define OPTIONS(next)   (next), 0, 1, 4, 0, 0, 0, 0

static const struct uplink_case cases[] = {
	{ "IPv4 UDP to an endpoint", V4(OTHER_V4, UDP, 100), DELIVERED },
	{ "IPv4 TCP to an endpoint", V4(OTHER_V4, TCP, 100), DELIVERED },
	{ "IPv4 ICMP to an endpoint", V4(OTHER_V4, ICMP, 64), DELIVERED },
	{ "IPv4 header alone", V4(OTHER_V4, GRE, 0), DELIVERED },
	{ "IPv4 second fragment", V4(OTHER_V4, UDP, 4), .set = { IP4(frag_off, FRAGMENT_SECOND) },
	  DELIVERED },
	{ "IPv4 with padding behind it", V4(OTHER_V4, UDP, 26), .set = { IP4(tot_len, 30) },
	  DELIVERED },
	{ "IPv4 TTL 2", V4(OTHER_V4, UDP, 100), .set = { IP4(ttl, 2) }, DELIVERED },
	{ "IPv4 TTL 1", V4(OTHER_V4, UDP, 100), .set = { IP4(ttl, 1) } },
	{ "IPv4 TTL 0", V4(OTHER_V4, UDP, 100), .set = { IP4(ttl, 0) } },
	{ "IPv4 as large as the endpoint's MTU", V4(OTHER_V4, UDP, ENDPOINT_MTU - 20), DELIVERED },
	{ "IPv4 larger than the endpoint's MTU", V4(OTHER_V4, UDP, ENDPOINT_MTU - 19) },
	{ "IPv4 TCP segments as large as the endpoint's MTU", V4(OTHER_V4, TCP, 3000),
	  .gso_size = ENDPOINT_MTU - 20 - TCP_LEN, DELIVERED },
	{ "IPv4 TCP segments larger than the endpoint's MTU", V4(OTHER_V4, TCP, 3000),
	  .gso_size = ENDPOINT_MTU - 19 - TCP_LEN },
	{ "IPv4 UDP segments larger than the endpoint's MTU", V4(OTHER_V4, UDP, 3000),
	  .gso_size = ENDPOINT_MTU - 20 - 8 + 1 },
	{ "IPv4 UDP segments as large as the endpoint's MTU", V4(OTHER_V4, UDP, 3000),
	  .gso_size = ENDPOINT_MTU - 20 - 8, DELIVERED, .device = DEVICE_TUN },
	{ "IPv4 with options", V4(OTHER_V4, UDP, 100), INSERT(7, 7, 4, 0, 0, 0, 0, 0) },
	{ "IPv4 of version 6", V4(OTHER_V4, UDP, 100), .set = { IP4_VERSION_IHL(0x65) }, ETHERNET },
	{ "IPv4 header of 16 bytes", V4(OTHER_V4, UDP, 100), .set = { IP4_VERSION_IHL(0x44) } },
	{ "IPv4 to nobody", V4("10.88.0.9", UDP, 100) },
	{ "IPv4 to the host", V4(HOST_V4, UDP, 100) },
	{ "IPv4 to the gateway", V4(GATEWAY_V4, UDP, 100) },
	{ "IPv4 multicast", V4("224.0.0.1", UDP, 100) },
	{ "IPv4 to an endpoint in a frame for another host", V4(OTHER_V4, UDP, 100),
	  .set = { FIELD_AT(0, 6, 0x02bb00000077) }, ETHERNET },
	{ "IPv4 to an endpoint in a broadcast frame", V4(OTHER_V4, UDP, 100),
	  .set = { FIELD_AT(0, 6, 0xffffffffffff) }, ETHERNET },
	{ "IPv4 to an endpoint in a multicast frame", V4(OTHER_V4, UDP, 100),
	  .set = { FIELD_AT(0, 6, 0x01005e000001) }, ETHERNET },
	{ "IPv6 UDP to an endpoint", V6(OTHER_V6, UDP, 100), DELIVERED },
	{ "IPv6 TCP to an endpoint", V6(OTHER_V6, TCP, 100), DELIVERED },
	{ "IPv6 ICMPv6 to an endpoint", V6(OTHER_V6, ICMPV6, 64), DELIVERED },
	{ "IPv6 header alone", V6(OTHER_V6, NONE, 0), DELIVERED },
	{ "IPv6 hop limit 2", V6(OTHER_V6, UDP, 100), .set = { IP6(hop_limit, 2) }, DELIVERED },
	{ "IPv6 hop limit 1", V6(OTHER_V6, UDP, 100), .set = { IP6(hop_limit, 1) } },
	{ "IPv6 hop limit 0", V6(OTHER_V6, UDP, 100), .set = { IP6(hop_limit, 0) } },
	{ "IPv6 as large as the endpoint's MTU", V6(OTHER_V6, UDP, ENDPOINT_MTU - 40), DELIVERED },
	{ "IPv6 larger than the endpoint's MTU", V6(OTHER_V6, UDP, ENDPOINT_MTU - 39) },
	{ "IPv6 TCP segments as large as the endpoint's MTU", V6(OTHER_V6, TCP, 3000),
	  .gso_size = ENDPOINT_MTU - 40 - TCP_LEN, DELIVERED },
	{ "IPv6 TCP segments larger than the endpoint's MTU", V6(OTHER_V6, TCP, 3000),
	  .gso_size = ENDPOINT_MTU - 39 - TCP_LEN },
	{ "IPv6 UDP segments as large as the endpoint's MTU", V6(OTHER_V6, UDP, 3000),
	  .gso_size = ENDPOINT_MTU - 40 - 8, DELIVERED, .device = DEVICE_TUN },
	{ "IPv6 UDP segments larger than the endpoint's MTU", V6(OTHER_V6, UDP, 3000),
	  .gso_size = ENDPOINT_MTU - 40 - 8 + 1 },
	{ "IPv6 with destination options", V6(OTHER_V6, UDP, 100), INSERT(OPTIONS(IPPROTO_UDP)),
	  .set = { IP6(nexthdr, IPPROTO_DSTOPTS) }, DELIVERED },
	{ "IPv6 second fragment", V6(OTHER_V6, UDP, 4), INSERT(IPPROTO_UDP, 0, 0, 0x29, 0, 0, 0, 1),
	  .set = { IP6(nexthdr, IPPROTO_FRAGMENT) }, DELIVERED },
	{ "IPv6 with hop-by-hop options", V6(OTHER_V6, UDP, 100), INSERT(OPTIONS(IPPROTO_UDP)),
	  .set = { IP6(nexthdr, IPPROTO_HOPOPTS) } },
	{ "IPv6 with a routing header", V6(OTHER_V6, UDP, 100), INSERT(OPTIONS(IPPROTO_UDP)),
	  .set = { IP6(nexthdr, IPPROTO_ROUTING) } },
	{ "IPv6 of version 4", V6(OTHER_V6, UDP, 100), .set = { IP6_FLOW(0x40000000) }, ETHERNET },
	{ "IPv6 to nobody", V6("fd00:88::9", UDP, 100) },
	{ "IPv6 to the host", V6(HOST_V6, UDP, 100) },
	{ "IPv6 multicast", V6("ff02::1", UDP, 100) },
	{ "IPv6 to an endpoint in a frame for another host", V6(OTHER_V6, UDP, 100),
	  .set = { FIELD_AT(0, 6, 0x02bb00000077) }, ETHERNET },
	{ "ARP", V4(OTHER_V4, UDP, 100), .set = { ETH(h_proto, ETH_P_ARP) }, ETHERNET },
	{ "802.1Q", V4(OTHER_V4, UDP, 100), .set = { ETH(h_proto, ETH_P_8021Q) }, ETHERNET },
};

static void case_build(const struct uplink_case *test, struct prog_run *run)
{
	memset(run, 0, sizeof(*run));
	run->ifindex = (int)if_nametoindex(UPLINK);
	run->gso_size = test->gso_size;
	run->is_summed = true;
	test->build(&run->packet, test->build == packet_ipv4 ? REMOTE_V4 : REMOTE_V6, test->daddr,
		    test->protocol, test->payload_len);
	packet_macs(&run->packet, uplink_mac, router_mac);
	if (test->insert_len)
		packet_insert(&run->packet, test->insert, test->insert_len);
	packet_set_all(&run->packet, test->set);
}

static void packet_deliver(struct packet *packet)
{
	packet_forwarded(packet);
	packet_macs(packet, other_mac, gateway_mac);
}

static void test_uplink(void **state)
{
	const struct uplink_case *test = *state;
	static struct prog_run run;
	struct packet expected;

	case_build(test, &run);
	expected = run.packet;
	if (test->is_delivered)
		packet_deliver(&expected);
	prog_run(progs->progs.nk_uplink, &run);
	assert_int_equal(run.verdict, test->is_delivered ? VERDICT_REDIRECT : VERDICT_STACK);
	prog_assert_drops(&run, NO_DROP);
	prog_assert_packet(&run.packet, &expected);
}

/* Sockets: what comes into the other endpoint, and what passes on to the stack. */
static int other_fd, ipv4_fd, ipv6_fd, tun_fd;

static struct virtio_net_hdr segments_of(const struct uplink_case *test)
{
	bool is_ipv4 = test->build == packet_ipv4;
	uint16_t header_len = is_ipv4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);

	if (!test->gso_size)
		return (struct virtio_net_hdr){ 0 };
	if (test->protocol == IPPROTO_UDP)
		return (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
						.gso_type = NK_VIRTIO_NET_HDR_GSO_UDP_L4,
						.gso_size = (uint16_t)test->gso_size,
						.hdr_len = header_len + 8,
						.csum_start = header_len,
						.csum_offset = 6 };
	return (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.gso_type = is_ipv4 ? VIRTIO_NET_HDR_GSO_TCPV4
							    : VIRTIO_NET_HDR_GSO_TCPV6,
					.gso_size = (uint16_t)test->gso_size,
					.hdr_len = header_len + TCP_LEN,
					.csum_start = header_len,
					.csum_offset = 16 };
}

/* A tun device's packets have no Ethernet header; delivered, they get one. */
static void test_uplink_l3(void **state)
{
	const struct uplink_case *test = *state;
	const struct virtio_net_hdr segments = segments_of(test);
	static struct prog_run run;
	struct packet expected;

	case_build(test, &run);
	expected = run.packet;
	packet_strip(&run.packet);
	wire_send(tun_fd, &run.packet, &segments);
	if (test->is_delivered) {
		packet_deliver(&expected);
		wire_expect(other_fd, &expected);
	} else {
		wire_expect(test->build == packet_ipv4 ? ipv4_fd : ipv6_fd, &run.packet);
	}
}

static int group_setup(void **state)
{
	prog_uplink_l3 = true;
	(void)prog_group_setup(state);
	wire_containers_create();
	tun_fd = wire_tun_create("nktun");
	other_fd = wire_open(OTHER_PEER, ETH_P_ALL);
	ipv4_fd = wire_open("nktun", ETH_P_IP);
	ipv6_fd = wire_open("nktun", ETH_P_IPV6);
	wire_attach(progs->progs.nk_uplink_l3, "nktun");
	return 0;
}

/* The cases for @program that its kind of device can get. */
static struct CMUnitTest *tests_add(struct CMUnitTest *tests, CMUnitTestFunction function,
				    const char *program, int device)
{
	for (size_t i = 0; i < COUNT(cases); i++)
		if (cases[i].device == DEVICE_ANY || (int)cases[i].device == device)
			tests = prog_tests_add(tests, function, program, &cases[i], sizeof(*cases),
					       1);
	return tests;
}

int main(void)
{
	static struct CMUnitTest tests[2 * COUNT(cases)];
	struct CMUnitTest *end = tests;

	end = tests_add(end, test_uplink, "nk_uplink", DEVICE_ETHERNET);
	end = tests_add(end, test_uplink_l3, "nk_uplink_l3", DEVICE_TUN);
	return _cmocka_run_group_tests("uplink", tests, (size_t)(end - tests), group_setup,
				       prog_group_teardown);
}
