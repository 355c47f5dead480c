// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/table.h"

/* struct flow_entry - an entry of the map */
struct flow_entry {
	struct nk_flow_key key;
	struct nk_flow flow;
};

static int key_order(const struct nk_flow_key *left, const struct nk_flow_key *right)
{
	int order = left->protocol - right->protocol;

	return order ? order : memcmp(left, right, sizeof(*left));
}

static bool entry_is_original(const struct flow_entry *entry)
{
	return entry->flow.state & NK_FLOW_ORIGINAL;
}

/* Originals come first; from there on by key. */
static int entry_order(const void *a, const void *b)
{
	const struct flow_entry *left = a, *right = b;

	if (entry_is_original(left) != entry_is_original(right))
		return entry_is_original(left) ? -1 : 1;
	return key_order(&left->key, &right->key);
}

static int reply_key_order(const void *key, const void *entry)
{
	return key_order(key, &((const struct flow_entry *)entry)->key);
}

static uint32_t flow_owner(const struct flow *flow)
{
	return flow->has_original ? flow->original.owner : flow->reply.owner;
}

static int flow_order(const void *a, const void *b)
{
	const struct flow *left = a, *right = b;

	if (flow_owner(left) != flow_owner(right))
		return flow_owner(left) < flow_owner(right) ? -1 : 1;
	return key_order(&left->key, &right->key);
}

static void entry_fill(void *entry, const void *key, const void *value)
{
	const struct nk_flow_key *flow_key = key;
	const struct nk_flow *flow = value;

	*(struct flow_entry *)entry = (struct flow_entry){ .key = *flow_key, .flow = *flow };
}

/* One entry that doesn't lead back to the other is another flow's by now: bpf/flow.h. */
static bool leads_to(const struct nk_flow *entry, const struct nk_flow_key *key)
{
	const struct nk_flow_key back = nk_flow_key_turn(&entry->to);

	return !key_order(&back, key);
}

/* Find the reply to an original. */
static void flow_pair(struct flow *flow, struct flow_entry *replies, size_t count, bool *taken)
{
	struct flow_entry *reply =
		bsearch(&flow->reply_key, replies, count, sizeof(*replies), reply_key_order);

	if (!reply || !leads_to(&reply->flow, &flow->key))
		return;
	flow->reply = reply->flow;
	flow->has_reply = true;
	taken[reply - replies] = true;
}

static void entries_pair(struct flow_entry *entries, size_t count, bool *taken,
			 struct flow_list *list)
{
	size_t originals = 0;

	while (originals < count && entry_is_original(&entries[originals]))
		originals++;
	for (size_t i = 0; i < originals; i++) {
		struct flow *flow = &list->flows[list->count++];

		*flow = (struct flow){ .key = entries[i].key,
				       .reply_key = nk_flow_key_turn(&entries[i].flow.to),
				       .original = entries[i].flow,
				       .has_original = true };
		flow_pair(flow, entries + originals, count - originals, taken);
	}
	for (size_t i = originals; i < count; i++) {
		if (taken[i - originals])
			continue;
		list->flows[list->count++] =
			(struct flow){ .key = nk_flow_key_turn(&entries[i].flow.to),
				       .reply_key = entries[i].key,
				       .reply = entries[i].flow,
				       .has_reply = true };
	}
}

int flow_list_read(struct datapath *datapath, struct flow_list *ret_list, struct error *err)
{
	static const struct table_layout layout = {
		.map = MAP_FLOWS,
		.key_size = sizeof(struct nk_flow_key),
		.value_size = sizeof(struct nk_flow),
		.entry_size = sizeof(struct flow_entry),
		.fill = entry_fill,
		.order = entry_order,
	};
	_cleanup_free_ void *entries = NULL;
	_cleanup_free_ bool *taken = NULL;
	struct flow_list list = { 0 };
	size_t count = 0;
	int ret = table_read_entries(datapath, &layout, &entries, &count, err);

	if (ret)
		return ret;
	taken = calloc(count + 1, sizeof(*taken));
	list.flows = calloc(count + 1, sizeof(*list.flows));
	if (!taken || !list.flows) {
		flow_list_free(&list);
		return error_sys(err, ENOMEM, "read the flows");
	}
	entries_pair(entries, count, taken, &list);
	qsort(list.flows, list.count, sizeof(*list.flows), flow_order);
	*ret_list = list;
	return 0;
}

