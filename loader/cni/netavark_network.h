/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A network as podman has it (plugin-API.md of netavark). */
#ifndef NKCTL_CNI_NETAVARK_NETWORK_H
#define NKCTL_CNI_NETAVARK_NETWORK_H

#include "cni/field.h"
#include "model/network.h"
#include "model/pool.h"

/**
 * struct netavark_network - a checked network.
 * @name: borrowed
 * @ranges: one for each of the subnets
 */
struct netavark_network {
	const char *name;
	struct nk_network network;
	struct pool_ranges ranges;
};

/*
 * netavark_network_parse() - check a network.
 *
 * Return: 0; CNI_INVALID_CONFIG for what is wrong, -EOPNOTSUPP for what others do.
 */
int netavark_network_parse(const struct field *field, struct netavark_network *ret_network,
			   struct error *err);

#endif
