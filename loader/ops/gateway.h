/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a subnet has on the host beside its endpoints: the gateway's address, and a last resort. */
#ifndef NKCTL_OPS_GATEWAY_H
#define NKCTL_OPS_GATEWAY_H

#include <stdbool.h>

#include "core/error.h"
#include "nkctl/maps.h"
#include "nl/nlsock.h"

/* gateway_add() - give the host both, if it doesn't have them. @ret_new: it had neither. */
int gateway_add(struct nlsock *host, const struct nk_subnet *subnet, bool *ret_new,
		struct error *err);

/* gateway_remove() - take both away; absent ones are fine. */
int gateway_remove(struct nlsock *host, const struct nk_subnet *subnet, struct error *err);

/* gateway_route_remove() - the last resort alone, where another subnet has the same gateway. */
int gateway_route_remove(struct nlsock *host, const struct nk_subnet *subnet, struct error *err);

/* gateways_sweep() - take away what any subnet has, by the mark of the routes. */
int gateways_sweep(struct nlsock *host, struct error *err);

#endif
