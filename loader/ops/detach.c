// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/attach.h"

#include <errno.h>

#include "core/cleanup.h"
#include "core/expedite.h"
#include "core/log.h"
#include "model/identity.h"
#include "nl/link.h"
#include "ops/collect.h"
#include "ops/flows.h"
#include "ops/publish.h"

/*
 * From here on it is what an attach leaves that was killed, and whoever comes next ends the work.
 * One that somebody has renamed is found by its alias alone, and keeps that.
 */
static int endpoint_unfinish(struct node *node, const struct link_info *link, struct error *err)
{
	uint64_t hash;
	int ret = identity_device_hash(link->name, &hash)
			  ? 0
			  : link_unfinish(node->nl, link->ifindex, err);

	return ret == -ENODEV ? 0 : ret; /* its namespace has just died */
}

/*
 * Its ports go before its claims, whose flag tells that there are any. Killed after the claims are
 * gone, it leaves an endpoint that can't send: its source addresses aren't its own any more. Flows
 * go last, when no packet can make another one; the collector has been quicker, where the kernel
 * has it.
 */
static int endpoint_take_down(struct node *node, int ifindex, bool wait,
			      struct unlisting *unlisting, struct error *err)
{
	int ret = publish_release(node, ifindex, err);

	if (!ret)
		ret = owner_release(&node->datapath, ifindex, err);
	log_step("claims_release");
	if (ret)
		return ret;
	ret = wait ? link_delete(node->nl, ifindex, err)
		   : link_unlist(node->nl, ifindex, unlisting, err);
	log_step("link_delete");
	if (ret && ret != -ENODEV)
		return error_prefix(err, "delete the device pair");
	ret = flows_release(node, ifindex, err);
	log_step("flows_release");
	return ret;
}

int endpoint_remove(struct node *node, int ifindex, struct error *err)
{
	struct unlisting unlisting = { .expedite_fd = pins_expedite(&node->datapath.pins) };
	int ret = endpoint_take_down(node, ifindex, true, &unlisting, err);

	expedite_end(&unlisting.expedite_fd);
	return ret;
}

int endpoint_detach(struct node *node, const struct identity *identity, bool wait,
		    struct error *err)
{
	/* Also where there is nothing to detach: an earlier one may have been killed. */
	struct unlisting unlisting = { .expedite_fd = pins_expedite(&node->datapath.pins) };
	_cleanup_close_ int lock_fd = -1;
	struct link_info link = { 0 };
	int ret;

	ret = pins_lock_endpoint(&node->datapath.pins, identity_hash(identity), true, &lock_fd,
				 err);
	if (!ret)
		ret = endpoint_locate(node, identity, &link, err);
	if (!ret)
		ret = endpoint_unfinish(node, &link, err);
	if (!ret)
		ret = endpoint_take_down(node, link.ifindex, wait, &unlisting, err);
	expedite_end(&unlisting.expedite_fd);
	if (ret == -ENODEV) /* it may have died with its namespace */
		collect_dead(node, 0);
	return ret;
}
