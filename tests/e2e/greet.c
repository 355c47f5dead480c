// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * greet: who answers at an address, and as whom both ends know each other.
 *
 *	greet serve NAME tcp|udp PORT [ADDRESS]
 *	greet ask tcp|udp|sendto|sendmsg [from SOURCE] ADDRESS PORT [ADDRESS PORT]...
 *
 * A server answers each connection, or datagram, with its name and the client's address as it sees
 * it. Who asks prints "NAME CLIENT SERVER PORT": what the server said, and the server's address
 * and port as the client is told: by getpeername(2), and by recvfrom(2) for datagrams; "udp" is a
 * connected socket, the others are not. One such socket asks all servers, in order. SOURCE is what
 * it is bound to, and with "sendmsg" what each datagram names instead (IP_PKTINFO, IPV6_PKTINFO).
 * Exit status 1, and a word why, where nobody answers, or where the two calls, or getsockname(2)
 * and the server, disagree.
 *
 * ADDRESS ::ffff:a.b.c.d is asked by a socket of IPv6.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_S   5
#define NAME_LENGTH 32

/* What a server says: its name, and the address of whom it speaks to. */
struct greeting {
	char name[NAME_LENGTH];
	struct sockaddr_storage client;
};

struct address {
	struct sockaddr_storage storage;
	socklen_t len;
};

static struct sockaddr *sockaddr(struct address *address)
{
	address->len = sizeof(address->storage);
	return (struct sockaddr *)&address->storage;
}

static struct address address_parse(const char *text, const char *port)
{
	struct address address = { 0 };
	struct sockaddr_in6 *v6 = (void *)&address.storage;
	struct sockaddr_in *v4 = (void *)&address.storage;
	in_port_t number = htons((in_port_t)strtoul(port, NULL, 10));

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		address.len = sizeof(*v4);
		v4->sin_family = AF_INET;
		v4->sin_port = number;
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		address.len = sizeof(*v6);
		v6->sin6_family = AF_INET6;
		v6->sin6_port = number;
	} else {
		errx(2, "'%s' is no address", text);
	}
	return address;
}

/* As IPv6 has it, so that the addresses of two sockets can be compared. */
static void address_split(const struct sockaddr_storage *storage, struct in6_addr *ret_addr,
			  in_port_t *ret_port)
{
	const struct sockaddr_in6 *v6 = (const void *)storage;
	const struct sockaddr_in *v4 = (const void *)storage;

	*ret_port = v6->sin6_port; /* where a struct sockaddr_in has it, too */
	if (storage->ss_family == AF_INET6) {
		*ret_addr = v6->sin6_addr;
		return;
	}
	memset(ret_addr, 0, sizeof(*ret_addr));
	memset(ret_addr->s6_addr + 10, 0xff, 2);
	memcpy(ret_addr->s6_addr + 12, &v4->sin_addr, 4);
}

static bool address_equal(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	struct in6_addr addrs[2];
	in_port_t ports[2];

	address_split(a, &addrs[0], &ports[0]);
	address_split(b, &addrs[1], &ports[1]);
	return !memcmp(&addrs[0], &addrs[1], sizeof(addrs[0])) && ports[0] == ports[1];
}

static void address_print(const struct sockaddr_storage *storage, bool with_port)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	in_port_t port;

	address_split(storage, &addr, &port);
	(void)inet_ntop(AF_INET6, &addr, text, sizeof(text));
	(void)printf(" %s", !strncmp(text, "::ffff:", 7) ? text + 7 : text);
	if (with_port)
		(void)printf(" %u", ntohs(port));
}

static int socket_open(int family, bool stream)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	int fd = socket(family, stream ? SOCK_STREAM : SOCK_DGRAM, 0);
	const int on = 1;

	/* Errors come to datagram sockets that aren't connected, too: nobody waits for a refusal.
	 */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) ||
	    (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on))))
		err(2, "make a socket");
	return fd;
}

static void datagram_answer(int fd, struct greeting *greeting)
{
	struct address client;
	char byte;

	if (recvfrom(fd, &byte, 1, 0, sockaddr(&client), &client.len) != 1)
		return;
	greeting->client = client.storage;
	(void)sendto(fd, greeting, sizeof(*greeting), 0, (struct sockaddr *)&client.storage,
		     client.len);
}

static void connection_answer(int fd, struct greeting *greeting)
{
	struct address client;
	int connection = accept(fd, sockaddr(&client), &client.len);

	if (connection < 0)
		return;
	greeting->client = client.storage;
	(void)send(connection, greeting, sizeof(*greeting), MSG_NOSIGNAL);
	(void)close(connection);
}

static void serve(const char *name, const char *protocol, const char *port, const char *text)
{
	struct greeting greeting = { 0 };
	bool stream = !strcmp(protocol, "tcp");
	struct address address = address_parse(text, port);
	int fd = socket_open(address.storage.ss_family, stream);

	(void)snprintf(greeting.name, sizeof(greeting.name), "%s", name);
	if (bind(fd, (struct sockaddr *)&address.storage, address.len) || (stream && listen(fd, 8)))
		err(2, "listen at port %s", port);
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		if (stream)
			connection_answer(fd, &greeting);
		else
			datagram_answer(fd, &greeting);
	}
}

