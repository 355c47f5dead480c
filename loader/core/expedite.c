// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Theory of operation
 *
 * The first program of a device, and the end of a device with a program, wait for a grace period of
 * RCU while they hold the lock of all devices (tcx_prog_attach(), tcx_uninstall(),
 * kernel/bpf/tcx.c; netkit_entry_sync(), drivers/net/netkit.c): 6 or 12 ms at 250 Hz, one device
 * after the other. Everything else that waits under that lock asks for an expedited one
 * (synchronize_net(), net/core/dev.c), in which each processor that is neither idle nor undisturbed
 * (nohz_full) is interrupted once instead of being waited for: some 100 us.
 * /sys/kernel/rcu_expedited makes the kernel do the same for us (rcu_gp_is_expedited(),
 * kernel/rcu/update.c).
 *
 * It is a switch of the whole machine, so it is on only for as long as a system call of ours is
 * waiting. Those who want it share a lock; the last to leave gets it alone, and turns the switch
 * off. The kernel takes any number but 0 as on (rcu_expedited_store(), kernel/ksysfs.c): ours is
 * one that nobody else writes, and so tells, without a file beside the kernel, that it is our
 * business. After a SIGKILL it stays until the next nkctl has done its work. Hosts that are network
 * namespaces of one machine have a lock each, so one's last may leave another's first to wait.
 *
 * An administrator's own choice stands. A switch that is on already isn't touched, nor is that of
 * a kernel for real time, where synchronize_net() doesn't expedite either; and where
 * /sys/kernel/rcu_normal is 1 the kernel doesn't expedite, whatever the switch says.
 */
#include "core/expedite.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/cleanup.h"

#define NORMAL_SWITCH "/sys/kernel/rcu_normal"
#define REALTIME_FILE "/sys/kernel/realtime"

/* "nk". */
#define ON_BY_NKCTL 0x6e6b
#define OFF         0

/* Return: its descriptor; -1. */
static int switch_open(const char *path, int flags, int *ret_value)
{
	_cleanup_close_ int fd = open(path, flags | O_CLOEXEC);
	char text[16] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	*ret_value = (int)strtol(text, NULL, 0);
	return TAKE_FD(fd);
}

/* Return: whether it has the value @to then. A value that is neither @from nor @to stays. */
static bool switch_turn(int from, int to)
{
	int found;
	_cleanup_close_ int fd = switch_open(EXPEDITE_SWITCH, O_RDWR, &found);
	char text[16];
	int len;

	if (fd < 0 || found != from)
		return fd >= 0 && found == to;
	len = snprintf(text, sizeof(text), "%d", to);
	return pwrite(fd, text, (size_t)len, 0) == len;
}

enum expedite_state expedite_state(void)
{
	int normal = 0, expedited = 0;
	_cleanup_close_ int normal_fd = switch_open(NORMAL_SWITCH, O_RDONLY, &normal);
	_cleanup_close_ int fd = switch_open(EXPEDITE_SWITCH, O_RDWR, &expedited);

	if (normal_fd >= 0 && normal)
		return EXPEDITE_REFUSED;
	if (!access(REALTIME_FILE, F_OK))
		return EXPEDITE_REALTIME;
	if (fd < 0)
		return EXPEDITE_READ_ONLY;
	return expedited == OFF || expedited == ON_BY_NKCTL ? EXPEDITE_ON_DEMAND : EXPEDITE_ALWAYS;
}

int expedite_begin(const char *directory)
{
	_cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || !access(REALTIME_FILE, F_OK) || flock(fd, LOCK_SH | LOCK_NB) ||
	    !switch_turn(OFF, ON_BY_NKCTL))
		return -1;
	return TAKE_FD(fd);
}

void expedite_end(int *fd)
{
	if (*fd >= 0 && !flock(*fd, LOCK_EX | LOCK_NB))
		(void)switch_turn(ON_BY_NKCTL, OFF);
	cleanup_close(fd);
}
