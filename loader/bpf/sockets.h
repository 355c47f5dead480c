/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs that lead the host's own sockets to published ports (bpf/sock.bpf.c): on the root of
 * the cgroup hierarchy, or of the cgroup namespace that this process is in, by pinned bpf_links,
 * so that unpinning takes them off.
 */
#ifndef NKCTL_BPF_SOCKETS_H
#define NKCTL_BPF_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/datapath.h"
#include "core/addr.h"
#include "core/cleanup.h"
#include "core/error.h"

/**
 * sockets_attach() - attach them, and before the first time load them, and the tracker, if the
 * kernel takes it. Where they are attached, nothing. The caller has the node's lock, or the
 * exclusive one.
 *
 * Return: 0; -EOPNOTSUPP where the kernel can't run them; -EPERM. Then none is attached.
 */
int sockets_attach(struct datapath *datapath, struct error *err);

/**
 * sockets_update() - put this build's in the place of those that are loaded and attached, each
 * atomically; where none is loaded, nothing. Locks as for sockets_attach().
 */
int sockets_update(struct datapath *datapath, struct error *err);

/* sockets_detach() - take them off; they stay loaded. Return: 0, also where none was attached. */
int sockets_detach(struct datapath *datapath, struct error *err);

/* Whether all are attached. */
bool sockets_are_attached(const struct datapath *datapath);

/* sockets_try() - find the root cgroup, and load them with maps of their own: no trace is left. */
int sockets_try(struct error *err);

#define SOCKETS_PROGRAMS 8

/* sockets_program_ids() - ids of those loaded; 0 where one isn't. */
void sockets_program_ids(const struct datapath *datapath, uint32_t ids[SOCKETS_PROGRAMS]);

/* published_is_empty() - whether no port is published, so that nobody needs these programs. */
int published_is_empty(struct datapath *datapath, bool *ret_empty, struct error *err);

/* struct host_address - an address of the host, and the index of a device that has it. */
struct host_address {
	struct addr addr;
	uint32_t ifindex;
};

struct host_address_list {
	struct host_address *addresses;
	size_t count;
};

/* host_address_list_read() - those that the programs know. */
int host_address_list_read(struct datapath *datapath, struct host_address_list *ret_list,
			   struct error *err);
void host_address_list_free(struct host_address_list *list);
#define _cleanup_host_address_list_ _cleanup_(host_address_list_free)

int host_address_set(struct datapath *datapath, const struct host_address *address,
		     struct error *err);
int host_address_delete(struct datapath *datapath, const struct addr *addr, struct error *err);

#endif
