// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Programs at their hooks and frames on wires, with veth and, where the kernel has it, netkit:
 * where each redirect leads to, and frames that only a wire can bring, short, tagged, forged, or
 * with headers outside the linear part.
 */
#include <linux/in.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "net.h"
#include "netkit.h"
#include "prog.h"
#include "wire.h"

/* Addresses of the other endpoint whose entries say that it takes packets of any size. */
#define LARGE_V4 "10.88.0.5"
#define LARGE_V6 "fd00:88::5"

/* More than a page: a packet socket puts the rest of it into fragments. */
#define LARGE_PAYLOAD 6000

static enum net_device device;

/* Packet sockets: the containers' ends, the far end of the uplink's wire; and a tun device. */
static int sender_fd, other_fd, router_fd, tunnel_fd;
/* Those that pass into the host's stack. */
static int sender_ipv4_fd, sender_ipv6_fd, uplink_ipv4_fd;
/* Sees what the other endpoint's primary transmits. */
static int other_primary_fd;

static void expect_drops(const uint64_t before[NK_DROP_REASONS_MAX], enum nk_drop_reason reason)
{
	uint64_t after[NK_DROP_REASONS_MAX];

	prog_drops_read(after);
	for (unsigned int i = 0; i < NK_DROP_REASONS_MAX; i++)
		assert_int_equal(after[i] - before[i], i == reason);
}

/* The packet is dropped: one sent behind it arrives, it doesn't, and it is counted. */
static void check_dropped(const struct packet *packet, enum nk_drop_reason reason)
{
	uint64_t before[NK_DROP_REASONS_MAX];
	struct packet marker;

	prog_drops_read(before);
	wire_send(sender_fd, packet, NULL);
	packet_ipv4(&marker, SENDER_V4, OTHER_V4, IPPROTO_UDP, 200);
	wire_send(sender_fd, &marker, NULL);
	packet_forwarded(&marker);
	packet_macs(&marker, other_mac, gateway_mac);
	wire_expect_none(other_fd, packet, &marker);
	expect_drops(before, reason);
}

static void check_to_endpoint(struct packet *packet, const struct virtio_net_hdr *header)
{
	wire_send(sender_fd, packet, header);
	packet_forwarded(packet);
	packet_macs(packet, other_mac, gateway_mac);
	wire_expect(other_fd, packet);
	/* Only from tc ingress does it get into the container at once, not by the primary. */
	assert_int_equal(wire_has_seen(other_primary_fd, packet), device == NET_NETKIT);
}

static void test_to_endpoint(void)
{
	struct packet packet;

	packet_ipv4(&packet, SENDER_V4, OTHER_V4, IPPROTO_UDP, 100);
	check_to_endpoint(&packet, NULL);
	packet_ipv6(&packet, SENDER_V6, OTHER_V6, IPPROTO_UDP, 100);
	check_to_endpoint(&packet, NULL);
}

/* By the neighbour table first, then without it: on the wire it's the same frame. */
static void check_to_router(struct packet *packet)
{
	struct packet expected = *packet;

	prog_next_hops_forget();
	packet_forwarded(&expected);
	packet_macs(&expected, router_mac, uplink_mac);
	for (int i = 0; i < 2; i++) {
		wire_send(sender_fd, packet, NULL);
		wire_expect(router_fd, &expected);
	}
}

static void test_to_router(void)
{
	struct packet packet;

	packet_ipv4(&packet, SENDER_V4, REMOTE_V4, IPPROTO_UDP, 100);
	check_to_router(&packet);
	packet_ipv4(&packet, SENDER_V4, BY_V6_V4, IPPROTO_UDP, 100);
	check_to_router(&packet);
	packet_ipv6(&packet, SENDER_V6, REMOTE_V6, IPPROTO_UDP, 100);
	check_to_router(&packet);
}

static void check_to_tunnel(struct packet *packet)
{
	struct packet expected = *packet;

	prog_next_hops_forget();
	packet_forwarded(&expected);
	packet_strip(&expected);
	for (int i = 0; i < 2; i++) {
		wire_send(sender_fd, packet, NULL);
		wire_expect(tunnel_fd, &expected);
	}
}

