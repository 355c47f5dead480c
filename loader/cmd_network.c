// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "model/identity.h"
#include "ops/network.h"
#include "ops/observe.h"
#include "output.h"

static const struct cli_option add_options[] = {
	{ 's', "subnet", "CIDR", "where addresses come from; repeatable, IPv4 and IPv6" },
	{ 'm', "mtu", "N", "MTU of its endpoints in bytes (the default route's)" },
	{ 'o', "mode", "l3|l2", "mode of its endpoints (l3)" },
	{ 'd', "device", "auto|netkit|veth", "kind of device pair of its endpoints (auto)" },
	{ 'q', "masquerade", NULL, "its endpoints reach the world with the host's addresses" },
	{ 'Q', "no-masquerade", NULL, "with their own, private ones too" },
	{ 'M', "no-metadata", NULL, "they never reach the cloud's metadata, 169.254.169.254" },
	{ 0 },
};

static int subnet_add(struct nk_network *network, const char *text, struct error *err)
{
	struct prefix subnet;

	if (!strchr(text, '/') || prefix_parse(text, &subnet))
		return error_set(err, EINVAL, "subnet '%s' isn't of the form ADDR/LEN", text);
	return network_add_subnet(network, &subnet, err);
}

static int add_option_take(int id, const char *value, struct nk_network *network, int *masquerade,
			   struct error *err)
{
	enum nk_device device = NK_DEVICE_AUTO;
	enum nk_mode mode = NK_MODE_L3;
	unsigned long mtu = 0;
	int ret = 0;

	switch (id) {
	case 's':
		return subnet_add(network, value, err);
	case 'm':
		ret = cli_parse_number("MTU", value, MTU_MAX, &mtu, err);
		network->mtu = (__u32)mtu;
		break;
	case 'o':
		ret = mode_parse(value, &mode, err);
		network->mode = (__u8)mode;
		break;
	case 'd':
		ret = device_parse(value, &device, err);
		network->device = (__u8)device;
		break;
	case 'q':
	case 'Q':
		return cli_take_masquerade(id == 'q', masquerade, err);
	case 'M':
		network->no_metadata = true;
		break;
	}
	return ret;
}

static int add_parse(struct cli *cli, struct nk_network *ret_network, struct error *err)
{
	struct nk_network network = { 0 };
	bool mtu_given = false;
	const char *value;
	int option, masquerade = -1, ret;

	while ((option = cli_next(cli, &value, err)) > 0) {
		ret = add_option_take(option, value, &network, &masquerade, err);
		if (ret)
			return ret;
		mtu_given |= option == 'm';
	}
	network.masquerade = (__u8)(masquerade < 0 ? NK_MASQUERADE_AUTO : masquerade);
	ret = option ? option : cli_arguments(cli, 1, 1, err);
	if (!ret)
		ret = network_name_check(cli->argv[0], err);
	if (!ret && !network.subnet_count)
		return error_set(err, EINVAL, "--subnet is missing: where do addresses come from?");
	if (!ret && mtu_given)
		ret = mtu_check(network.mtu, network_has_family(&network, AF_INET6), err);
	if (!ret)
		*ret_network = network;
	return ret;
}

static json_t *network_to_json(const char *name, const struct nk_network *network)
{
	json_t *subnets = json_array(), *gateways = json_array();

	for (size_t i = 0; i < network->subnet_count; i++) {
		struct prefix prefix = subnet_prefix(&network->subnets[i]);
		struct addr gateway = subnet_gateway(&network->subnets[i]);

		(void)json_array_append_new(subnets, json_string(prefix_format(&prefix).text));
		(void)json_array_append_new(gateways, addr_to_json(&gateway));
	}
	return json_pack("{ss so so so ss ss ss sb}", "name", name, "subnets", subnets, "gateways",
			 gateways, "mtu", network->mtu ? json_integer(network->mtu) : json_null(),
			 "mode", mode_name((enum nk_mode)network->mode), "device",
			 device_name((enum nk_device)network->device), "masquerade",
			 masquerade_name((enum nk_masquerade)network->masquerade), "metadata",
			 !network->no_metadata);
}

static int add_run(struct cli *cli, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	struct nk_network network;
	int ret = add_parse(cli, &network, err);

	if (!ret)
		ret = node_open(&node, PINS_SHARED, err);
	if (!ret)
		ret = network_add(&node, cli->argv[0], &network, err);
	if (ret)
		return error_prefix(err, "network add");
	if (cli->json)
		return output_json(network_to_json(cli->argv[0], &network), err);
	(void)printf("network %s added\n", cli->argv[0]);
	return 0;
}

