// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * traffic - sends a counted number of packets between two network namespaces, and says what one
 * of them cost.
 *
 * Theory of operation: the machine that this runs on counts instructions as nanoseconds (see
 * bench/README.md), so a figure is the time of many transactions, divided by their number. All
 * that isn't a transaction is kept out of it: sockets are made, connected and warm beforehand,
 * and nothing is written or allocated until the last round is done. A socket belongs to the
 * namespace that its maker was in, hence one program makes both ends. In the *_rr tests they
 * are two processes, which sleep and wake each other as a client and a server do; in the others
 * one, since a packet's way is wanted there and no scheduling. On a machine whose clock is a clock
 * (-t), transactions are timed one by one instead, for their percentiles.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

#define NS_PER_S    1000000000LL
#define PORT        7007
#define ROUNDS_MAX  100
#define PAYLOAD_MAX 65507 /* of a UDP datagram's payload over IPv4 */
#define TIMEOUT_S   60    /* a run that takes longer has lost a packet */
#define PATH_SIZE   128
#define BACKLOG     128
#define SECONDS_MAX (TIMEOUT_S / 2)
/*
 * Timed connections, fewer than an address translator has ports for: it keeps those of closed
 * connections for minutes, and what it does without is another test's.
 */
#define CONNECTIONS_MAX 4000
#define SAMPLES_MAX     (8 << 20) /* more transactions than a processor does in SECONDS_MAX */

/* Of include/uapi/linux/bpf.h, Linux 6.6. Debian 12's headers are older. */
#define NK_TCX_DROP       2
#define NK_BPF_TCX_EGRESS 47

/**
 * struct options - what was asked for.
 * @count: transactions in a round
 * @rounds: number of rounds that are measured, after one that isn't
 * @seconds: of one round that is timed instead, or 0
 * @size: bytes of payload in each direction
 * @sink: device (NETNS/DEVICE) whose outgoing packets are dropped, or NULL
 * @published_address, @published_port: what the near end connects to; NULL, 0: where the far end
 *	listens
 */
struct options {
	unsigned int count;
	unsigned int rounds;
	unsigned int seconds;
	size_t size;
	char *sink;
	const char *published_address;
	uint16_t published_port;
};

/**
 * struct ends - the connected sockets.
 * @near: in the first namespace: the client, or the sender; -1 if each transaction makes its own
 * @far: in the second; or the listener there
 * @target, @target_len: what the near end connects to
 */
struct ends {
	int near;
	int far;
	struct sockaddr_storage target;
	socklen_t target_len;
};

/**
 * struct test - a kind of transaction.
 * @serve: what a second process does at the far end until it's killed, or NULL
 * @connects: whether each transaction has a connection of its own
 */
struct test {
	const char *name;
	int type;
	void (*transact)(const struct ends *ends, char *buffer, size_t size);
	void (*serve)(const struct ends *ends, char *buffer, size_t size);
	bool connects;
};

static const char usage_text[] =
	"Usage: traffic [OPTION]... TEST FROM TO ADDRESS\n"
	"\n"
	"Sends packets from network namespace FROM to ADDRESS in namespace TO (names below\n"
	"/run/netns; they may be the same) and prints the nanoseconds that each took, one line "
	"per\n"
	"round. TEST is\n"
	"  tcp_rr       a request and its response over TCP, between two processes\n"
	"  tcp_crr      the same with a connection for each, which the server closes\n"
	"  udp_rr       the same over UDP\n"
	"  udp_send     a datagram sent\n"
	"  udp_receive  a datagram received, which TO sent; both by one process\n"
	"\n"
	"  -n COUNT         packets or transactions in a round (1000)\n"
	"  -r ROUNDS        rounds, after one that isn't counted (5)\n"
	"  -t SECONDS       instead, after a round that isn't counted, go on for so long, with "
	"tcp_crr\n"
	"                   for 4000 connections at most, and print transactions per second and "
	"the\n"
	"                   50th, 90th, 99th and 99.9th percentile of their microseconds\n"
	"  -s SIZE          bytes of payload in each direction (1)\n"
	"  -d NETNS/DEVICE  drop what goes out by the device, at its tcx egress\n"
	"  -a ADDRESS       address that FROM sends to, if it isn't the one that TO listens at\n"
	"  -p PORT          port that FROM sends to, likewise\n";

