// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/ip.h"
#include "cli.h"
#include "ops/endpoint.h"
#include "ops/flows.h"
#include "output.h"

#define NS_PER_S 1000000000ULL

static const struct cli_option list_options[] = {
	{ 'i', "endpoint", "ID", "only those of a container, or to it" },
	{ 'p', "protocol", "tcp|udp|sctp|icmp|icmp6", "only those of a protocol" },
	{ 'r', "remote", "PREFIX", "only those with an address that the container talks to" },
	{ 0 },
};

static const struct cli_option flush_options[] = {
	{ 'i', "endpoint", "ID", "those of a container, or to it" },
	{ 'p', "protocol", "tcp|udp|sctp|icmp|icmp6", "those of a protocol" },
	{ 'r', "remote", "PREFIX", "those with an address that the container talks to" },
	{ 'a', "all", NULL, "all" },
	{ 0 },
};

static int remote_parse(const char *text, struct prefix *ret_remote, struct error *err)
{
	if (prefix_parse(text, ret_remote))
		return error_set(err, EINVAL, "'%s' is neither an address nor ADDR/LEN", text);
	return 0;
}

static int filter_take(int option, const char *value, struct flow_filter *filter, struct error *err)
{
	switch (option) {
	case 'i':
		filter->id = value;
		return cli_id_check(value, err);
	case 'p':
		return flow_protocol_parse(value, &filter->protocol, err);
	default:
		return remote_parse(value, &filter->remote, err);
	}
}

static int filter_parse(struct cli *cli, struct flow_filter *filter, bool *ret_all,
			struct error *err)
{
	const char *value;
	int option, ret = 0;

	*ret_all = false;
	while (!ret && (option = cli_next(cli, &value, err)) > 0) {
		if (option == 'a')
			*ret_all = true;
		else
			ret = filter_take(option, value, filter, err);
	}
	if (!ret)
		ret = option;
	return ret ? ret : cli_arguments(cli, 0, 0, err);
}

/* Where nothing was ever loaded, there are neither endpoints nor flows. */
static int nothing_is_loaded(const struct flow_filter *filter, struct error *err)
{
	return filter->id ? error_set(err, ENODEV, "%s isn't attached: nothing is", filter->id) : 0;
}

static int flows_read_any(const struct flow_filter *filter, struct flow_list *ret_list,
			  struct endpoint_list *ret_endpoints, bool *ret_known, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = node_open_to_show(&node, ret_known, err);

	if (ret == -ENOENT)
		return *ret_known ? nothing_is_loaded(filter, err) : 0;
	if (!ret)
		ret = flows_read(&node, filter, ret_list, err);
	return ret ? ret : endpoint_list_read(&node, ret_endpoints, err);
}

/* Flows come by owner: mostly it is the one of the flow before. */
static const struct endpoint *owner_find(const struct endpoint_list *endpoints, uint32_t owner,
					 const struct endpoint *before)
{
	if (before && before->link.ifindex == (int)owner)
		return before;
	for (size_t i = 0; i < endpoints->count; i++)
		if (endpoints->endpoints[i].link.ifindex == (int)owner)
			return &endpoints->endpoints[i];
	return NULL;
}

/* "10.0.0.1:80", "[fd00::1]:80"; without a port the address alone. */
#define SIDE_TEXT_SIZE (ADDR_TEXT_SIZE + 8)

static void side_format(const struct nk_ip *ip, uint16_t port, char text[SIDE_TEXT_SIZE])
{
	struct addr addr = addr_from_ip(ip);
	struct addr_text address = addr_format(&addr);

	if (!port)
		(void)snprintf(text, SIDE_TEXT_SIZE, "%s", address.text);
	else
		(void)snprintf(text, SIDE_TEXT_SIZE, addr.family == AF_INET ? "%s:%u" : "[%s]:%u",
			       address.text, be16toh(port));
}

#define KEY_TEXT_SIZE (2 * SIDE_TEXT_SIZE + 4)

