// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/flows.h"

#include <errno.h>
#include <linux/in6.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/ip.h"
#include "bpf/nat.h"
#include "ops/endpoint.h"

#define NS_PER_S 1000000000ULL

static const char *const kind_names[] = {
	[FLOW_MASQUERADE] = "masquerade",
	[FLOW_PUBLISHED] = "published",
	[FLOW_HAIRPIN] = "hairpin",
	[FLOW_ROUTED] = "routed",
};

static const char *const state_names[] = {
	[FLOW_OPENING] = "opening",
	[FLOW_ESTABLISHED] = "established",
	[FLOW_CLOSING] = "closing",
	[FLOW_RESET] = "reset",
};

static const struct {
	uint8_t protocol;
	const char *name;
} protocols[] = {
	{ IPPROTO_TCP, "tcp" },   { IPPROTO_UDP, "udp" },      { IPPROTO_SCTP, "sctp" },
	{ IPPROTO_ICMP, "icmp" }, { IPPROTO_ICMPV6, "icmp6" },
};

/* One flow --------------------------------------------------------------------------------------
 */

const char *flow_kind_name(enum flow_kind kind)
{
	return kind_names[kind];
}

const char *flow_state_name(enum flow_state state)
{
	return state_names[state];
}

const char *flow_protocol_name(uint8_t protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].protocol == protocol)
			return protocols[i].name;
	return NULL;
}

int flow_protocol_parse(const char *text, uint8_t *ret_protocol, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (!strcmp(protocols[i].name, text)) {
			*ret_protocol = protocols[i].protocol;
			return 0;
		}
	}
	return error_set(err, EINVAL, "protocol '%s' is none of tcp, udp, sctp, icmp and icmp6",
			 text);
}

enum flow_kind flow_kind(const struct flow *flow)
{
	if (flow->original.state & NK_FLOW_ROUTED)
		return FLOW_ROUTED;
	if (!flow->original.sender)
		return FLOW_PUBLISHED;
	return flow->original.target.ifindex ? FLOW_HAIRPIN : FLOW_MASQUERADE;
}

enum flow_state flow_state(const struct flow *flow)
{
	const bool tcp = flow->key.protocol == IPPROTO_TCP;

	if (tcp && (flow->original.state | flow->reply.state) & NK_FLOW_RST)
		return FLOW_RESET;
	if (!nk_flow_is_answered(&flow->original, &flow->reply))
		return FLOW_OPENING;
	if (tcp && nk_flow_is_finished(&flow->original, &flow->reply))
		return FLOW_CLOSING;
	return FLOW_ESTABLISHED;
}

uint64_t flow_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now); /* fails for no clock that exists */
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t flow_seen_ns(const struct flow *flow)
{
	return flow->original.seen_ns > flow->reply.seen_ns ? flow->original.seen_ns
							    : flow->reply.seen_ns;
}

bool flow_is_expired(const struct flow *flow, uint64_t now_ns)
{
	uint64_t lifetime_ns =
		NS_PER_S * nk_flow_lifetime(&flow->original, &flow->reply,
					    nk_flow_is_reset(&flow->original, &flow->reply));
	uint64_t seen_ns = flow_seen_ns(flow);

	return now_ns > seen_ns && now_ns - seen_ns > lifetime_ns;
}

static bool flow_is_whole(const struct flow *flow)
{
	return flow->has_original && flow->has_reply;
}

static bool flow_is_gone(const struct flow *flow, uint64_t now_ns)
{
	if (flow_is_whole(flow))
		return flow_is_expired(flow, now_ns);
	return now_ns > flow_seen_ns(flow) + NK_LIFETIME_REMNANT * NS_PER_S;
}

size_t flow_count_alive(const struct flow_list *list)
{
	uint64_t now_ns = flow_now_ns();
	size_t alive = 0;

	for (size_t i = 0; i < list->count; i++)
		alive +=
			flow_is_whole(&list->flows[i]) && !flow_is_expired(&list->flows[i], now_ns);
	return alive;
}

/* Filters ---------------------------------------------------------------------------------------
 */

/* struct primaries - those of a container, by index. */
struct primaries {
	uint32_t *ifindexes;
	size_t count;
};

static void primaries_free(struct primaries *primaries)
{
	free(primaries->ifindexes);
}

