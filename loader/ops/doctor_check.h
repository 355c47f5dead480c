/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the doctor's checks share. Only ops/doctor*.c include it. */
#ifndef NKCTL_OPS_DOCTOR_CHECK_H
#define NKCTL_OPS_DOCTOR_CHECK_H

#include <stdbool.h>

#include "ops/doctor.h"
#include "ops/endpoint.h"
#include "ops/node.h"
#include "ops/uplink.h"

/**
 * struct doctor - an examination under way.
 * @is_privileged: doctor_is_privileged()
 * @nl: the host's rtnetlink; NULL where it can't be had
 * @node, @node_result, @node_error: the datapath; open where the result is 0
 * @pins_lost: something is attached whose pins were lost
 * @netns_fd, @netns_nl, @netns_error: a network namespace to try things in, where @netns_nl isn't
 *	NULL
 * @uplinks: the known ones, and what the next attach would add
 * @endpoints, @networks: what the node has; where nothing is loaded, the network "default", and
 *	no endpoint but those that have lost their pins
 * @read_result, @read_error: not 0: why uplinks, endpoints or networks are missing
 * @has_netkit, @netkit_features: what the check of netkit found
 */
struct doctor {
	bool is_privileged;
	struct nlsock *nl;
	struct node node;
	int node_result;
	struct error node_error;
	bool pins_lost;
	int netns_fd;
	struct nlsock *netns_nl;
	struct error netns_error;
	struct uplink_state *uplinks;
	size_t uplink_count;
	struct endpoint_list endpoints;
	struct network_list networks;
	int read_result;
	struct error read_error;
	bool has_netkit;
	uint32_t netkit_features;
};

#define X(identifier, name, needs) \
	void doctor_check_##identifier(struct doctor *doctor, struct doctor_check *check);
DOCTOR_CHECKS(X)
#undef X

/* doctor_is_privileged() - root, with all that an attach takes. */
bool doctor_is_privileged(void);

/**
 * finding_add() - add to what a check found, behind a comma. The worst state counts. What
 * doesn't fit is left out, and three dots tell.
 */
__attribute__((format(printf, 3, 4))) void
finding_add(struct doctor_check *check, enum doctor_state state, const char *format, ...);

/**
 * finding_explain() - what it means and how to mend it, unless that has been said already: the
 * first explanation is the one of the worst finding.
 * @mend: NULL: there is nothing to do
 */
void finding_explain(struct doctor_check *check, const char *meaning, const char *mend);

/* Whether nkctl's program is on an uplink, or will be after the next attach. */
static inline bool uplink_is_used(const struct uplink_state *uplink)
{
	return !uplink->excluded;
}

#endif
