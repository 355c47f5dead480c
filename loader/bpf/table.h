/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the typed tables have in common: entries of a pinned map, one by one or all at once. */
#ifndef NKCTL_BPF_TABLE_H
#define NKCTL_BPF_TABLE_H

#include <stddef.h>

#include "bpf/datapath.h"
#include "core/cleanup.h"
#include "core/error.h"

/* table_get() - Return: 0; -ENOENT where there is no such entry. */
int table_get(struct datapath *datapath, enum datapath_map map, const void *key, void *ret_value,
	      struct error *err);

/**
 * table_set() - write an entry.
 * @flags: BPF_ANY, BPF_NOEXIST or BPF_EXIST
 *
 * Return: 0; -EEXIST and -ENOENT by @flags; -ENOSPC where the table is full.
 */
int table_set(struct datapath *datapath, enum datapath_map map, const void *key, const void *value,
	      __u64 flags, struct error *err);

/* table_delete() - Return: 0, also where it was gone. */
int table_delete(struct datapath *datapath, enum datapath_map map, const void *key,
		 struct error *err);

/* struct table_dump - keys and values of a whole map. */
struct table_dump {
	char *keys, *values;
	size_t count, capacity;
};

/* table_read() - all entries. One that comes or goes meanwhile may be missed, none is doubled. */
int table_read(struct datapath *datapath, enum datapath_map map, size_t key_size, size_t value_size,
	       struct table_dump *ret_dump, struct error *err);
void table_dump_free(struct table_dump *dump);
#define _cleanup_table_dump_ _cleanup_(table_dump_free)

#endif
