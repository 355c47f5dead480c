// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "core/log.h"
#include "ops/nat.h"
#include "output.h"

/* Where nothing was ever loaded, what the first attach would set. */
static int state_read_any(struct nat_state *ret_state, bool *ret_known, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = node_open_to_show(&node, ret_known, err);

	return ret && ret != -ENOENT ? ret : nat_state_read(&node, ret_state, err);
}

static json_t *exempt_to_json(const struct exempt_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++)
		(void)json_array_append_new(
			array, json_pack("{ss sb sb}", "prefix",
					 prefix_format(&list->entries[i].prefix).text, "network",
					 !!(list->entries[i].reasons & NK_EXEMPT_NETWORK), "added",
					 !!(list->entries[i].reasons & NK_EXEMPT_ADDED)));
	return array;
}

static json_t *state_to_json(const struct nat_state *state)
{
	return json_pack("{sb s{si si} si sI si so}", "loaded", state->is_loaded, "ports", "min",
			 (int)state->ports.min, "max", (int)state->ports.max, "endpoint_flows",
			 (int)state->endpoint_flows, "flows", (json_int_t)state->flows, "flows_max",
			 NK_FLOWS_MAX, "exempt", exempt_to_json(&state->exempt));
}

static const char *reasons_text(uint32_t reasons)
{
	if (!(reasons & NK_EXEMPT_ADDED))
		return "a network";
	return reasons & NK_EXEMPT_NETWORK ? "a network, and added" : "added";
}

static void state_print(const struct nat_state *state)
{
	struct table table = { .columns = 2 };
	char ports[32], endpoint_flows[16], flows[48], exempt[PREFIX_TEXT_SIZE + 32];

	(void)snprintf(ports, sizeof(ports), "%u-%u", state->ports.min, state->ports.max);
	(void)snprintf(endpoint_flows, sizeof(endpoint_flows), "%u", state->endpoint_flows);
	(void)snprintf(flows, sizeof(flows), "%zu of %d", state->flows, NK_FLOWS_MAX);
#define ROW(name, value) table_add_row(&table, (const char *const[]){ name, value })
	ROW("programs", state->is_loaded ? "translate" : "don't translate: nobody needs it yet");
	ROW("ports", ports);
	ROW("flows of an endpoint", endpoint_flows);
	ROW("flows", flows);
	for (size_t i = 0; i < state->exempt.count; i++) {
		(void)snprintf(exempt, sizeof(exempt), "%s (%s)",
			       prefix_format(&state->exempt.entries[i].prefix).text,
			       reasons_text(state->exempt.entries[i].reasons));
		ROW(i ? "" : "exempt", exempt);
	}
#undef ROW
	table_print(&table);
}

static int state_show(const struct cli *cli, const struct nat_state *state, struct error *err)
{
	if (cli->json)
		return output_json(state_to_json(state), err);
	state_print(state);
	return 0;
}

static int unknown_show(const struct cli *cli, struct error *err)
{
	static const char *const names[] = { "programs", "ports", "flows of an endpoint", "flows",
					     "exempt" };
	struct table table = { .columns = 2 };

	if (cli->json)
		return output_json(json_pack("{sn sn sn sn si sn}", "loaded", "ports",
					     "endpoint_flows", "flows", "flows_max", NK_FLOWS_MAX,
					     "exempt"),
				   err);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		table_add_row(&table, (const char *const[]){ names[i], "?" });
	table_print(&table);
	return 0;
}

static int show_run(struct cli *cli, struct error *err)
{
	_cleanup_nat_state_ struct nat_state state = { 0 };
	bool known;
	int ret = cli_options_end(cli, err);

	if (!ret)
		ret = cli_arguments(cli, 0, 0, err);
	if (!ret)
		ret = state_read_any(&state, &known, err);
	if (ret)
		return error_prefix(err, "nat show");
	return known ? state_show(cli, &state, err) : unknown_show(cli, err);
}

