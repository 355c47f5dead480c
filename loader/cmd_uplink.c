// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>

#include "cli.h"
#include "core/text.h"
#include "nl/observe.h"
#include "ops/uplink.h"
#include "output.h"

static const char *uplink_state_name(const struct uplink_state *state)
{
	if (state->excluded)
		return "excluded";
	return state->attached ? "ok" : "no-program";
}

static json_t *uplink_to_json(const struct uplink_state *state)
{
	return json_pack("{so si si sb si ss}", "device", device_to_json(state->name), "ifindex",
			 state->ifindex, "mtu", (int)state->mtu, "default_route",
			 state->default_route, "other_programs", (int)state->others, "state",
			 uplink_state_name(state));
}

static int list_print_json(const struct uplink_state *states, size_t count, struct error *err)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(array, uplink_to_json(&states[i]));
	return output_json(array, err);
}

static void list_print_table(const struct uplink_state *states, size_t count)
{
	struct table table = { .columns = 5 };

	table_add_row(&table, (const char *const[]){ "DEVICE", "MTU", "DEFAULT ROUTE",
						     "OTHER PROGRAMS", "STATE" });
	for (size_t i = 0; i < count; i++) {
		char mtu[16], others[16];

		(void)snprintf(mtu, sizeof(mtu), "%u", states[i].mtu);
		(void)snprintf(others, sizeof(others), "%u", states[i].others);
		table_add_row(&table,
			      (const char *const[]){ states[i].name, mtu,
						     states[i].default_route ? "yes" : "no", others,
						     uplink_state_name(&states[i]) });
	}
	table_print(&table);
}

/* What the next attach would make an uplink is missed only where something is attached. */
static void uplinks_drop_unmissed(const struct uplink_state *states, size_t *count)
{
	_cleanup_link_list_ struct link_list links = { 0 };

	if (link_list_read(NK_LINK_GROUP, &links, NULL) || links.count)
		return;
	while (*count && !states[*count - 1].known)
		(*count)--;
}

/* Where nothing was ever loaded there is no uplink yet. */
static int uplinks_read_any(struct uplink_state **ret_states, size_t *ret_count, bool *ret_known,
			    struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = node_open_to_show(&node, ret_known, err);

	if (ret == -ENOENT)
		return 0;
	if (!ret)
		ret = uplinks_observe(&node, ret_states, ret_count, err);
	if (!ret)
		uplinks_drop_unmissed(*ret_states, ret_count);
	return ret;
}

static int list_run(struct cli *cli, struct error *err)
{
	_cleanup_free_ struct uplink_state *states = NULL;
	size_t count = 0;
	bool known;
	int ret = cli_options_end(cli, err);

	if (!ret)
		ret = cli_arguments(cli, 0, 0, err);
	if (!ret)
		ret = uplinks_read_any(&states, &count, &known, err);
	if (ret)
		return error_prefix(err, "uplink list");
	if (cli->json)
		return known ? list_print_json(states, count, err) : output_json(json_null(), err);
	list_print_table(states, count);
	return 0;
}

const struct cli_command command_uplink_list = {
	.name = "uplink list",
	.arguments = "",
	.summary = "show the devices that container traffic comes in by",
	.help = "By default these are the devices that carry a default route; each attach looks "
		"again.\n"
		"\n"
		"Example:\n"
		"  nkctl uplink list",
	.run = list_run,
};

static int change_run(struct cli *cli, const char *verb, const char *done,
		      int (*open)(struct node *, enum pins_lock, struct error *),
		      int (*change)(struct node *, const char *, struct error *), struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = cli_options_end(cli, err);

	if (!ret)
		ret = cli_arguments(cli, 1, 1, err);
	if (ret)
		return error_prefix(err, "uplink %s", verb);
	ret = open(&node, PINS_SHARED, err);
	if (ret == -ENOENT)
		(void)error_set(err, ENOENT, "%s is no uplink", cli->argv[0]);
	if (!ret)
		ret = change(&node, cli->argv[0], err);
	if (ret)
		return error_prefix(err, "uplink %s", verb);
	if (cli->json)
		return output_json(json_pack("{so}", "device", device_to_json(cli->argv[0])), err);
	text_sanitize(cli->argv[0]);
	(void)printf("%s %s\n", cli->argv[0], done);
	return 0;
}

static int add_run(struct cli *cli, struct error *err)
{
	return change_run(cli, "add", "is an uplink", node_open, uplink_add, err);
}

const struct cli_command command_uplink_add = {
	.name = "uplink add",
	.arguments = "DEVICE",
	.summary = "take container traffic in by a device",
	.help = "Attaches the program at the device's tcx ingress and turns forwarding on for it. "
		"For devices\n"
		"without a default route: VXLAN, WireGuard, bonds, VLANs, a second wire.\n"
		"\n"
		"Example:\n"
		"  nkctl uplink add wg0",
	.changes = true,
	.run = add_run,
};

static int remove_run(struct cli *cli, struct error *err)
{
	return change_run(cli, "remove", "is no uplink any more", node_open_live, uplink_remove,
			  err);
}

const struct cli_command command_uplink_remove = {
	.name = "uplink remove",
	.arguments = "DEVICE",
	.summary = "stop taking container traffic in by a device",
	.help = "Takes the program off and gives the device its earlier settings back. A device "
		"with a\n"
		"default route stays excluded until `nkctl uplink add`.\n"
		"\n"
		"Example:\n"
		"  nkctl uplink remove wg0",
	.changes = true,
	.run = remove_run,
};
