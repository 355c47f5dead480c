// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Theory of operation
 *
 * Early in its deletion a device is closed and taken off the lists of its namespace, and with it
 * its peer: nobody finds it by name or index any more, and no packet goes through it. What follows
 * is waiting, 10 ms and more: for an RCU grace period on behalf of the program at its hook
 * (tcx_uninstall(), kernel/bpf/tcx.c; netkit_release_all(), drivers/net/netkit.c), and for the RCU
 * callbacks of everybody (netdev_run_todo(), net/core/dev.c). Nothing of that can fail, and nobody
 * can do anything about it, so a child waits instead of who wants the device gone. It is there for
 * that one system call, has but expedite_begin()'s file open, and is done when the kernel is.
 *
 * The child may be killed before it has asked the kernel: its end with the device still there
 * is when the deletion is made again, by ourselves.
 */
#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/expedite.h"
#include "core/pause.h"
#include "nl/link.h"

/* How often to look: the kernel takes some 500 us, or waits until others let go of its lock. */
#define LOOK_US     100
#define LOOK_MAX_US 2000

/*
 * Whoever waits for our output to end, or for a lock that we hold, waits for nothing else.
 * @kept: the one that stays open; -1: none
 */
static int descriptors_close(int kept)
{
	unsigned int after = (unsigned int)(kept + 1);

	if (kept > 0 && syscall(SYS_close_range, 0, kept - 1, 0))
		return -errno;
	return syscall(SYS_close_range, after, ~0U, 0) ? -errno : 0;
}

static void child_run(int ifindex, int *expedite_fd)
{
	struct nlsock *nl;
	int ret = descriptors_close(*expedite_fd);

	if (!ret)
		ret = nlsock_open(&nl, NULL);
	if (!ret)
		ret = link_delete(nl, ifindex, NULL);
	expedite_end(expedite_fd);
	_exit(ret ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* What asks the others of its group or service to end would leave the machine's switch turned on.
 */
static pid_t child_start(int ifindex, int *expedite_fd)
{
	sigset_t all, before;
	pid_t child;

	(void)sigfillset(&all); /* these fail only for what doesn't exist */
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	child = fork();
	if (!child)
		child_run(ifindex, expedite_fd);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return child;
}

/* Until the device is unlisted or the child has ended. */
static void child_watch(struct unlisting *unlisting, int ifindex)
{
	int waited_us = 0;

	while (!link_is_gone(ifindex)) {
		if (waitpid(unlisting->child, NULL, WNOHANG)) {
			unlisting->child = 0;
			return;
		}
		waited_us += pause_before_look(waited_us, LOOK_US, LOOK_MAX_US);
	}
}

int link_unlist(struct nlsock *nl, int ifindex, struct unlisting *unlisting, struct error *err)
{
	pid_t child = child_start(ifindex, &unlisting->expedite_fd);
	int ret;

	if (child > 0) {
		unlisting->child = child;
		child_watch(unlisting, ifindex);
	}
	if (child > 0 && link_is_gone(ifindex)) {
		cleanup_close(&unlisting->expedite_fd); /* the child ends what it is for */
		return 0;
	}
	ret = link_is_gone(ifindex) ? 0 : link_delete(nl, ifindex, err);
	expedite_end(&unlisting->expedite_fd);
	return ret;
}

void unlisting_await(struct unlisting *unlisting)
{
	if (unlisting->child)
		(void)waitpid(unlisting->child, NULL, 0); /* fails only where somebody else did */
	unlisting->child = 0;
}
