/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The pinned map "uplinks": devices that container traffic comes in by. */
#ifndef NKCTL_BPF_UPLINKS_H
#define NKCTL_BPF_UPLINKS_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/datapath.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "nkctl/maps.h"

/* uplink_get() - Return: 0; -ENOENT. */
int uplink_get(struct datapath *datapath, int ifindex, struct nk_uplink *ret_uplink,
	       struct error *err);
int uplink_set(struct datapath *datapath, int ifindex, const struct nk_uplink *uplink,
	       struct error *err);
int uplink_delete(struct datapath *datapath, int ifindex, struct error *err);

struct uplink_entry {
	uint32_t ifindex;
	struct nk_uplink uplink;
};
struct uplink_list {
	struct uplink_entry *entries;
	size_t count;
};

int uplink_list_read(struct datapath *datapath, struct uplink_list *ret_list, struct error *err);
void uplink_list_free(struct uplink_list *list);
#define _cleanup_uplink_list_ _cleanup_(uplink_list_free)

#endif
