// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/observe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "model/identity.h"

int endpoints_observe(struct endpoint_list *ret_list, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	bool known; /* what isn't, each endpoint tells */
	int ret = node_open_to_show(&node, &known, err);

	if (ret == -ENOENT)
		ret = node_open_unloaded(&node, err);
	return ret ? ret : endpoint_list_read(&node, ret_list, err);
}

int networks_default(struct network_list *ret_list, struct error *err)
{
	struct network_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return error_sys(err, ENOMEM, "read the networks");
	(void)strcpy(entry->key.name, DEFAULT_NETWORK); /* fits */
	network_default(&entry->network);
	*ret_list = (struct network_list){ entry, 1 };
	return 0;
}

int networks_observe(struct network_list *ret_list, bool *ret_known, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = node_open_to_show(&node, ret_known, err);

	if (ret == -ENOENT)
		return *ret_known ? networks_default(ret_list, err) : 0;
	return ret ? ret : networks_read(&node, ret_list, err);
}
