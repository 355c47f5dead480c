// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hold: keeps connections between places open, and has each of them say something now and then.
 *
 *	hold [OPTION]... tcp|udp|sctp FROM[,FROM]... TO ADDRESS
 *
 * ADDRESS is one that leads to TO. Prints "peer ADDRESS PORT" for each connection, as TO sees it,
 * and from then on "round N" whenever each of them has carried a numbered message there and back.
 * It goes on until SIGTERM. Exit status 1, and a word why, as soon as one is lost, changed or late.
 * By SIGUSR1 it is silent from the next round on, prints "silent", and goes on by SIGUSR2: then
 * it's FROM's turn to speak.
 *
 *   -n COUNT  connections from each FROM; default 1
 *   -l PORT   TO listens there, and not at a port that the kernel chooses
 *   -c PORT   connect to that port, and not to the listener's
 *   -s PORT   the first connection's own port; each further one of a FROM takes the next
 *   -b COUNT  bursts: so many messages on their way at a time, whose order matters, and no pause
 *             between rounds; tells of one in ten of them
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "place.h"

/* Less than the tests' own deadline (lib.bash), so that its last word is heard. */
#define TIMEOUT_MS 15000
#define PAUSE_US   10000

/* In bursts, one round of so many is told of. */
#define TOLD_OF_BURSTS 10

/* Both ends of a connection. Datagrams have one socket at the far end, for all. */
struct connection {
	int near_fd, far_fd;
	struct endpoint peer;
};

struct message {
	uint32_t connection, round, index;
	bool is_answer;
};

static struct {
	size_t count;
	in_port_t listen, connect, source;
	uint32_t burst;
} options = { .count = 1 };

static const struct transport *transport;
static volatile sig_atomic_t has_to_end, is_silent;

static void obey(int signal_number)
{
	if (signal_number == SIGTERM)
		has_to_end = 1;
	else
		is_silent = signal_number == SIGUSR1;
}

static void files_allow(size_t count)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		err(2, "RLIMIT_NOFILE");
	if (limit.rlim_cur >= count)
		return;
	limit.rlim_cur = count;
	if (limit.rlim_max < count)
		limit.rlim_max = count;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(2, "allow %zu open files", count);
}

static void await(int fd, const char *what, const struct message *message)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	int ret;

	do
		ret = poll(&wait, 1, TIMEOUT_MS);
	while (ret < 0 && errno == EINTR);
	if (ret != 1)
		errx(1, "connection %u, round %u: no %s for %d ms", message->connection,
		     message->round, what, TIMEOUT_MS);
}

static void message_check(const struct message *expected, int fd, const char *what,
			  struct endpoint *ret_peer)
{
	struct message message;

	await(fd, what, expected);
	ret_peer->len = sizeof(ret_peer->v6);
	if (recvfrom(fd, &message, sizeof(message), MSG_WAITALL, &ret_peer->any, &ret_peer->len) !=
	    sizeof(message))
		err(1, "connection %u, round %u: receive the %s", expected->connection,
		    expected->round, what);
	if (message.connection != expected->connection || message.round != expected->round ||
	    message.index != expected->index || message.is_answer != expected->is_answer)
		errx(1, "connection %u, round %u, %u: that of %u, round %u, %u arrives",
		     expected->connection, expected->round, expected->index, message.connection,
		     message.round, message.index);
}

/* The far end's part: what has come, in its order, goes back. */
static void answer(struct connection *connection, struct message message)
{
	bool is_stream = transport->type == SOCK_STREAM;
	struct endpoint peer;

	message_check(&message, connection->far_fd, "message", &peer);
	if (!is_stream)
		connection->peer = peer;
	message.is_answer = true;
	if (sendto(connection->far_fd, &message, sizeof(message), MSG_NOSIGNAL,
		   is_stream ? NULL : &peer.any, is_stream ? 0 : peer.len) != sizeof(message))
		err(1, "connection %u, round %u: answer", message.connection, message.round);
}

