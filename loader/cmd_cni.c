// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Putting nkctl where container runtimes find it: a plugin among theirs, and a network for it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "core/cleanup.h"
#include "core/log.h"
#include "core/text.h"
#include "model/identity.h"
#include "model/network.h"
#include "ops/install.h"
#include "output.h"

#define PLUGIN_NAME   "nkctl"
#define CONFIG_NAME   "10-nkctl.conflist"
#define NETWORK_NAME  "nkctl"
#define CONF_DIR      "/etc/cni/net.d"
#define BIN_DIR       "/opt/cni/bin"
#define BIN_DIR_EXTRA "/usr/lib/cni" /* where Debian's containerd, CRI-O and podman look first */
#define NETAVARK_DIR  "/usr/local/lib/netavark" /* of netavark_plugin_dirs, containers.conf(5) */
#define BIN_DIRS_MAX  3
#define FILES_MAX     (BIN_DIRS_MAX + 1)

static const struct cli_option install_options[] = {
	{ 'b', "bin-dir", "DIR", "where runtimes look for plugins (" BIN_DIR ")" },
	{ 'c', "conf-dir", "DIR", "where they look for networks (" CONF_DIR ")" },
	{ 'w', "network", "NAME", "name of the network (" NETWORK_NAME ")" },
	{ 's', "subnet", "CIDR", "where addresses come from; repeatable, IPv4 and IPv6" },
	{ 0 },
};

static const struct cli_option uninstall_options[] = {
	{ 'b', "bin-dir", "DIR", "where the plugin is (" BIN_DIR ")" },
	{ 'c', "conf-dir", "DIR", "where the network is (" CONF_DIR ")" },
	{ 0 },
};

/**
 * struct places - what the options say.
 * @bin_dir: NULL: the usual ones
 * @name: of the network; NULL: none was given
 */
struct places {
	const char *bin_dir, *conf_dir, *name;
	struct nk_network network;
};

static int directory_take(const char *option, const char *value, const char **ret_dir,
			  struct error *err)
{
	if (!*value)
		return error_set(err, EINVAL, "%s is empty", option);
	*ret_dir = value;
	return 0;
}

static int option_take(int id, const char *value, struct places *places, struct error *err)
{
	struct prefix subnet;

	switch (id) {
	case 'b':
		return directory_take("--bin-dir", value, &places->bin_dir, err);
	case 'c':
		return directory_take("--conf-dir", value, &places->conf_dir, err);
	case 'w':
		places->name = value;
		return identity_network_check(value, err);
	default:
		if (!strchr(value, '/') || prefix_parse(value, &subnet))
			return error_set(err, EINVAL, "subnet '%s' isn't of the form ADDR/LEN",
					 value);
		return network_add_subnet(&places->network, &subnet, err);
	}
}

static int places_parse(struct cli *cli, struct places *places, struct error *err)
{
	const char *value;
	int option, ret;

	*places = (struct places){ .conf_dir = CONF_DIR };
	while ((option = cli_next(cli, &value, err)) > 0) {
		ret = option_take(option, value, places, err);
		if (ret)
			return ret;
	}
	return option ? option : cli_arguments(cli, 0, 0, err);
}

/* Whether podman's netavark is there, or what was put there for it. */
static bool netavark_is_served(void)
{
	static const char *const signs[] = { "/usr/lib/podman/netavark",     /* Debian */
					     "/usr/libexec/podman/netavark", /* elsewhere */
					     NETAVARK_DIR "/" PLUGIN_NAME };
	struct stat status;
	bool found = false;

	for (size_t i = 0; !found && i < ARRAY_SIZE(signs); i++)
		found = !stat(signs[i], &status);
	return found;
}

/* The directories of plugins that are there, or are to be. */
static size_t bin_dirs(const struct places *places, const char *ret_dirs[BIN_DIRS_MAX])
{
	struct stat status;
	size_t count = 0;

	ret_dirs[count++] = places->bin_dir ? places->bin_dir : BIN_DIR;
	if (places->bin_dir)
		return count;
	if (!stat(BIN_DIR_EXTRA, &status) && S_ISDIR(status.st_mode))
		ret_dirs[count++] = BIN_DIR_EXTRA;
	if (netavark_is_served())
		ret_dirs[count++] = NETAVARK_DIR;
	return count;
}

/* What is said of the files ------------------------------------------------------------------- */

static int files_print(const struct cli *cli, const struct install_file *files, size_t count,
		       struct error *err)
{
	json_t *array = cli->json ? json_array() : NULL;

