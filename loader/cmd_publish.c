// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "cli.h"
#include "core/cleanup.h"
#include "ops/endpoint.h"
#include "ops/observe.h"
#include "ops/publish.h"
#include "output.h"

static const struct cli_option options[] = {
	{ 'f', "ifname", "NAME", "interface's name in the container, where it has several" },
	{ 'w', "network", "NAME", "network, where it is in several" },
	{ 0 },
};

/* struct target - which endpoint is meant; NULL: any. */
struct target {
	const char *id, *network, *ifname;
};

static int target_parse(struct cli *cli, int min, int max, struct target *ret_target,
			struct error *err)
{
	struct target target = { 0 };
	const char *value;
	int option, ret;

	while ((option = cli_next(cli, &value, err)) > 0)
		*(option == 'f' ? &target.ifname : &target.network) = value;
	ret = option ? option : cli_arguments(cli, min, max, err);
	if (!ret && cli->argc)
		ret = cli_id_check(cli->argv[0], err);
	if (ret)
		return ret;
	target.id = cli->argc ? cli->argv[0] : NULL;
	*ret_target = target;
	return 0;
}

/* Those behind the id. */
static int ports_parse(const struct cli *cli, struct publish_list *ports, struct error *err)
{
	struct publish_spec spec;
	int ret = 0;

	for (int i = 1; !ret && i < cli->argc; i++) {
		ret = publish_parse(cli->argv[i], &spec, err);
		if (!ret)
			ret = publish_list_add(ports, &spec, err);
	}
	return ret;
}

static int target_find(struct node *node, const struct target *target,
		       struct identity *ret_identity, struct error *err)
{
	_cleanup_endpoint_list_ struct endpoint_list list = { 0 };
	const struct endpoint *endpoint;
	int ret = endpoint_list_read(node, &list, err);

	if (!ret)
		ret = endpoint_list_choose(&list, target->id, target->network, target->ifname,
					   &endpoint, err);
	if (!ret && !*endpoint->identity.id)
		return error_set(err, ENODEV, "%s", endpoint_state_explanation(endpoint->state));
	if (!ret)
		*ret_identity = endpoint->identity;
	return ret;
}

/* Where nothing was ever loaded, nothing is attached: the same answer, in the same words. */
static int target_open(struct node *node, const struct target *target,
		       struct identity *ret_identity, struct error *err)
{
	const struct endpoint_list none = { 0 };
	const struct endpoint *endpoint;
	int ret = node_open_live(node, PINS_SHARED, err);

	if (ret == -ENOENT)
		return endpoint_list_choose(&none, target->id, NULL, NULL, &endpoint, err);
	return ret ? ret : target_find(node, target, ret_identity, err);
}

static int change_print(const struct cli *cli, const struct identity *identity,
			const struct publish_list *ports, const char *done, struct error *err)
{
	if (cli->json)
		return output_json(json_pack("{ss ss ss so}", "network", identity->network, "id",
					     identity->id, "ifname", identity->ifname, done,
					     published_to_json(ports)),
				   err);
	for (size_t i = 0; i < ports->count; i++)
		(void)printf("%s: %s %s\n", identity->id, publish_format(&ports->specs[i]).text,
			     done);
	return 0;
}

typedef int change_make(struct node *node, const struct identity *identity,
			const struct publish_list *ports, struct error *err);

static int change(const struct target *target, change_make *make, const struct publish_list *ports,
		  struct identity *ret_identity, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	int ret = target_open(&node, target, ret_identity, err);

	return ret ? ret : make(&node, ret_identity, ports, err);
}

static int change_run(struct cli *cli, change_make *make, const char *done, struct error *err)
{
	_cleanup_publish_list_ struct publish_list ports = { 0 };
	const char *verb = cli->command->name;
	struct identity identity;
	struct target target;
	int ret = target_parse(cli, 2, INT_MAX, &target, err);

	if (!ret)
		ret = ports_parse(cli, &ports, err);
	if (ret)
		return error_prefix(err, "%s", verb);
	ret = change(&target, make, &ports, &identity, err);
	return ret ? error_prefix(err, "%s %s", verb, target.id)
		   : change_print(cli, &identity, &ports, done, err);
}

static int ports_add(struct node *node, const struct identity *identity,
		     const struct publish_list *ports, struct error *err)
{
	struct publish_report report = { 0 };
	int ret = endpoint_publish(node, identity, ports, &report, err);

	if (!ret)
		publish_report_print(&report, identity->id);
	return ret;
}

static int add_run(struct cli *cli, struct error *err)
{
	return change_run(cli, ports_add, "published", err);
}

