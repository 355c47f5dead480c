/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Short waits for the kernel, where it waits for an RCU grace period: see expedite.c. */
#ifndef NKCTL_CORE_EXPEDITE_H
#define NKCTL_CORE_EXPEDITE_H

#define EXPEDITE_SWITCH "/sys/kernel/rcu_expedited"

/* What grace periods are like while somebody waits. */
enum expedite_state {
	EXPEDITE_ON_DEMAND, /* expedited for as long as we wait */
	EXPEDITE_ALWAYS,    /* somebody has turned it on for the whole machine */
	EXPEDITE_REFUSED,   /* rcu_normal: somebody wants none to be */
	EXPEDITE_REALTIME,  /* not on a kernel for real time */
	EXPEDITE_READ_ONLY, /* the switch isn't there, or can't be written */
};

enum expedite_state expedite_state(void);

/**
 * expedite_begin() - have the kernel's grace periods expedited until expedite_end().
 * @directory: by whose lock those who want that at the same time are counted
 *
 * Return: a descriptor for expedite_end(), which a child process may call instead of its parent;
 * -1 where it isn't to be had, or not wanted: it is a convenience.
 */
int expedite_begin(const char *directory);

/* expedite_end() - and closes *@fd, which may be -1. */
void expedite_end(int *fd);

#endif
