// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * flow: sends data from one network namespace to another and checks what arrives, byte by byte.
 *
 *	flow [OPTION]... tcp|udp|sctp FROM TO ADDRESS [BYTES]
 *
 * FROM and TO are names of namespaces, or "host" for this one; ADDRESS is one that leads to TO. The
 * receiver listens on every address of TO. Prints the sender's address as the receiver sees it.
 * Exit status 1, and a word why, if anything is lost, changed, doubled or late.
 *
 *   -a       the receiver listens at ADDRESS alone, which is its own
 *   -l PORT  the receiver listens there, and not at a port that the kernel chooses
 *   -c PORT  the sender connects to that port, and not to the receiver's
 *   -s PORT  the sender's own
 *   -d SIZE  of a datagram
 *   -z       datagrams have no checksum
 *   -b       back: once all has arrived, the receiver sends as much
 *   -r       both ends end by a reset
 *   -p       print the sender's port, too
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "place.h"

#define BYTES_DEFAULT 100000
#define TIMEOUT_MS    10000

/* A stream is written in large pieces, so that the stack makes large segments. */
#define STREAM_WRITE 65536

/* A datagram fits every MTU, unless told otherwise; as many are on the way as any buffer holds. */
#define UDP_SIZE     1000
#define UDP_SIZE_MAX 65507
#define UDP_WINDOW   16000

static struct {
	in_port_t listen, connect, source;
	size_t datagram;
	bool address, no_checksum, back, reset, port;
} options = { .datagram = UDP_SIZE };

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

static void await(int fd, short events, const char *what, size_t position)
{
	struct pollfd wait = { .fd = fd, .events = events };

	if (poll(&wait, 1, TIMEOUT_MS) != 1)
		errx(1, "%s: nothing for %d ms, behind byte %zu", what, TIMEOUT_MS, position);
}

/* Sends what goes without waiting. Return: how much. */
static size_t stream_send(int fd, size_t position, size_t total)
{
	static uint8_t buffer[STREAM_WRITE];
	size_t len = total - position < sizeof(buffer) ? total - position : sizeof(buffer);
	ssize_t sent;

	data_fill(buffer, position, len);
	sent = send(fd, buffer, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		err(1, "send behind byte %zu", position);
	return sent < 0 ? 0 : (size_t)sent;
}

static size_t stream_receive(int fd, size_t position)
{
	static uint8_t buffer[STREAM_WRITE];
	ssize_t received;

	await(fd, POLLIN, "receive", position);
	received = recv(fd, buffer, sizeof(buffer), 0);
	if (received < 0)
		err(1, "receive behind byte %zu", position);
	data_check(buffer, position, (size_t)received);
	return (size_t)received;
}

static int stream_accept(int listener, struct endpoint *ret_from)
{
	int fd;

	await(listener, POLLIN, "accept", 0);
	ret_from->len = sizeof(ret_from->v6);
	fd = accept(listener, &ret_from->any, &ret_from->len);
	if (fd < 0)
		err(1, "accept");
	return fd;
}

static void stream_flow(int receiver, int sender, size_t total)
{
	size_t sent = 0, received = 0;

	while (received < total) {
		if (sent < total)
			sent += stream_send(sender, sent, total);
		if (received < sent)
			received += stream_receive(receiver, received);
	}
}

/*
 * An orderly end, or a reset by the sender. Of an orderly one the receiver makes the beginning, so
 * that the sender can use its port again at once.
 */
static void stream_end(int receiver, int sender)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	uint8_t byte;

	if (!options.reset) {
		(void)shutdown(receiver, SHUT_WR);
		if (stream_receive(sender, 0))
			errx(1, "more comes back than was sent");
		(void)close(sender);
		if (stream_receive(receiver, 0))
			errx(1, "more arrives than was sent");
		return;
	}
	if (setsockopt(sender, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)))
		err(2, "SO_LINGER");
	(void)close(sender);
	await(receiver, POLLIN, "the reset", 0);
	if (recv(receiver, &byte, sizeof(byte), 0) != -1 || errno != ECONNRESET)
		errx(1, "no reset arrives");
}

