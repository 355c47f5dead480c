/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs on devices, by the plain attach call with the multi-program API (BPF_PROG_ATTACH,
 * kernel/bpf/mprog.c) and not by a bpf_link: they live exactly as long as the device.
 */
#ifndef NKCTL_BPF_HOOK_H
#define NKCTL_BPF_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/datapath.h"

/* Programs that a hook holds at most (BPF_MPROG_MAX, include/linux/bpf_mprog.h). */
#define HOOK_PROGRAMS_MAX 64

/**
 * hook_attach() - attach a pinned program to the hook it is made for, behind any others.
 * @ifindex: the primary, or the uplink
 *
 * The first program of a hook costs an RCU grace period under the RTNL lock (see core/expedite.h).
 *
 * Return: 0; -EEXIST where that very program is there; -EOPNOTSUPP where the hook isn't.
 */
int hook_attach(struct datapath *datapath, enum datapath_program program, int ifindex,
		struct error *err);

/**
 * struct hook_place - where a program belongs that isn't one of the datapath's.
 * @hook: as bpf(2) numbers it (bpf/uapi.h)
 * @program: its name
 */
struct hook_place {
	unsigned int hook;
	const char *program;
};

/**
 * hook_place_attach() - attach a program by its descriptor, behind the others or before them.
 * @ifindex: of a device in this process's network namespace
 */
int hook_place_attach(const struct hook_place *place, int fd, int ifindex, bool first,
		      struct error *err);

/* hook_place_find(), hook_place_replace() - see hook_find() and hook_replace(). */
int hook_place_find(const struct hook_place *place, int ifindex, uint32_t *ret_id,
		    uint32_t *ret_others, struct error *err);
int hook_place_replace(const struct hook_place *place, int fd, int ifindex, uint32_t old_id,
		       struct error *err);

/**
 * struct hook_entry - a program on a hook.
 * @name: empty where the kernel doesn't tell
 * @ours: it bears the name of the one of ours that the hook is made for
 */
struct hook_entry {
	uint32_t id;
	char name[BPF_OBJ_NAME_LEN];
	bool ours;
};

/**
 * hook_read() - all programs on the hook that one of ours is made for, in the order in which
 * they run.
 * @entries: filled
 */
int hook_read(enum datapath_program program, int ifindex,
	      struct hook_entry entries[HOOK_PROGRAMS_MAX], size_t *ret_count, struct error *err);

/* hook_read_xdp() - the XDP program of a device. @ret_entry: its id is 0 where there is none. */
int hook_read_xdp(int ifindex, struct hook_entry *ret_entry, struct error *err);

/**
 * hook_find() - one of our programs on a hook, of whatever build.
 * @ret_id: its id; 0: none is attached
 * @ret_others: how many foreign programs share the hook; may be NULL
 */
int hook_find(enum datapath_program program, int ifindex, uint32_t *ret_id, uint32_t *ret_others,
	      struct error *err);

/**
 * hook_replace() - put the pinned program in the place of the one with @old_id: atomically, and
 * without a grace period.
 */
int hook_replace(struct datapath *datapath, enum datapath_program program, int ifindex,
		 uint32_t old_id, struct error *err);

/* hook_detach() - take the program with @id off. */
int hook_detach(enum datapath_program program, int ifindex, uint32_t id, struct error *err);

/* program_id() - the id of a pinned program. */
int program_id(struct datapath *datapath, enum datapath_program program, uint32_t *ret_id,
	       struct error *err);

/* program_exists() - whether the kernel still holds a program with that id. */
bool program_exists(uint32_t id);

#endif
