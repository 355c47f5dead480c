/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The command line: a table of verbs, each with a table of its options. From these tables come
 * parsing, `nkctl help`, and `nkctl help --json`, which the checks hold against the man page, the
 * completion and the README.
 */
#ifndef NKCTL_CLI_H
#define NKCTL_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/**
 * struct cli_option - one option of a verb.
 * @id: what cli_next() returns for it, a positive number
 * @name: without the dashes
 * @value: name of its argument, in capitals; NULL: it takes none
 * @help: a line
 */
struct cli_option {
	int id;
	const char *name;
	const char *value;
	const char *help;
};

struct cli;

/**
 * struct cli_command - a verb.
 * @name: "attach", or several words: "network add"
 * @arguments: positional arguments for the usage line; "" for none
 * @summary: a line
 * @help: paragraphs and examples
 * @changes: it changes something, or may
 * @is_default: the first word of its name, with options behind it or nothing, means this one
 * @options: ends with an entry whose name is NULL; NULL: no options of its own
 * @run: returns 0, or a negative errno with @err set
 */
struct cli_command {
	const char *name;
	const char *arguments;
	const char *summary;
	const char *help;
	bool changes;
	bool is_default;
	const struct cli_option *options;
	int (*run)(struct cli *cli, struct error *err);
};

/**
 * struct cli - a command line under way.
 * @json: print JSON
 * @help: print help instead of doing anything
 * @argc, @argv: what follows the verb; after cli_next() returned 0 the positional arguments
 */
struct cli {
	const struct cli_command *command;
	bool json;
	bool help;
	int argc;
	char **argv;
};

/* cli_seek_json() - take --json before anything, so that what is wrong before it is told as JSON.
 */
void cli_seek_json(struct cli *cli);

/**
 * cli_next() - the next option of the verb; those that every verb has are taken on the way.
 * @ret_value: its argument, or NULL
 *
 * Return: the option's id; 0 at the end; -EINVAL for an unknown or incomplete one; -ECANCELED where
 * help was asked for, and nothing else.
 */
int cli_next(struct cli *cli, const char **ret_value, struct error *err);

/* cli_options_end() - for a verb without options of its own: take the common ones. */
int cli_options_end(struct cli *cli, struct error *err);

/* cli_arguments() - check the number of positional arguments. Return: 0, or -EINVAL. */
int cli_arguments(const struct cli *cli, int min, int max, struct error *err);

/**
 * cli_arguments_but_ns() - for a verb without positional arguments that takes --ns.
 * @given: what names the container; NULL: an argument may be meant to
 *
 * Return: 0, or -EINVAL.
 */
int cli_arguments_but_ns(const struct cli *cli, const char *given, struct error *err);

/* cli_id_check() - what names an endpoint. Return: 0; -EINVAL where it's empty. */
int cli_id_check(const char *id, struct error *err);

/* cli_parse_number() - a decimal number of up to @max. Return: 0, or -EINVAL. */
int cli_parse_number(const char *what, const char *text, unsigned long max,
		     unsigned long *ret_number, struct error *err);

/**
 * cli_take_masquerade() - take --masquerade or --no-masquerade.
 * @masquerade: enum nk_masquerade; negative until one of them was given
 *
 * Return: 0; -EINVAL where the other one was given too.
 */
int cli_take_masquerade(bool on, int *masquerade, struct error *err);

/* All verbs, in the order of the help; ends with NULL. */
extern const struct cli_command *const cli_commands[];

/* The verb that the first words of @argv name, and how many words it took; NULL: none. */
const struct cli_command *cli_find(int argc, char *const *argv, int *ret_words);

/* cli_print_help() - of one verb, or of everything (NULL). */
int cli_print_help(const struct cli_command *command, bool json, struct error *err);

/**
 * cli_print_group_help() - of the verbs of a group.
 * @words: its name, "network" or "nat exempt", and NULL
 *
 * Return: 0; -ENOENT: there is none.
 */
int cli_print_group_help(char *const *words, bool json, struct error *err);

/* cli_no_verb() - tell which of the words makes them no verb. Return: -EINVAL. */
int cli_no_verb(char *const *words, struct error *err);

extern const struct cli_command command_attach, command_detach, command_list, command_show,
	command_publish_add, command_publish_list, command_publish_remove, command_network_add,
	command_network_list, command_network_remove, command_uplink_list, command_uplink_add,
	command_uplink_remove, command_nat_show, command_nat_set, command_nat_exempt_add,
	command_nat_exempt_remove, command_flows_list, command_flows_flush, command_stats,
	command_cni_install, command_cni_uninstall, command_doctor, command_repair, command_upgrade,
	command_down, command_help, command_version;

#endif
