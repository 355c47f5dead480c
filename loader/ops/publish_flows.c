// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The flows that a change of published ports ends, and which ports the programs look at. */
#include <endian.h>

#include "bpf/ip.h"
#include "bpf/nat.h"
#include "ops/flows.h"
#include "ops/nat.h"
#include "ops/publish_step.h"

/* @flows: all that there are */
static int ports_unwatch_beside(const struct publication *publication,
				const struct flow_list *flows, struct error *err)
{
	_cleanup_nat_ struct nk_nat *nat = NULL;
	int ret = nat_open(&publication->node->datapath, &nat, err);

	if (!ret)
		nat_ports_clear(nat, &publication->all, flows);
	return ret;
}

int ports_unwatch(const struct publication *publication, struct error *err)
{
	_cleanup_flow_list_ struct flow_list flows = { 0 };
	int ret = flow_list_read(&publication->node->datapath, &flows, err);

	return ret ? ret : ports_unwatch_beside(publication, &flows, err);
}

/* Whether a published port is why a flow leads to an endpoint. */
static bool flow_is_published(const struct published_list *all, const struct flow *flow)
{
	uint8_t protocol = flow->key.protocol;
	uint16_t port = be16toh(flow->key.dport);
	struct addr host = addr_from_ip(&flow->key.daddr);
	size_t i = published_list_find(all, protocol, port);

	for (; published_list_has(all, i, protocol, port); i++) {
		const struct published_entry *entry = &all->entries[i];
		struct addr published = addr_from_ip(&entry->key.addr);

		if (entry->value.ifindex == flow->original.target.ifindex &&
		    entry->value.port == flow->original.to.dport &&
		    publish_addrs_overlap(&published, &host))
			return true;
	}
	return false;
}

/* Whether a port that isn't published any more is why there is a flow. */
static bool flow_is_withdrawn(const struct publication *publication, const struct flow *flow)
{
	enum flow_kind kind = flow_kind(flow);

	return flow->has_original && (kind == FLOW_PUBLISHED || kind == FLOW_HAIRPIN) &&
	       !flow_is_published(&publication->all, flow);
}

static bool port_is_published(const struct published_list *all, const struct nk_flow_key *key)
{
	uint8_t protocol = key->protocol;
	uint16_t port = be16toh(key->dport);
	struct addr host = addr_from_ip(&key->daddr);
	size_t i = published_list_find(all, protocol, port);

	for (; published_list_has(all, i, protocol, port); i++) {
		struct addr published = addr_from_ip(&all->entries[i].key.addr);

		if (publish_addrs_overlap(&published, &host))
			return true;
	}
	return false;
}

/* Whether a flow was given a port that is published now: a client's packets could be its answers.
 */
static bool flow_is_in_the_way(const struct publication *publication, const struct flow *flow)
{
	enum flow_kind kind = flow_kind(flow);

	return flow->has_original && (kind == FLOW_MASQUERADE || kind == FLOW_HAIRPIN) &&
	       port_is_published(&publication->all, &flow->reply_key);
}

/* @is_over: which flows go; those that stay are left in @flows. */
static int flows_end(const struct publication *publication, struct flow_list *flows,
		     bool (*is_over)(const struct publication *, const struct flow *),
		     struct error *err)
{
	struct datapath *datapath = &publication->node->datapath;
	size_t kept = 0;
	int ret = flow_list_read(datapath, flows, err);

	for (size_t i = 0; !ret && i < flows->count; i++) {
		if (is_over(publication, &flows->flows[i]))
			ret = flow_delete(datapath, &flows->flows[i], err);
		else
			flows->flows[kept++] = flows->flows[i];
	}
	if (!ret)
		flows->count = kept;
	return ret;
}

int flows_withdraw(const struct publication *publication, struct error *err)
{
	_cleanup_flow_list_ struct flow_list flows = { 0 };
	int ret = flows_end(publication, &flows, flow_is_withdrawn, err);

	return ret ? ret : ports_unwatch_beside(publication, &flows, err);
}

int flows_give_way(struct publication *publication, struct error *err)
{
	_cleanup_flow_list_ struct flow_list flows = { 0 };
	int ret;

	nat_programs_wait();
	published_list_free(&publication->all);
	ret = published_list_read(&publication->node->datapath, &publication->all, err);
	return ret ? ret : flows_end(publication, &flows, flow_is_in_the_way, err);
}
