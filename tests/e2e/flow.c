// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * flow: sends data from one network namespace to another and checks what arrives, byte by byte.
 *
 *	flow tcp|udp FROM TO ADDRESS [BYTES]
 *
 * FROM and TO are names of namespaces, or "host" for this one; ADDRESS is one of TO's. The receiver
 * listens on every address of TO. Prints the sender's address as the receiver sees it. Exit status
 * 1, and a word why, if anything is lost, changed, doubled or late.
 *
 * One process has both ends, so that a flow costs one start and nobody waits for a listener.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BYTES_DEFAULT 100000
#define TIMEOUT_MS    10000

/* TCP is written in large pieces, so that the stack makes large segments. */
#define TCP_WRITE 65536

/* A datagram fits every MTU; as many are on the way as any receive buffer holds. */
#define UDP_SIZE   1000
#define UDP_WINDOW 16

static int own_netns_fd;

static int address_family(const char *address)
{
	return strchr(address, ':') ? AF_INET6 : AF_INET;
}

/* The byte at a position of the data: any shift, loss or repetition shows. */
static uint8_t data_at(size_t position)
{
	uint64_t hash = (position / 8 + 1) * 0x9e3779b97f4a7c15;

	return (uint8_t)((hash ^ hash >> 32) >> (8 * (position % 4)));
}

static void data_fill(uint8_t *buffer, size_t position, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buffer[i] = data_at(position + i);
}

static void data_check(const uint8_t *buffer, size_t position, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (buffer[i] != data_at(position + i))
			errx(1, "byte %zu has changed", position + i);
}

static int socket_in(const char *place, int family, int type)
{
	char path[PATH_MAX];
	int netns_fd, fd;

	(void)snprintf(path, sizeof(path), "/run/netns/%s", place);
	netns_fd = strcmp(place, "host") ? open(path, O_RDONLY | O_CLOEXEC) : own_netns_fd;
	if (netns_fd < 0 || setns(netns_fd, CLONE_NEWNET))
		err(2, "%s", place);
	fd = socket(family, type, 0);
	if (fd < 0 || setns(own_netns_fd, CLONE_NEWNET))
		err(2, "make a socket in %s", place);
	return fd;
}

/* Bound to a port that the kernel chooses. */
static int receiver_open(const char *place, int family, int type, in_port_t *ret_port)
{
	struct sockaddr_in6 addr = { .sin6_family = (sa_family_t)family };
	socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(addr);
	int fd = socket_in(place, family, type);

	if (bind(fd, (struct sockaddr *)&addr, len) || (type == SOCK_STREAM && listen(fd, 1)) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len))
		err(2, "listen in %s", place);
	*ret_port = addr.sin6_port; /* where a struct sockaddr_in has it, too */
	return fd;
}

static int sender_open(const char *place, int type, const char *address, in_port_t port)
{
	struct sockaddr_in6 addr6 = { .sin6_family = AF_INET6, .sin6_port = port };
	struct sockaddr_in addr4 = { .sin_family = AF_INET, .sin_port = port };
	int family = address_family(address), fd = socket_in(place, family, type), ret;

	if (family == AF_INET && inet_pton(AF_INET, address, &addr4.sin_addr) == 1)
		ret = connect(fd, (struct sockaddr *)&addr4, sizeof(addr4));
	else if (inet_pton(AF_INET6, address, &addr6.sin6_addr) == 1)
		ret = connect(fd, (struct sockaddr *)&addr6, sizeof(addr6));
	else
		errx(2, "'%s' is no address", address);
	if (ret)
		err(1, "connect from %s to %s", place, address);
	return fd;
}

static void address_print(const struct sockaddr_storage *addr)
{
	const struct sockaddr_in6 *addr6 = (const void *)addr;
	const struct sockaddr_in *addr4 = (const void *)addr;
	char text[INET6_ADDRSTRLEN];

	(void)puts(addr->ss_family == AF_INET6
			   ? inet_ntop(AF_INET6, &addr6->sin6_addr, text, sizeof(text))
			   : inet_ntop(AF_INET, &addr4->sin_addr, text, sizeof(text)));
}

