// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "prog.h"

#define DEADLINE_MS 5000

static int containers_fd = -1;

static int netns_open(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		err(1, "open the network namespace");
	return fd;
}

static void netns_enter(int fd)
{
	if (setns(fd, CLONE_NEWNET))
		err(1, "enter a network namespace");
}

void wire_containers_create(void)
{
	int host_fd = netns_open();

	if (containers_fd >= 0)
		(void)close(containers_fd);
	if (unshare(CLONE_NEWNET))
		err(1, "make a network namespace");
	containers_fd = netns_open();
	netns_enter(host_fd);
	net_run("ip link set " SENDER_PEER " netns /proc/%d/fd/%d", getpid(), containers_fd);
	net_run("ip link set " OTHER_PEER " netns /proc/%d/fd/%d", getpid(), containers_fd);
	netns_enter(containers_fd);
	net_run("ip link set " SENDER_PEER " up addrgenmode none");
	net_run("ip link set " OTHER_PEER " up addrgenmode none");
	netns_enter(host_fd);
	(void)close(host_fd);
}

static int packet_socket(const char *device, uint16_t protocol)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)if_nametoindex(device),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err(1, "open a packet socket on %s", device);
	return fd;
}

int wire_open(const char *device, uint16_t protocol)
{
	bool is_inside = !strcmp(device, SENDER_PEER) || !strcmp(device, OTHER_PEER);
	int host_fd = netns_open(), fd;

	if (is_inside)
		netns_enter(containers_fd);
	fd = packet_socket(device, protocol);
	netns_enter(host_fd);
	(void)close(host_fd);
	return fd;
}

int wire_tun_create(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
		err(1, "make the tun device %s", name);
	net_run("ip link set %s up addrgenmode none", name);
	return fd;
}

void wire_attach(const struct bpf_program *program, const char *device)
{
	if (bpf_prog_attach_opts(bpf_program__fd(program), (int)if_nametoindex(device),
				 bpf_program__expected_attach_type(program), NULL))
		err(1, "attach %s to %s", bpf_program__name(program), device);
}

void wire_send(int fd, const struct packet *packet, const struct virtio_net_hdr *header)
{
	static const struct virtio_net_hdr plain;
	struct iovec parts[] = {
		{ .iov_base = (void *)(header ? header : &plain), .iov_len = sizeof(*header) },
		{ .iov_base = (void *)packet->data, .iov_len = packet->len },
	};

	/* netkit tells the sender that a packet was dropped. */
	if (writev(fd, parts, 2) < 0 && errno != ENOBUFS)
		fail_msg("send a packet: %s", strerror(errno));
}

/* The next packet; false if none comes in time. */
static bool wire_receive(int fd, struct packet *ret_packet, struct virtio_net_hdr *ret_header,
			 int timeout_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct iovec parts[] = {
		{ .iov_base = ret_header, .iov_len = sizeof(*ret_header) },
		{ .iov_base = ret_packet->data, .iov_len = sizeof(ret_packet->data) },
	};
	ssize_t len;

	if (poll(&poll_fd, 1, timeout_ms) != 1)
		return false;
	len = readv(fd, parts, 2);
	if (len < (ssize_t)sizeof(*ret_header))
		fail_msg("receive a packet: %s", strerror(errno));
	ret_packet->len = (size_t)len - sizeof(*ret_header);
	return true;
}

static bool packet_equal(const struct packet *a, const struct packet *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

struct virtio_net_hdr wire_expect(int fd, const struct packet *packet)
{
	struct packet received, nearest = { 0 };
	struct virtio_net_hdr header = { 0 };

	while (wire_receive(fd, &received, &header, DEADLINE_MS)) {
		if (packet_equal(&received, packet))
			return header;
		if (received.len == packet->len)
			nearest = received;
	}
	if (nearest.len)
		prog_assert_packet(&nearest, packet);
	fail_msg("the packet didn't arrive");
	return header;
}

void wire_expect_none(int fd, const struct packet *packet, const struct packet *marker)
{
	struct virtio_net_hdr header;
	struct packet received;

	while (wire_receive(fd, &received, &header, DEADLINE_MS)) {
		if (packet_equal(&received, packet))
			fail_msg("the packet arrived");
		if (packet_equal(&received, marker))
			return;
	}
	fail_msg("the packet behind it didn't arrive either");
}

bool wire_has_seen(int fd, const struct packet *packet)
{
	struct virtio_net_hdr header;
	struct packet received;

	while (wire_receive(fd, &received, &header, 0))
		if (packet_equal(&received, packet))
			return true;
	return false;
}
