// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bpf/datapath.h"
#include "cli.h"
#include "nkctl/maps.h"
#include "output.h"

static json_t *command_to_json(const struct cli_command *command)
{
	json_t *options = json_array();

	for (const struct cli_option *option = command->options; option && option->name; option++)
		(void)json_array_append_new(options,
					    json_pack("{ss ss* ss}", "name", option->name, "value",
						      option->value, "help", option->help));
	return json_pack("{ss ss ss so}", "name", command->name, "arguments", command->arguments,
			 "summary", command->summary, "options", options);
}

static int help_print_json(struct error *err)
{
	json_t *array = json_array();

	for (size_t i = 0; cli_commands[i]; i++)
		(void)json_array_append_new(array, command_to_json(cli_commands[i]));
	return output_json(array, err);
}

/* A group's verbs, or one verb; no word may be left. */
static int help_print(const struct cli *cli, struct error *err)
{
	const struct cli_command *command;
	int words;

	if (cli_print_group_help(cli->argv))
		return 0;
	command = cli_find(cli->argc, cli->argv, &words);
	if (!command)
		return cli_no_verb(cli->argv, err);
	if (words < cli->argc)
		return error_set(err, EINVAL, "unexpected argument '%s'", cli->argv[words]);
	cli_print_help(command);
	return 0;
}

static int help_run(struct cli *cli, struct error *err)
{
	int ret = cli_options_end(cli, err);

	/* JSON tells all verbs. */
	if (!ret)
		ret = cli_arguments(cli, 0, cli->json ? 0 : INT_MAX, err);
	if (ret)
		return error_prefix(err, "help");
	if (cli->json)
		return help_print_json(err);
	if (!cli->argc)
		cli_print_help(NULL);
	else
		ret = help_print(cli, err);
	return ret ? error_prefix(err, "help") : 0;
}

const struct cli_command command_help = {
	.name = "help",
	.arguments = "[VERB]",
	.summary = "explain a verb",
	.help = "Examples:\n"
		"  nkctl help attach\n"
		"  nkctl help network\n"
		"  nkctl help --json           all verbs and options, for programs",
	.run = help_run,
};

static int version_run(struct cli *cli, struct error *err)
{
	int ret = cli_options_end(cli, err);

	if (!ret)
		ret = cli_arguments(cli, 0, 0, err);
	if (ret)
		return ret;
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
