// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "nkctl/nat.h"
#include "output.h"

#define OPTIONS_MAX 24

/*
 * Ids of the options that every verb has: below those of the verbs, which are characters, and above
 * getopt_long()'s for an argument.
 */
enum { ARGUMENT = 1, OPTION_JSON, OPTION_VERBOSE, OPTION_HELP };

static const struct cli_option common_options[] = {
	{ OPTION_JSON, "json", NULL, "print JSON" },
	{ OPTION_VERBOSE, "verbose", NULL, "(-v) show each step's time" },
	{ OPTION_HELP, "help", NULL, "(-h) show this help" },
	{ 0 },
};

/* One a line, in the order of the help. */
/* clang-format off */
const struct cli_command *const cli_commands[] = {
	&command_attach,
	&command_detach,
	&command_list,
	&command_show,
	&command_publish_add,
	&command_publish_list,
	&command_publish_remove,
	&command_network_add,
	&command_network_list,
	&command_network_remove,
	&command_uplink_list,
	&command_uplink_add,
	&command_uplink_remove,
	&command_nat_show,
	&command_nat_set,
	&command_nat_exempt_add,
	&command_nat_exempt_remove,
	&command_flows_list,
	&command_flows_flush,
	&command_stats,
	&command_cni_install,
	&command_cni_uninstall,
	&command_doctor,
	&command_repair,
	&command_upgrade,
	&command_down,
	&command_help,
	&command_version,
	NULL,
};
/* clang-format on */

static size_t options_append(const struct cli_option *from, struct option *to, size_t count)
{
	for (; from && from->name; from++) {
		assert(count < OPTIONS_MAX - 1);
		to[count++] = (struct option){
			.name = from->name,
			.has_arg = from->value ? required_argument : no_argument,
			.val = from->id,
		};
	}
	return count;
}

/*
 * The options that @word, which may have a value behind it, is the beginning of: getopt_long()
 * takes a beginning for the option if there is one alone. Return: how many.
 */
static size_t options_begun(const struct option *options, const char *word,
			    const char *ret_names[2])
{
	size_t count = 0, len = strcspn(word, "=");

	for (; options->name; options++) {
		if (strncmp(options->name, word, len) != 0)
			continue;
		if (count < 2)
			ret_names[count] = options->name;
		count++;
	}
	return count;
}

/*
 * Of a letter amid others getopt_long() hasn't passed the word yet; of a long option that was given
 * a value against its nature, optopt is its id.
 */
static int option_error(const struct cli *cli, const struct option *options, int result,
			struct error *err)
{
	const char letter[] = { '-', (char)optopt, '\0' };
	const char *word = cli->argv[optind - 1];
	bool is_letter = result == '?' && optopt > OPTION_HELP && !strchr(word, '=');
	const char *given = is_letter ? letter : word;
	const char *names[2];

	if (result == ':')
		return error_set(err, EINVAL, "option '%s' needs a value: see `nkctl help %s`",
				 given, cli->command->name);
	if (!is_letter && !optopt && options_begun(options, word + 2, names) > 1)
		return error_set(err, EINVAL, "'%s' may be --%s or --%s: see `nkctl help %s`", word,
				 names[0], names[1], cli->command->name);
	return error_set(err, EINVAL, "unknown option '%s': see `nkctl help %s`", given,
			 cli->command->name);
}

/* Return: true where the option was one of those that every verb has. */
static bool option_take_common(struct cli *cli, int id)
{
	switch (id) {
	case OPTION_JSON:
		cli->json = true;
		return true;
	case 'v':
	case OPTION_VERBOSE:
		log_timing_enable();
		return true;
	case 'h':
	case OPTION_HELP:
		cli->help = true;
		return true;
	default:
		return false;
	}
}

static void options_fill(const struct cli *cli, struct option options[OPTIONS_MAX])
{
	size_t count = options_append(cli->command->options, options, 0);

	(void)options_append(common_options, options, count);
	opterr = 0;
}

void cli_seek_json(struct cli *cli)
{
	struct option options[OPTIONS_MAX] = { 0 };
	int id;

	options_fill(cli, options);
	do {
		/* '-': arguments are told, where they stand, and no word is moved. */
		id = getopt_long(cli->argc, cli->argv, "-:hv", options, NULL);
		cli->json |= id == OPTION_JSON;
	} while (id != -1);
	optind = 0; /* begin anew */
}

