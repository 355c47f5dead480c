/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether an attachment is as it was made. */
#ifndef NKCTL_OPS_CHECK_H
#define NKCTL_OPS_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/error.h"
#include "model/bandwidth.h"
#include "model/identity.h"
#include "model/network.h"
#include "model/publish.h"
#include "ops/node.h"
#include "ops/setup.h"

/**
 * struct endpoint_expectation - what somebody was told of an attachment.
 * @netns_fd: the container's namespace
 * @addresses: that the container has, with their prefix lengths
 * @gateways: that are the host's own addresses
 * @routes: that lead to the container's interface
 * @mac: of the container's end; NULL: any
 * @mtu: of the container's end, in bytes; 0: that of the host's
 * @host_mac, @host_mtu: the same of the host's end; NULL, 0: any
 * @mode: of the pair
 * @masquerade: whether its addresses are masqueraded
 * @ports: that are published
 * @bandwidth: limits that are kept, with or without a burst
 */
struct endpoint_expectation {
	const struct identity *identity;
	int netns_fd;
	const struct prefix *addresses;
	size_t address_count;
	const struct addr *gateways;
	size_t gateway_count;
	const struct endpoint_routes *routes;
	const uint8_t *mac;
	uint32_t mtu;
	const uint8_t *host_mac;
	uint32_t host_mtu;
	enum nk_mode mode;
	enum nk_masquerade masquerade;
	const struct publish_list *ports;
	const struct bandwidth *bandwidth;
};

/**
 * endpoint_check() - compare. Nothing is changed.
 *
 * Return: 0; -ENODEV where it isn't attached; -ESTALE where something differs, which @err names.
 */
int endpoint_check(struct node *node, const struct endpoint_expectation *expectation,
		   struct error *err);

/**
 * uplinks_check() - whether packets from outside still reach the containers that there are.
 *
 * @known_only: leave out devices that got a default route since the last attach
 *
 * Return: 0; -ESTALE where an uplink's program was taken off, or isn't on it yet.
 */
int uplinks_check(struct node *node, bool known_only, struct error *err);

#endif
