// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>

#include "cli.h"
#include "ops/repair.h"
#include "output.h"

static const struct cli_option options[] = {
	{ 'd', "dry-run", NULL, "change nothing: tell what would be mended" },
	{ 0 },
};

static json_t *fault_to_json(const struct repair_fault *fault)
{
	return json_pack("{ss ss so so ss ss so}", "subject", repair_subject_name(fault->subject),
			 "name", fault->name, "network", text_or_null(fault->identity.network),
			 "ifname", text_or_null(fault->identity.ifname), "finding", fault->finding,
			 "state", repair_state_name(fault->state), "advice",
			 text_or_null(fault->advice));
}

static int report_print_json(const struct repair_report *report, struct error *err)
{
	json_t *faults = json_array();

	for (size_t i = 0; i < report->count; i++)
		(void)json_array_append_new(faults, fault_to_json(&report->faults[i]));
	return output_json(json_pack("{si si so}", "endpoints", (int)report->endpoints, "left",
				     (int)report->left, "faults", faults),
			   err);
}

static void report_print(const struct repair_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct repair_fault *fault = &report->faults[i];

		(void)printf("%s: %s: %s%s%s\n", fault->name, fault->finding,
			     repair_state_name(fault->state), *fault->advice ? ": " : "",
			     fault->advice);
	}
	if (!report->count)
		(void)printf("%zu endpoint%s, nothing to mend\n", report->endpoints,
			     plural(report->endpoints));
}

static size_t faults_count(const struct repair_report *report, enum repair_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < report->count; i++)
		count += report->faults[i].state == state;
	return count;
}

/* The report was the answer: with --json there is none for the failure beside it. */
static int report_return(struct cli *cli, const struct repair_report *report, struct error *err)
{
	size_t wanted = faults_count(report, REPAIR_WANTED), left = report->left - wanted;

	if (!report->left)
		return 0;
	cli->json = false;
	if (!wanted)
		return error_set(err, EIO, "repair: %zu fault%s left: the report tells what to do",
				 left, left == 1 ? " is" : "s are");
	if (!left)
		return error_set(err, EIO, "repair: %zu fault%s would be mended", wanted,
				 plural(wanted));
	return error_set(err, EIO,
			 "repair: %zu fault%s would be mended, %zu left: the report tells what to "
			 "do",
			 wanted, plural(wanted), left);
}

static int repair_run(struct cli *cli, struct error *err)
{
	_cleanup_repair_report_ struct repair_report report = { 0 };
	struct repair_request request = { 0 };
	const char *value;
	int option, ret;

	while ((option = cli_next(cli, &value, err)) > 0)
		request.dry_run = true;
	request.names = cli->argv;
	request.name_count = (size_t)cli->argc;
	ret = option;
	for (int i = 0; !ret && i < cli->argc; i++)
		ret = cli_id_check(cli->argv[i], err);
	if (!ret)
		ret = node_repair(&request, &report, err);
	if (ret)
		return error_prefix(err, "repair");
	if (cli->json)
		ret = report_print_json(&report, err);
	else
		report_print(&report);
	return ret ? error_prefix(err, "repair") : report_return(cli, &report, err);
}

const struct cli_command command_repair = {
	.name = "repair",
	.arguments = "[ENDPOINT...]",
	.summary = "mend in place what somebody took away",
	.help = "Puts back what an attach had made, and is gone: pins, programs, addresses in the "
		"endpoint map,\n"
		"routes, forwarding, devices that are down. Lets nothing pass that the programs "
		"don't see.\n"
		"ENDPOINT is a container id, or the name of the host's end of a pair; without, "
		"all, "
		"and the\n"
		"uplinks. Succeeds where all is well afterwards.\n"
		"\n"
		"Examples:\n"
		"  nkctl repair --dry-run\n"
		"  nkctl repair ctr1",
	.changes = true,
	.options = options,
	.run = repair_run,
};
