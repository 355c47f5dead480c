/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The directory on bpffs under which maps and programs are pinned, and the locks of it.
 *
 * Theory of operation
 *
 * There is one directory a network namespace that plays the host: BPFFS/nkctl in the initial
 * one, BPFFS/nkctl-COOKIE in any other, so that two hosts made of namespaces on one machine
 * don't share addresses. It has maps/, progs/, links/ and locks/.
 *
 * Locks are flock(2) on directories of it. They die with their holder and leave no file; unlike
 * abstract unix sockets they can't be squatted by a process without privileges, since everything
 * is mode 0700. The base directory is locked shared by whatever works on one endpoint, and
 * exclusively by what loads, upgrades or removes everything. An endpoint is locked by one of a
 * fixed number of stripes, chosen by the hash of its identity: two that share one wait for each
 * other, which costs nothing, since the kernel attaches one after the other anyway.
 */
#ifndef NKCTL_BPF_PINS_H
#define NKCTL_BPF_PINS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

struct bpf_object;

#define BPFFS_PATH "/sys/fs/bpf"

/*
 * The pin in maps/ that says that the rest is complete: made last, removed first. Without it the
 * directory holds what a killed load or removal left, and both begin anew from there.
 */
#define PINS_CONFIG "config"

/* Longest path of a pin. */
#define PINS_PATH_SIZE 128

enum pins_lock { PINS_SHARED, PINS_EXCLUSIVE };

/* struct pins - the directory, opened and locked. Zero-initialise base_fd to -1. */
struct pins {
	char base[PINS_PATH_SIZE];
	int base_fd;
};

/**
 * pins_open() - find the directory and lock it.
 * @create: make it, empty, and mount bpffs, where they aren't there yet
 *
 * Return: 0; -ENOENT where nothing was ever loaded and @create is false; -EBUSY where another
 * nkctl keeps the lock for longer than anybody would wait.
 */
int pins_open(struct pins *ret_pins, enum pins_lock lock, bool create, struct error *err);

/* pins_prepare() - make the directories inside that aren't there, before a load. */
int pins_prepare(struct pins *pins, struct error *err);

/* Whether they are there. */
bool pins_are_prepared(const struct pins *pins);

void pins_close(struct pins *pins);

/* pins_check_writable() - Return: 0, also where bpffs isn't mounted yet; -EROFS. */
int pins_check_writable(struct error *err);

/**
 * pins_relock() - change the kind of lock. What was checked before must be checked again.
 *
 * Return: 0; -EBUSY where the directory was removed before the new lock was there.
 */
int pins_relock(struct pins *pins, enum pins_lock lock, struct error *err);

/* pins_path() - path of a pin; @dir is "maps", "progs" or "links". */
void pins_path(const struct pins *pins, const char *dir, const char *name,
	       char ret_path[PINS_PATH_SIZE]);

/* pins_get() - Return: a descriptor of what is pinned there; -ENOENT. */
int pins_get(const struct pins *pins, const char *dir, const char *name, struct error *err);

/* Whether something is pinned there. */
bool pins_has(const struct pins *pins, const char *dir, const char *name);

/* pins_add() - Return: 0; -EEXIST where something is pinned there already. */
int pins_add(const struct pins *pins, const char *dir, const char *name, int fd, struct error *err);

/* pins_replace() - pin in place of what is there: by a rename within bpffs, atomically. */
int pins_replace(const struct pins *pins, const char *dir, const char *name, int fd,
		 struct error *err);

/**
 * pins_lock_endpoint() - lock the stripe of an endpoint.
 * @hash: identity_hash() of it
 * @wait: false: return -EBUSY at once where somebody works on it
 * @ret_fd: closing it unlocks
 */
int pins_lock_endpoint(const struct pins *pins, uint64_t hash, bool wait, int *ret_fd,
		       struct error *err);

/**
 * pins_lock_node() - lock what concerns the node and no single endpoint: setting up uplinks,
 * changing networks, taking away dead endpoints' claims. Held for moments.
 * @ret_fd: closing it unlocks
 */
int pins_lock_node(const struct pins *pins, int *ret_fd, struct error *err);

/**
 * pins_lock_attach() - lock the making of endpoints, after the lock of one's own: one at a time
 * comes through.
 *
 * The kernel makes them wait for each other anyway, with the lock of all devices held for an RCU
 * grace period each. Who writes a device's IPv6 forwarding meanwhile doesn't sleep, but has the
 * system call restarted until that lock is free (addrconf_fixup_forwarding(), net/ipv6/addrconf.c):
 * a hundred that did so would leave no processor to anybody.
 */
int pins_lock_attach(const struct pins *pins, int *ret_fd, struct error *err);

/* pins_expedite() - expedite_begin(), by the lock of this directory. */
int pins_expedite(const struct pins *pins);

/* pins_delete() - unpin. Return: 0, also where nothing was pinned. */
int pins_delete(const struct pins *pins, const char *dir, const char *name, struct error *err);

/**
 * pins_reuse_maps() - have an object that is open, and not loaded yet, share the pinned maps; those
 * that aren't there are made and pinned when it is loaded. Its .rodata and the like stay its own.
 */
int pins_reuse_maps(const struct pins *pins, struct bpf_object *object, struct error *err);

/* pins_link_program() - the id of a pinned link's program. Return: 0; -ENOENT. */
int pins_link_program(const struct pins *pins, const char *name, uint32_t *ret_id,
		      struct error *err);

/* pins_remove() - unpin everything and remove the directory; goes on after an error. */
int pins_remove(struct pins *pins, struct error *err);

#endif
