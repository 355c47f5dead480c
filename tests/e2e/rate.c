// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * rate: how fast data comes from one network namespace to another.
 *
 *	rate [OPTION]... tcp|udp FROM TO ADDRESS
 *
 * FROM and TO are names of namespaces, or "host" for this one; ADDRESS is one of TO's, or one that
 * leads to it. The sender sends what it can. Prints how many bits of frames have come in at TO's
 * devices in a second, once whatever goes at once has gone. What a socket gets may be less or more
 * in that time: TCP keeps what comes behind a loss.
 *
 *   -o BITS  the sender of datagrams offers no more than that in a second: 20000000
 *   -d SIZE  of a datagram: 1400
 *   -l PORT  the receiver listens there, and not at a port that the kernel chooses
 *   -c PORT  the sender connects to that port, and not to the receiver's
 *   -w MS    what arrives in the first milliseconds doesn't count: 1000
 *   -t MS    how long is counted: 2000
 */
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "place.h"

#define NS_PER_S     INT64_C(1000000000)
#define NS_PER_MS    INT64_C(1000000)
#define DATAGRAM_MAX 65507

static struct {
	uint64_t offered_bps;
	size_t datagram;
	int64_t warm_up_ns, count_ns;
	in_port_t listen, connect;
} options = { .offered_bps = 20000000,
	      .datagram = 1400,
	      .warm_up_ns = 1000 * NS_PER_MS,
	      .count_ns = 2000 * NS_PER_MS };

static uint8_t buffer[DATAGRAM_MAX];

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* The far end closes when it has counted enough. */
static void stream_send(int fd)
{
	while (send(fd, buffer, sizeof(buffer), MSG_NOSIGNAL) > 0)
		;
}

/* A millisecond's at a time. What a full queue refuses is gone, as it is in an application. */
static void datagrams_send(int fd)
{
	const struct timespec pause = { .tv_nsec = NS_PER_MS };
	int64_t begin_ns = now_ns();

	for (uint64_t sent = 0;;) {
		uint64_t due = (uint64_t)((now_ns() - begin_ns) / NS_PER_MS) *
			       (options.offered_bps / 8000);

		for (; sent < due; sent += options.datagram)
			(void)send(fd, buffer, options.datagram, 0);
		(void)nanosleep(&pause, NULL);
	}
}

/* In a process of its own, that doesn't outlive this one's work. */
static pid_t sender_start(const struct transport *transport, int fd)
{
	pid_t pid = fork();

	if (pid < 0)
		err(2, "fork");
	if (pid)
		return pid;
	if (transport->type == SOCK_STREAM)
		stream_send(fd);
	else
		datagrams_send(fd);
	_exit(0);
}

/* The statistics of a place's devices: whoever opens the file has them of his own namespace. */
static int statistics_open(const char *place)
{
	int fd;

	if (setns(place_open(place), CLONE_NEWNET))
		err(2, "%s", place);
	fd = open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(place_own_fd, CLONE_NEWNET))
		err(2, "look at the devices of %s", place);
	return fd;
}

/* Bytes that all but the loopback device have received. */
static uint64_t statistics_read(int fd)
{
	static char text[16384];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	unsigned long long bytes;
	uint64_t sum = 0;
	char name[32];

	if (len <= 0)
		err(2, "read the devices' statistics");
	text[len] = '\0';
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (sscanf(line, " %31[^: ]: %llu", name, &bytes) == 2 && strcmp(name, "lo") != 0)
			sum += bytes;
	return sum;
}

static void receive_until(int fd, int64_t end_ns)
{
	struct timeval wait = { .tv_usec = 20000 };
	ssize_t received;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)))
		err(2, "SO_RCVTIMEO");
	while (now_ns() < end_ns) {
		received = recv(fd, buffer, sizeof(buffer), 0);
		if (!received || (received < 0 && errno != EAGAIN))
			err(1, "receive");
	}
}

static void options_parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "o:d:w:t:l:c:")) != -1) {
		switch (option) {
		case 'o':
			options.offered_bps = strtoull(optarg, NULL, 10);
			break;
		case 'd':
			options.datagram = strtoul(optarg, NULL, 10);
			break;
		case 'l':
			options.listen = (in_port_t)atoi(optarg);
			break;
		case 'c':
			options.connect = (in_port_t)atoi(optarg);
			break;
		case 'w':
			options.warm_up_ns = atoi(optarg) * NS_PER_MS;
			break;
		case 't':
			options.count_ns = atoi(optarg) * NS_PER_MS;
			break;
		default:
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	const struct transport *transport;
	int receiver, sender, listener, statistics;
	int64_t begin_ns, end_ns;
	uint64_t bytes;
	in_port_t port;
	pid_t pid;

	options_parse(argc, argv);
	argv += optind;
	if (argc - optind != 4 || options.datagram > DATAGRAM_MAX)
		errx(2, "see the head of its source");
	transport = transport_find(argv[0]);
	listener = place_listen(argv[2], address_family(argv[3]), transport, NULL, options.listen,
				&port);
	sender = place_connect(argv[1], transport, argv[3],
			       options.connect ? options.connect : port, 0);
	receiver = transport->type == SOCK_STREAM ? accept(listener, NULL, NULL) : listener;
	if (receiver < 0)
		err(1, "accept");
	statistics = statistics_open(argv[2]);
	pid = sender_start(transport, sender);
	(void)close(sender);
	receive_until(receiver, now_ns() + options.warm_up_ns);
	begin_ns = now_ns();
	bytes = statistics_read(statistics);
	receive_until(receiver, begin_ns + options.count_ns);
	end_ns = now_ns();
	bytes = statistics_read(statistics) - bytes;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)printf("%" PRIu64 "\n",
		     bytes * 8 * (uint64_t)NS_PER_S / (uint64_t)(end_ns - begin_ns));
	return 0;
}
