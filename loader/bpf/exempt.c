// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/exempt.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "bpf/ip.h"
#include "bpf/table.h"

/* How much longer a prefix is that has become one of an IPv4-mapped address. */
#define MAPPED_BITS 96

static struct nk_exempt exempt_key(const struct prefix *prefix)
{
	return (struct nk_exempt){
		.prefix_len = prefix->len + (prefix->addr.family == AF_INET ? MAPPED_BITS : 0U),
		.addr = addr_to_ip(&prefix->addr)
	};
}

static struct prefix exempt_prefix(const struct nk_exempt *key)
{
	struct addr addr = addr_from_ip(&key->addr);
	uint32_t mapped = addr.family == AF_INET ? MAPPED_BITS : 0;

	return (struct prefix){ addr, (uint8_t)(key->prefix_len - mapped) };
}

static uint32_t exempt_value(const struct nk_exempt *key, uint32_t reasons)
{
	return key->prefix_len << NK_EXEMPT_LEN_SHIFT | reasons;
}

/*
 * Looking up in a trie finds the longest prefix that fits, and no flag of an update asks for a
 * prefix that isn't there (before 6.13 the kernel ignored BPF_NOEXIST, lpm_trie.c): read them all.
 */
static int exempt_reasons(struct datapath *datapath, const struct prefix *prefix,
			  uint32_t *ret_reasons, struct error *err)
{
	_cleanup_exempt_list_ struct exempt_list list = { 0 };
	int ret = exempt_list_read(datapath, &list, err);

	if (!ret)
		*ret_reasons = exempt_list_reasons(&list, prefix);
	return ret;
}

int exempt_add(struct datapath *datapath, const struct prefix *prefix, enum nk_exempt_reason reason,
	       struct error *err)
{
	struct nk_exempt key = exempt_key(prefix);
	uint32_t reasons, value;
	int ret = exempt_reasons(datapath, prefix, &reasons, err);

	if (ret)
		return ret;
	value = exempt_value(&key, reasons | reason);
	return table_set(datapath, MAP_EXEMPT, &key, &value, BPF_ANY, err);
}

int exempt_doubt(struct datapath *datapath, const struct prefix *subnet, struct error *err)
{
	struct nk_exempt key = exempt_key(subnet);
	uint32_t reasons;
	int ret = exempt_reasons(datapath, subnet, &reasons, err);

	if (ret || !reasons)
		return ret;
	return table_set(datapath, MAP_EXEMPT, &key, &reasons, BPF_ANY, err);
}

int exempt_remove(struct datapath *datapath, const struct prefix *prefix,
		  enum nk_exempt_reason reason, struct error *err)
{
	struct nk_exempt key = exempt_key(prefix);
	uint32_t reasons, value;
	int ret = exempt_reasons(datapath, prefix, &reasons, err);

	if (ret || !(reasons & reason))
		return ret;
	reasons &= ~(uint32_t)reason;
	value = exempt_value(&key, reasons);
	return reasons ? table_set(datapath, MAP_EXEMPT, &key, &value, BPF_ANY, err)
		       : table_delete(datapath, MAP_EXEMPT, &key, err);
}

bool exempt_is_network(struct datapath *datapath, const struct prefix *subnet)
{
	struct nk_exempt key = exempt_key(subnet);
	uint32_t value;

	return !table_get(datapath, MAP_EXEMPT, &key, &value, NULL) &&
	       value >> NK_EXEMPT_LEN_SHIFT == key.prefix_len && value & NK_EXEMPT_NETWORK;
}

static int exempt_order(const void *a, const void *b)
{
	const struct prefix *left = &((const struct exempt_entry *)a)->prefix;
	const struct prefix *right = &((const struct exempt_entry *)b)->prefix;
	int order;

	if (left->addr.family != right->addr.family)
		return left->addr.family == AF_INET ? -1 : 1;
	order = addr_compare(&left->addr, &right->addr);
	return order ? order : left->len - right->len;
}

static void exempt_fill(void *entry, const void *key, const void *value)
{
	const uint32_t *reasons = value;

	*(struct exempt_entry *)entry =
		(struct exempt_entry){ .prefix = exempt_prefix(key),
				       .reasons = *reasons & NK_EXEMPT_REASON_MASK };
}

int exempt_list_read(struct datapath *datapath, struct exempt_list *ret_list, struct error *err)
{
	static const struct table_layout layout = {
		.map = MAP_EXEMPT,
		.key_size = sizeof(struct nk_exempt),
		.value_size = sizeof(uint32_t),
		.entry_size = sizeof(struct exempt_entry),
		.fill = exempt_fill,
		.order = exempt_order,
	};
	void *entries = NULL;
	size_t count = 0;
	int ret = table_read_entries(datapath, &layout, &entries, &count, err);

	if (!ret)
		*ret_list = (struct exempt_list){ entries, count };
	return ret;
}

uint32_t exempt_list_reasons(const struct exempt_list *list, const struct prefix *prefix)
{
	for (size_t i = 0; i < list->count; i++)
		if (prefix_equal(&list->entries[i].prefix, prefix))
			return list->entries[i].reasons;
	return 0;
}

void exempt_list_free(struct exempt_list *list)
{
	free(list->entries);
	*list = (struct exempt_list){ 0 };
}