static int primaries_read(struct node *node, const char *id, struct primaries *primaries,
			  struct error *err)
{
	_cleanup_endpoint_list_ struct endpoint_list list = { 0 };
	int ret = endpoint_list_read(node, &list, err);

	if (ret)
		return ret;
	primaries->ifindexes = calloc(list.count + 1, sizeof(*primaries->ifindexes));
	if (!primaries->ifindexes)
		return error_sys(err, ENOMEM, "read the endpoints");
	for (size_t i = 0; i < list.count; i++)
		if (endpoint_has_name(&list.endpoints[i], id))
			primaries->ifindexes[primaries->count++] =
				(uint32_t)list.endpoints[i].link.ifindex;
	if (!primaries->count)
		return error_set(err, ENODEV, "%s isn't attached: `nkctl list` shows what is", id);
	return 0;
}

static bool primaries_have(const struct primaries *primaries, uint32_t ifindex)
{
	for (size_t i = 0; i < primaries->count; i++)
		if (primaries->ifindexes[i] == ifindex)
			return true;
	return false;
}

static bool flow_matches_remote(const struct flow *flow, const struct prefix *remote)
{
	struct addr addr =
		addr_from_ip(flow->original.sender ? &flow->key.daddr : &flow->key.saddr);

	return prefix_contains(remote, &addr);
}

static bool flow_matches(const struct flow *flow, const struct flow_filter *filter,
			 const struct primaries *primaries)
{
	if (filter->id && !primaries_have(primaries, flow->original.owner) &&
	    !primaries_have(primaries, flow->original.target.ifindex))
		return false;
	if (filter->protocol && flow->key.protocol != filter->protocol)
		return false;
	return !filter->remote.addr.family || flow_matches_remote(flow, &filter->remote);
}

/* All flows, and which primaries the filter names. */
static int flows_read_all(struct node *node, const struct flow_filter *filter,
			  struct primaries *primaries, struct flow_list *list, struct error *err)
{
	int ret = filter->id ? primaries_read(node, filter->id, primaries, err) : 0;

	return ret ? ret : flow_list_read(&node->datapath, list, err);
}

int flows_read(struct node *node, const struct flow_filter *filter, struct flow_list *ret_list,
	       struct error *err)
{
	_cleanup_(primaries_free) struct primaries primaries = { 0 };
	struct flow_list list = { 0 };
	uint64_t now_ns = flow_now_ns();
	size_t kept = 0;
	int ret = flows_read_all(node, filter, &primaries, &list, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < list.count; i++) {
		const struct flow *flow = &list.flows[i];

		if (flow_is_whole(flow) && !flow_is_expired(flow, now_ns) &&
		    flow_matches(flow, filter, &primaries))
			list.flows[kept++] = *flow;
	}
	list.count = kept;
	*ret_list = list;
	return 0;
}

int flows_flush(struct node *node, const struct flow_filter *filter, size_t *ret_count,
		struct error *err)
{
	_cleanup_(primaries_free) struct primaries primaries = { 0 };
	_cleanup_flow_list_ struct flow_list list = { 0 };
	uint64_t now_ns = flow_now_ns();
	size_t count = 0;
	int ret = flows_read_all(node, filter, &primaries, &list, err);

	for (size_t i = 0; !ret && i < list.count; i++) {
		const struct flow *flow = &list.flows[i];
		bool gone = flow_is_gone(flow, now_ns);

		if (!gone && !(flow_is_whole(flow) && flow_matches(flow, filter, &primaries)))
			continue;
		ret = gone ? flow_delete(&node->datapath, flow, err)
			   : flow_evict(&node->datapath, flow, now_ns, err);
		count += !gone;
	}
	if (!ret)
		*ret_count = count;
	return ret;
}

/* Rings -----------------------------------------------------------------------------------------
 */

int flows_release(struct node *node, int ifindex, struct error *err)
{
	return flow_ring_delete(&node->datapath, (uint32_t)ifindex, 0, err);
}

int flows_limit(struct node *node, uint32_t quota, struct error *err)
{
	_cleanup_free_ uint32_t *owners = NULL;
	size_t count = 0;
	int ret = flow_owners_read(&node->datapath, &owners, &count, err);

	for (size_t i = 0; !ret && i < count; i++)
		ret = flow_ring_delete(&node->datapath, owners[i], quota, err);
	return ret;
}