/* Namespaces and sockets ----------------------------------------------------------------------- */

static void netns_enter(const char *name)
{
	char path[PATH_SIZE];
	int fd;

	if (snprintf(path, sizeof(path), "/run/netns/%s", name) >= (int)sizeof(path))
		errx(EXIT_FAILURE, "namespace %s: its name is too long", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		err(EXIT_FAILURE, "enter the namespace %s", path);
	(void)close(fd); /* nothing was written */
}

static struct sockaddr_storage address_parse(const char *text, uint16_t port, socklen_t *ret_len)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in *v4 = (void *)&storage;
	struct sockaddr_in6 *v6 = (void *)&storage;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		*ret_len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		*ret_len = sizeof(*v6);
	} else {
		errx(EXIT_FAILURE, "%s is no IPv4 or IPv6 address", text);
	}
	return storage;
}

static int socket_make(int family, int type)
{
	const int on = 1;
	int fd = socket(family, type, 0);

	if (fd < 0)
		err(EXIT_FAILURE, "make a socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    (type == SOCK_STREAM && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))))
		err(EXIT_FAILURE, "set a socket's options");
	return fd;
}

static int near_connect(const struct ends *ends, int type)
{
	int fd = socket_make(ends->target.ss_family, type);

	if (connect(fd, (const struct sockaddr *)&ends->target, ends->target_len))
		err(EXIT_FAILURE, "connect the near end");
	return fd;
}

/*
 * Accepts the connection that waits, or, for UDP, makes the same of where a first datagram comes
 * from: on its way the near end's address may have been translated.
 */
static int far_connect(int listener, int near, int type)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	int fd;

	if (type == SOCK_DGRAM) {
		if (send(near, "", 1, 0) != 1 ||
		    recvfrom(listener, &(char){ 0 }, 1, 0, (struct sockaddr *)&peer, &len) != 1 ||
		    connect(listener, (struct sockaddr *)&peer, len))
			err(EXIT_FAILURE, "connect the far end");
		return listener;
	}
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		err(EXIT_FAILURE, "accept a connection");
	(void)close(listener); /* nothing was written */
	return fd;
}

static struct ends ends_make(const struct test *test, const char *from, const char *to,
			     const char *address_text, const struct options *options)
{
	const char *published_text = options->published_address ?: address_text;
	uint16_t published_port = options->published_port ?: PORT;
	struct sockaddr_storage address;
	struct ends ends = { .near = -1 };
	socklen_t len;

	address = address_parse(address_text, PORT, &len);
	ends.target = address_parse(published_text, published_port, &ends.target_len);
	if (address.ss_family != ends.target.ss_family)
		errx(EXIT_FAILURE, "%s and %s are of two families", address_text, published_text);
	netns_enter(to);
	ends.far = socket_make(address.ss_family, test->type);
	if (bind(ends.far, (const struct sockaddr *)&address, len) ||
	    (test->type == SOCK_STREAM && listen(ends.far, BACKLOG)))
		err(EXIT_FAILURE, "listen at %s", address_text);
	netns_enter(from);
	if (test->connects)
		return ends;
	ends.near = near_connect(&ends, test->type);
	ends.far = far_connect(ends.far, ends.near, test->type);
	return ends;
}

/* The sink ------------------------------------------------------------------------------------- */

static int device_enter(char *device)
{
	char *name = strchr(device, '/');
	unsigned int ifindex;

	if (!name)
		errx(EXIT_FAILURE, "'%s' isn't NETNS/DEVICE", device);
	*name++ = 0;
	netns_enter(device);
	ifindex = if_nametoindex(name);
	if (!ifindex)
		err(EXIT_FAILURE, "find the device %s in %s", name, device);
	return (int)ifindex;
}

/* Drops what would go out by a device, just before its driver, as long as this process lives. */
static void sink_open(char *device)
{
	static const struct bpf_insn drop_all[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = NK_TCX_DROP },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int program, ifindex = device_enter(device);

	program = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "sink", "GPL", drop_all,
				sizeof(drop_all) / sizeof(*drop_all), NULL);
	if (program < 0)
		err(EXIT_FAILURE, "load the sink's program");
	if (bpf_link_create(program, ifindex, (enum bpf_attach_type)NK_BPF_TCX_EGRESS, NULL) < 0)
		err(EXIT_FAILURE, "attach the sink");
}

