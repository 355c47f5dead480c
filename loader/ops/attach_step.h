/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the steps of an attach share. Only ops/attach*.c include it. */
#ifndef NKCTL_OPS_ATTACH_STEP_H
#define NKCTL_OPS_ATTACH_STEP_H

#include "nl/link.h"
#include "ops/attach.h"

/*
 * How long addresses are waited for with the endpoint's lock and the shared one of the node held:
 * longer than a plugin takes on an overloaded node, since giving up makes more work there, and
 * shorter than others wait for a lock.
 */
#define ADDRESSES_WAIT_MS 10000

/**
 * struct attach - an attach under way.
 * @container: rtnetlink socket inside the container's namespace
 * @pair: how the device pair is made
 * @ranges: that addresses are taken from
 * @kind: NK_DEVICE_NETKIT or NK_DEVICE_VETH, or NK_DEVICE_AUTO until the pair is made
 * @addresses: planned ones, of which the first @claimed are in the endpoint maps
 * @bandwidth: the wanted limits, complete
 * @ifindex, @peer_ifindex: of the pair's ends, each in its own namespace; 0: not made
 * @has_program: it is attached
 * @has_ipv6: the host's end has it turned on, from the beginning
 * @new_gateways: of host_setup()
 * @turn_fd: the lock of making endpoints
 * @result: what there is to tell of it; its @endpoint when all is done
 */
struct attach {
	struct node *node;
	const struct attach_request *request;
	struct nk_network network;
	struct pool_ranges ranges;
	struct nlsock *container;
	int netns_fd;
	struct pair_spec pair;
	enum nk_device kind;
	struct prefix addresses[NK_ENDPOINT_ADDRESSES_MAX];
	size_t claimed;
	int ifindex, peer_ifindex;
	struct bandwidth bandwidth;
	bool has_program, has_ipv6;
	uint32_t new_gateways;
	int turn_fd;
	struct attach_result result;
};

/* Whether its addresses are masqueraded, by its own choice or the network's. */
enum nk_masquerade attach_masquerade(const struct attach *attach);

bool attach_has_no_metadata(const struct attach *attach);
bool attach_wants_family(const struct attach *attach, uint8_t family);

/* attach_plan() - all that is known without changing anything. */
int attach_plan(struct attach *attach, struct error *err);

/**
 * addresses_await() - have the request completed by who else looks for addresses, and plan again
 * what was planned without.
 * @wait_ms: how long; 0: not at all
 *
 * Return: 0; -EAGAIN: it isn't yet.
 */
int addresses_await(struct attach *attach, int wait_ms, struct error *err);

/* datapath_ready() - have it loaded as it is wanted. */
int datapath_ready(struct attach *attach, struct error *err);

/* subnets_exempt() - what is reached without translation. Comes after the claims: ops/network.h */
int subnets_exempt(struct attach *attach, struct error *err);

/* claim_value() - what the claim of an address says of the endpoint, but for its flags. */
struct nk_endpoint claim_value(const struct attach *attach);
uint32_t claim_flags(const struct attach *attach, const struct addr *addr);

/* addresses_claim() - the wanted ones, and the next free ones of the families that it wants. */
int addresses_claim(struct attach *attach, struct error *err);

/* claims_undo() - give back what was claimed. */
void claims_undo(struct attach *attach);

#endif
