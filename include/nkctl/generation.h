/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The generation of all that decides a packet's way: the host's routes, rules, neighbours, devices
 * and settings, the claims of addresses and what they say, and which ports are watched. A number,
 * another one after each change.
 */
#ifndef NKCTL_GENERATION_H
#define NKCTL_GENERATION_H

/* No state's. */
#define NK_GENERATION_NONE 0ULL

#define NK_GENERATION_FIRST 1ULL

/* Added: nobody tells of the kernel's changes, so that nothing may be kept (bpf/path.h). */
#define NK_GENERATION_LOST (1ULL << 63)

#endif
