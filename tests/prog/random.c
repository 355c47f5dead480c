// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "random.h"

#include <err.h>
#include <stdlib.h>
#include <sys/random.h>

#include "prog.h"

static uint64_t random_state;

unsigned int random_rounds;

/* SplitMix64 (Steele, Lea, Flood, 2014). */
uint64_t random_next(void)
{
	uint64_t x = random_state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

uint64_t random_below(uint64_t limit)
{
	return random_next() % limit;
}

void random_begin(unsigned int rounds, unsigned int rounds_emulated)
{
	const char *seed = getenv("NKCTL_TEST_SEED"), *count = getenv("NKCTL_TEST_ROUNDS");

	if (seed)
		random_state = strtoull(seed, NULL, 0);
	else if (getrandom(&random_state, sizeof(random_state), 0) < 0)
		err(1, "get a seed");
	if (count)
		random_rounds = (unsigned int)strtoul(count, NULL, 0);
	else
		random_rounds = getenv("NKCTL_TEST_EMULATED") ? rounds_emulated : rounds;
	print_message("# NKCTL_TEST_SEED=%llu NKCTL_TEST_ROUNDS=%u\n",
		      (unsigned long long)random_state, random_rounds);
}
