// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>

#include "bpf/datapath.h"
#include "cli.h"
#include "nkctl/maps.h"
#include "output.h"

/* A group's verbs, or one verb; no word may be left. */
static int help_print(const struct cli *cli, struct error *err)
{
	const struct cli_command *command;
	int words, ret = cli_print_group_help(cli->argv, cli->json, err);

	if (ret != -ENOENT)
		return ret;
	command = cli_find(cli->argc, cli->argv, &words);
	if (!command)
		return cli_no_verb(cli->argv, err);
	if (words < cli->argc)
		return error_set(err, EINVAL, "unexpected argument '%s'", cli->argv[words]);
	return cli_print_help(command, cli->json, err);
}

static int help_run(struct cli *cli, struct error *err)
{
	int ret = cli_options_end(cli, err);

	if (!ret)
		ret = cli->argc ? help_print(cli, err) : cli_print_help(NULL, cli->json, err);
	return ret ? error_prefix(err, "help") : 0;
}

const struct cli_command command_help = {
	.name = "help",
	.arguments = "[VERB]",
	.summary = "explain a verb",
	.help = "Examples:\n"
		"  nkctl help attach\n"
		"  nkctl help network\n"
		"  nkctl help --json           all verbs and options, for programs\n"
		"  nkctl help attach --json    those of one",
	.run = help_run,
};

static int version_run(struct cli *cli, struct error *err)
{
	int ret = cli_options_end(cli, err);

	if (!ret)
		ret = cli_arguments(cli, 0, 0, err);
	if (ret)
		return error_prefix(err, "version");
	if (cli->json)
		return output_json(
			json_pack("{ss si}", "version", NKCTL_VERSION, "abi", NK_ABI_VERSION), err);
	(void)printf("nkctl " NKCTL_VERSION "\n");
	return 0;
}

const struct cli_command command_version = {
	.name = "version",
	.arguments = "",
	.summary = "show the version",
	.help = "The version of this build, and with --json the version of its maps' layout.",
	.run = version_run,
};
