// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/uplinks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

int uplink_list_read(struct datapath *datapath, struct uplink_list *ret_list, struct error *err)
{
	_cleanup_table_dump_ struct table_dump dump = { 0 };
	struct uplink_entry *entries;
	int ret;

	ret = table_read(datapath, MAP_UPLINKS, sizeof(entries->ifindex), sizeof(entries->uplink),
			 &dump, err);
	if (ret)
		return ret;
	entries = calloc(dump.count + 1, sizeof(*entries));
	if (!entries)
		return error_sys(err, ENOMEM, "read the uplinks");
	for (size_t i = 0; i < dump.count; i++) {
		memcpy(&entries[i].ifindex, dump.keys + i * sizeof(entries->ifindex),
		       sizeof(entries->ifindex));
		memcpy(&entries[i].uplink, dump.values + i * sizeof(entries->uplink),
		       sizeof(entries->uplink));
	}
	qsort(entries, dump.count, sizeof(*entries), uplink_order);
	*ret_list = (struct uplink_list){ entries, dump.count };
	return 0;
}

void uplink_list_free(struct uplink_list *list)
{
	free(list->entries);
	*list = (struct uplink_list){ 0 };
}
