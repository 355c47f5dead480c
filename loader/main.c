// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "cni/netavark.h"
#include "cni/plugin.h"
#include "core/log.h"
#include "output.h"

/* The words of a failure, once: for a person on stderr, and for a program on stdout. */
static int failure_print(const struct cli *cli, const struct error *err)
{
	int status = error_exit_status(err->code);

	(void)fprintf(stderr, "nkctl: %s\n", err->message);
	if (cli->json)
		(void)output_json(json_pack("{s{ss ss si}}", "error", "message", err->message,
					    "errno", error_symbol(err->code), "exit_status",
					    status),
				  NULL);
	return status;
}

/* Output is written at the end, or was in part: after a change it is all that is missing. */
static int result_lost(struct cli *cli, int code)
{
	struct error err;

	cli->json = false; /* none behind a part of the result */
	if (cli->command && cli->command->changes && !cli->help)
		(void)error_set(&err, EIO, "%s: done, but the result couldn't be printed: %s",
				cli->command->name, strerror(code));
	else
		(void)error_set(&err, EIO, "%s%sprint the result: %s",
				cli->command ? cli->command->name : "", cli->command ? ": " : "",
				strerror(code));
	return failure_print(cli, &err);
}

/* @status: where the output isn't lost */
static int output_end(struct cli *cli, int status)
{
	if (fflush(stdout))
		return result_lost(cli, errno);
	return ferror(stdout) ? result_lost(cli, EIO) : status; /* of an earlier write */
}

static int help_print(struct cli *cli, int status)
{
	struct error err;

	if (cli_print_help(cli->command, cli->json, &err))
		return failure_print(cli, &err);
	return output_end(cli, status);
}

static int command_run(struct cli *cli)
{
	struct error err = { 0 };
	int ret = cli->command->run(cli, &err);

	if (ret == -ECANCELED && cli->help)
		return help_print(cli, EXIT_STATUS_OK);
	log_step("end");
	return ret ? failure_print(cli, &err) : output_end(cli, EXIT_STATUS_OK);
}

static bool is_help_option(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

/* Without a verb no option has a value. */
static bool words_have_json(char *const *words)
{
	while (*words && strcmp(*words, "--") != 0 && strcmp(*words, "--json") != 0)
		words++;
	return *words && !strcmp(*words, "--json");
}

/*
 * @words: what stands where a verb should. The name of a group alone gets the group's help, of
 * which a program makes nothing.
 */
static int usage_error(struct cli *cli, char **words)
{
	struct error err;
	size_t count = 0;

	cli->json |= words_have_json(words);
	while (words[count] && !is_help_option(words[count]))
		count++;
	cli->help |= words[count] != NULL;
	words[count] = NULL;
	if ((cli->help || !cli->json) && !cli_print_group_help(words, cli->json, &err))
		return output_end(cli, cli->help ? EXIT_STATUS_OK : EXIT_STATUS_USAGE);
	(void)cli_no_verb(words, &err);
	return failure_print(cli, &err);
}

/* Options may stand before the verb: those that every verb has, without a value. */
static int leading_options(struct cli *cli, int argc, char **argv)
{
	int first = 1;

	for (; first < argc && argv[first][0] == '-'; first++) {
		if (!strcmp(argv[first], "--json"))
			cli->json = true;
		else if (!strcmp(argv[first], "-v") || !strcmp(argv[first], "--verbose"))
			log_timing_enable();
		else if (is_help_option(argv[first]))
			cli->help = true;
		else
			break;
	}
	return first;
}

static int verb_missing(struct cli *cli)
{
	struct error err;

	if (cli->help)
		return help_print(cli, EXIT_STATUS_OK);
	if (cli->json) {
		(void)error_set(&err, EINVAL, "the verb is missing: `nkctl help` lists them");
		return failure_print(cli, &err);
	}
	return help_print(cli, EXIT_STATUS_USAGE);
}

/*
 * A descriptor that is opened later must not be taken for a stream that was closed. Those in its
 * place can't be used, which is an error where they are.
 */
static void streams_keep(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
	static char version[] = "version"; /* getopt_long() may move words, hence not const */
	const char *timing = getenv("NKCTL_TIMING");
	struct cli cli = { 0 };
	int first, words = 0;

	streams_keep();
	/* A reader that has gone is an error like others: nothing is to end half way for it. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* Who ignores it hands that on, and then no child's exit status is to be had. */
	(void)signal(SIGCHLD, SIG_DFL);
	if (timing && !strcmp(timing, "1"))
		log_timing_enable();
	if (argc == 1 && cni_plugin_is_wanted())
		return cni_plugin_run();
	if (netavark_is_wanted(argc, argv))
		return netavark_run(argc, argv);
	first = leading_options(&cli, argc, argv);
	if (first == argc)
		return verb_missing(&cli);
	if (!strcmp(argv[first], "--version"))
		argv[first] = version;
	cli.command = cli_find(argc - first, argv + first, &words);
	if (!cli.command)
		return usage_error(&cli, argv + first);
	/* getopt_long() takes the first word for the program's name: the verb's last one. */
	cli.argc = argc - first - words + 1;
	cli.argv = argv + first + words - 1;
	cli_seek_json(&cli);
	return command_run(&cli);
}
