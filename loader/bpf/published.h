/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Published ports in the kernel: entries of the pinned map "published". They are changed under the
 * node's lock (pins_lock_node()) alone, and with them the bits of struct nk_nat that tell the
 * programs at which ports to look.
 */
#ifndef NKCTL_BPF_PUBLISHED_H
#define NKCTL_BPF_PUBLISHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/datapath.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "nkctl/nat.h"

/**
 * struct published_entry - a port of the host and where it leads.
 * @gone: to be withdrawn by published_delete()
 */
struct published_entry {
	struct nk_port key;
	struct nk_published value;
	bool gone;
};

/* struct published_list - in order of protocol and port. */
struct published_list {
	struct published_entry *entries;
	size_t count;
};

/* published_list_read() - all of the node, those of dead endpoints too. */
int published_list_read(struct datapath *datapath, struct published_list *ret_list,
			struct error *err);
void published_list_free(struct published_list *list);
#define _cleanup_published_list_ _cleanup_(published_list_free)

/**
 * published_list_find() - the first entry of a port.
 * @port: host order
 *
 * Return: its index; further ones follow. published_list_has() tells whether there is one.
 */
size_t published_list_find(const struct published_list *list, uint8_t protocol, uint16_t port);

/* published_list_has() - whether the entry at @index is there, and of that port. */
bool published_list_has(const struct published_list *list, size_t index, uint8_t protocol,
			uint16_t port);

/**
 * published_insert() - publish ports, all of them in one system call: a kill leaves all or nothing.
 * The programs look at these ports from now on.
 * @entries: none of them in the map
 *
 * Return: 0; -ENOSPC where the table is full: nothing was inserted then. With an error, the
 * programs look at the ports until nat_ports_clear().
 */
int published_insert(struct datapath *datapath, const struct published_entry *entries, size_t count,
		     struct error *err);

/**
 * published_delete() - withdraw the ports of a list that are marked as gone, and take them off it.
 * The programs look at them until nat_ports_clear().
 * @list: what is in the map
 */
int published_delete(struct datapath *datapath, struct published_list *list, struct error *err);

#endif
