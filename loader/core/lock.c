// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/lock.h"

#include <errno.h>
#include <sys/file.h>

#include "core/pause.h"

#define LOOK_US     2000
#define LOOK_MAX_US 100000

int lock_within(int fd, int operation, int wait_us)
{
	int waited_us = 0;

	while (flock(fd, operation | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (waited_us >= wait_us)
			return -EWOULDBLOCK;
		waited_us += pause_before_look(waited_us, LOOK_US, LOOK_MAX_US);
	}
	return 0;
}
