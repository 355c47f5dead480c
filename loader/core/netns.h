/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Network namespaces by file descriptor. The path is opened once and checked; from then on only
 * the descriptor is used, so that nobody can swap what the path means in between.
 */
#ifndef NKCTL_CORE_NETNS_H
#define NKCTL_CORE_NETNS_H

#include <stdint.h>

#include "core/error.h"

#define NETNS_RUN_DIR "/run/netns" /* where `ip netns` keeps its names, ip-netns(8) */

/**
 * netns_open() - open the network namespace that a person names.
 * @spec: a name under /run/netns, a path (it holds a '/'), or "pid:N"
 * @ret_fd: descriptor of the namespace; the caller closes it
 *
 * Return: 0; -ENOENT where nothing is there, -EINVAL where it isn't a network namespace or is
 * the host's own, -EACCES.
 */
int netns_open(const char *spec, int *ret_fd, struct error *err);

/* netns_spec_check() - whether @spec has one of these forms. Return: 0, or -EINVAL. */
int netns_spec_check(const char *spec, struct error *err);

#define NETNS_NAME_SIZE 256

/* netns_name() - the name under /run/netns that @spec stands for; empty where it's another path. */
void netns_name(const char *spec, char ret_name[NETNS_NAME_SIZE]);

/* netns_open_own() - the namespace that this process runs in, "the host". */
int netns_open_own(int *ret_fd, struct error *err);

/**
 * netns_create() - make a namespace that has no name and lives no longer than its descriptor, and
 * sockets and processes in it, do.
 * @ret_fd: descriptor of the namespace; the caller closes it
 */
int netns_create(int *ret_fd, struct error *err);

/**
 * netns_run() - call @function inside a network namespace, in a thread that ends there.
 * @netns_fd: namespace to enter
 *
 * Return: what @function returns, or the negative errno of setns(2) or pthread_create(3).
 */
int netns_run(int netns_fd, int (*function)(void *data, struct error *err), void *data,
	      struct error *err);

/**
 * netns_cookie() - the number by which the kernel knows this process's network namespace;
 * never used again, and 1 for the initial one (net/core/net_namespace.c, SO_NETNS_COOKIE, 5.14).
 */
int netns_cookie(uint64_t *ret_cookie, struct error *err);

/* The index of the loopback device is 1 in every network namespace (net/core/dev.c). */
#define LOOPBACK_IFINDEX 1

#endif
