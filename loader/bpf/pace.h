/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs that hold an endpoint to a rate (bpf/pace.bpf.c): an instance of their own for each
 * endpoint and direction, of which the hook that it's on is the one reference.
 */
#ifndef NKCTL_BPF_PACE_H
#define NKCTL_BPF_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/pins.h"
#include "core/error.h"
#include "nkctl/pace.h"

enum pace_program {
	PACE_EGRESS,      /* tcx/egress of either end */
	PACE_POLICE,      /* netkit/peer, by the primary */
	PACE_POLICE_VETH, /* tcx/ingress of a veth pair's host end: the same */
	PACE_PROGRAM_COUNT
};

/* struct pace_programs - an instance; a descriptor is -1 where that program isn't wanted. */
struct pace_programs {
	int fds[PACE_PROGRAM_COUNT];
};

#define PACE_PROGRAMS_NONE            \
	{                             \
		.fds = { -1, -1, -1 } \
	}

/**
 * pace_load() - load an instance.
 * @programs: bits of 1 << enum pace_program
 * @ret_programs: PACE_PROGRAMS_NONE before; closed by pace_close()
 *
 * Return: 0; -EOPNOTSUPP where the kernel doesn't take it.
 */
int pace_load(const struct pins *pins, const struct nk_pace *pace, unsigned int programs,
	      struct pace_programs *ret_programs, struct error *err);

void pace_close(struct pace_programs *programs);
#define _cleanup_pace_ __attribute__((cleanup(pace_close)))

/**
 * pace_attach() - attach a program of an instance; those that police come before all others.
 * @ifindex: of a device in this process's network namespace
 */
int pace_attach(const struct pace_programs *programs, enum pace_program program, int ifindex,
		struct error *err);

/* pace_replace() - put it in the place of the one with @old_id, atomically. */
int pace_replace(const struct pace_programs *programs, enum pace_program program, int ifindex,
		 uint32_t old_id, struct error *err);

/* Whether a program's name, which the kernel cuts, is that of one that polices. */
bool pace_is_police(const char *name);

/**
 * pace_find() - what is on a hook.
 * @ret_id: of the program; 0: none is attached
 * @ret_pace: what it was loaded with; all zero where @ret_id is 0
 *
 * Return: 0; -EPROTO where the program, @ret_id, bears its name and can't be read.
 */
int pace_find(enum pace_program program, int ifindex, uint32_t *ret_id, struct nk_pace *ret_pace,
	      struct error *err);

#endif
