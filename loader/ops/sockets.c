// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/sockets.h"

#include <stdbool.h>
#include <sys/socket.h>

#include "bpf/sockets.h"
#include "nl/address.h"

/* The same may be on several links, each time somebody else's: it says nothing without a link. */
static bool address_is_link_local(const struct addr *addr)
{
	static const struct prefix link_local = { { AF_INET6, { 0xfe, 0x80 } }, 10 };

	return addr->family == AF_INET6 && prefix_contains(&link_local, addr);
}

static bool addresses_have(const struct device_address_list *list, const struct addr *addr)
{
	for (size_t i = 0; i < list->count; i++)
		if (addr_equal(&list->addresses[i].local, addr))
			return true;
	return false;
}

static int addresses_add(struct node *node, const struct device_address_list *list,
			 struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < list->count; i++) {
		const struct device_address *address = &list->addresses[i];
		struct host_address own = { address->local, (uint32_t)address->ifindex };

		if (!address_is_link_local(&own.addr))
			ret = host_address_set(&node->datapath, &own, err);
	}
	return ret;
}

/*
 * Where the kernel has the tracker, that goes on from here. What was known is read first, so that
 * nothing is taken away that came meanwhile.
 */
static int addresses_tell(struct node *node, struct error *err)
{
	_cleanup_host_address_list_ struct host_address_list known = { 0 };
	_cleanup_device_address_list_ struct device_address_list list = { 0 };
	int ret = host_address_list_read(&node->datapath, &known, err);

	if (!ret)
		ret = device_address_list_read(node->nl, &list, err);
	if (!ret)
		ret = addresses_add(node, &list, err);
	for (size_t i = 0; !ret && i < known.count; i++)
		if (!addresses_have(&list, &known.addresses[i].addr))
			ret = host_address_delete(&node->datapath, &known.addresses[i].addr, err);
	return ret;
}

int node_sockets_sync(struct node *node, struct error *err)
{
	bool empty;
	int told, ret = published_is_empty(&node->datapath, &empty, err);

	if (ret)
		return ret;
	if (empty)
		return sockets_detach(&node->datapath, err);
	ret = sockets_attach(&node->datapath, err);
	told = addresses_tell(node, ret ? NULL : err); /* the datapath asks for them, too */
	return ret ? ret : told;
}
