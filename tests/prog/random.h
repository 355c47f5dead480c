/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Chance that can be repeated: NKCTL_TEST_SEED repeats a run, NKCTL_TEST_ROUNDS makes it longer. */
#ifndef NKCTL_TESTS_RANDOM_H
#define NKCTL_TESTS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* random_rounds - how often a test is to do what it does by chance. */
extern unsigned int random_rounds;

/**
 * random_begin() - take the seed from the environment, or any; print it.
 * @rounds: that a test does natively
 * @rounds_emulated: where tests/run tells of an emulated guest
 */
void random_begin(unsigned int rounds, unsigned int rounds_emulated);

uint64_t random_next(void);

/* random_below() - from 0 to @limit - 1. */
uint64_t random_below(uint64_t limit);

#endif
