/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Publishing ports of the host: whom they lead to, and who else has them. */
#ifndef NKCTL_OPS_PUBLISH_H
#define NKCTL_OPS_PUBLISH_H

#include <stdbool.h>

#include "bpf/published.h"
#include "core/error.h"
#include "model/identity.h"
#include "model/publish.h"
#include "ops/node.h"

/**
 * struct publish_report - what works less than it could; each is empty where all is well.
 * @sockets: why nobody knows whether a process of the host has the ports
 * @host: why the host itself doesn't reach the published ports
 * @absent: an address that a port is published at, and that isn't the host's
 */
struct publish_report {
	struct error sockets, host;
	struct addr absent;
};

/**
 * publish_add() - publish ports of an endpoint, all or none.
 *
 * Without an address a port is published for each family that the endpoint has an address of; it
 * leads to the first of that family. What is published just so already stays. Processes of the host
 * don't matter where @ports are reserved. For a runtime, a port that leads to another interface of
 * the same container is published already. The caller holds the endpoint's lock, and has called
 * nat_enable() before.
 *
 * @ifindex: the primary, with its addresses claimed
 *
 * Return: 0; -EADDRINUSE where another endpoint, a process of the host, or the endpoint itself by
 * another publication has a port; -EINVAL where it has no address of the family; -ENOSPC where the
 * table is full; -ENODEV where the endpoint is dying.
 */
int publish_add(struct node *node, int ifindex, const struct identity *identity,
		const struct publish_list *ports, struct publish_report *ret_report,
		struct error *err);

/**
 * publish_remove() - withdraw published ports of an endpoint, all or none. The caller holds the
 * endpoint's lock.
 *
 * Return: 0; -ENOENT where one isn't published just so.
 */
int publish_remove(struct node *node, int ifindex, const struct identity *identity,
		   const struct publish_list *ports, struct error *err);

/**
 * publish_check() - whether ports of an endpoint are published. Nothing is changed.
 *
 * Return: 0; -ENOENT where one isn't published just so.
 */
int publish_check(struct node *node, int ifindex, const struct identity *identity,
		  const struct publish_list *ports, struct error *err);

/* publish_release() - withdraw all ports of a primary that is about to go. */
int publish_release(struct node *node, int ifindex, struct error *err);

/* publish_collect() - withdraw the ports of dead endpoints. */
int publish_collect(struct node *node, struct error *err);

/**
 * publish_ports_of() - the published ports of an endpoint, joined to ranges.
 * @all: of the node
 * @dual: as publish_list_compress() takes it
 * @ret_ports: freed by publish_list_free()
 */
int publish_ports_of(const struct published_list *all, int ifindex, bool dual,
		     struct publish_list *ret_ports, struct error *err);

/**
 * endpoint_publish(), endpoint_unpublish() - the same for an attached endpoint: look for it, and
 * hold its lock.
 *
 * Return: 0; -ENODEV where it isn't attached; errors of publish_add(), publish_remove().
 */
int endpoint_publish(struct node *node, const struct identity *identity,
		     const struct publish_list *ports, struct publish_report *ret_report,
		     struct error *err);
int endpoint_unpublish(struct node *node, const struct identity *identity,
		       const struct publish_list *ports, struct error *err);

#endif