const struct cli_command command_nat_show = {
	.name = "nat show",
	.arguments = "",
	.summary = "show the settings of address translation",
	.help = "Which ports masquerading takes, how many flows an endpoint may have, how many "
		"there are,\n"
		"and which prefixes are reached without masquerading.\n"
		"\n"
		"Example:\n"
		"  nkctl nat show",
	.run = show_run,
};

static const struct cli_option set_options[] = {
	{ 'p', "ports", "MIN-MAX", "ports that masquerading takes, ICMP identifiers too" },
	{ 'n', "endpoint-flows", "N", "how many flows an endpoint may have (16384)" },
	{ 0 },
};

static int ports_parse(const char *text, struct port_range *ret_ports, struct error *err)
{
	const char *dash = strchr(text, '-');
	char min_text[8] = "";
	unsigned long min, max;
	int ret;

	if (!dash || (size_t)(dash - text) >= sizeof(min_text))
		return error_set(err, EINVAL, "ports '%s' aren't of the form MIN-MAX", text);
	memcpy(min_text, text, (size_t)(dash - text));
	ret = cli_parse_number("port", min_text, NAT_PORT_MAX, &min, err);
	if (!ret)
		ret = cli_parse_number("port", dash + 1, NAT_PORT_MAX, &max, err);
	if (!ret)
		*ret_ports = (struct port_range){ (uint32_t)min, (uint32_t)max };
	return ret;
}

static int endpoint_flows_parse(const char *text, uint32_t *ret_flows, struct error *err)
{
	unsigned long flows;
	int ret = cli_parse_number("number of flows", text, NK_ENDPOINT_FLOWS_MAX, &flows, err);

	if (!ret && !flows)
		return error_set(err, EINVAL, "an endpoint has at least %d flows",
				 NK_ENDPOINT_FLOWS_MIN);
	if (!ret)
		*ret_flows = (uint32_t)flows;
	return ret;
}

static int set_parse(struct cli *cli, struct nat_change *change, struct error *err)
{
	const char *value;
	int option, ret = 0;
	bool given = false;

	while (!ret && (option = cli_next(cli, &value, err)) > 0) {
		ret = option == 'p' ? ports_parse(value, &change->ports, err)
				    : endpoint_flows_parse(value, &change->endpoint_flows, err);
		given = true;
	}
	if (!ret)
		ret = option;
	if (!ret)
		ret = cli_arguments(cli, 0, 0, err);
	if (!ret && !given)
		return error_set(err, EINVAL, "nothing to set: --ports or --endpoint-flows");
	return ret ? ret : nat_change_check(change, err);
}

static int set_run(struct cli *cli, struct error *err)
{
	_cleanup_nat_state_ struct nat_state state = { 0 };
	_cleanup_node_ struct node node = NODE_CLOSED;
	struct nat_change change = { 0 };
	int ret = set_parse(cli, &change, err);

	if (!ret)
		ret = node_open(&node, PINS_SHARED, err);
	if (!ret)
		ret = nat_change(&node, &change, err);
	if (!ret)
		ret = nat_state_read(&node, &state, err);
	if (ret)
		return error_prefix(err, "nat set");
	if (change.ports.max && nat_shares_ports(&state))
		log_warning("ports %u-%u overlap those of the host's own sockets, %u-%u "
			    "(net.ipv4.ip_local_port_range)",
			    state.ports.min, state.ports.max, state.local_ports.min,
			    state.local_ports.max);
	return state_show(cli, &state, err);
}

const struct cli_command command_nat_set = {
	.name = "nat set",
	.arguments = "",
	.summary = "change the settings of address translation",
	.help = "A change takes effect at once and lives until `nkctl down` or a reboot. Flows "
		"keep "
		"the ports\n"
		"that they have; an endpoint that has more flows than it may loses some.\n"
		"\n"
		"Examples:\n"
		"  nkctl nat set --ports 16384-32767\n"
		"  nkctl nat set --endpoint-flows 32768",
	.changes = true,
	.options = set_options,
	.run = set_run,
};

