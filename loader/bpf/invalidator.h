/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The programs that tell the datapath when the paths it keeps may be others: bpf/invalidate.bpf.c.
 */
#ifndef NKCTL_BPF_INVALIDATOR_H
#define NKCTL_BPF_INVALIDATOR_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/pins.h"
#include "core/error.h"

/* Pin of the map with the generation of paths: its section's name is none for a file. */
#define GENERATION_NAME "generation"

#define INVALIDATOR_PROGRAMS 12

enum invalidator_state {
	INVALIDATOR_ATTACHED, /* all of them tell */
	INVALIDATOR_GONE,     /* some are gone, and nobody has noticed yet */
	INVALIDATOR_GIVEN_UP, /* that was noticed: nothing is kept */
};

/**
 * invalidator_load() - make the generation's map, unless it's pinned, and attach the programs that
 * change it, in place of earlier ones. These go when the new ones are there. Needs the exclusive
 * lock.
 *
 * Return: 0, or a negative errno where the kernel can't (no fentry, no BTF, a function that it
 * doesn't have): then no path may be kept.
 */
int invalidator_load(const struct pins *pins, struct error *err);

/* invalidator_state() - whether programs that keep paths can rely on it. */
enum invalidator_state invalidator_state(const struct pins *pins);

/**
 * invalidator_mend() - attach the programs again that are gone, or have the datapath keep no paths
 * until invalidator_load() succeeds. Needs the exclusive lock.
 */
void invalidator_mend(const struct pins *pins);

/**
 * invalidator_tell() - what packets are sent by has been changed: forget the paths that are kept.
 *
 * Return: 0, also where none are.
 */
int invalidator_tell(const struct pins *pins, struct error *err);

/* invalidator_program_ids() - of the attached programs; 0 where one isn't. */
void invalidator_program_ids(const struct pins *pins, uint32_t ids[INVALIDATOR_PROGRAMS]);

/* invalidator_try() - attach the programs, to no effect, and let them go again. */
int invalidator_try(struct error *err);

#endif