int cli_next(struct cli *cli, const char **ret_value, struct error *err)
{
	struct option options[OPTIONS_MAX] = { 0 };
	int id;

	options_fill(cli, options);
	do {
		id = getopt_long(cli->argc, cli->argv, ":hv", options, NULL);
	} while (option_take_common(cli, id));
	if (id == '?' || id == ':')
		return option_error(cli, options, id, err);
	if (id > 0) {
		*ret_value = optarg;
		return id;
	}
	cli->argc -= optind;
	cli->argv += optind;
	return cli->help ? error_set(err, ECANCELED, "help was asked for") : 0;
}

int cli_options_end(struct cli *cli, struct error *err)
{
	const char *value;

	return cli_next(cli, &value, err);
}

int cli_arguments(const struct cli *cli, int min, int max, struct error *err)
{
	if (cli->argc < min)
		return error_set(err, EINVAL, "missing argument: nkctl %s %s", cli->command->name,
				 cli->command->arguments);
	if (cli->argc > max)
		return error_set(err, EINVAL, "unexpected argument '%s': see `nkctl help %s`",
				 cli->argv[max], cli->command->name);
	return 0;
}

int cli_arguments_but_ns(const struct cli *cli, const char *given, struct error *err)
{
	if (cli->argc && !given)
		return error_set(err, EINVAL, "unexpected argument '%s': give --ns %s",
				 cli->argv[0], cli->argv[0]);
	return cli_arguments(cli, 0, 0, err);
}

int cli_id_check(const char *id, struct error *err)
{
	return *id ? 0 : error_set(err, EINVAL, "the id is empty");
}

int cli_parse_number(const char *what, const char *text, unsigned long max,
		     unsigned long *ret_number, struct error *err)
{
	unsigned long number;

	errno = 0;
	number = strtoul(text, NULL, 10);
	if (!*text || strspn(text, "0123456789") != strlen(text) || errno || number > max)
		return error_set(err, EINVAL, "%s '%s' is no number up to %lu", what, text, max);
	*ret_number = number;
	return 0;
}

int cli_take_masquerade(bool on, int *masquerade, struct error *err)
{
	const int wanted = on ? NK_MASQUERADE_ON : NK_MASQUERADE_OFF;

	if (*masquerade >= 0 && *masquerade != wanted)
		return error_set(err, EINVAL,
				 "--masquerade and --no-masquerade exclude each other");
	*masquerade = wanted;
	return 0;
}

/* How many of the words are the beginning of @name, all of which they may be. */
static int words_match(const char *name, int argc, char *const *argv, bool *ret_whole)
{
	int words = 0;

	for (; *name && words < argc; words++) {
		size_t len = strcspn(name, " ");

		if (strlen(argv[words]) != len || strncmp(argv[words], name, len) != 0)
			break;
		name += len + (name[len] == ' ');
	}
	*ret_whole = !*name;
	return words;
}

const struct cli_command *cli_find(int argc, char *const *argv, int *ret_words)
{
	for (size_t i = 0; cli_commands[i]; i++) {
		bool whole;
		int words = words_match(cli_commands[i]->name, argc, argv, &whole);

		if (words && (whole || (cli_commands[i]->is_default && words == 1 &&
					(argc == 1 || argv[1][0] == '-')))) {
			*ret_words = words;
			return cli_commands[i];
		}
	}
	return NULL;
}

static void options_print(const struct cli_option *options)
{
	char name[64];

	for (; options && options->name; options++) {
		(void)snprintf(name, sizeof(name), "--%s%s%s", options->name,
			       options->value ? " " : "", options->value ? options->value : "");
		(void)printf("  %-27s %s\n", name, options->help);
	}
}

static void command_print_help(const struct cli_command *command)
{
	(void)printf("Usage: nkctl %s%s%s%s\n\n%s\n", command->name, *command->arguments ? " " : "",
		     command->arguments, command->options ? " [options]" : "", command->help);
	(void)printf("\nOptions:\n");
	options_print(command->options);
	options_print(common_options);
}

