/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How long a program takes for a packet, by the kernel's own clock around it. */
#ifndef NKCTL_BENCH_PROG_TIME_H
#define NKCTL_BENCH_PROG_TIME_H

#include "../tests/prog/prog.h"

/* prog_time_setup() - load the program that prog_time() compares with. */
void prog_time_setup(void);

/**
 * prog_time() - run @program on @run's packet, and a program that does nothing.
 * @repeat: runs on the same packet, one behind the other; more than one is for packets that stay
 *	a question with the same answer, hop by hop
 * @attempts: of which the least counts, for both
 * @run: its verdict is that of the last run, its packet what was made of it
 *
 * Return: the difference for one run, in nanoseconds.
 */
double prog_time(const struct bpf_program *program, struct prog_run *run, uint32_t repeat,
		 unsigned int attempts);

#endif