const struct cli_command command_network_add = {
	.name = "network add",
	.arguments = "NAME --subnet CIDR",
	.summary = "name a network and its subnets",
	.help = "The network is kept in the kernel, in a pinned map: it lives until it is removed, "
		"`nkctl\n"
		"down`, or a reboot. \"default\" exists by itself with 10.88.0.0/16 and "
		"fd00:88::/64; add it\n"
		"under that name to give it others. Without --masquerade and --no-masquerade, "
		"private addresses\n"
		"are masqueraded.\n"
		"\n"
		"Examples:\n"
		"  nkctl network add lab --subnet 10.99.0.0/24 --subnet fd00:99::/64\n"
		"  nkctl network add default --subnet 192.168.50.0/24 --mtu 1450",
	.changes = true,
	.options = add_options,
	.run = add_run,
};

static void network_add_row(struct table *table, const struct network_entry *entry)
{
	const struct nk_network *network = &entry->network;
	char subnets[NK_NETWORK_SUBNETS_MAX * PREFIX_TEXT_SIZE] = "", mtu[16] = "route's";
	size_t used = 0;

	for (size_t i = 0; i < network->subnet_count; i++) {
		struct prefix prefix = subnet_prefix(&network->subnets[i]);

		used += (size_t)snprintf(subnets + used, sizeof(subnets) - used, "%s%s",
					 i ? " " : "", prefix_format(&prefix).text);
	}
	if (network->mtu)
		(void)snprintf(mtu, sizeof(mtu), "%u", network->mtu);
	table_add_row(table, (const char *const[]){
				     entry->key.name, device_name((enum nk_device)network->device),
				     mode_name((enum nk_mode)network->mode), mtu,
				     masquerade_name((enum nk_masquerade)network->masquerade),
				     network->no_metadata ? "no" : "yes", subnets });
}

static void networks_print_table(const struct network_list *list)
{
	struct table table = { .columns = 7 };

	table_add_row(&table, (const char *const[]){ "NAME", "DEVICE", "MODE", "MTU", "MASQUERADE",
						     "METADATA", "SUBNETS" });
	for (size_t i = 0; i < list->count; i++)
		network_add_row(&table, &list->entries[i]);
	table_print(&table);
}

static int list_run(struct cli *cli, struct error *err)
{
	_cleanup_network_list_ struct network_list list = { 0 };
	json_t *array;
	bool known;
	int ret = cli_options_end(cli, err);

	if (!ret)
		ret = cli_arguments(cli, 0, 0, err);
	if (!ret)
		ret = networks_observe(&list, &known, err);
	if (ret)
		return error_prefix(err, "network list");
	if (!cli->json) {
		networks_print_table(&list);
		return 0;
	}
	array = known ? json_array() : json_null();
	for (size_t i = 0; i < list.count; i++)
		(void)json_array_append_new(
			array, network_to_json(list.entries[i].key.name, &list.entries[i].network));
	return output_json(array, err);
}

const struct cli_command command_network_list = {
	.name = "network list",
	.arguments = "",
	.summary = "show the networks",
	.help = "Example:\n"
		"  nkctl network list",
	.run = list_run,
};

static int remove_run(struct cli *cli, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = cli_options_end(cli, err);

	if (!ret)
		ret = cli_arguments(cli, 1, 1, err);
	if (!ret)
		ret = network_name_check(cli->argv[0], err);
	if (!ret)
		ret = node_open_live(&node, PINS_EXCLUSIVE, err);
	if (!ret)
		ret = network_remove(&node, cli->argv[0], err);
	else if (ret == -ENOENT)
		ret = error_set(err, ENOENT, "there is no network '%s' that was added",
				cli->argv[0]);
	if (ret)
		return error_prefix(err, "network remove");
	if (cli->json)
		return output_json(json_pack("{ss}", "name", cli->argv[0]), err);
	(void)printf("network %s removed\n", cli->argv[0]);
	return 0;
}

const struct cli_command command_network_remove = {
	.name = "network remove",
	.arguments = "NAME",
	.summary = "forget a network that nothing uses",
	.help = "Refused while a container is attached to it. Removing \"default\" gives it its "
		"own subnets\n"
		"back.\n"
		"\n"
		"Example:\n"
		"  nkctl network remove lab",
	.changes = true,
	.run = remove_run,
};
