/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers on the command lines of the programs that measure. */
#ifndef NKCTL_BENCH_NUMBER_H
#define NKCTL_BENCH_NUMBER_H

#include <err.h>
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

#endif
