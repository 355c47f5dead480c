/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A kernel's answers, from memory: libmnl's socket, wrapped by the linker (--wrap). It takes every
 * request, and gives the answer as one datagram and then acknowledgements, so that no question
 * waits for more. A message without a sequence number gets that of the request.
 */
#ifndef NKCTL_TESTS_FUZZ_KERNEL_H
#define NKCTL_TESTS_FUZZ_KERNEL_H

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <sanitizer/asan_interface.h>
#include <stdint.h>
#include <string.h>

/* What comes next; the number of the request that it answers. */
static const void *kernel_data;
static size_t kernel_size;
static uint32_t kernel_seq;

/* Called for each request, where a test wants to be. */
static void (*kernel_asked)(void);

/* kernel_answer() - the answer to the next request. @data: borrowed until then */
static inline void kernel_answer(const void *data, size_t size)
{
	kernel_data = data;
	kernel_size = size;
}

struct mnl_socket *__wrap_mnl_socket_open2(int protocol, int flags);
int __wrap_mnl_socket_bind(struct mnl_socket *socket, unsigned int groups, pid_t pid);
int __wrap_mnl_socket_setsockopt(const struct mnl_socket *socket, int type, void *buf,
				 socklen_t len);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *request, size_t len);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size);
int __wrap_mnl_socket_close(struct mnl_socket *socket);

struct mnl_socket *__wrap_mnl_socket_open2(int protocol, int flags)
{
	static char socket;

	(void)protocol;
	(void)flags;
	return (struct mnl_socket *)&socket; /* nobody looks inside */
}

int __wrap_mnl_socket_bind(struct mnl_socket *socket, unsigned int groups, pid_t pid)
{
	(void)socket;
	(void)groups;
	(void)pid;
	return 0;
}

int __wrap_mnl_socket_setsockopt(const struct mnl_socket *socket, int type, void *buf,
				 socklen_t len)
{
	(void)socket;
	(void)type;
	(void)buf;
	(void)len;
	return 0;
}

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *request, size_t len)
{
	(void)socket;
	kernel_seq = ((const struct nlmsghdr *)request)->nlmsg_seq;
	if (kernel_asked)
		kernel_asked();
	return (ssize_t)len;
}

static inline void kernel_number(char *buffer, int len)
{
	struct nlmsghdr *message = (struct nlmsghdr *)buffer;

	for (; mnl_nlmsg_ok(message, len) && message->nlmsg_len <= (uint32_t)len;
	     message = mnl_nlmsg_next(message, &len))
		if (!message->nlmsg_seq)
			message->nlmsg_seq = kernel_seq;
}

static inline size_t kernel_acknowledge(void *buffer)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);

	header->nlmsg_type = NLMSG_ERROR;
	(void)mnl_nlmsg_put_extra_header(header, sizeof(struct nlmsgerr)); /* zeroed: no error */
	return header->nlmsg_len;
}

/* The kernel pads its messages; what is behind a datagram is nobody's. */
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size)
{
	size_t len = (kernel_size < size ? kernel_size : size) / NLMSG_ALIGNTO * NLMSG_ALIGNTO;

	(void)socket;
	ASAN_UNPOISON_MEMORY_REGION(buffer, size);
	if (len)
		memcpy(buffer, kernel_data, len);
	else
		len = kernel_acknowledge(buffer);
	kernel_size = 0;
	kernel_number(buffer, (int)len);
	ASAN_POISON_MEMORY_REGION((char *)buffer + len, size - len);
	return (ssize_t)len;
}

int __wrap_mnl_socket_close(struct mnl_socket *socket)
{
	(void)socket;
	return 0;
}

#endif
