/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs that measure have in common: their command lines, and their processor. */
#ifndef NKCTL_BENCH_PROGRAM_H
#define NKCTL_BENCH_PROGRAM_H

#include <err.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

/* number_parse() - a number from 1 to @max; ends the program with status 2 for anything else. */
static inline unsigned int number_parse(const char *text, unsigned int max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || !value || value > max)
		errx(2, "'%s' is no number from 1 to %u", text, max);
	return (unsigned int)value;
}

/**
 * struct number_option - an option that takes a number.
 * @value: keeps its default where the option isn't given
 */
struct number_option {
	char letter;
	unsigned int max;
	unsigned int *value;
};

#define NUMBER_OPTIONS_MAX 8

/**
 * numbers_parse() - a command line that has nothing but such options, and -h.
 * @count: of @options, NUMBER_OPTIONS_MAX at most
 */
static inline void numbers_parse(int argc, char **argv, const struct number_option *options,
				 size_t count, const char *usage_text)
{
	char letters[2 * NUMBER_OPTIONS_MAX + 2] = "h", *end = letters + 1;
	int letter;

	for (size_t i = 0; i < count; i++, end += 2)
		(void)snprintf(end, 3, "%c:", options[i].letter);
	while ((letter = getopt(argc, argv, letters)) != -1) {
		size_t i = 0;

		while (i < count && options[i].letter != letter)
			i++;
		if (i == count) {
			fputs(usage_text, letter == 'h' ? stdout : stderr);
			exit(letter == 'h' ? EXIT_SUCCESS : 2);
		}
		*options[i].value = number_parse(optarg, options[i].max);
	}
}

/*
 * processor_pin() - stay on the first processor, and so do children: two processes on two
 * processors would measure how far these are apart.
 */
static inline void processor_pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(EXIT_FAILURE, "stay on the first processor");
}

#endif
