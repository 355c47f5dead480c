/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Attaching a network namespace, and detaching it. */
#ifndef NKCTL_OPS_ATTACH_H
#define NKCTL_OPS_ATTACH_H

#include <stdbool.h>

#include "core/addr.h"
#include "core/error.h"
#include "ops/endpoint.h"
#include "ops/publish.h"

/* What leaves a choice of struct attach_request to the network. */
#define ATTACH_UNSET (-1)

/**
 * struct attach_request - what to attach, and how.
 * @ns: as netns_open() takes it
 * @identity: who it will be
 * @addresses: to have, with the prefix length the container is to see
 * @auto_addresses: take the next free one of each family that @addresses leaves out
 * @mtu: in bytes; 0: the network's
 * @mode: enum nk_mode, or ATTACH_UNSET
 * @device: enum nk_device, or ATTACH_UNSET
 * @masquerade: enum nk_masquerade, or ATTACH_UNSET
 * @ports: to be published
 */
struct attach_request {
	const char *ns;
	struct identity identity;
	struct prefix addresses[NK_ENDPOINT_ADDRESSES_MAX];
	size_t address_count;
	bool auto_addresses;
	uint32_t mtu;
	int mode;
	int device;
	int masquerade;
	struct publish_list ports;
};

/**
 * struct attach_result - what came of it.
 * @endpoint: freed by endpoint_free()
 * @no_uplink: no device carries a default route: there is no way to the world
 * @veth_instead: the kernel has no netkit, and "auto" took a veth pair
 * @shares_ports: address translation begins with this attach, and has to use ports that are the
 *	host's own sockets'
 * @publish: what the published ports lack
 */
struct attach_result {
	struct endpoint endpoint;
	bool no_uplink;
	bool veth_instead;
	bool shares_ports;
	struct publish_report publish;
};

/**
 * endpoint_attach() - attach a container: one transaction, which leaves nothing when it fails.
 *
 * Return: 0; -EEXIST where the identity or the interface's name is taken, -EADDRINUSE where an
 * address or a published port is; -EINVAL for what can't be; -ENOENT for a namespace or network
 * that doesn't exist; -ENOSPC where no address is free; -EOPNOTSUPP where the kernel is unfit.
 */
int endpoint_attach(struct node *node, const struct attach_request *request,
		    struct attach_result *ret_result, struct error *err);

/**
 * endpoint_detach() - detach a container: its ports and addresses first, then the pair with all
 * that hangs on it. Works whether its namespace is still there or not.
 *
 * Return: 0; -ENODEV where it isn't attached.
 */
int endpoint_detach(struct node *node, const struct identity *identity, struct error *err);

/* endpoint_remove() - the same for a primary at hand, finished or not. */
int endpoint_remove(struct node *node, int ifindex, struct error *err);

#endif
