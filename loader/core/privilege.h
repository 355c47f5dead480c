/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this process may do. */
#ifndef NKCTL_CORE_PRIVILEGE_H
#define NKCTL_CORE_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>

/* The capabilities that an attach takes: capabilities(7). */
#define PRIVILEGE_CAPABILITIES 3

/* privilege_missing() - the name of the @index-th of them; NULL where it is effective. */
const char *privilege_missing(size_t index);

/**
 * privilege_is_initial() - whether this is the initial user namespace: in another one root has all
 * capabilities, but none over the host's network, and the kernel takes no program from it.
 */
bool privilege_is_initial(void);

#endif
