// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/published.h"

#include <bpf/bpf.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/invalidator.h"
#include "bpf/nat.h"
#include "bpf/table.h"

static int port_order(const struct published_entry *entry, uint8_t protocol, uint16_t port)
{
	int order = (int)entry->key.protocol - (int)protocol;

	return order ? order : (int)be16toh(entry->key.port) - (int)port;
}

static int entry_order(const void *a, const void *b)
{
	const struct published_entry *left = a, *right = b;
	int order = port_order(left, right->key.protocol, be16toh(right->key.port));

	return order ? order : memcmp(&left->key.addr, &right->key.addr, sizeof(left->key.addr));
}

static void published_fill(void *entry, const void *key, const void *value)
{
	const struct nk_port *port = key;
	const struct nk_published *to = value;

	*(struct published_entry *)entry = (struct published_entry){ .key = *port, .value = *to };
}

int published_list_read(struct datapath *datapath, struct published_list *ret_list,
			struct error *err)
{
	static const struct table_layout layout = {
		.map = MAP_PUBLISHED,
		.key_size = sizeof(struct nk_port),
		.value_size = sizeof(struct nk_published),
		.entry_size = sizeof(struct published_entry),
		.fill = published_fill,
		.order = entry_order,
	};
	void *entries = NULL;
	size_t count = 0;
	int ret = table_read_entries(datapath, &layout, &entries, &count, err);

	if (!ret)
		*ret_list = (struct published_list){ entries, count };
	return ret;
}

void published_list_free(struct published_list *list)
{
	free(list->entries);
	*list = (struct published_list){ 0 };
}

size_t published_list_find(const struct published_list *list, uint8_t protocol, uint16_t port)
{
	size_t first = 0, end = list->count;

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (port_order(&list->entries[middle], protocol, port) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

bool published_list_has(const struct published_list *list, size_t index, uint8_t protocol,
			uint16_t port)
{
	return index < list->count && !port_order(&list->entries[index], protocol, port);
}

/* struct batch - entries as the kernel takes them. */
struct batch {
	struct nk_port *keys;
	struct nk_published *values;
	__u32 count;
};

static void batch_free(struct batch *batch)
{
	free(batch->keys);
	free(batch->values);
}
#define _cleanup_batch_ _cleanup_(batch_free)

/* Those entries that are gone, or those that aren't. */
static int batch_fill(struct batch *batch, const struct published_entry *entries, size_t count,
		      bool gone, struct error *err)
{
	batch->keys = calloc(count + 1, sizeof(*batch->keys));
	batch->values = calloc(count + 1, sizeof(*batch->values));
	if (!batch->keys || !batch->values)
		return error_sys(err, ENOMEM, "change published ports");
	for (size_t i = 0; i < count; i++) {
		if (entries[i].gone != gone)
			continue;
		batch->keys[batch->count] = entries[i].key;
		batch->values[batch->count++] = entries[i].value;
	}
	return 0;
}

/* No signal ends a batch half way (generic_map_update_batch() in kernel/bpf/syscall.c). */
static int batch_insert(int fd, const struct batch *batch, struct error *err)
{
	__u32 done = batch->count;
	int ret;

	if (!done || !bpf_map_update_batch(fd, batch->keys, batch->values, &done, NULL))
		return 0;
	if (errno == E2BIG) /* how a full hash table is told */
		ret = error_set(err, ENOSPC, "a node has at most %d published ports and addresses",
				NK_PUBLISHED_MAX);
	else
		ret = error_sys(err, errno, "write entries of published");
	if (done)
		(void)bpf_map_delete_batch(fd, batch->keys, &done, NULL); /* they are there */
	return ret;
}

static int batch_delete(int fd, const struct batch *batch, struct error *err)
{
	__u32 done = batch->count;

	if (done && bpf_map_delete_batch(fd, batch->keys, &done, NULL))
		return error_sys(err, errno, "delete entries of published");
	return 0;
}

int published_insert(struct datapath *datapath, const struct published_entry *entries, size_t count,
		     struct error *err)
{
	_cleanup_batch_ struct batch batch = { 0 };
	_cleanup_nat_ struct nk_nat *nat = NULL;
	int fd = datapath_map_fd(datapath, MAP_PUBLISHED, err), ret;

	if (fd < 0)
		return fd;
	ret = batch_fill(&batch, entries, count, false, err);
	if (!ret)
		ret = nat_open(datapath, &nat, err);
	if (ret)
		return ret;
	/* The bits come first: one too many costs a look-up, one too few a packet. */
	for (size_t i = 0; i < batch.count; i++)
		nat_port_set(nat, be16toh(batch.keys[i].port));
	ret = batch_insert(fd, &batch, err);
	if (ret)
		return ret;
	ret = invalidator_tell(&datapath->pins, err);
	if (ret)
		(void)batch_delete(fd, &batch, NULL); /* the first error is the one to report */
	return ret;
}

static void list_drop_gone(struct published_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if (!list->entries[i].gone)
			list->entries[kept++] = list->entries[i];
	list->count = kept;
}

int published_delete(struct datapath *datapath, struct published_list *list, struct error *err)
{
	_cleanup_batch_ struct batch batch = { 0 };
	int fd = datapath_map_fd(datapath, MAP_PUBLISHED, err), ret;

	if (fd < 0)
		return fd;
	ret = batch_fill(&batch, list->entries, list->count, true, err);
	if (!ret)
		ret = batch_delete(fd, &batch, err);
	if (!ret)
		list_drop_gone(list);
	return ret;
}
