// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "core/cleanup.h"
#include "ops/observe.h"
#include "output.h"

static void endpoint_add_row(struct table *table, const struct endpoint *endpoint)
{
	_cleanup_free_ char *published = published_text(&endpoint->published);
	char addresses[ADDRESSES_TEXT_SIZE], limits[LIMITS_TEXT_SIZE], mtu[16];

	endpoint_addresses_text(endpoint, addresses);
	endpoint_limits_text(endpoint, limits);
	(void)snprintf(mtu, sizeof(mtu), "%u", endpoint->link.mtu);
	table_add_row(table,
		      (const char *const[]){
			      or_dash(endpoint->identity.network), or_dash(endpoint->identity.id),
			      or_dash(endpoint->identity.ifname), endpoint->link.name,
			      device_name(endpoint->kind), mode_name(endpoint->mode), mtu,
			      known_or_dash(endpoint, addresses),
			      published ? known_or_dash(endpoint, published) : "?",
			      known_or_dash(endpoint, limits),
			      endpoint_state_name(endpoint->state) });
}

static int list_print_json(const struct endpoint_list *list, struct error *err)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++)
		(void)json_array_append_new(array, endpoint_to_json(&list->endpoints[i]));
	return output_json(array, err);
}

static void list_print_table(const struct endpoint_list *list)
{
	struct table table = { .columns = 11 };

	table_add_row(&table, (const char *const[]){ "NETWORK", "ID", "IFNAME", "HOST DEVICE",
						     "DEVICE", "MODE", "MTU", "ADDRESSES",
						     "PUBLISHED", "LIMITS", "STATE" });
	for (size_t i = 0; i < list->count; i++)
		endpoint_add_row(&table, &list->endpoints[i]);
	table_print(&table);
}

static int list_run(struct cli *cli, struct error *err)
{
	_cleanup_endpoint_list_ struct endpoint_list list = { 0 };
	int ret = cli_options_end(cli, err);

	if (!ret)
		ret = cli_arguments(cli, 0, 0, err);
	if (!ret)
		ret = endpoints_observe(&list, err);
	if (ret)
		return error_prefix(err, "list");
	if (cli->json)
		return list_print_json(&list, err);
	list_print_table(&list);
	return 0;
}

const struct cli_command command_list = {
	.name = "list",
	.arguments = "",
	.summary = "show what is attached",
	.help = "Reads everything from the kernel: there is no state file that could be wrong.\n"
		"\n"
		"Examples:\n"
		"  nkctl list\n"
		"  nkctl list --json | jq -r '.[].addresses[]'",
	.run = list_run,
};

static const struct cli_option show_options[] = {
	{ 'f', "ifname", "NAME", "interface's name in the container, where it has several" },
	{ 'w', "network", "NAME", "network, where it is in several" },
	{ 0 },
};

static void endpoint_print(const struct endpoint *endpoint)
{
	struct table table = { .columns = 2 };
	char addresses[ADDRESSES_TEXT_SIZE], limits[LIMITS_TEXT_SIZE], device[64], program[16];

	endpoint_addresses_text(endpoint, addresses);
	endpoint_limits_text(endpoint, limits);
	(void)snprintf(device, sizeof(device), "%s, %s, mtu %u", device_name(endpoint->kind),
		       mode_name(endpoint->mode), endpoint->link.mtu);
	(void)snprintf(program, sizeof(program), "%u", endpoint->program_id);
#define ROW(name, value) table_add_row(&table, (const char *const[]){ name, value })
	ROW("network", or_dash(endpoint->identity.network));
	ROW("id", or_dash(endpoint->identity.id));
	ROW("ifname", or_dash(endpoint->identity.ifname));
	ROW("netns", or_dash(endpoint->netns));
	ROW("device", device);
	ROW("host device", endpoint->link.name);
	ROW("addresses", known_or_dash(endpoint, addresses));
	for (size_t i = 0; i < endpoint->gateway_count; i++)
		ROW("gateway", addr_format(&endpoint->gateways[i]).text);
	ROW("masquerade",
	    known_or_dash(endpoint, endpoint->flags & NK_ENDPOINT_MASQUERADE ? "yes" : "no"));
	if (endpoint->pins_lost)
		ROW("published", "?");
	if (endpoint->flags & NK_ENDPOINT_NO_METADATA)
		ROW("metadata", "no");
	for (size_t i = 0; i < endpoint->published.count; i++)
		ROW("published", publish_format(&endpoint->published.specs[i]).text);
	if (*limits)
		ROW("limits", limits);
	ROW("program", program);
	ROW("state", endpoint_state_name(endpoint->state));
	ROW("", endpoint_state_explanation(endpoint->state));
#undef ROW
	table_print(&table);
}

static int show(struct cli *cli, const char *network, const char *ifname, struct error *err)
{
	_cleanup_endpoint_list_ struct endpoint_list list = { 0 };
	const struct endpoint *endpoint = NULL;
	int ret = endpoints_observe(&list, err);

	if (!ret)
		ret = endpoint_list_choose(&list, cli->argv[0], network, ifname, &endpoint, err);
	if (ret)
		return error_prefix(err, "show %s", cli->argv[0]);
	if (cli->json)
		return output_json(endpoint_to_json(endpoint), err);
	endpoint_print(endpoint);
	return 0;
}

static int show_run(struct cli *cli, struct error *err)
{
	const char *network = NULL, *ifname = NULL, *value;
	int option, ret;

	while ((option = cli_next(cli, &value, err)) > 0)
		*(option == 'f' ? &ifname : &network) = value;
	ret = option ? option : cli_arguments(cli, 1, 1, err);
	if (!ret)
		ret = cli_id_check(cli->argv[0], err);
	return ret ? error_prefix(err, "show") : show(cli, network, ifname, err);
}

const struct cli_command command_show = {
	.name = "show",
	.arguments = "ID",
	.summary = "show one endpoint in full",
	.help = "ID is the container id, or the name of the host's end of the pair.\n"
		"\n"
		"Examples:\n"
		"  nkctl show ctr1\n"
		"  nkctl show ctr1 --ifname eth1 --json",
	.options = show_options,
	.run = show_run,
};
