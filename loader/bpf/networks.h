/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The pinned maps "networks" and "cursors": networks that were added, and where to go on. */
#ifndef NKCTL_BPF_NETWORKS_H
#define NKCTL_BPF_NETWORKS_H

#include <stddef.h>

#include "bpf/datapath.h"
#include "core/addr.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "nkctl/maps.h"

/* network_get() - Return: 0; -ENOENT where no such network was added. */
int network_get(struct datapath *datapath, const char *name, struct nk_network *ret_network,
		struct error *err);

/* network_insert() - Return: 0; -EEXIST; -ENOSPC where there are NK_NETWORKS_MAX. */
int network_insert(struct datapath *datapath, const char *name, const struct nk_network *network,
		   struct error *err);
int network_delete(struct datapath *datapath, const char *name, struct error *err);

struct network_entry {
	struct nk_network_key key;
	struct nk_network network;
};
struct network_list {
	struct network_entry *entries;
	size_t count;
};

/* network_list_read() - networks that were added, by name. */
int network_list_read(struct datapath *datapath, struct network_list *ret_list, struct error *err);
void network_list_free(struct network_list *list);
#define _cleanup_network_list_ _cleanup_(network_list_free)

/* cursor_get() - the address of a subnet that was claimed last. Return: 0; -ENOENT: none yet. */
int cursor_get(struct datapath *datapath, const struct nk_subnet *subnet, struct addr *ret_addr,
	       struct error *err);
int cursor_set(struct datapath *datapath, const struct nk_subnet *subnet, const struct addr *addr,
	       struct error *err);
/* Also of a subnet that has none. */
void cursor_delete(struct datapath *datapath, const struct nk_subnet *subnet);

#endif
