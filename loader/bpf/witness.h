/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The programs that note what the host's stack forwards to containers: see bpf/forwarded.h. */
#ifndef NKCTL_BPF_WITNESS_H
#define NKCTL_BPF_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/pins.h"
#include "core/error.h"

#define WITNESS_PROGRAMS 2

/**
 * witness_load() - load them on the pinned maps, and attach them to the host's netfilter, in place
 * of earlier ones.
 *
 * Return: 0, or a negative errno where the kernel can't (CONFIG_NETFILTER_BPF_LINK, Linux 6.4):
 * containers' answers then go past whatever translation others have there.
 */
int witness_load(const struct pins *pins, struct error *err);

/* witness_try() - load and attach them, with maps of their own, and let them go again. */
int witness_try(struct error *err);

/* Whether both are. */
bool witness_is_loaded(const struct pins *pins);

/* witness_program_ids() - 0 where one isn't loaded. */
void witness_program_ids(const struct pins *pins, uint32_t ids[WITNESS_PROGRAMS]);

#endif
