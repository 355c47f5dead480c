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

/**
 * struct table_layout - what becomes of a table's entries in a list.
 * @key_size, @value_size, @entry_size: in bytes
 * @fill: makes an entry of a key and its value
 * @order: as qsort(3) takes it; NULL: the list is in no order
 */
struct table_layout {
	enum datapath_map map;
	size_t key_size, value_size, entry_size;
	void (*fill)(void *entry, const void *key, const void *value);
	int (*order)(const void *a, const void *b);
};

/**
 * table_read_entries() - read a whole table into a list.
 * @entries, @count: a list that is there already, or NULL and 0; the table's are put behind it, and
 *	all of it in order. Not NULL afterwards; free() it
 */
int table_read_entries(struct datapath *datapath, const struct table_layout *layout, void **entries,
		       size_t *count, struct error *err);

#endif