/* A message there and back, or as many as a burst has. */
static void exchange(struct connection *connection, uint32_t number, uint32_t round)
{
	struct message message = { .connection = number, .round = round };
	const uint32_t count = options.burst ? options.burst : 1;
	struct endpoint server;

	for (message.index = 0; message.index < count; message.index++)
		if (send(connection->near_fd, &message, sizeof(message), MSG_NOSIGNAL) !=
		    sizeof(message))
			err(1, "connection %u, round %u: send", number, round);
	for (message.index = 0; message.index < count; message.index++)
		answer(connection, message);
	message.is_answer = true;
	for (message.index = 0; message.index < count; message.index++)
		message_check(&message, connection->near_fd, "answer", &server);
}

static void connection_open(struct connection *connection, uint32_t number, int listener,
			    const char *from, const char *address, in_port_t port)
{
	const struct message hello = { .connection = number };
	in_port_t source = options.source;

	if (source)
		source += (in_port_t)(number % options.count);
	connection->near_fd = place_connect(from, transport, address, port, source);
	connection->far_fd = listener;
	if (transport->type == SOCK_STREAM) {
		await(listener, "connection", &hello);
		connection->peer.len = sizeof(connection->peer.v6);
		connection->far_fd = accept(listener, &connection->peer.any, &connection->peer.len);
		if (connection->far_fd < 0)
			err(1, "accept");
	}
	exchange(connection, number, 0);
	(void)printf("peer %s %d\n", endpoint_address(&connection->peer),
		     endpoint_port(&connection->peer));
}

static void rounds(struct connection *connections, size_t count)
{
	for (uint32_t round = 1; !has_to_end; round++) {
		if (is_silent)
			(void)puts("silent");
		(void)fflush(stdout);
		while (is_silent && !has_to_end)
			(void)usleep(PAUSE_US);
		for (uint32_t i = 0; i < count; i++)
			exchange(&connections[i], i, round);
		if (options.burst && round % TOLD_OF_BURSTS)
			continue;
		(void)printf("round %u\n", round);
		(void)fflush(stdout);
		if (!options.burst)
			(void)usleep(PAUSE_US);
	}
}

/* By resets: nothing is left that would be sent again and again to who is gone. */
static void connections_close(const struct connection *connections, size_t count)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	if (transport->type != SOCK_STREAM)
		return;
	for (size_t i = 0; i < count; i++) {
		(void)setsockopt(connections[i].near_fd, SOL_SOCKET, SO_LINGER, &reset,
				 sizeof(reset));
		(void)close(connections[i].near_fd);
		(void)close(connections[i].far_fd);
	}
}

static void options_parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "n:l:c:s:b:")) != -1) {
		switch (option) {
		case 'n':
			options.count = strtoul(optarg, NULL, 10);
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
		case 'b':
			options.burst = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		default:
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	static const int signals[] = { SIGTERM, SIGUSR1, SIGUSR2 };
	struct connection *connections = NULL;
	const char *from, *address;
	size_t count = 0;
	in_port_t port;
	int listener;

	options_parse(argc, argv);
	argv += optind;
	if (argc - optind != 4 || !options.count)
		errx(2, "see the head of its source");
	transport = transport_find(argv[0]);
	address = argv[3];
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		(void)sigaction(signals[i],
				&(struct sigaction){ .sa_handler = obey, .sa_flags = SA_RESTART },
				NULL);
	listener = place_listen(argv[2], address_family(address), transport, NULL, options.listen,
				&port);
	if (options.connect)
		port = options.connect;
	for (from = strtok(argv[1], ","); from; from = strtok(NULL, ",")) {
		files_allow(2 * (count + options.count) + 32);
		connections = realloc(connections, (count + options.count) * sizeof(*connections));
		if (!connections)
			err(2, "memory");
		for (size_t i = 0; i < options.count; i++, count++)
			connection_open(&connections[count], (uint32_t)count, listener, from,
					address, port);
	}
	rounds(connections, count);
	connections_close(connections, count);
	free(connections);
	return 0;
}