/* Transactions --------------------------------------------------------------------------------- */

static void message_send(int fd, const char *buffer, size_t size)
{
	if (send(fd, buffer, size, 0) != (ssize_t)size)
		err(EXIT_FAILURE, "send");
}

/* Returns false at the end of the stream. A message of TCP may come in pieces. */
static bool message_receive(int fd, char *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t len = recv(fd, buffer + done, size - done, 0);

		if (len < 0)
			err(EXIT_FAILURE, "receive");
		if (!len)
			return false;
		done += (size_t)len;
	}
	return true;
}

static void transact_rr(const struct ends *ends, char *buffer, size_t size)
{
	message_send(ends->near, buffer, size);
	if (!message_receive(ends->near, buffer, size))
		errx(EXIT_FAILURE, "the server has gone");
}

static void transact_send(const struct ends *ends, char *buffer, size_t size)
{
	message_send(ends->near, buffer, size);
}

static void transact_receive(const struct ends *ends, char *buffer, size_t size)
{
	message_send(ends->far, buffer, size);
	(void)message_receive(ends->near, buffer, size); /* a datagram is there whole */
}

static void transact_crr(const struct ends *ends, char *buffer, size_t size)
{
	int fd = near_connect(ends, SOCK_STREAM);

	message_send(fd, buffer, size);
	if (!message_receive(fd, buffer, size) || message_receive(fd, buffer, 1))
		errx(EXIT_FAILURE, "the server should answer once, and close");
	(void)close(fd); /* the server has closed it already */
}

static void serve_stream(const struct ends *ends, char *buffer, size_t size)
{
	while (message_receive(ends->far, buffer, size))
		message_send(ends->far, buffer, size);
}

/* Who closes first has to remember the connection: the server, so that the client's ports are free.
 */
static void serve_connections(const struct ends *ends, char *buffer, size_t size)
{
	for (;;) {
		int fd = accept(ends->far, NULL, NULL);

		if (fd < 0)
			err(EXIT_FAILURE, "accept a connection");
		if (message_receive(fd, buffer, size))
			message_send(fd, buffer, size);
		(void)close(fd); /* the client will tell if the answer is missing */
	}
}

static const struct test tests[] = {
	{ "tcp_rr", SOCK_STREAM, transact_rr, serve_stream, false },
	{ "tcp_crr", SOCK_STREAM, transact_crr, serve_connections, true },
	{ "udp_rr", SOCK_DGRAM, transact_rr, serve_stream, false },
	{ "udp_send", SOCK_DGRAM, transact_send, NULL, false },
	{ "udp_receive", SOCK_DGRAM, transact_receive, NULL, false },
};

static const struct test *test_find(const char *name)
{
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		if (!strcmp(tests[i].name, name))
			return &tests[i];
	errx(EXIT_FAILURE, "unknown test '%s'", name);
}

/* Rounds --------------------------------------------------------------------------------------- */

/* The far end answers until it's killed. */
static pid_t server_start(const struct test *test, const struct ends *ends, char *buffer,
			  size_t size)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		err(EXIT_FAILURE, "start the server");
	if (pid)
		return pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(EXIT_FAILURE);
	test->serve(ends, buffer, size);
	_exit(EXIT_SUCCESS);
}

/*
 * The profiler (bench/insns.c) counts from one call of this to the next. The Makefile puts it at an
 * address that no other program has code at.
 */
__attribute__((noinline, noclone, section(".mark"))) static void mark(void)
{
	__asm__ volatile("");
}

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* can't fail: the clock exists */
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static int64_t round_run(const struct test *test, const struct ends *ends, char *buffer,
			 const struct options *options)
{
	int64_t begin_ns = now_ns();

	for (unsigned int i = 0; i < options->count; i++)
		test->transact(ends, buffer, options->size);
	return now_ns() - begin_ns;
}

static void rounds_run(const struct test *test, const struct ends *ends, char *buffer,
		       const struct options *options)
{
	int64_t rounds_ns[ROUNDS_MAX];

	for (unsigned int i = 0; i < options->rounds; i++) {
		mark();
		rounds_ns[i] = round_run(test, ends, buffer, options);
		mark();
	}
	for (unsigned int i = 0; i < options->rounds; i++)
		printf("%.1f\n", (double)rounds_ns[i] / options->count);
}

