// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>

#include "cli.h"
#include "ops/lifecycle.h"
#include "output.h"

static int down_print(const struct cli *cli, const struct down_report *report, struct error *err)
{
	if (cli->json)
		return output_json(json_pack("{si si si}", "endpoints", (int)report->endpoints,
					     "uplinks", (int)report->uplinks, "networks",
					     (int)report->networks),
				   err);
	(void)printf("removed %zu endpoint%s, %zu uplink%s, %zu network%s; nothing is left\n",
		     report->endpoints, plural(report->endpoints), report->uplinks,
		     plural(report->uplinks), report->networks, plural(report->networks));
	return 0;
}

static int down(struct down_report *report, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret;

	do {
		ret = node_open_live(&node, PINS_EXCLUSIVE, err);
		if (!ret)
			return datapath_down(&node, report, err);
		if (ret == -ENOENT)
			ret = datapath_down_unfinished(err);
	} while (ret == -EAGAIN);
	return ret;
}

static int down_run(struct cli *cli, struct error *err)
{
	struct down_report report = { 0 };
	int ret = cli_options_end(cli, err);

	if (!ret)
		ret = cli_arguments(cli, 0, 0, err);
	if (!ret)
		ret = down(&report, err);
	return ret ? error_prefix(err, "down") : down_print(cli, &report, err);
}

const struct cli_command command_down = {
	.name = "down",
	.arguments = "",
	.summary = "detach everything and remove every trace",
	.help = "Deletes all endpoints, takes the programs off the uplinks and gives these their "
		"earlier\n"
		"settings back, removes networks, gateway addresses and pins, and looks that "
		"nothing is left.\n"
		"Does nothing where nothing is.\n"
		"\n"
		"Example:\n"
		"  nkctl down",
	.changes = true,
	.run = down_run,
};
