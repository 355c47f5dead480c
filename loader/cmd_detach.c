// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>

#include "cli.h"
#include "ops/attach.h"
#include "output.h"

static const struct cli_option options[] = {
	{ 'n', "ns", "NS", "network namespace, as at the attach; it needn't exist any more" },
	{ 'f', "ifname", "NAME", "interface's name in the container (eth0)" },
	{ 'i', "id", "ID", "container id, instead of --ns or where the attach had one" },
	{ 'w', "network", "NAME", "network (default)" },
	{ 0 },
};

static int identity_parse(struct cli *cli, struct identity *ret_identity, struct error *err)
{
	const char *ns = NULL, *id = NULL, *network = DEFAULT_NETWORK, *ifname = DEFAULT_IFNAME;
	char ns_id[IDENTITY_ID_SIZE];
	const char *value;
	int option, ret;

	while ((option = cli_next(cli, &value, err)) > 0)
		*(option == 'n'   ? &ns
		  : option == 'f' ? &ifname
		  : option == 'i' ? &id
				  : &network) = value;
	ret = option ? option : cli_arguments_but_ns(cli, id ? id : ns, err);
	if (ret)
		return ret;
	if (!ns && !id)
		return error_set(err, EINVAL, "--ns or --id is missing: which container?");
	ret = id ? 0 : identity_id_from_ns(ns, ns_id, err);
	return ret ? ret : identity_init(ret_identity, network, id ? id : ns_id, ifname, err);
}

/* @node: closed where nothing is loaded, and so nothing attached */
static int detach_missed(struct node *node, const struct identity *identity, struct error *err)
{
	_cleanup_endpoint_list_ struct endpoint_list list = { 0 };
	char what[ERROR_MESSAGE_SIZE];

	(void)snprintf(what, sizeof(what), "%s isn't attached to network %s (%s)", identity->id,
		       identity->network, identity->ifname);
	if (node->nl)
		(void)endpoint_list_read(node, &list, NULL); /* without it, less is told */
	return endpoint_list_missed(&list, identity->id, what, err);
}

/* Where nothing was ever loaded nothing is attached either: the same answer, in the same words. */
static int detach(const struct identity *identity, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = node_open_live(&node, PINS_SHARED, err);

	if (ret == -ENOENT)
		return detach_missed(&node, identity, err);
	if (!ret)
		ret = endpoint_detach(&node, identity, true, err);
	return ret == -ENODEV ? detach_missed(&node, identity, err) : ret;
}

static int detach_run(struct cli *cli, struct error *err)
{
	struct identity identity;
	int ret = identity_parse(cli, &identity, err);

	if (ret)
		return error_prefix(err, "detach");
	ret = detach(&identity, err);
	if (ret)
		return error_prefix(err, "detach %s", identity.id);
	if (cli->json)
		return output_json(json_pack("{ss ss ss}", "network", identity.network, "id",
					     identity.id, "ifname", identity.ifname),
				   err);
	(void)printf("%s: %s detached from network %s\n", identity.id, identity.ifname,
		     identity.network);
	return 0;
}

const struct cli_command command_detach = {
	.name = "detach",
	.arguments = "--ns NS",
	.summary = "take a network namespace off the network",
	.help = "Gives the addresses back and deletes the device pair, and with it the program and "
		"the\n"
		"routes. The namespace needn't exist any more.\n"
		"\n"
		"Examples:\n"
		"  nkctl detach --ns ctr1\n"
		"  nkctl detach --id web --ifname net0",
	.changes = true,
	.options = options,
	.run = detach_run,
};
