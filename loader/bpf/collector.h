/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The program that frees a dead endpoint's addresses at once: see bpf/collect.bpf.c. */
#ifndef NKCTL_BPF_COLLECTOR_H
#define NKCTL_BPF_COLLECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/pins.h"
#include "core/error.h"

/**
 * collector_load() - load it on the pinned maps and attach it, in place of an earlier one.
 *
 * Return: 0, or a negative errno where the kernel can't (no fentry, no BTF): claims of the dead
 * then stay until a later attach or detach (see ops/collect.c).
 */
int collector_load(const struct pins *pins, struct error *err);

/* collector_try() - load and attach it, with maps of its own, and let it go again. */
int collector_try(struct error *err);

/* collector_program_id() - Return: 0; -ENOENT where it couldn't be loaded. */
int collector_program_id(const struct pins *pins, uint32_t *ret_id, struct error *err);

#endif
