/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Attaching a network namespace, and detaching it. */
#ifndef NKCTL_OPS_ATTACH_H
#define NKCTL_OPS_ATTACH_H

#include <stdbool.h>

#include "core/addr.h"
#include "core/error.h"
#include "model/bandwidth.h"
#include "model/pool.h"
#include "ops/endpoint.h"
#include "ops/publish.h"
#include "ops/setup.h"

/* What leaves a choice of struct attach_request to the network. */
#define ATTACH_UNSET (-1)

/**
 * struct attach_request - what to attach, and how.
 * @ns: as netns_open() takes it
 * @identity: who it will be
 * @network: NULL: the network that is known by the identity's name
 * @ranges: of @network's subnets: what may be given out; NULL: all
 * @addresses: to have, with the prefix length the container is to see
 * @auto_addresses: take the next free one of each range set (struct pool_range) that @addresses
 *	leaves out
 * @routes: NULL: addresses are the network's, and the container gets a default route. Otherwise
 *	addresses and routes are somebody else's choice: any address will do, and the container gets
 *	these routes and no others
 * @mtu: in bytes; 0: the network's
 * @mode: enum nk_mode, or ATTACH_UNSET
 * @device: enum nk_device, or ATTACH_UNSET
 * @masquerade: enum nk_masquerade, or ATTACH_UNSET
 * @no_metadata: keep it away from the cloud's metadata, whatever the network says
 * @mac: of the container's end, in mode l2; all zero: one that is made of the identity
 * @ports: to be published
 * @bandwidth: limits, with or without a burst
 * @await: NULL: all of this is known. Otherwise addresses and routes are still being looked for,
 *	and this waits for them, for so many milliseconds: it completes the request (@network, too,
 *	may get more subnets), and sets itself to NULL; or it returns -EAGAIN. It is called when all
 *	is done that can be done without, at the latest
 * @await_data: for @await
 */
struct attach_request {
	const char *ns;
	struct identity identity;
	const struct nk_network *network;
	const struct pool_ranges *ranges;
	struct prefix addresses[NK_ENDPOINT_ADDRESSES_MAX];
	size_t address_count;
	bool auto_addresses;
	const struct endpoint_routes *routes;
	uint32_t mtu;
	int mode;
	int device;
	int masquerade;
	bool no_metadata;
	uint8_t mac[NK_ETH_ALEN];
	struct publish_list ports;
	struct bandwidth bandwidth;
	int (*await)(void *data, int wait_ms, struct error *err);
	void *await_data;
};

struct attach_on_link {
	struct addr addr;
	int ifindex;
};

/**
 * struct attach_result - what came of it.
 * @endpoint: freed by endpoint_free()
 * @prefixes: its addresses with the prefix lengths that the container sees
 * @routes: that the container got
 * @no_uplink: no device carries a default route: there is no way to the world
 * @veth_instead: the kernel has no netkit, and "auto" took a veth pair
 * @shares_ports: address translation begins with this attach, and has to use ports that are the
 *	host's own sockets'
 * @publish: what the published ports lack
 * @on_link: one of its addresses that is on another device's link as well; ifindex 0: none
 */
struct attach_result {
	struct endpoint endpoint;
	struct prefix prefixes[NK_ENDPOINT_ADDRESSES_MAX];
	struct endpoint_routes routes;
	bool no_uplink;
	bool veth_instead;
	bool shares_ports;
	struct publish_report publish;
	struct attach_on_link on_link;
};

/**
 * endpoint_attach() - attach a container: one transaction, which leaves nothing when it fails.
 *
 * Return: 0; -EEXIST where the identity or the interface's name is taken, -EADDRINUSE where an
 * address or a published port is; -EINVAL for what can't be; -ENOENT for a namespace or network
 * that doesn't exist; -ENOSPC where no address is free; -EOPNOTSUPP where the kernel is unfit;
 * -EAGAIN where @request's addresses took too long.
 */
int endpoint_attach(struct node *node, const struct attach_request *request,
		    struct attach_result *ret_result, struct error *err);

/**
 * endpoint_detach() - detach a container: its ports and addresses first, then the pair with all
 * that hangs on it. Works whether its namespace is still there or not.
 * @wait: until the kernel has freed the pair; otherwise, until nobody finds it (link_unlist())
 *
 * Return: 0; -ENODEV where it isn't attached.
 */
int endpoint_detach(struct node *node, const struct identity *identity, bool wait,
		    struct error *err);

/* endpoint_remove() - the same for a primary at hand, finished or not; waits. */
int endpoint_remove(struct node *node, int ifindex, struct error *err);

#endif
