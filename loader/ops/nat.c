// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/nat.h"

#include "core/log.h"
#include "ops/lifecycle.h"

/* Another process may have been quicker: then there is nothing left to do. */
static int nat_load(struct node *node, struct error *err)
{
	struct upgrade_report report;
	int ret = datapath_relock(&node->datapath, PINS_EXCLUSIVE, err);

	if (!ret && !node->datapath.config.nat)
		ret = datapath_upgrade(node, &report, err);
	return ret ? ret : datapath_relock(&node->datapath, PINS_SHARED, err);
}

int nat_enable(struct node *node, struct error *err)
{
	int ret;

	node->datapath.nat = true;
	ret = node_load(node, err);
	if (!ret && !node->datapath.config.nat)
		ret = nat_load(node, err);
	log_step("nat_enable");
	return ret;
}
