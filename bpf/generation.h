/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The generation that is now. The map is shared by the datapath, that compares, by the programs
 * that see the kernel change (invalidate.bpf.c), and by the loader (loader/bpf/invalidator.c).
 */
#ifndef NKCTL_BPF_GENERATION_H
#define NKCTL_BPF_GENERATION_H

#include "compat.h"
#include <nkctl/generation.h>

/* In a section, and so in a map, of its own. */
SEC(".data.generation") volatile __u64 generation = NK_GENERATION_FIRST;

#endif
