/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An endpoint's limits: set up with its devices, with which they die, and read back from them. */
#ifndef NKCTL_OPS_BANDWIDTH_H
#define NKCTL_OPS_BANDWIDTH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "model/bandwidth.h"
#include "nl/nlsock.h"
#include "ops/node.h"

/**
 * struct bandwidth_pair - the device pair of an endpoint.
 * @container: rtnetlink socket in the container's namespace, which is @netns_fd
 * @ifindex, @peer_ifindex: of the host's and the container's end, each in its own namespace
 * @netkit: it is a netkit pair, and not veth
 * @mtu: in bytes
 */
struct bandwidth_pair {
	struct nlsock *container;
	int netns_fd;
	int ifindex, peer_ifindex;
	bool netkit;
	uint32_t mtu;
};

/* What claims may have to say of limits. */
#define BANDWIDTH_FLAGS (NK_ENDPOINT_PACED | NK_ENDPOINT_POLICED)

/* bandwidth_flags() - what an endpoint's claims have to say of its limits (nk_endpoint_flags). */
uint32_t bandwidth_flags(const struct bandwidth *bandwidth);

/**
 * bandwidth_apply() - have a pair keep to its limits. Its ends are down, and the program that lets
 * the container send is attached.
 * @bandwidth: complete (bandwidth_complete())
 *
 * Return: 0; -EOPNOTSUPP where the kernel can't; undone by deleting the pair.
 */
int bandwidth_apply(struct node *node, const struct bandwidth_pair *pair,
		    const struct bandwidth *bandwidth, struct error *err);

/**
 * bandwidth_read() - an endpoint's limits, as the programs on the host's end keep them.
 * @flags: of its claims: without those of limits, nothing is looked for
 */
int bandwidth_read(int ifindex, bool netkit, uint32_t flags, struct bandwidth *ret_bandwidth,
		   struct error *err);

/**
 * bandwidth_verify() - compare; nothing is changed.
 * @pair: @container: NULL: its namespace isn't known, and its end isn't looked at
 * @flags: of its claims
 *
 * Return: 0; -ESTALE where a limit isn't kept as @bandwidth says, which @err tells.
 */
int bandwidth_verify(struct node *node, const struct bandwidth_pair *pair, uint32_t flags,
		     const struct bandwidth *bandwidth, struct error *err);

/**
 * bandwidth_is_kept() - whether the host's end has all that keeps an endpoint's limits.
 * @flags: of its claims
 * @bandwidth: what bandwidth_read() told
 * @ret_kept: false: a program or the qdisc is gone
 */
int bandwidth_is_kept(struct nlsock *nl, int ifindex, uint32_t flags,
		      const struct bandwidth *bandwidth, bool *ret_kept, struct error *err);

/**
 * bandwidth_mend() - put back what somebody took off a pair's ends, but for programs of the host's
 * end, without which nothing tells what the limit was.
 * @pair: @container: NULL: as in bandwidth_verify()
 * @bandwidth: what bandwidth_read() told
 */
int bandwidth_mend(struct node *node, const struct bandwidth_pair *pair,
		   const struct bandwidth *bandwidth, struct error *err);

/**
 * bandwidth_upgrade() - put this build's programs in the place of an endpoint's.
 * @pair: without @container. @netns_fd: -1: the container's namespace isn't known; its end keeps
 *	the earlier program, which works as it did. So it does where it can't be replaced: a warning
 *	tells
 */
int bandwidth_upgrade(struct node *node, const struct bandwidth_pair *pair, struct error *err);

#endif