static void key_format(const struct nk_flow_key *key, char text[KEY_TEXT_SIZE])
{
	char source[SIDE_TEXT_SIZE], destination[SIDE_TEXT_SIZE];

	side_format(&key->saddr, key->sport, source);
	side_format(&key->daddr, key->dport, destination);
	(void)snprintf(text, KEY_TEXT_SIZE, "%s > %s", source, destination);
}

static json_t *key_to_json(const struct nk_flow_key *key)
{
	struct addr source = addr_from_ip(&key->saddr), destination = addr_from_ip(&key->daddr);

	return json_pack("{so si so si}", "source", addr_to_json(&source), "source_port",
			 be16toh(key->sport), "destination", addr_to_json(&destination),
			 "destination_port", be16toh(key->dport));
}

static uint64_t seconds_since(uint64_t then_ns, uint64_t now_ns)
{
	return now_ns > then_ns ? (now_ns - then_ns) / NS_PER_S : 0;
}

static const char *protocol_text(uint8_t protocol)
{
	const char *name = flow_protocol_name(protocol);

	return name ? name : "other";
}

static json_t *flow_to_json(const struct flow *flow, const struct endpoint *endpoint,
			    uint64_t now_ns)
{
	return json_pack(
		"{ss* ss* ss* si ss ss ss so so sI sI sI sI sI sI}", "network",
		endpoint ? endpoint->identity.network : NULL, "endpoint",
		endpoint ? endpoint->identity.id : NULL, "ifname",
		endpoint ? endpoint->identity.ifname : NULL, "host_ifindex",
		(int)flow->original.owner, "kind", flow_kind_name(flow_kind(flow)), "protocol",
		protocol_text(flow->key.protocol), "state", flow_state_name(flow_state(flow)),
		"original", key_to_json(&flow->key), "translated", key_to_json(&flow->original.to),
		"age_seconds", (json_int_t)seconds_since(flow->original.created_ns, now_ns),
		"idle_seconds", (json_int_t)seconds_since(flow_seen_ns(flow), now_ns), "packets",
		(json_int_t)flow->original.packets, "bytes", (json_int_t)flow->original.bytes,
		"reply_packets", (json_int_t)flow->reply.packets, "reply_bytes",
		(json_int_t)flow->reply.bytes);
}

static int list_print_json(const struct flow_list *list, const struct endpoint_list *endpoints,
			   struct error *err)
{
	const struct endpoint *endpoint = NULL;
	uint64_t now_ns = flow_now_ns();
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++) {
		endpoint = owner_find(endpoints, list->flows[i].original.owner, endpoint);
		(void)json_array_append_new(array, flow_to_json(&list->flows[i], endpoint, now_ns));
	}
	return output_json(array, err);
}

static void flow_add_row(struct table *table, const struct flow *flow,
			 const struct endpoint *endpoint, uint64_t now_ns)
{
	char original[KEY_TEXT_SIZE], translated[KEY_TEXT_SIZE], age[24], idle[24], packets[48],
		bytes[48];

	key_format(&flow->key, original);
	key_format(&flow->original.to, translated);
	(void)snprintf(age, sizeof(age), "%" PRIu64 "s",
		       seconds_since(flow->original.created_ns, now_ns));
	(void)snprintf(idle, sizeof(idle), "%" PRIu64 "s",
		       seconds_since(flow_seen_ns(flow), now_ns));
	(void)snprintf(packets, sizeof(packets), "%llu/%llu", flow->original.packets,
		       flow->reply.packets);
	(void)snprintf(bytes, sizeof(bytes), "%llu/%llu", flow->original.bytes, flow->reply.bytes);
	table_add_row(table, (const char *const[]){ or_dash(endpoint ? endpoint->identity.id : ""),
						    flow_kind_name(flow_kind(flow)),
						    protocol_text(flow->key.protocol),
						    flow_state_name(flow_state(flow)), original,
						    translated, age, idle, packets, bytes });
}