const struct cli_command command_publish_add = {
	.name = "publish add",
	.arguments = "ID SPEC...",
	.summary = "have ports of the host lead to an attached container",
	.help = "SPEC is [HOSTIP:]HOSTPORT[-END]:PORT[-END][/tcp|udp|sctp]. HOSTIP is an address "
		"of the host,\n"
		"an IPv6 one in brackets; without it, all addresses count. All of the ports are "
		"published, or\n"
		"none: not where another container or a process of the host has one.\n"
		"\n"
		"Examples:\n"
		"  nkctl publish add web 8080:80\n"
		"  nkctl publish add web 192.0.2.1:443:8443 '[2001:db8::1]:443:8443'\n"
		"  nkctl publish add sip 5060:5060/udp 10000-10999:10000-10999/udp",
	.changes = true,
	.options = options,
	.run = add_run,
};

static int remove_run(struct cli *cli, struct error *err)
{
	return change_run(cli, endpoint_unpublish, "withdrawn", err);
}

const struct cli_command command_publish_remove = {
	.name = "publish remove",
	.arguments = "ID SPEC...",
	.summary = "stop publishing ports",
	.help = "SPEC is as for `nkctl publish add`; it may be a part of a range. All of the ports "
		"are withdrawn,\n"
		"or none: not where one isn't published just so.\n"
		"\n"
		"Examples:\n"
		"  nkctl publish remove web 8080:80\n"
		"  nkctl publish remove sip 10500-10999:10500-10999/udp",
	.changes = true,
	.options = options,
	.run = remove_run,
};

static void endpoint_add_json(json_t *array, const struct endpoint *endpoint)
{
	json_t *published = published_to_json(&endpoint->published), *port;
	size_t i;

	json_array_foreach (published, i, port) {
		(void)json_object_update_new(port, json_pack("{ss ss ss}", "network",
							     endpoint->identity.network, "id",
							     endpoint->identity.id, "ifname",
							     endpoint->identity.ifname));
		(void)json_array_append(array, port);
	}
	json_decref(published);
}

static void endpoint_add_row(struct table *table, const struct endpoint *endpoint,
			     const char *published)
{
	table_add_row(table,
		      (const char *const[]){ or_dash(endpoint->identity.network),
					     or_dash(endpoint->identity.id),
					     or_dash(endpoint->identity.ifname), published });
}

static void endpoint_add_rows(struct table *table, const struct endpoint *endpoint)
{
	if (endpoint->pins_lost)
		endpoint_add_row(table, endpoint, "?");
	for (size_t i = 0; i < endpoint->published.count; i++)
		endpoint_add_row(table, endpoint,
				 publish_format(&endpoint->published.specs[i]).text);
}

static bool ports_are_known(const struct endpoint *endpoints, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (endpoints[i].pins_lost)
			return false;
	return true;
}

static int list_print(const struct cli *cli, const struct endpoint *endpoints, size_t count,
		      struct error *err)
{
	struct table table = { .columns = 4 };
	json_t *array;

	if (cli->json) {
		if (!ports_are_known(endpoints, count))
			return output_json(json_null(), err);
		array = json_array();
		for (size_t i = 0; i < count; i++)
			endpoint_add_json(array, &endpoints[i]);
		return output_json(array, err);
	}
	table_add_row(&table, (const char *const[]){ "NETWORK", "ID", "IFNAME", "PUBLISHED" });
	for (size_t i = 0; i < count; i++)
		endpoint_add_rows(&table, &endpoints[i]);
	table_print(&table);
	return 0;
}

static int list_run(struct cli *cli, struct error *err)
{
	_cleanup_endpoint_list_ struct endpoint_list list = { 0 };
	const struct endpoint *chosen = NULL;
	struct target target;
	int ret = target_parse(cli, 0, 1, &target, err);

	if (!ret && !target.id && (target.network || target.ifname))
		ret = error_set(err, EINVAL, "--network and --ifname choose an interface of ID");
	if (ret)
		return error_prefix(err, "publish list");
	ret = endpoints_observe(&list, err);
	if (!ret && target.id)
		ret = endpoint_list_choose(&list, target.id, target.network, target.ifname, &chosen,
					   err);
	if (ret)
		return error_prefix(err, "publish list%s%s", target.id ? " " : "",
				    target.id ? target.id : "");
	return chosen ? list_print(cli, chosen, 1, err)
		      : list_print(cli, list.endpoints, list.count, err);
}

const struct cli_command command_publish_list = {
	.name = "publish list",
	.arguments = "[ID]",
	.summary = "show the published ports, of one container or of all",
	.help = "Examples:\n"
		"  nkctl publish list\n"
		"  nkctl publish list web --json",
	.options = options,
	.run = list_run,
};
