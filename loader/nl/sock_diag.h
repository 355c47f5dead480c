/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The host's own sockets: who has a port of this network namespace. */
#ifndef NKCTL_NL_SOCK_DIAG_H
#define NKCTL_NL_SOCK_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/addr.h"
#include "core/cleanup.h"
#include "core/error.h"

/**
 * struct host_socket - a socket that takes packets or connections for a port.
 * @protocol: IPPROTO_TCP, IPPROTO_UDP or IPPROTO_SCTP
 * @addr: what it is bound to; 0.0.0.0 or ::: any
 * @both_families: it is bound to :: and takes IPv4 as well
 * @port: host order
 * @inode: by which its owner is found; 0: it has none any more
 */
struct host_socket {
	uint8_t protocol;
	struct addr addr;
	bool both_families;
	uint16_t port;
	uint32_t inode;
};

struct host_socket_list {
	struct host_socket *sockets;
	size_t count;
};

/**
 * host_sockets_read() - append the sockets of a protocol that have one of a range of ports: TCP and
 * SCTP ones that listen, bound UDP ones, of both families.
 * @list: begin with an empty one; host_socket_list_free() frees it
 *
 * Return: 0, also where the kernel has no SCTP; -EOPNOTSUPP where it doesn't tell of sockets.
 */
int host_sockets_read(uint8_t protocol, uint16_t port_min, uint16_t port_max,
		      struct host_socket_list *list, struct error *err);
void host_socket_list_free(struct host_socket_list *list);
#define _cleanup_host_socket_list_ _cleanup_(host_socket_list_free)

/**
 * host_sockets_find() - the socket of a list that takes, or is in the way of, packets for an
 * address and port.
 * @addr: 0.0.0.0 or ::: any of that family
 *
 * Return: it, or NULL.
 */
const struct host_socket *host_sockets_find(const struct host_socket_list *list, uint8_t protocol,
					    const struct addr *addr, uint16_t port);

#define PROCESS_NAME_SIZE 16 /* TASK_COMM_LEN, linux/sched.h */

/* struct process - who has a socket open; one of them, where several do. */
struct process {
	pid_t pid;
	char name[PROCESS_NAME_SIZE];
};

/**
 * host_socket_owner() - look through the processes in /proc for a socket.
 *
 * Return: 0; -ENOENT where nobody in sight has it: the kernel's own, or one of another pid
 * namespace.
 */
int host_socket_owner(const struct host_socket *socket, struct process *ret_process);

#endif
