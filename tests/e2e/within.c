// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * within: runs a command in a network namespace.
 *
 *	within NAME COMMAND [ARGUMENT]...
 *
 * What nsenter --net=/run/netns/NAME does, in a third of its time where a kernel is emulated, and
 * the end-to-end tests do it thousands of times.
 */
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char path[PATH_MAX];
	int fd;

	if (argc < 3)
		errx(2, "which namespace, and which command?");
	(void)snprintf(path, sizeof(path), "/run/netns/%s", argv[1]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		err(2, "%s", path);
	(void)execvp(argv[2], argv + 2);
	err(127, "%s", argv[2]);
}