static int prefixes_parse(struct cli *cli, struct prefix **ret_prefixes, struct error *err)
{
	struct prefix *prefixes;
	int ret = cli_options_end(cli, err);

	if (!ret)
		ret = cli_arguments(cli, 1, NK_EXEMPT_MAX, err);
	if (ret)
		return ret;
	prefixes = calloc((size_t)cli->argc, sizeof(*prefixes));
	if (!prefixes)
		return error_sys(err, ENOMEM, "read the prefixes");
	for (int i = 0; !ret && i < cli->argc; i++) {
		if (prefix_parse(cli->argv[i], &prefixes[i]))
			ret = error_set(err, EINVAL, "'%s' is neither an address nor ADDR/LEN",
					cli->argv[i]);
		else
			ret = nat_exempt_check(&prefixes[i], err);
	}
	if (ret)
		free(prefixes);
	else
		*ret_prefixes = prefixes;
	return ret;
}

static int prefixes_print(const struct cli *cli, const struct prefix *prefixes, const char *done,
			  struct error *err)
{
	json_t *array = json_array();

	for (int i = 0; i < cli->argc; i++) {
		(void)json_array_append_new(array, json_string(prefix_format(&prefixes[i]).text));
		if (!cli->json)
			(void)printf("%s %s\n", prefix_format(&prefixes[i]).text, done);
	}
	if (cli->json)
		return output_json(json_pack("{so}", "prefixes", array), err);
	json_decref(array);
	return 0;
}

static int exempt_add_run(struct cli *cli, struct error *err)
{
	_cleanup_free_ struct prefix *prefixes = NULL;
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = prefixes_parse(cli, &prefixes, err);

	if (!ret)
		ret = node_open(&node, PINS_SHARED, err);
	if (!ret)
		ret = nat_exempt_add(&node, prefixes, (size_t)cli->argc, err);
	return ret ? error_prefix(err, "nat exempt add")
		   : prefixes_print(cli, prefixes, "is reached without masquerading", err);
}

const struct cli_command command_nat_exempt_add = {
	.name = "nat exempt add",
	.arguments = "PREFIX...",
	.summary = "reach a prefix without masquerading",
	.help = "Endpoints reach it with their own addresses from now on, so that it needs a route "
		"back: other\n"
		"hosts' containers, a company's network. The networks' subnets are exempt by "
		"themselves. Flows\n"
		"that exist stay as they are; `nkctl flows flush --remote PREFIX` ends them.\n"
		"\n"
		"Example:\n"
		"  nkctl nat exempt add 10.0.0.0/8 2001:db8::/32",
	.changes = true,
	.run = exempt_add_run,
};

static int exempt_remove_run(struct cli *cli, struct error *err)
{
	_cleanup_free_ struct prefix *prefixes = NULL;
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = prefixes_parse(cli, &prefixes, err);

	if (!ret) {
		ret = node_open_live(&node, PINS_SHARED, err);
		if (ret == -ENOENT)
			(void)error_set(err, ENOENT, "%s wasn't added: nothing is loaded",
					prefix_format(&prefixes[0]).text);
	}
	if (!ret)
		ret = nat_exempt_remove(&node, prefixes, (size_t)cli->argc, err);
	return ret ? error_prefix(err, "nat exempt remove")
		   : prefixes_print(cli, prefixes, "is no longer exempt by hand", err);
}

const struct cli_command command_nat_exempt_remove = {
	.name = "nat exempt remove",
	.arguments = "PREFIX...",
	.summary = "masquerade to a prefix again",
	.help = "A network's subnet stays exempt as long as the network is there.\n"
		"\n"
		"Example:\n"
		"  nkctl nat exempt remove 10.0.0.0/8",
	.changes = true,
	.run = exempt_remove_run,
};
