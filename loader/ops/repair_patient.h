/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the steps of an endpoint's repair share. Only ops/repair_*.c include it. */
#ifndef NKCTL_OPS_REPAIR_PATIENT_H
#define NKCTL_OPS_REPAIR_PATIENT_H

#include "nl/link.h"
#include "ops/repair_fault.h"

/**
 * struct patient - an endpoint under repair.
 * @endpoint: as it was found
 * @link: the primary
 * @network: of its addresses. Not by its name where a runtime chose it: then what is known are
 *	the subnets that still have their last-resort route (ops/gateway.c)
 * @is_made_by_hand: addresses and routes of the container are those that an attach gives, and
 *	nobody else's choice
 * @addresses: that are its own, whether they are claimed or not
 * @claim: one of those that are left: the MTU and the MAC addresses that the attach gave the pair.
 *	Where none is, those that the host's end has now
 * @flags: of its claims (enum nk_endpoint_flags), but NK_ENDPOINT_MASQUERADE
 * @bandwidth: the limits that the programs on the host's end tell
 * @metadata_is_unknown: nothing tells whether it is NK_ENDPOINT_NO_METADATA, so it is
 * @peer_mac: zero where it has none
 * @netns_fd, @container, @peer: the container's side; -1 and NULL where its namespace has no name
 */
struct patient {
	struct repair *repair;
	struct node *node;
	const struct endpoint *endpoint;
	struct link_info link;
	struct nk_network network;
	bool is_made_by_hand;
	struct addr addresses[NK_ENDPOINT_ADDRESSES_MAX];
	size_t address_count;
	struct nk_endpoint claim;
	uint32_t flags;
	struct bandwidth bandwidth;
	bool metadata_is_unknown;
	uint8_t peer_mac[NK_ETH_ALEN];
	int netns_fd;
	struct nlsock *container;
	struct link_info peer;
};

/* patient_find() - fill in what is known of @patient's @endpoint. */
int patient_find(struct patient *patient, struct error *err);

/* host_repair() - mend the host's side: forwarding, device, gateways, last-resort routes, routes.
 */
int host_repair(struct patient *patient, struct error *err);

/* container_repair() - the same of the container's: device, addresses, routes. */
int container_repair(struct patient *patient, struct error *err);

#endif
