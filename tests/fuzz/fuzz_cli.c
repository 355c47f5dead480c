// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Command lines, a word each line. Verbs read all of one before they open anything, and what they
 * then open says that there is no kernel.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>

#include "cli.h"
#include "core/cleanup.h"
#include "fuzz.h"
#include "ops/node.h"

#define WORDS_MAX 32

int __wrap_node_open(struct node *node, enum pins_lock lock, struct error *err);
int __wrap_node_open_loaded(struct node *node, enum pins_lock lock, struct error *err);
int __wrap_node_open_live(struct node *node, enum pins_lock lock, struct error *err);
int __wrap_node_open_unloaded(struct node *node, struct error *err);

int __wrap_node_open(struct node *node, enum pins_lock lock, struct error *err)
{
	(void)node;
	(void)lock;
	return error_set(err, EPERM, "there is no kernel here");
}

int __wrap_node_open_loaded(struct node *node, enum pins_lock lock, struct error *err)
{
	return __wrap_node_open(node, lock, err);
}

int __wrap_node_open_live(struct node *node, enum pins_lock lock, struct error *err)
{
	return __wrap_node_open(node, lock, err);
}

int __wrap_node_open_unloaded(struct node *node, struct error *err)
{
	return __wrap_node_open(node, PINS_SHARED, err);
}

/* These look at the machine, change it, or have nothing to parse. */
static bool is_left_out(const struct cli_command *command)
{
	const struct cli_command *const left_out[] = {
		&command_cni_install, &command_cni_uninstall, &command_doctor,
		&command_down,        &command_help,          &command_version,
	};

	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
		if (command == left_out[i])
			return true;
	return false;
}

/* It prints. Options may be cut short, and letters stand together. */
static bool is_verbose(const char *word)
{
	return !strncmp(word, "--v", 3) || (word[0] == '-' && word[1] != '-' && strchr(word, 'v'));
}

static void command_try(int argc, char **argv)
{
	struct error err = { 0 };
	struct cli cli = { 0 };
	int words;

	cli.command = cli_find(argc, argv, &words);
	if (!cli.command || is_left_out(cli.command))
		return;
	optind = 0; /* getopt_long() begins anew */
	cli.argc = argc - words + 1;
	cli.argv = argv + words - 1;
	cli_seek_json(&cli);
	fuzz_check_error(cli.command->run(&cli, &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { (const char *)data, size };
	char *words[WORDS_MAX + 1] = { NULL }, *moved[WORDS_MAX + 1];
	bool runs = true;
	int count = 0;

	while (input.size && count < WORDS_MAX) {
		words[count] = fuzz_cut_text(&input, "\n");
		runs &= !is_verbose(words[count++]);
	}
	memcpy(moved, words, sizeof(words)); /* getopt_long() moves words */
	if (runs && count)
		command_try(count, moved);
	for (int i = 0; i < count; i++)
		free(words[i]);
	return 0;
}