static void stream_run(const struct transport *transport, int listener, int sender, size_t total,
		       struct endpoint *ret_from)
{
	int receiver = stream_accept(listener, ret_from);

	stream_flow(receiver, sender, total);
	if (options.back)
		stream_flow(sender, receiver, total);
	if (transport->protocol == IPPROTO_TCP) /* SCTP has no end of one direction alone */
		stream_end(receiver, sender);
}

static void datagram_receive(int fd, size_t position, struct endpoint *ret_from)
{
	static uint8_t buffer[UDP_SIZE_MAX + 1];
	ssize_t received;

	await(fd, POLLIN, "receive by UDP", position);
	ret_from->len = sizeof(ret_from->v6);
	received = recvfrom(fd, buffer, sizeof(buffer), 0, &ret_from->any, &ret_from->len);
	if (received != (ssize_t)options.datagram)
		errx(1, "a datagram of %zd bytes", received);
	data_check(buffer, position, options.datagram);
}

static void datagram_send(int fd, size_t position)
{
	static uint8_t buffer[UDP_SIZE_MAX];

	data_fill(buffer, position, options.datagram);
	if (send(fd, buffer, options.datagram, 0) != (ssize_t)options.datagram)
		err(1, "send behind byte %zu", position);
}

/* Whole datagrams, in their order, as a single path keeps it. */
static void datagram_flow(int receiver, int sender, size_t total, struct endpoint *ret_from)
{
	size_t sent = 0, size = options.datagram;

	for (size_t received = 0; received < total; received += size) {
		for (; sent < total && (sent < received + UDP_WINDOW || sent == received);
		     sent += size)
			datagram_send(sender, sent);
		datagram_receive(receiver, received, ret_from);
	}
}

static void datagram_run(int receiver, int sender, size_t total, struct endpoint *ret_from)
{
	struct endpoint back;

	if (options.no_checksum &&
	    setsockopt(sender, SOL_SOCKET, SO_NO_CHECK, &(int){ 1 }, sizeof(int)))
		err(2, "SO_NO_CHECK");
	datagram_flow(receiver, sender, total, ret_from);
	if (!options.back)
		return;
	if (connect(receiver, &ret_from->any, ret_from->len))
		err(1, "connect back");
	datagram_flow(sender, receiver, total, &back);
}

static void options_parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "al:c:s:d:zbrp")) != -1) {
		switch (option) {
		case 'a':
			options.address = true;
			break;
		case 'l':
			options.listen = (in_port_t)atoi(optarg);
			break;
		case 'c':
			options.connect = (in_port_t)atoi(optarg);
			break;
		case 's':
			options.source = (in_port_t)atoi(optarg);
			break;
		case 'd':
			options.datagram = strtoul(optarg, NULL, 10);
			break;
		case 'z':
			options.no_checksum = true;
			break;
		case 'b':
			options.back = true;
			break;
		case 'r':
			options.reset = true;
			break;
		case 'p':
			options.port = true;
			break;
		default:
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	const struct transport *transport;
	size_t total = BYTES_DEFAULT;
	struct endpoint from;
	int receiver, sender;
	in_port_t port;

	options_parse(argc, argv);
	argv += optind;
	argc -= optind;
	if (argc < 4 || options.datagram > UDP_SIZE_MAX)
		errx(2, "see the head of its source");
	if (argc > 4)
		total = strtoul(argv[4], NULL, 10);
	transport = transport_find(argv[0]);
	receiver = place_listen(argv[2], address_family(argv[3]), transport,
				options.address ? argv[3] : NULL, options.listen, &port);
	sender = place_connect(argv[1], transport, argv[3],
			       options.connect ? options.connect : port, options.source);
	if (transport->type == SOCK_STREAM)
		stream_run(transport, receiver, sender, total, &from);
	else
		datagram_run(receiver, sender, total, &from);
	(void)printf(options.port ? "%s %d\n" : "%s\n", endpoint_address(&from),
		     endpoint_port(&from));
	return 0;
}
