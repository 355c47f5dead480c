// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's side: net/core/sock_diag.c, net/ipv4/inet_diag.c. */
#include "nl/sock_diag.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"
#include "nl/message.h"
#include "nl/nlsock.h"

/* All protocols tell their states by TCP's numbers; a UDP socket has one of these two. */
#define STATES_LISTEN (1U << TCP_LISTEN)
#define STATES_UDP    (1U << TCP_CLOSE | 1U << TCP_ESTABLISHED)

/* struct socket_dump - a list that grows while it is read, and what is looked for. */
struct socket_dump {
	struct host_socket_list *list;
	uint8_t protocol;
	uint16_t port_min, port_max;
	int ret;
};

/* An IPv6 socket may be bound to an IPv4 address, as ::ffff:a.b.c.d. */
static struct addr socket_addr(const struct inet_diag_msg *info)
{
	const struct in6_addr *src = (const void *)info->id.idiag_src;
	bool mapped = info->idiag_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(src);
	struct addr addr = { .family = mapped ? AF_INET : info->idiag_family };

	memcpy(addr.bytes, (const uint8_t *)src + (mapped ? 12 : 0), addr_size(addr.family));
	return addr;
}

static bool socket_is_v6only(const struct nlmsghdr *message)
{
	const struct nlattr *attr;

	mnl_attr_for_each (attr, message, sizeof(struct inet_diag_msg))
		if (mnl_attr_get_type(attr) == INET_DIAG_SKV6ONLY &&
		    !mnl_attr_validate(attr, MNL_TYPE_U8))
			return mnl_attr_get_u8(attr);
	return false;
}

static int socket_add(struct host_socket_list *list, const struct host_socket *socket)
{
	struct host_socket *grown = reallocarray(list->sockets, list->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	list->sockets = grown;
	grown[list->count++] = *socket;
	return 0;
}

static int socket_parse(const struct nlmsghdr *message, void *data)
{
	const struct inet_diag_msg *info = message_header(message, sizeof(*info));
	struct socket_dump *dump = data;
	struct host_socket socket;

	if (!info || (info->idiag_family != AF_INET && info->idiag_family != AF_INET6))
		return MNL_CB_OK;
	socket = (struct host_socket){ .protocol = dump->protocol,
				       .addr = socket_addr(info),
				       .port = ntohs(info->id.idiag_sport),
				       .inode = info->idiag_inode };
	socket.both_families = socket.addr.family == AF_INET6 && addr_is_any(&socket.addr) &&
			       !socket_is_v6only(message);
	if (socket.port < dump->port_min || socket.port > dump->port_max)
		return MNL_CB_OK; /* SCTP's dump doesn't look at the filter */
	dump->ret = socket_add(dump->list, &socket);
	return dump->ret ? MNL_CB_STOP : MNL_CB_OK;
}

/*
 * A filter that the kernel runs for each socket. A comparison takes two operations: the second one
 * holds the port. A jump goes on to the next comparison, or to the end, which accepts, or four
 * bytes behind it, which refuses (inet_diag_bc_run()).
 */
static void filter_put(struct nlmsghdr *header, uint16_t port_min, uint16_t port_max)
{
	const unsigned char compared = 2 * sizeof(struct inet_diag_bc_op);
	const struct inet_diag_bc_op filter[] = {
		{ INET_DIAG_BC_S_GE, compared, 2 * compared + 4 },
		{ .no = port_min },
		{ INET_DIAG_BC_S_LE, compared, compared + 4 },
		{ .no = port_max },
	};

	mnl_attr_put(header, INET_DIAG_REQ_BYTECODE, sizeof(filter), filter);
}

static int sockets_dump(struct nlsock *nl, uint8_t family, struct socket_dump *dump,
			struct error *err)
{
	struct nlsock_request request;
	struct inet_diag_req_v2 *diag;
	void *family_header;
	struct nlmsghdr *header = nlsock_request_init(&request, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP,
						      sizeof(*diag), &family_header);
	int ret;

	diag = family_header;
	diag->sdiag_family = family;
	diag->sdiag_protocol = dump->protocol;
	diag->idiag_states = dump->protocol == IPPROTO_UDP ? STATES_UDP : STATES_LISTEN;
	filter_put(header, dump->port_min, dump->port_max);
	ret = nlsock_talk(nl, header, socket_parse, dump, err);
	if (!ret && dump->ret)
		ret = error_sys(err, dump->ret, "keep them");
	return ret;
}

int host_sockets_read(uint8_t protocol, uint16_t port_min, uint16_t port_max,
		      struct host_socket_list *list, struct error *err)
{
	struct socket_dump dump = { list, protocol, port_min, port_max, 0 };
	_cleanup_nlsock_ struct nlsock *nl = NULL;
	int ret = nlsock_open_sock_diag(&nl, err);

	for (size_t i = 0; !ret && i < ADDR_FAMILIES; i++)
		ret = sockets_dump(nl, addr_families[i], &dump, err);
	if (ret == -ENOENT && protocol == IPPROTO_SCTP)
		return 0; /* not loaded: nobody has a socket */
	if (ret == -ENOENT)
		return error_set(err, EOPNOTSUPP,
				 "this kernel doesn't tell of its sockets (tcp_diag, udp_diag)");
	return ret ? error_prefix(err, "read the host's sockets") : 0;
}

void host_socket_list_free(struct host_socket_list *list)
{
	free(list->sockets);
	*list = (struct host_socket_list){ 0 };
}

static bool socket_takes(const struct host_socket *socket, const struct addr *addr)
{
	if (socket->addr.family != addr->family)
		return addr->family == AF_INET && socket->both_families;
	return addr_is_any(&socket->addr) || addr_is_any(addr) || addr_equal(&socket->addr, addr);
}

const struct host_socket *host_sockets_find(const struct host_socket_list *list, uint8_t protocol,
					    const struct addr *addr, uint16_t port)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct host_socket *socket = &list->sockets[i];

		if (socket->port == port && socket->protocol == protocol &&
		    socket_takes(socket, addr))
			return socket;
	}
	return NULL;
}