static void greeting_receive(int fd, const char *way, struct address *ret_sender,
			     struct greeting *ret_greeting)
{
	if (recvfrom(fd, ret_greeting, sizeof(*ret_greeting), MSG_WAITALL, sockaddr(ret_sender),
		     &ret_sender->len) != sizeof(*ret_greeting))
		err(1, "no answer");
	if (strcmp(way, "tcp")) /* of a connection, recvfrom() tells no address */
		return;
	if (getpeername(fd, sockaddr(ret_sender), &ret_sender->len))
		err(1, "getpeername");
}

static int asker_open(const struct address *server, bool stream, const struct address *source)
{
	int fd = socket_open(server->storage.ss_family, stream);

	if (source && bind(fd, (struct sockaddr *)&source->storage, source->len))
		err(2, "bind");
	return fd;
}

/* A control message that names the source of a datagram: of ip(7) or of ipv6(7). */
static void source_name(struct msghdr *msg, const struct address *source)
{
	const struct sockaddr_in6 *v6 = (const void *)&source->storage;
	const struct sockaddr_in *v4 = (const void *)&source->storage;
	const struct in_pktinfo info4 = { .ipi_spec_dst = v4->sin_addr };
	const struct in6_pktinfo info6 = { .ipi6_addr = v6->sin6_addr };
	bool is_v4 = source->storage.ss_family == AF_INET;
	size_t len = is_v4 ? sizeof(info4) : sizeof(info6);
	struct cmsghdr *control = CMSG_FIRSTHDR(msg);

	control->cmsg_level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6;
	control->cmsg_type = is_v4 ? IP_PKTINFO : IPV6_PKTINFO;
	control->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(control), is_v4 ? (const void *)&info4 : (const void *)&info6, len);
	msg->msg_controllen = CMSG_SPACE(len);
}

/* @server: NULL: the socket is connected; @source: NULL: of the kernel's choice */
static void datagram_send(int fd, const struct address *server, const struct address *source)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = { 0 };
	struct iovec question = { .iov_base = "?", .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &question, .msg_iovlen = 1 };

	if (server) {
		msg.msg_name = (void *)&server->storage;
		msg.msg_namelen = server->len;
	}
	if (source) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		source_name(&msg, source);
	}
	if (sendmsg(fd, &msg, 0) != 1)
		err(1, "send");
}

static void question_send(int fd, const char *way, const struct address *server,
			  const struct address *source)
{
	bool connected = !strcmp(way, "tcp") || !strcmp(way, "udp");

	if (connected && connect(fd, (const struct sockaddr *)&server->storage, server->len))
		err(1, "connect");
	if (strcmp(way, "tcp"))
		datagram_send(fd, connected ? NULL : server,
			      strcmp(way, "sendmsg") ? NULL : source);
}

/* Of a connected socket. */
static void ends_check(int fd, const struct address *sender, const struct greeting *greeting)
{
	struct address peer, own;

	if (getpeername(fd, sockaddr(&peer), &peer.len) ||
	    getsockname(fd, sockaddr(&own), &own.len))
		err(1, "ask for the socket's addresses");
	if (!address_equal(&peer.storage, &sender->storage))
		errx(1, "the peer isn't whom data comes from");
	if (!address_equal(&own.storage, &greeting->client))
		errx(1, "the socket's own address isn't what the server sees");
}

static void ask(int fd, const char *way, const struct address *server, const struct address *source)
{
	struct greeting greeting;
	struct address sender;

	question_send(fd, way, server, source);
	greeting_receive(fd, way, &sender, &greeting);
	if (strncmp(way, "send", 4))
		ends_check(fd, &sender, &greeting);
	(void)printf("%.*s", NAME_LENGTH, greeting.name);
	address_print(&greeting.client, false);
	address_print(&sender.storage, true);
	(void)puts("");
}

/* @servers: of one family */
static void ask_all(const char *way, char *const *servers, int count, struct address *source)
{
	const struct address *bound_to = strcmp(way, "sendmsg") ? source : NULL;
	bool stream = !strcmp(way, "tcp");
	struct address server;
	int fd = -1;

	for (int i = 0; i + 1 < count; i += 2) {
		server = address_parse(servers[i], servers[i + 1]);
		if (fd < 0 || stream)
			fd = asker_open(&server, stream, bound_to);
		ask(fd, way, &server, source);
	}
}

int main(int argc, char **argv)
{
	struct address source;

	if (argc >= 5 && !strcmp(argv[1], "serve")) {
		serve(argv[2], argv[3], argv[4], argc > 5 ? argv[5] : "::");
	} else if (argc >= 7 && !strcmp(argv[1], "ask") && !strcmp(argv[3], "from")) {
		source = address_parse(argv[4], "0");
		ask_all(argv[2], argv + 5, argc - 5, &source);
	} else if (argc >= 5 && !strcmp(argv[1], "ask")) {
		ask_all(argv[2], argv + 3, argc - 3, NULL);
	} else {
		errx(2, "serve or ask?");
	}
	return 0;
}
