// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/networks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/table.h"

static struct nk_network_key network_key(const char *name)
{
	struct nk_network_key key = { 0 };

	(void)strncpy(key.name, name, sizeof(key.name) - 1);
	return key;
}

int network_get(struct datapath *datapath, const char *name, struct nk_network *ret_network,
		struct error *err)
{
	struct nk_network_key key = network_key(name);

	if (strlen(name) >= sizeof(key.name))
		return -ENOENT; /* none that long can be added */
	return table_get(datapath, MAP_NETWORKS, &key, ret_network, err);
}

int network_insert(struct datapath *datapath, const char *name, const struct nk_network *network,
		   struct error *err)
{
	struct nk_network_key key = network_key(name);

	return table_set(datapath, MAP_NETWORKS, &key, network, BPF_NOEXIST, err);
}

int network_delete(struct datapath *datapath, const char *name, struct error *err)
{
	struct nk_network_key key = network_key(name);

	return table_delete(datapath, MAP_NETWORKS, &key, err);
}

static int network_order(const void *a, const void *b)
{
	const struct network_entry *left = a, *right = b;

	return strcmp(left->key.name, right->key.name);
}

static void network_fill(void *entry, const void *key, const void *value)
{
	const struct nk_network_key *name = key;
	const struct nk_network *network = value;

	*(struct network_entry *)entry =
		(struct network_entry){ .key = *name, .network = *network };
}

int network_list_read(struct datapath *datapath, struct network_list *ret_list, struct error *err)
{
	static const struct table_layout layout = {
		.map = MAP_NETWORKS,
		.key_size = sizeof(struct nk_network_key),
		.value_size = sizeof(struct nk_network),
		.entry_size = sizeof(struct network_entry),
		.fill = network_fill,
		.order = network_order,
	};
	void *entries = NULL;
	size_t count = 0;
	int ret = table_read_entries(datapath, &layout, &entries, &count, err);

	if (!ret)
		*ret_list = (struct network_list){ entries, count };
	return ret;
}

void network_list_free(struct network_list *list)
{
	free(list->entries);
	*list = (struct network_list){ 0 };
}

int cursor_get(struct datapath *datapath, const struct nk_subnet *subnet, struct addr *ret_addr,
	       struct error *err)
{
	struct addr addr = { .family = subnet->family };
	struct nk_cursor cursor;
	int ret = table_get(datapath, MAP_CURSORS, subnet, &cursor, err);

	if (ret)
		return ret;
	memcpy(addr.bytes, cursor.addr, sizeof(cursor.addr));
	*ret_addr = addr;
	return 0;
}

int cursor_set(struct datapath *datapath, const struct nk_subnet *subnet, const struct addr *addr,
	       struct error *err)
{
	struct nk_cursor cursor;

	memcpy(cursor.addr, addr->bytes, sizeof(cursor.addr));
	return table_set(datapath, MAP_CURSORS, subnet, &cursor, BPF_ANY, err);
}

void cursor_delete(struct datapath *datapath, const struct nk_subnet *subnet)
{
	(void)table_delete(datapath, MAP_CURSORS, subnet, NULL);
}