/* Out by a device without MAC headers: neither way brings one along. */
static void test_to_tunnel(void)
{
	struct packet packet;

	packet_ipv4(&packet, SENDER_V4, TUNNEL_V4, IPPROTO_UDP, 100);
	check_to_tunnel(&packet);
	packet_ipv6(&packet, SENDER_V6, TUNNEL_V6, IPPROTO_UDP, 100);
	check_to_tunnel(&packet);
}

static void test_to_stack(void)
{
	struct packet packet;

	packet_ipv4(&packet, SENDER_V4, GATEWAY_V4, IPPROTO_UDP, 100);
	wire_send(sender_fd, &packet, NULL);
	wire_expect(sender_ipv4_fd, &packet);
	packet_ipv6(&packet, SENDER_V6, GATEWAY_V6, IPPROTO_UDP, 100);
	wire_send(sender_fd, &packet, NULL);
	wire_expect(sender_ipv6_fd, &packet);
}

static void check_from_uplink(struct packet *packet)
{
	packet_macs(packet, uplink_mac, router_mac);
	wire_send(router_fd, packet, NULL);
	packet_forwarded(packet);
	packet_macs(packet, other_mac, gateway_mac);
	wire_expect(other_fd, packet);
	assert_false(wire_has_seen(other_primary_fd, packet));
}

static void test_from_uplink(void)
{
	struct packet packet;

	packet_ipv4(&packet, REMOTE_V4, OTHER_V4, IPPROTO_UDP, 100);
	check_from_uplink(&packet);
	packet_ipv6(&packet, REMOTE_V6, OTHER_V6, IPPROTO_UDP, 100);
	check_from_uplink(&packet);
	packet_ipv4(&packet, REMOTE_V4, HOST_V4, IPPROTO_UDP, 100);
	packet_macs(&packet, uplink_mac, router_mac);
	wire_send(router_fd, &packet, NULL);
	wire_expect(uplink_ipv4_fd, &packet);
}

static void tag_add(struct packet *packet, const uint8_t tag[4])
{
	memmove(packet->data + 16, packet->data + 12, packet->len - 12);
	memcpy(packet->data + 12, tag, 4);
	packet->len += 4;
}

/* The tag is in the skb by now, the frame behind it is one that would be forwarded. */
static void test_tagged(void)
{
	const uint8_t tags[][4] = { { 0x81, 0x00, 0, 5 },
				    { 0x81, 0x00, 0, 0 },
				    { 0x88, 0xa8, 0, 5 } };
	struct packet packet;

	for (size_t i = 0; i < COUNT(tags); i++) {
		packet_ipv4(&packet, SENDER_V4, OTHER_V4, IPPROTO_UDP, 100);
		tag_add(&packet, tags[i]);
		check_dropped(&packet, NK_DROP_VLAN);
	}
}

/* @ret_untagged: as the endpoint gets it, if it does */
static void tagged_make(struct packet *packet, const uint8_t tag[4], size_t payload_len,
			struct packet *ret_untagged)
{
	packet_ipv4(packet, REMOTE_V4, OTHER_V4, IPPROTO_UDP, payload_len);
	packet_macs(packet, uplink_mac, router_mac);
	*ret_untagged = *packet;
	packet_forwarded(ret_untagged);
	packet_macs(ret_untagged, other_mac, gateway_mac);
	tag_add(packet, tag);
}

/* Tagged with the number of a VLAN that the host has no device for, so it mustn't get in. */
static void test_tagged_from_uplink(void)
{
	const uint8_t tag[] = { 0x81, 0x00, 0, 5 };
	struct packet packet, untagged, marker;

	tagged_make(&packet, tag, 104, &untagged);
	wire_send(router_fd, &packet, NULL);
	packet_ipv4(&marker, REMOTE_V4, OTHER_V4, IPPROTO_UDP, 200);
	packet_macs(&marker, uplink_mac, router_mac);
	wire_send(router_fd, &marker, NULL);
	packet_forwarded(&marker);
	packet_macs(&marker, other_mac, gateway_mac);
	wire_expect_none(other_fd, &untagged, &marker);
}

