/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets in places: the names of network namespaces, or "host" for the process' own. A program
 * with both ends of a connection costs one start, and nobody waits for a listener.
 */
#ifndef NKCTL_TESTS_E2E_PLACE_H
#define NKCTL_TESTS_E2E_PLACE_H

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_BACKLOG 4096

/* The namespace that the process was started in. */
static int place_own_fd = -1;

static inline int place_open(const char *place)
{
	char path[PATH_MAX];
	int fd;

	if (place_own_fd < 0)
		place_own_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (!strcmp(place, "host"))
		return place_own_fd;
	(void)snprintf(path, sizeof(path), "/run/netns/%s", place);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err(2, "%s", place);
	return fd;
}

/* What a socket speaks. */
struct transport {
	const char *name;
	int type, protocol;
};

static inline const struct transport *transport_find(const char *name)
{
	static const struct transport transports[] = {
		{ "tcp", SOCK_STREAM, IPPROTO_TCP },
		{ "udp", SOCK_DGRAM, IPPROTO_UDP },
		{ "sctp", SOCK_STREAM, IPPROTO_SCTP },
	};

	for (size_t i = 0; i < sizeof(transports) / sizeof(*transports); i++)
		if (!strcmp(transports[i].name, name))
			return &transports[i];
	errx(2, "no protocol '%s'", name);
}

static inline int place_socket(const char *place, int family, const struct transport *transport)
{
	int netns_fd = place_open(place), fd;
	const int on = 1;

	if (setns(netns_fd, CLONE_NEWNET))
		err(2, "%s", place);
	fd = socket(family, transport->type, transport->protocol);
	if (fd < 0 || setns(place_own_fd, CLONE_NEWNET))
		err(2, "make a socket in %s", place);
	if (netns_fd != place_own_fd)
		(void)close(netns_fd);
	/* Two sockets of datagrams could get the same port by it, and one the other's. */
	if (transport->type == SOCK_STREAM &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		err(2, "SO_REUSEADDR");
	return fd;
}

/* An address of either family. */
struct endpoint {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t len;
};

static inline int address_family(const char *address)
{
	return strchr(address, ':') ? AF_INET6 : AF_INET;
}

/* @address: NULL for any of the family; @port: in host order */
static inline struct endpoint endpoint_of(int family, const char *address, in_port_t port)
{
	struct endpoint endpoint = { .any.sa_family = (sa_family_t)family };
	bool is_v6 = family == AF_INET6;

	endpoint.len = is_v6 ? sizeof(endpoint.v6) : sizeof(endpoint.v4);
	endpoint.v6.sin6_port = htons(port); /* where a struct sockaddr_in has it, too */
	if (address &&
	    inet_pton(family, address,
		      is_v6 ? (void *)&endpoint.v6.sin6_addr : &endpoint.v4.sin_addr) != 1)
		errx(2, "'%s' is no address", address);
	return endpoint;
}

static inline in_port_t endpoint_port(const struct endpoint *endpoint)
{
	return ntohs(endpoint->v6.sin6_port);
}

static inline const char *endpoint_address(const struct endpoint *endpoint)
{
	static char text[INET6_ADDRSTRLEN];

	return inet_ntop(endpoint->any.sa_family,
			 endpoint->any.sa_family == AF_INET6 ? (void *)&endpoint->v6.sin6_addr
							     : (void *)&endpoint->v4.sin_addr,
			 text, sizeof(text));
}

/**
 * place_listen() - a socket bound in a place.
 * @address: to which of its addresses; NULL for all
 * @port: 0 for one that the kernel chooses
 * @ret_port: the port
 */
static inline int place_listen(const char *place, int family, const struct transport *transport,
			       const char *address, in_port_t port, in_port_t *ret_port)
{
	struct endpoint endpoint = endpoint_of(family, address, port);
	int fd = place_socket(place, family, transport);

	if (bind(fd, &endpoint.any, endpoint.len) ||
	    (transport->type == SOCK_STREAM && listen(fd, LISTEN_BACKLOG)) ||
	    getsockname(fd, &endpoint.any, &endpoint.len))
		err(2, "listen in %s", place);
	*ret_port = endpoint_port(&endpoint);
	return fd;
}

/**
 * place_connect() - a socket of a place, connected.
 * @source_port: its own; 0: whatever the kernel chooses
 */
static inline int place_connect(const char *place, const struct transport *transport,
				const char *address, in_port_t port, in_port_t source_port)
{
	int family = address_family(address), fd = place_socket(place, family, transport);
	struct endpoint to = endpoint_of(family, address, port);
	struct endpoint from = endpoint_of(family, NULL, source_port);

	if (source_port && bind(fd, &from.any, from.len))
		err(2, "bind to port %d in %s", source_port, place);
	if (connect(fd, &to.any, to.len))
		err(1, "connect from %s to %s port %d", place, address, port);
	return fd;
}

#endif
