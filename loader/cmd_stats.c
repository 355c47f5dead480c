// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "cli.h"
#include "core/cleanup.h"
#include "ops/node.h"
#include "output.h"

static const struct {
	const char *name, *explanation;
} reasons[NK_DROP_REASON_COUNT] = {
#define X(identifier, name, explanation) [NK_DROP_##identifier] = { name, explanation },
	NK_DROP_REASONS(X)
#undef X
};

/* Where nothing was ever loaded, nothing was dropped. */
static int drops_read_any(uint64_t ret_counts[NK_DROP_REASON_COUNT], bool *ret_known,
			  struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = node_open_to_show(&node, ret_known, err);

	if (ret == -ENOENT)
		return 0;
	return ret ? ret : drops_read(&node.datapath, ret_counts, err);
}

static json_t *drops_to_json(const uint64_t counts[NK_DROP_REASON_COUNT])
{
	json_t *drops = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		(void)json_object_set_new(drops, reasons[i].name,
					  json_integer((json_int_t)counts[i]));
	return drops;
}

static void stats_print_table(const uint64_t counts[NK_DROP_REASON_COUNT], bool known)
{
	struct table table = { .columns = 3 };
	char count[32];

	table_add_row(&table, (const char *const[]){ "DROPPED", "REASON", "MEANING" });
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		(void)snprintf(count, sizeof(count), "%" PRIu64, counts[i]);
		table_add_row(&table, (const char *const[]){ known ? count : "?", reasons[i].name,
							     reasons[i].explanation });
	}
	table_print(&table);
}

static int stats_run(struct cli *cli, struct error *err)
{
	uint64_t counts[NK_DROP_REASON_COUNT] = { 0 };
	bool known = false;
	int ret = cli_options_end(cli, err);

	if (!ret)
		ret = cli_arguments(cli, 0, 0, err);
	if (!ret)
		ret = drops_read_any(counts, &known, err);
	if (ret)
		return error_prefix(err, "stats");
	if (cli->json)
		return output_json(
			json_pack("{so}", "drops", known ? drops_to_json(counts) : json_null()),
			err);
	stats_print_table(counts, known);
	return 0;
}

const struct cli_command command_stats = {
	.name = "stats",
	.arguments = "",
	.summary = "count what was dropped, and why",
	.help = "Packets that the programs dropped since they were loaded, by reason. Whatever "
		"else doesn't\n"
		"arrive was handed to the host's stack, which answers and counts as Linux does.\n"
		"\n"
		"Example:\n"
		"  nkctl stats --json | jq .drops.source",
	.run = stats_run,
};