/* The tag has a priority and no number, so it is of no VLAN. */
static void test_priority_from_uplink(void)
{
	const uint8_t tag[] = { 0x81, 0x00, 0xa0, 0 };
	struct packet packet, untagged;

	tagged_make(&packet, tag, 108, &untagged);
	wire_send(router_fd, &packet, NULL);
	wire_expect(other_fd, &untagged);
	assert_false(wire_has_seen(other_primary_fd, &untagged));
}

/* Frames that BPF_PROG_TEST_RUN refuses. */
static void test_short(void)
{
	const size_t ipv4_lens[] = { ETH_HLEN, ETH_HLEN + 1, ETH_HLEN + 19 };
	const size_t ipv6_lens[] = { ETH_HLEN, ETH_HLEN + 1, ETH_HLEN + 39 };
	struct packet packet;

	for (size_t i = 0; i < COUNT(ipv4_lens); i++) {
		packet_ipv4(&packet, SENDER_V4, OTHER_V4, IPPROTO_UDP, 100);
		packet.len = ipv4_lens[i];
		check_dropped(&packet, NK_DROP_TRUNCATED);
		packet_ipv6(&packet, SENDER_V6, OTHER_V6, IPPROTO_UDP, 100);
		packet.len = ipv6_lens[i];
		check_dropped(&packet, NK_DROP_TRUNCATED);
	}
}

/* Of the packet only the Ethernet header is linear: programs pull what they read. */
static void test_not_linear(void)
{
	const struct virtio_net_hdr ethernet_only = { .hdr_len = ETH_HLEN };
	struct packet packet;

	packet_ipv4(&packet, SENDER_V4, LARGE_V4, IPPROTO_UDP, LARGE_PAYLOAD);
	check_to_endpoint(&packet, &ethernet_only);
	packet_ipv4(&packet, SENDER_V4, LARGE_V4, IPPROTO_ICMP, LARGE_PAYLOAD);
	check_to_endpoint(&packet, &ethernet_only);
	packet_ipv6(&packet, SENDER_V6, LARGE_V6, IPPROTO_UDP, LARGE_PAYLOAD);
	check_to_endpoint(&packet, &ethernet_only);
	packet_ipv6(&packet, SENDER_V6, LARGE_V6, IPPROTO_TCP, LARGE_PAYLOAD);
	check_to_endpoint(&packet, &ethernet_only);
}

static void test_not_linear_from_uplink(void)
{
	const struct virtio_net_hdr ethernet_only = { .hdr_len = ETH_HLEN };
	struct packet packet;

	packet_ipv4(&packet, REMOTE_V4, LARGE_V4, IPPROTO_UDP, LARGE_PAYLOAD);
	packet_macs(&packet, uplink_mac, router_mac);
	wire_send(router_fd, &packet, &ethernet_only);
	packet_forwarded(&packet);
	packet_macs(&packet, other_mac, gateway_mac);
	wire_expect(other_fd, &packet);
}

/* An answer goes back to where the question came from. */
static void test_answers(void)
{
	static const uint8_t arp[] = {
		0,  1,  8, 0, 6, 4, 0, 1, 0x02, 0xaa, 0,  0,  0, 2,
		10, 88, 0, 2, 0, 0, 0, 0, 0,    0,    10, 88, 0, 1,
	};
	struct packet packet = { .len = ETH_HLEN + sizeof(arp) };

	packet_macs(&packet, gateway_mac, sender_mac);
	packet_set(&packet, &(struct packet_field)ETH(h_proto, ETH_P_ARP));
	memcpy(packet.data + ETH_HLEN, arp, sizeof(arp));
	wire_send(sender_fd, &packet, NULL);
	packet_macs(&packet, sender_mac, gateway_mac);
	packet.data[ETH_HLEN + 7] = 2;
	memcpy(packet.data + ETH_HLEN + 8, gateway_mac, ETH_ALEN);
	memcpy(packet.data + ETH_HLEN + 14, arp + 24, 4);
	memcpy(packet.data + ETH_HLEN + 18, sender_mac, ETH_ALEN);
	memcpy(packet.data + ETH_HLEN + 24, arp + 14, 4);
	wire_expect(sender_fd, &packet);
}

/*
 * A packet socket may tell the kernel another protocol than the frame has. With veth the frame's
 * counts, with netkit the kernel's, and then the frame is forwarded with that.
 */
