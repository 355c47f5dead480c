/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Translation of addresses and ports: whether the programs do it, and its settings. */
#ifndef NKCTL_OPS_NAT_H
#define NKCTL_OPS_NAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/exempt.h"
#include "bpf/nat.h"
#include "core/error.h"
#include "ops/node.h"

/**
 * nat_enable() - have programs loaded that translate: at once where nothing is loaded, else by
 * replacing every attached one, atomically. They stay until everything is taken down.
 * @node: holds the shared lock, or nothing is loaded; holds the shared lock afterwards. No lock of
 *	an endpoint may be held: whoever waits for that one holds the shared lock, too
 *
 * Return: 0; -EOPNOTSUPP where the kernel doesn't tell programs the host's address; errors of
 * datapath_upgrade().
 */
int nat_enable(struct node *node, struct error *err);

/**
 * struct nat_state - the settings, and what they are up against.
 * @is_loaded: the programs in the kernel translate
 * @ports: what masquerading takes
 * @local_ports: what the host's own sockets take
 * @endpoint_flows: how many an endpoint may have
 * @flows: how many there are in all
 */
struct nat_state {
	bool is_loaded;
	struct port_range ports, local_ports;
	uint32_t endpoint_flows;
	size_t flows;
	struct exempt_list exempt;
};

/**
 * nat_state_read() - read them. Freed by nat_state_free().
 * @node: where nothing is loaded, what the first load would set
 */
int nat_state_read(struct node *node, struct nat_state *ret_state, struct error *err);
void nat_state_free(struct nat_state *state);
#define _cleanup_nat_state_ _cleanup_(nat_state_free)

/* Whether ports that masquerading takes may be those of the host's own sockets as well. */
bool nat_shares_ports(const struct nat_state *state);

/**
 * struct nat_change - new settings.
 * @ports: max 0: as they are
 * @endpoint_flows: 0: as it is
 */
struct nat_change {
	struct port_range ports;
	uint32_t endpoint_flows;
};

/* nat_change_check() - Return: 0; -EINVAL for what can't be. */
int nat_change_check(const struct nat_change *change, struct error *err);

/* nat_change() - make a change that has been checked. It takes effect at once. */
int nat_change(struct node *node, const struct nat_change *change, struct error *err);

/* nat_exempt_check() - Return: 0; -EINVAL for a prefix that can't be exempt. */
int nat_exempt_check(const struct prefix *prefix, struct error *err);

/**
 * nat_exempt_add() - have endpoints reach prefixes with their own addresses. Flows that exist keep
 * what they have.
 * @prefixes: checked
 */
int nat_exempt_add(struct node *node, const struct prefix *prefixes, size_t count,
		   struct error *err);

/* nat_exempt_remove() - Return: 0; -ENOENT where one of them wasn't added: then none is removed. */
int nat_exempt_remove(struct node *node, const struct prefix *prefixes, size_t count,
		      struct error *err);

#endif