static int uint32_compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

/* Prints how many there were in a second, and percentiles: the sample below which are so many of
 * 1000. */
static void samples_print(uint32_t *samples_ns, size_t count, int64_t elapsed_ns)
{
	static const unsigned int per_mille[] = { 500, 900, 990, 999 };

	qsort(samples_ns, count, sizeof(*samples_ns), uint32_compare);
	printf("%.1f", (double)count * NS_PER_S / (double)elapsed_ns);
	for (size_t i = 0; i < sizeof(per_mille) / sizeof(*per_mille); i++)
		printf(" %.2f", samples_ns[(count - 1) * per_mille[i] / 1000] / 1e3);
	putchar('\n');
}

static void timed_run(const struct test *test, const struct ends *ends, char *buffer,
		      const struct options *options)
{
	static uint32_t samples_ns[SAMPLES_MAX];
	int64_t begin_ns = now_ns(), end_ns = begin_ns + options->seconds * NS_PER_S;
	size_t count = 0, count_max = test->connects ? CONNECTIONS_MAX : SAMPLES_MAX;
	int64_t before_ns = begin_ns;

	while (before_ns < end_ns && count < count_max) {
		int64_t after_ns;

		test->transact(ends, buffer, options->size);
		after_ns = now_ns();
		samples_ns[count++] =
			(uint32_t)(after_ns - before_ns < UINT32_MAX ? after_ns - before_ns
								     : UINT32_MAX);
		before_ns = after_ns;
	}
	samples_print(samples_ns, count, before_ns - begin_ns);
}

static void test_run(const struct test *test, const struct ends *ends,
		     const struct options *options)
{
	static char buffer[PAYLOAD_MAX];
	pid_t server = test->serve ? server_start(test, ends, buffer, options->size) : 0;

	(void)round_run(test, ends, buffer, options); /* to be warm */
	if (options->seconds)
		timed_run(test, ends, buffer, options);
	else
		rounds_run(test, ends, buffer, options);
	if (server && (kill(server, SIGKILL) || waitpid(server, NULL, 0) != server))
		err(EXIT_FAILURE, "end the server");
}

/* The command line ----------------------------------------------------------------------------- */

static struct options options_parse(int argc, char **argv)
{
	struct options options = { .count = 1000, .rounds = 5, .size = 1 };
	int option;

	while ((option = getopt(argc, argv, "n:r:t:s:d:a:p:h")) != -1) {
		switch (option) {
		case 'n':
			options.count = number_parse(optarg, 1000000);
			break;
		case 'r':
			options.rounds = number_parse(optarg, ROUNDS_MAX);
			break;
		case 't':
			options.seconds = number_parse(optarg, SECONDS_MAX);
			break;
		case 's':
			options.size = number_parse(optarg, PAYLOAD_MAX);
			break;
		case 'd':
			options.sink = optarg;
			break;
		case 'a':
			options.published_address = optarg;
			break;
		case 'p':
			options.published_port = (uint16_t)number_parse(optarg, UINT16_MAX);
			break;
		case 'h':
			fputs(usage_text, stdout);
			exit(EXIT_SUCCESS);
		default:
			fputs(usage_text, stderr);
			exit(EXIT_FAILURE);
		}
	}
	return options;
}

/* A socket's own timeout would cost each transaction two timers. */
static void give_up(int signal)
{
	static const char message[] = "traffic: a packet was lost: nothing came for too long\n";

	(void)signal;
	(void)!write(STDERR_FILENO, message,
		     sizeof(message) - 1); /* there's no other way to tell */
	_exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	struct options options = options_parse(argc, argv);
	const struct test *test;
	struct ends ends;

	argv += optind;
	if (argc - optind != 4) {
		fputs(usage_text, stderr);
		return EXIT_FAILURE;
	}
	test = test_find(argv[0]);
	processor_pin();
	(void)signal(SIGALRM, give_up);
	(void)alarm(TIMEOUT_S);
	ends = ends_make(test, argv[1], argv[2], argv[3], &options);
	if (options.sink)
		sink_open(options.sink);
	test_run(test, &ends, &options);
	return EXIT_SUCCESS;
}
