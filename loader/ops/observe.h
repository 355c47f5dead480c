/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is there, for who only looks: also where nothing was ever loaded, or pins were lost. */
#ifndef NKCTL_OPS_OBSERVE_H
#define NKCTL_OPS_OBSERVE_H

#include "core/error.h"
#include "ops/endpoint.h"
#include "ops/network.h"

/* endpoints_observe() - all endpoints: none where nothing was ever loaded. */
int endpoints_observe(struct endpoint_list *ret_list, struct error *err);

/**
 * networks_observe() - all networks, "default" among them.
 * @ret_known: false: none are known: node_open_to_show()
 */
int networks_observe(struct network_list *ret_list, bool *ret_known, struct error *err);

/* networks_default() - "default" alone, as it is where nothing was ever loaded. */
int networks_default(struct network_list *ret_list, struct error *err);

#endif