static void list_print_table(const struct flow_list *list, const struct endpoint_list *endpoints)
{
	struct table table = { .columns = 10 };
	const struct endpoint *endpoint = NULL;
	uint64_t now_ns = flow_now_ns();

	table_add_row(&table,
		      (const char *const[]){ "ENDPOINT", "KIND", "PROTOCOL", "STATE", "ORIGINAL",
					     "TRANSLATED", "AGE", "IDLE", "PACKETS", "BYTES" });
	for (size_t i = 0; i < list->count; i++) {
		endpoint = owner_find(endpoints, list->flows[i].original.owner, endpoint);
		flow_add_row(&table, &list->flows[i], endpoint, now_ns);
	}
	table_print(&table);
}

static int list_run(struct cli *cli, struct error *err)
{
	_cleanup_endpoint_list_ struct endpoint_list endpoints = { 0 };
	_cleanup_flow_list_ struct flow_list list = { 0 };
	struct flow_filter filter = { 0 };
	bool all, known;
	int ret = filter_parse(cli, &filter, &all, err);

	if (!ret)
		ret = flows_read_any(&filter, &list, &endpoints, &known, err);
	if (ret)
		return error_prefix(err, "flows list");
	if (cli->json)
		return known ? list_print_json(&list, &endpoints, err)
			     : output_json(json_null(), err);
	list_print_table(&list, &endpoints);
	return 0;
}

const struct cli_command command_flows_list = {
	.name = "flows list",
	.arguments = "",
	.summary = "show the flows that are translated",
	.help = "`nkctl flows` is the same. Each flow is shown with the addresses that it came "
		"with, "
		"and those\n"
		"it goes on with; packets and bytes are there and back. What has been silent for "
		"too long is\n"
		"left out: it is as good as gone.\n"
		"\n"
		"Examples:\n"
		"  nkctl flows\n"
		"  nkctl flows list --endpoint ctr1 --protocol tcp\n"
		"  nkctl flows list --remote 198.51.100.0/24 --json",
	.is_default = true,
	.options = list_options,
	.run = list_run,
};

static int flush_parse(struct cli *cli, struct flow_filter *filter, struct error *err)
{
	bool all, filtered;
	int ret = filter_parse(cli, filter, &all, err);

	if (ret)
		return ret;
	filtered = filter->id || filter->protocol || filter->remote.addr.family;
	if (all == filtered)
		return error_set(err, EINVAL,
				 "which flows? Either --all, or some of --endpoint, --protocol and "
				 "--remote");
	return 0;
}

static int flush_any(const struct flow_filter *filter, size_t *ret_count, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = node_open_live(&node, PINS_SHARED, err);

	if (ret == -ENOENT)
		return nothing_is_loaded(filter, err);
	return ret ? ret : flows_flush(&node, filter, ret_count, err);
}

static int flush_run(struct cli *cli, struct error *err)
{
	struct flow_filter filter = { 0 };
	size_t count = 0;
	int ret = flush_parse(cli, &filter, err);

	if (!ret)
		ret = flush_any(&filter, &count, err);
	if (ret)
		return error_prefix(err, "flows flush");
	if (cli->json)
		return output_json(json_pack("{sI}", "flows", (json_int_t)count), err);
	(void)printf("%zu flow%s deleted\n", count, plural(count));
	return 0;
}

const struct cli_command command_flows_flush = {
	.name = "flows flush",
	.arguments = "",
	.summary = "forget flows that are translated",
	.help = "A connection that goes on gets a new flow, masqueraded as a rule with the same "
		"port; what\n"
		"settings and published ports say by then counts for it.\n"
		"\n"
		"Examples:\n"
		"  nkctl flows flush --endpoint ctr1\n"
		"  nkctl flows flush --protocol udp --remote 198.51.100.53\n"
		"  nkctl flows flush --all",
	.changes = true,
	.options = flush_options,
	.run = flush_run,
};
