// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/pause.h"

#include <time.h>

#define WAITED_FRACTION 8
#define NS_PER_US       1000L
#define US_PER_S        1000000

int pause_before_look(int waited_us, int least_us, int most_us)
{
	int pause_us = waited_us / WAITED_FRACTION;
	struct timespec pause;

	if (pause_us < least_us)
		pause_us = least_us;
	if (pause_us > most_us)
		pause_us = most_us;
	pause.tv_sec = pause_us / US_PER_S;
	pause.tv_nsec = pause_us % US_PER_S * NS_PER_US;
	(void)nanosleep(&pause, NULL); /* woken early only looks early */
	return pause_us;
}
