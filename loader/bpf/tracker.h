/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The program that notes each change of the host's addresses at once: see bpf/track.bpf.c. */
#ifndef NKCTL_BPF_TRACKER_H
#define NKCTL_BPF_TRACKER_H

#include <stdint.h>

#include "bpf/pins.h"
#include "core/error.h"

/**
 * tracker_load() - load it on the pinned maps and attach it, in place of an earlier one.
 *
 * Return: 0, or a negative errno where the kernel can't (no fentry, no BTF): what the programs know
 * of the host's addresses is then as old as the last change of published ports.
 */
int tracker_load(const struct pins *pins, struct error *err);

/* tracker_try() - load and attach it, with a map of its own, and let it go again. */
int tracker_try(struct error *err);

/* tracker_program_id() - Return: 0; -ENOENT where it isn't loaded. */
int tracker_program_id(const struct pins *pins, uint32_t *ret_id, struct error *err);

#endif
