// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/uplinks.h"

#include <stdlib.h>

#include "bpf/table.h"

int uplink_get(struct datapath *datapath, int ifindex, struct nk_uplink *ret_uplink,
	       struct error *err)
{
	return table_get(datapath, MAP_UPLINKS, &ifindex, ret_uplink, err);
}

int uplink_set(struct datapath *datapath, int ifindex, const struct nk_uplink *uplink,
	       struct error *err)
{
	return table_set(datapath, MAP_UPLINKS, &ifindex, uplink, BPF_ANY, err);
}

int uplink_delete(struct datapath *datapath, int ifindex, struct error *err)
{
	return table_delete(datapath, MAP_UPLINKS, &ifindex, err);
}

static int uplink_order(const void *a, const void *b)
{
	const struct uplink_entry *left = a, *right = b;

	return left->ifindex < right->ifindex ? -1 : left->ifindex > right->ifindex;
}

static void uplink_fill(void *entry, const void *key, const void *value)
{
	const uint32_t *ifindex = key;
	const struct nk_uplink *uplink = value;

	*(struct uplink_entry *)entry =
		(struct uplink_entry){ .ifindex = *ifindex, .uplink = *uplink };
}

int uplink_list_read(struct datapath *datapath, struct uplink_list *ret_list, struct error *err)
{
	static const struct table_layout layout = {
		.map = MAP_UPLINKS,
		.key_size = sizeof(uint32_t),
		.value_size = sizeof(struct nk_uplink),
		.entry_size = sizeof(struct uplink_entry),
		.fill = uplink_fill,
		.order = uplink_order,
	};
	void *entries = NULL;
	size_t count = 0;
	int ret = table_read_entries(datapath, &layout, &entries, &count, err);

	if (!ret)
		*ret_list = (struct uplink_list){ entries, count };
	return ret;
}

void uplink_list_free(struct uplink_list *list)
{
	free(list->entries);
	*list = (struct uplink_list){ 0 };
}