/* Whether one of the files that a process has open is the one with that name. */
static bool process_has_file(int proc_fd, const char *pid, const char *file)
{
	char path[64], target[64];
	struct dirent *entry;
	bool found = false;
	ssize_t len;
	DIR *dir;
	int fd;

	(void)snprintf(path, sizeof(path), "%.16s/fd", pid);
	fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		cleanup_close(&fd);
		return false; /* it has ended meanwhile */
	}
	while (!found && (entry = readdir(dir))) {
		len = readlinkat(fd, entry->d_name, target, sizeof(target) - 1);
		target[len < 0 ? 0 : len] = '\0';
		found = !strcmp(target, file);
	}
	(void)closedir(dir); /* closes fd; it was only read */
	return found;
}

static void process_read(int proc_fd, const char *pid, struct process *process)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	ssize_t len;

	*process = (struct process){ .pid = (pid_t)strtol(pid, NULL, 10), .name = "?" };
	(void)snprintf(path, sizeof(path), "%.16s/comm", pid);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, process->name, sizeof(process->name) - 1);
	if (len > 0)
		process->name[len] = '\0';
	process->name[strcspn(process->name, "\n")] = '\0';
	text_sanitize(process->name);
}

int host_socket_owner(const struct host_socket *socket, struct process *ret_process)
{
	DIR *proc = socket->inode ? opendir("/proc") : NULL;
	struct dirent *entry;
	int ret = -ENOENT;
	char file[32];

	if (!proc)
		return -ENOENT;
	(void)snprintf(file, sizeof(file), "socket:[%u]", socket->inode);
	while (ret && (entry = readdir(proc))) {
		if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name) ||
		    !process_has_file(dirfd(proc), entry->d_name, file))
			continue;
		process_read(dirfd(proc), entry->d_name, ret_process);
		ret = 0;
	}
	(void)closedir(proc); /* it was only read */
	return ret;
}