static void test_forged_protocol(void)
{
	int ipv4_fd = wire_open(SENDER_PEER, ETH_P_IP);
	struct packet packet, expected;

	packet_ipv4(&packet, SENDER_V4, OTHER_V4, IPPROTO_UDP, 100);
	expected = packet;
	packet_forwarded(&expected);
	packet_macs(&expected, other_mac, gateway_mac);
	packet_set(&packet, &(struct packet_field)ETH(h_proto, 0x88cc));
	if (device == NET_NETKIT) {
		wire_send(ipv4_fd, &packet, NULL);
		wire_expect(other_fd, &expected);
	} else {
		check_dropped(&packet, NK_DROP_ETHERTYPE);
	}
	(void)close(ipv4_fd);
}

static void sockets_open(void)
{
	sender_fd = wire_open(SENDER_PEER, ETH_P_ALL);
	other_fd = wire_open(OTHER_PEER, ETH_P_ALL);
	router_fd = wire_open(UPLINK_PEER, ETH_P_ALL);
	other_primary_fd = wire_open(OTHER, ETH_P_ALL);
	sender_ipv4_fd = wire_open(SENDER, ETH_P_IP);
	sender_ipv6_fd = wire_open(SENDER, ETH_P_IPV6);
	uplink_ipv4_fd = wire_open(UPLINK, ETH_P_IP);
}

/* The host of net.h with endpoints on @kind of devices, unless it's the one that is there. */
static void delivery_setup(enum net_device kind)
{
	struct nk_endpoint large = { .mtu = 65535, .gateway_mac = NK_GATEWAY_MAC };

	if (progs && device == kind)
		return;
	nkctl_bpf__destroy(progs);
	device = kind;
	prog_setup(kind);
	wire_containers_create();
	net_run("ip link set " UPLINK " mtu 9000");
	net_run("ip link set " UPLINK_PEER " mtu 9000");
	large.ifindex = if_nametoindex(OTHER);
	memcpy(large.mac, other_mac, ETH_ALEN);
	prog_endpoint_set(LARGE_V4, &large);
	prog_endpoint_set(LARGE_V6, &large);
	tunnel_fd = wire_tun_create("nktun");
	net_run("ip route add 198.18.8.0/24 dev nktun");
	net_run("ip -6 route add 2001:db8:9:8::/64 dev nktun");
	sockets_open();
	wire_attach(kind == NET_NETKIT ? progs->progs.nk_from_ctr : progs->progs.nk_from_ctr_veth,
		    SENDER);
	wire_attach(progs->progs.nk_uplink, UPLINK);
}

static const struct delivery_case {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "packets reach another endpoint", test_to_endpoint },
	{ "packets reach the router", test_to_router },
	{ "packets leave by a device without MAC headers", test_to_tunnel },
	{ "packets reach the host's stack", test_to_stack },
	{ "packets from the uplink reach an endpoint", test_from_uplink },
	{ "tagged frames are dropped", test_tagged },
	{ "tagged frames don't get in", test_tagged_from_uplink },
	{ "frames with a priority alone do", test_priority_from_uplink },
	{ "short frames are dropped", test_short },
	{ "headers needn't be linear", test_not_linear },
	{ "headers from the uplink needn't be linear", test_not_linear_from_uplink },
	{ "an answer reaches the asker", test_answers },
	{ "a forged protocol does no harm", test_forged_protocol },
};

static void test_veth(void **state)
{
	delivery_setup(NET_VETH);
	((const struct delivery_case *)*state)->run();
}

static void test_netkit(void **state)
{
	if (!netkit_is_known())
		skip();
	delivery_setup(NET_NETKIT);
	((const struct delivery_case *)*state)->run();
}

static int group_setup(void **state)
{
	(void)state;
	delivery_setup(NET_VETH);
	return 0;
}

int main(void)
{
	static struct CMUnitTest tests[2 * COUNT(cases)];
	struct CMUnitTest *end = tests;

	end = prog_tests_add(end, test_veth, "veth", cases, sizeof(*cases), COUNT(cases));
	(void)prog_tests_add(end, test_netkit, "netkit", cases, sizeof(*cases), COUNT(cases));
	return cmocka_run_group_tests_name("delivery", tests, group_setup, prog_group_teardown);
}