static void all_print_help(void)
{
	(void)printf("Usage: nkctl VERB [options]\n"
		     "       nkctl --version\n\n"
		     "Gives Linux containers the network at the cost of the host's own stack:\n"
		     "netkit devices, eBPF programs, and nothing resident.\n\nVerbs:\n");
	for (size_t i = 0; cli_commands[i]; i++)
		(void)printf("  %-17s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
	(void)printf("\nEvery verb takes:\n");
	options_print(common_options);
	(void)printf("\nExamples:\n"
		     "  nkctl attach --ns ctr1      put a network namespace on the network\n"
		     "  nkctl list                  what is attached\n"
		     "  nkctl doctor                what this kernel and host can do\n"
		     "  nkctl help attach           more about a verb\n");
}

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

static json_t *all_to_json(void)
{
	json_t *array = json_array();

	for (size_t i = 0; cli_commands[i]; i++)
		(void)json_array_append_new(array, command_to_json(cli_commands[i]));
	return array;
}

int cli_print_help(const struct cli_command *command, bool json, struct error *err)
{
	if (json)
		return output_json(command ? command_to_json(command) : all_to_json(), err);
	if (command)
		command_print_help(command);
	else
		all_print_help();
	return 0;
}

/* Whether a verb belongs to a group: "network add" to "network". */
static bool command_is_of(const struct cli_command *command, int argc, char *const *words)
{
	bool whole;

	return words_match(command->name, argc, words, &whole) == argc && !whole;
}

/* How many of the words are the name of a group: 1 of "network", 2 of "nat exempt". */
static int group_words(char *const *words)
{
	int count = 0;

	for (size_t i = 0; words[count] && cli_commands[i]; i++)
		while (words[count] && command_is_of(cli_commands[i], count + 1, words))
			count++;
	return count;
}

/* What may stand behind the name of a group: "show, set, exempt". */
static void group_verbs_text(int count, char *const *words, char *text, size_t size)
{
	size_t used = 0, len = 0;
	const char *last = "";

	text[0] = '\0';
	for (size_t i = 0; cli_commands[i]; i++) {
		const char *verb = cli_commands[i]->name;

		if (!command_is_of(cli_commands[i], count, words))
			continue;
		for (int word = 0; word < count; word++)
			verb = strchr(verb, ' ') + 1;
		if (used && strcspn(verb, " ") == len && !strncmp(verb, last, len))
			continue;
		len = strcspn(verb, " ");
		last = verb;
		used += (size_t)snprintf(text + used, size - used, "%s%.*s", used ? ", " : "",
					 (int)len, verb);
		assert(used < size);
	}
}

int cli_no_verb(char *const *words, struct error *err)
{
	int count = group_words(words);
	const char *next = words[count];
	char verbs[128], group[64] = "";
	size_t used = 0;

	if (!count && *next == '-')
		return error_set(err, EINVAL, "unknown option '%s' before the verb", next);
	if (!count)
		return error_set(err, EINVAL, "'%s' is no verb: `nkctl help` lists them", next);
	group_verbs_text(count, words, verbs, sizeof(verbs));
	for (int i = 0; i < count; i++)
		used += (size_t)snprintf(group + used, sizeof(group) - used, "%s%s", i ? " " : "",
					 words[i]);
	if (!next || *next == '-')
		return error_set(err, EINVAL, "%s needs its verb right behind it: %s", group,
				 verbs);
	return error_set(err, EINVAL, "'%s' is no verb of %s: there are %s", next, group, verbs);
}

int cli_print_group_help(char *const *words, bool json, struct error *err)
{
	json_t *array = json ? json_array() : NULL;
	bool found = false;
	int argc = 0;

	while (words[argc])
		argc++;
	for (size_t i = 0; argc && cli_commands[i]; i++) {
		if (!command_is_of(cli_commands[i], argc, words))
			continue;
		if (found && !json)
			(void)putchar('\n');
		if (json)
			(void)json_array_append_new(array, command_to_json(cli_commands[i]));
		else
			command_print_help(cli_commands[i]);
		found = true;
	}
	if (found)
		return json ? output_json(array, err) : 0;
	json_decref(array);
	return error_set(err, ENOENT, "there is no such group of verbs");
}