static void await(int fd, short events, const char *what, size_t position)
{
	struct pollfd wait = { .fd = fd, .events = events };

	if (poll(&wait, 1, TIMEOUT_MS) != 1)
		errx(1, "%s: nothing for %d ms, behind byte %zu", what, TIMEOUT_MS, position);
}

/* Sends what goes without waiting. Return: how much. */
static size_t tcp_send(int fd, size_t position, size_t total)
{
	static uint8_t buffer[TCP_WRITE];
	size_t len = total - position < sizeof(buffer) ? total - position : sizeof(buffer);
	ssize_t sent;

	data_fill(buffer, position, len);
	sent = send(fd, buffer, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		err(1, "send behind byte %zu", position);
	return sent < 0 ? 0 : (size_t)sent;
}

static size_t tcp_receive(int fd, size_t position)
{
	static uint8_t buffer[TCP_WRITE];
	ssize_t received;

	await(fd, POLLIN, "receive by TCP", position);
	received = recv(fd, buffer, sizeof(buffer), 0);
	if (received < 0)
		err(1, "receive behind byte %zu", position);
	data_check(buffer, position, (size_t)received);
	return (size_t)received;
}

static void tcp_flow(int listener, int sender, size_t total)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	size_t sent = 0, received = 0;
	int receiver;

	await(listener, POLLIN, "accept", 0);
	receiver = accept(listener, (struct sockaddr *)&from, &len);
	if (receiver < 0)
		err(1, "accept");
	while (received < total) {
		if (sent < total)
			sent += tcp_send(sender, sent, total);
		if (received < sent)
			received += tcp_receive(receiver, received);
	}
	(void)shutdown(sender, SHUT_WR);
	if (tcp_receive(receiver, received))
		errx(1, "more arrives than was sent");
	address_print(&from);
}

static void udp_receive(int fd, size_t position, struct sockaddr_storage *ret_from)
{
	uint8_t buffer[UDP_SIZE + 1];
	socklen_t len = sizeof(*ret_from);
	ssize_t received;

	await(fd, POLLIN, "receive by UDP", position);
	received = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)ret_from, &len);
	if (received != UDP_SIZE)
		errx(1, "a datagram of %zd bytes", received);
	data_check(buffer, position, UDP_SIZE);
}

/* Whole datagrams, in their order, as a single path keeps it. */
static void udp_flow(int receiver, int sender, size_t total)
{
	struct sockaddr_storage from;
	uint8_t buffer[UDP_SIZE];
	size_t sent = 0;

	for (size_t received = 0; received < total; received += UDP_SIZE) {
		for (; sent < total && sent < received + UDP_WINDOW * UDP_SIZE; sent += UDP_SIZE) {
			data_fill(buffer, sent, UDP_SIZE);
			if (send(sender, buffer, UDP_SIZE, 0) != UDP_SIZE)
				err(1, "send behind byte %zu", sent);
		}
		udp_receive(receiver, received, &from);
	}
	address_print(&from);
}

int main(int argc, char **argv)
{
	size_t total = BYTES_DEFAULT;
	in_port_t port;
	int type, receiver, sender;

	if (argc < 5 || (strcmp(argv[1], "tcp") && strcmp(argv[1], "udp")))
		errx(2, "see the head of its source");
	if (argc > 5)
		total = strtoul(argv[5], NULL, 10);
	own_netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	type = strcmp(argv[1], "tcp") ? SOCK_DGRAM : SOCK_STREAM;
	receiver = receiver_open(argv[3], address_family(argv[4]), type, &port);
	sender = sender_open(argv[2], type, argv[4], port);
	if (type == SOCK_STREAM)
		tcp_flow(receiver, sender, total);
	else
		udp_flow(receiver, sender, total);
	return 0;
}
