// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>

#include "cli.h"
#include "ops/lifecycle.h"
#include "output.h"

static int upgrade_print(const struct cli *cli, const struct upgrade_report *report,
			 struct error *err)
{
	if (cli->json)
		return output_json(json_pack("{ss ss si si}", "from", report->from, "to",
					     NKCTL_VERSION, "endpoints", (int)report->endpoints,
					     "uplinks", (int)report->uplinks),
				   err);
	(void)printf("programs of nkctl %s replaced by " NKCTL_VERSION
		     ": %zu endpoint%s, %zu uplink%s\n",
		     report->from, report->endpoints, plural(report->endpoints), report->uplinks,
		     plural(report->uplinks));
	return 0;
}

static int upgrade_run(struct cli *cli, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	struct upgrade_report report;
	int ret = cli_options_end(cli, err);

	if (!ret)
		ret = cli_arguments(cli, 0, 0, err);
	if (!ret)
		ret = node_open_live(&node, PINS_EXCLUSIVE, err);
	if (ret == -ENOENT)
		return error_set(
			err, ENOENT,
			"upgrade: nothing is loaded; the first attach will load this build");
	if (!ret)
		ret = datapath_upgrade(&node, &report, err);
	return ret ? error_prefix(err, "upgrade") : upgrade_print(cli, &report, err);
}

const struct cli_command command_upgrade = {
	.name = "upgrade",
	.arguments = "",
	.summary = "replace the loaded programs by this build's, under load",
	.help = "Loads the programs on the live maps and replaces each attached one atomically: no "
		"packet is\n"
		"lost, no connection breaks. A build with another layout of the maps is refused.\n"
		"\n"
		"Example:\n"
		"  nkctl upgrade",
	.changes = true,
	.run = upgrade_run,
};