void flow_list_free(struct flow_list *list)
{
	free(list->flows);
	*list = (struct flow_list){ 0 };
}

/* An entry may have become another flow's meanwhile: only @owner's goes that leads to @other. */
static int entry_delete(struct datapath *datapath, const struct nk_flow_key *key, uint32_t owner,
			const struct nk_flow_key *other, struct error *err)
{
	struct nk_flow flow;
	int ret = table_get(datapath, MAP_FLOWS, key, &flow, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (flow.owner != owner || !leads_to(&flow, other))
		return 0;
	return table_delete(datapath, MAP_FLOWS, key, err);
}

/* The place may be another flow's by now. */
static int slot_free(struct datapath *datapath, const struct nk_flow_slot *slot,
		     const struct nk_flow_key *key, struct error *err)
{
	struct nk_flow_key found;
	int ret = table_get(datapath, MAP_FLOW_SLOTS, slot, &found, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	return memcmp(&found, key, sizeof(found))
		       ? 0
		       : table_delete(datapath, MAP_FLOW_SLOTS, slot, err);
}

int flow_delete(struct datapath *datapath, const struct flow *flow, struct error *err)
{
	uint32_t owner = flow_owner(flow);
	const struct nk_flow_slot slot = { .owner = owner, .slot = flow->original.slot };
	int ret = entry_delete(datapath, &flow->reply_key, owner, &flow->key, err);

	if (!ret)
		ret = entry_delete(datapath, &flow->key, owner, &flow->reply_key, err);
	if (!ret && flow->has_original)
		ret = slot_free(datapath, &slot, &flow->key, err);
	return ret;
}

int flow_evict(struct datapath *datapath, const struct flow *flow, uint64_t now_ns,
	       struct error *err)
{
	const struct nk_evicted by_reply = { .other = flow->key,
					     .since_ns = now_ns,
					     .state = flow->original.state };
	const struct nk_evicted by_original = { .other = flow->reply_key,
						.state = flow->reply.state };
	int ret = table_set(datapath, MAP_EVICTED, &flow->reply_key, &by_reply, BPF_ANY, err);

	if (!ret && flow->original.sender)
		ret = table_set(datapath, MAP_EVICTED, &flow->key, &by_original, BPF_ANY, err);
	return ret ? ret : flow_delete(datapath, flow, err);
}

/* A slot may be stale: then what its key leads to is another flow, or nothing. */
static int slot_delete(struct datapath *datapath, const struct nk_flow_slot *slot,
		       struct error *err)
{
	struct flow flow = { .has_original = true };
	int ret = table_get(datapath, MAP_FLOW_SLOTS, slot, &flow.key, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	ret = table_get(datapath, MAP_FLOWS, &flow.key, &flow.original, err);
	if (ret && ret != -ENOENT)
		return ret;
	if (ret || flow.original.owner != slot->owner || flow.original.slot != slot->slot)
		return table_delete(datapath, MAP_FLOW_SLOTS, slot, err);
	flow.reply_key = nk_flow_key_turn(&flow.original.to);
	return flow_delete(datapath, &flow, err);
}

int flow_ring_delete(struct datapath *datapath, uint32_t owner, uint32_t from, struct error *err)
{
	struct nk_flow_slot slot = { .owner = owner, .slot = from };
	struct nk_flow_ring ring;
	int ret = table_get(datapath, MAP_FLOW_RINGS, &owner, &ring, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	for (; !ret && slot.slot < ring.size; slot.slot++)
		ret = slot_delete(datapath, &slot, err);
	return ret || from ? ret : table_delete(datapath, MAP_FLOW_RINGS, &owner, err);
}

int flow_owners_read(struct datapath *datapath, uint32_t **ret_owners, size_t *ret_count,
		     struct error *err)
{
	struct table_dump dump = { 0 };
	int ret = table_read(datapath, MAP_FLOW_RINGS, sizeof(uint32_t),
			     sizeof(struct nk_flow_ring), &dump, err);

	if (ret)
		return ret;
	free(dump.values);
	*ret_owners = (uint32_t *)dump.keys;
	*ret_count = dump.count;
	return 0;
}
