/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The IPv6 default routes, found by the kernel without a dump: see bpf/routes.bpf.c. */
#ifndef NKCTL_BPF_ROUTES_H
#define NKCTL_BPF_ROUTES_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/pins.h"
#include "core/error.h"
#include "nkctl/routes.h"

/**
 * routes_load() - load the program, and pin what is read.
 *
 * Return: 0, or a negative errno where the kernel can't (it has no BTF): dump the routes instead.
 */
int routes_load(const struct pins *pins, struct error *err);

/* routes_try() - load it, and let it go again. */
int routes_try(struct error *err);

/**
 * routes_read_default() - the next hops of this namespace's IPv6 default routes.
 * @max: entries of @routes; further ones are left out
 *
 * Return: 0; -ENOENT where the program isn't loaded, or can't tell: dump the routes instead.
 */
int routes_read_default(const struct pins *pins, struct nk_default_route *routes, size_t max,
			size_t *ret_count, struct error *err);

/* routes_program_id() - Return: 0; -ENOENT where it isn't loaded. */
int routes_program_id(const struct pins *pins, uint32_t *ret_id, struct error *err);

#endif
