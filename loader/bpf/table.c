// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/table.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* Entries a batch reads: more than a bucket of the kernel's hash tables ever holds. */
#define BATCH_ENTRIES 4096

#define KEY_SIZE_MAX 64

int table_get(struct datapath *datapath, enum datapath_map map, const void *key, void *ret_value,
	      struct error *err)
{
	int fd = datapath_map_fd(datapath, map, err);

	if (fd < 0)
		return fd;
	if (bpf_map_lookup_elem(fd, key, ret_value))
		return error_sys(err, errno, "look up an entry of %s", datapath_map_name(map));
	return 0;
}

int table_set(struct datapath *datapath, enum datapath_map map, const void *key, const void *value,
	      __u64 flags, struct error *err)
{
	int fd = datapath_map_fd(datapath, map, err);

	if (fd < 0)
		return fd;
	if (!bpf_map_update_elem(fd, key, value, flags))
		return 0;
	if (errno == E2BIG || errno == ENOSPC) /* how a full hash table is told, and a full trie */
		return error_set(err, ENOSPC, "the table %s is full", datapath_map_name(map));
	return error_sys(err, errno, "write an entry of %s", datapath_map_name(map));
}

int table_delete(struct datapath *datapath, enum datapath_map map, const void *key,
		 struct error *err)
{
	int fd = datapath_map_fd(datapath, map, err);

	if (fd < 0)
		return fd;
	if (bpf_map_delete_elem(fd, key) && errno != ENOENT)
		return error_sys(err, errno, "delete an entry of %s", datapath_map_name(map));
	return 0;
}

void table_dump_free(struct table_dump *dump)
{
	free(dump->keys);
	free(dump->values);
}

static int dump_grow(struct table_dump *dump, size_t key_size, size_t value_size)
{
	char *keys, *values;

	dump->capacity += BATCH_ENTRIES;
	keys = reallocarray(dump->keys, dump->capacity, key_size);
	if (keys)
		dump->keys = keys;
	values = reallocarray(dump->values, dump->capacity, value_size);
	if (values)
		dump->values = values;
	return keys && values ? 0 : -ENOMEM;
}

/* Where a batch ended is 4 bytes of a hash table, and a key of others (kernel/bpf/syscall.c). */
static int dump_read(int fd, size_t key_size, size_t value_size, struct table_dump *dump)
{
	char batch[KEY_SIZE_MAX];
	__u32 count;
	bool first = true;
	int ret;

	assert(key_size <= sizeof(batch));
	do {
		if (dump_grow(dump, key_size, value_size))
			return -ENOMEM;
		count = (__u32)(dump->capacity - dump->count);
		ret = bpf_map_lookup_batch(fd, first ? NULL : batch, batch,
					   dump->keys + dump->count * key_size,
					   dump->values + dump->count * value_size, &count, NULL);
		if (ret && ret != -ENOENT)
			return ret;
		dump->count += count;
		first = false;
	} while (!ret);
	return 0;
}

int table_read(struct datapath *datapath, enum datapath_map map, size_t key_size, size_t value_size,
	       struct table_dump *ret_dump, struct error *err)
{
	struct table_dump dump = { 0 };
	int fd = datapath_map_fd(datapath, map, err), ret;

	if (fd < 0)
		return fd;
	ret = dump_read(fd, key_size, value_size, &dump);
	if (ret) {
		table_dump_free(&dump);
		return error_sys(err, ret, "read %s", datapath_map_name(map));
	}
	*ret_dump = dump;
	return 0;
}

int table_read_entries(struct datapath *datapath, const struct table_layout *layout, void **entries,
		       size_t *count, struct error *err)
{
	_cleanup_table_dump_ struct table_dump dump = { 0 };
	char *grown;
	int ret =
		table_read(datapath, layout->map, layout->key_size, layout->value_size, &dump, err);

	if (ret)
		return ret;
	grown = reallocarray(*entries, *count + dump.count + 1, layout->entry_size);
	if (!grown)
		return error_sys(err, ENOMEM, "read %s", datapath_map_name(layout->map));
	*entries = grown;
	for (size_t i = 0; i < dump.count; i++)
		layout->fill(grown + (*count + i) * layout->entry_size,
			     dump.keys + i * layout->key_size,
			     dump.values + i * layout->value_size);
	*count += dump.count;
	if (layout->order)
		qsort(grown, *count, layout->entry_size, layout->order);
	return 0;
}