	for (size_t i = 0; i < count; i++) {
		const char *outcome = install_outcome_text(files[i].outcome);
		char path[PATH_MAX];

		memcpy(path, files[i].path, sizeof(path));
		text_sanitize(path);
		if (array)
			(void)json_array_append_new(
				array, json_pack("{ss ss}", "path", path, "outcome", outcome));
		else
			(void)printf("%s: %s\n", path, outcome);
	}
	return array ? output_json(array, err) : 0;
}

/* The network --------------------------------------------------------------------------------- */

static json_t *subnets_to_json(const struct nk_network *network)
{
	json_t *subnets = json_array();

	for (size_t i = 0; i < network->subnet_count; i++) {
		struct prefix prefix = subnet_prefix(&network->subnets[i]);

		(void)json_array_append_new(subnets, json_string(prefix_format(&prefix).text));
	}
	return subnets;
}

/*
 * containerd 1.6 and podman 4 refuse a list of 1.1.0. Whoever knows "cniVersions" takes the newest
 * of them that it speaks.
 */
static char *config_text(const struct places *places)
{
	struct nk_network network = places->network;
	json_t *config;
	char *text, *line = NULL;

	if (!network.subnet_count)
		network_default_subnets(&network);
	config = json_pack("{ss s[sss] ss s[{ss so s{sb sb sb sb sb sb}}]}", "cniVersion", "1.0.0",
			   "cniVersions", "0.4.0", "1.0.0", "1.1.0", "name",
			   places->name ? places->name : NETWORK_NAME, "plugins", "type",
			   PLUGIN_NAME, "subnets", subnets_to_json(&network), "capabilities",
			   "portMappings", true, "bandwidth", true, "ips", true, "ipRanges", true,
			   "dns", true, "aliases", true);
	text = config ? json_dumps(config, JSON_INDENT(2)) : NULL;
	json_decref(config);
	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}

/* What the file of the network's name holds. */
enum config { CONFIG_ABSENT, CONFIG_OURS, CONFIG_EMPTY, CONFIG_FOREIGN, CONFIG_BROKEN };

/* What is wrong with what isn't ours. */
static const char *config_fault(enum config found)
{
	return found == CONFIG_FOREIGN ? "has no plugin " PLUGIN_NAME
				       : "is no network configuration";
}

static bool plugins_have_ours(const json_t *plugins)
{
	const json_t *plugin;
	size_t i;

	json_array_foreach (plugins, i, plugin) {
		const char *type = json_string_value(json_object_get(plugin, "type"));

		if (type && !strcmp(type, PLUGIN_NAME))
			return true;
	}
	return false;
}

/* Runtimes take no list without a name or a plugin: libcni's ConfListFromBytes(). */
static enum config config_look(const char *dir)
{
	enum config found = CONFIG_BROKEN;
	char path[PATH_MAX];
	json_t *config, *plugins;
	struct stat status;

	if (snprintf(path, sizeof(path), "%s/" CONFIG_NAME, dir) >= (int)sizeof(path) ||
	    stat(path, &status) || !S_ISREG(status.st_mode))
		return CONFIG_ABSENT; /* what else may be wrong, writing it tells */
	if (!status.st_size)
		return CONFIG_EMPTY;
	config = json_load_file(path, JSON_ALLOW_NUL, NULL);
	plugins = json_object_get(config, "plugins");
	if (json_is_string(json_object_get(config, "name")) && json_array_size(plugins))
		found = plugins_have_ours(plugins) ? CONFIG_OURS : CONFIG_FOREIGN;
	json_decref(config);
	return found;
}

/* What is kept has to be what a runtime reaches the plugin by. */
static int config_keep_check(const char *dir, struct error *err)
{
	enum config found = config_look(dir);

	if (found == CONFIG_ABSENT || found == CONFIG_OURS)
		return 0;
	return error_set(err, EEXIST,
			 "%s/" CONFIG_NAME " %s: remove it, or have it replaced with --network",
			 dir, config_fault(found));
}

static bool is_config(const char *name)
{
	static const char *const endings[] = { ".conf", ".conflist", ".json" };
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < ARRAY_SIZE(endings); i++)
		if (!strcmp(dot, endings[i]))
			return true;
	return false;
}

