/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef NKCTL_CORE_LOCK_H
#define NKCTL_CORE_LOCK_H

/**
 * lock_within() - flock(2), for no longer than a time.
 *
 * flock() itself waits without an end, and a signal to break it would be one for the whole process:
 * this looks now and then instead.
 *
 * @operation: LOCK_SH or LOCK_EX
 * @wait_us: in microseconds; 0: try once
 *
 * Return: 0; -EWOULDBLOCK where somebody else kept it for that long; flock()'s -errno.
 */
int lock_within(int fd, int operation, int wait_us);

#endif