/* containerd and CRI-O take the first network of the directory, in order of the files' names. */
static void earlier_configs_warn(const char *dir)
{
	struct dirent **entries;
	int count = scandir(dir, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		if (is_config(entries[i]->d_name) && strcmp(entries[i]->d_name, CONFIG_NAME) < 0)
			log_warning("%s/%s comes before " CONFIG_NAME
				    ": runtimes take the first one",
				    dir, entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

/* The verbs ------------------------------------------------------------------------------------ */

/* The plugin goes first: a runtime that sees the network will call it at once. */
static int install(const struct places *places, struct install_file files[FILES_MAX],
		   size_t *ret_count, struct error *err)
{
	_cleanup_free_ char *text = config_text(places);
	bool keep = !places->name && !places->network.subnet_count;
	const char *dirs[BIN_DIRS_MAX];
	size_t count = bin_dirs(places, dirs);
	int ret = text ? 0 : error_sys(err, ENOMEM, "write the network");

	if (!ret && keep)
		ret = config_keep_check(places->conf_dir, err);
	for (size_t i = 0; !ret && i < count; i++)
		ret = install_program(dirs[i], PLUGIN_NAME, &files[i], err);
	if (ret)
		return ret;
	*ret_count = count + 1;
	if (install_text(places->conf_dir, CONFIG_NAME, text, keep, &files[count], err))
		return error_prefix(err, "the plugin is installed, its network isn't");
	return 0;
}

static int install_run(struct cli *cli, struct error *err)
{
	struct install_file files[FILES_MAX];
	struct places places;
	size_t count = 0;
	int ret = places_parse(cli, &places, err);

	if (!ret)
		ret = install(&places, files, &count, err);
	if (!ret)
		earlier_configs_warn(places.conf_dir);
	return ret ? error_prefix(err, "cni install") : files_print(cli, files, count, err);
}

const struct cli_command command_cni_install = {
	.name = "cni install",
	.arguments = "",
	.summary = "become the network of container runtimes",
	.help = "Copies this program to where containerd, CRI-O and podman look for CNI plugins, "
		"and writes\n"
		"a network for it, " CONF_DIR "/" CONFIG_NAME ". Where " BIN_DIR_EXTRA " is "
		"there, as on Debian, it gets\n"
		"a copy as well; where podman's netavark is there, so does " NETAVARK_DIR ".\n"
		"Files are replaced whole, and a network that is there stays as it is unless "
		"--network or\n"
		"--subnet say otherwise; it has to be one with this plugin.\n"
		"\n"
		"Examples:\n"
		"  nkctl cni install\n"
		"  nkctl cni install --subnet 10.244.1.0/24 --subnet fd00:244:1::/64\n"
		"  nkctl cni install --bin-dir /usr/libexec/cni --network pods",
	.changes = true,
	.options = install_options,
	.run = install_run,
};

/*
 * Somebody else's network stays, whatever its file is called, and so does what can't be told for
 * ours: a slip in an edited one is mended more easily than a lost one is written again.
 */
static int config_remove(const char *dir, struct install_file *file, struct error *err)
{
	enum config found = config_look(dir);

	if (found != CONFIG_FOREIGN && found != CONFIG_BROKEN)
		return install_remove(dir, CONFIG_NAME, file, err);
	log_warning("%s/" CONFIG_NAME " %s: it stays", dir, config_fault(found));
	file->outcome = INSTALL_KEPT;
	(void)snprintf(file->path, sizeof(file->path), "%s/" CONFIG_NAME, dir); /* fits */
	return 0;
}

/* The network goes first: without it no runtime looks for the plugin. */
static int uninstall(const struct places *places, struct install_file files[FILES_MAX],
		     size_t *ret_count, struct error *err)
{
	const char *dirs[BIN_DIRS_MAX];
	size_t count = bin_dirs(places, dirs);
	int ret = config_remove(places->conf_dir, &files[0], err);

	for (size_t i = 0; !ret && i < count; i++)
		ret = install_remove(dirs[i], PLUGIN_NAME, &files[i + 1], err);
	*ret_count = count + 1;
	return ret;
}

static int uninstall_run(struct cli *cli, struct error *err)
{
	struct install_file files[FILES_MAX];
	struct places places;
	size_t count = 0;
	int ret = places_parse(cli, &places, err);

	if (!ret)
		ret = uninstall(&places, files, &count, err);
	return ret ? error_prefix(err, "cni uninstall") : files_print(cli, files, count, err);
}

const struct cli_command command_cni_uninstall = {
	.name = "cni uninstall",
	.arguments = "",
	.summary = "take that back",
	.help = "Removes the plugin's copies and its network; a file of that name without the "
		"plugin stays.\n"
		"Containers keep what they have: remove them first, or have `nkctl down` detach "
		"them.\n"
		"\n"
		"Example:\n"
		"  nkctl cni uninstall",
	.changes = true,
	.options = uninstall_options,
	.run = uninstall_run,
};
