// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * "If an error is encountered, a plugin should continue; removing as many resources as possible,
 * and report the errors back to the runtime" (CNI spec 1.1.0, section 2, GC).
 */
#include "cni/verbs.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "cni/config.h"
#include "cni/ipam.h"
#include "core/cleanup.h"
#include "nl/observe.h"
#include "ops/attach.h"
#include "ops/collect.h"
#include "ops/node.h"

struct valid {
	struct cni_attachment *attachments;
	size_t count;
};

static bool is_valid(const struct valid *valid, const struct identity *identity)
{
	for (size_t i = 0; i < valid->count; i++)
		if (!strcmp(valid->attachments[i].id, identity->id) &&
		    !strcmp(valid->attachments[i].ifname, identity->ifname))
			return true;
	return false;
}

/*
 * By their aliases, each with its lock: what is being attached just now is named at the very end.
 * What a person attached to the network of that name isn't the runtime's: it knows nothing of it.
 */
static int invalid_detach(struct node *node, const char *network, const struct valid *valid,
			  struct error *err)
{
	_cleanup_link_list_ struct link_list links = { 0 };
	struct error one_err = { 0 };
	int ret = link_list_read(NK_LINK_GROUP, &links, err), one;

	for (size_t i = 0; i < links.count; i++) {
		struct identity identity;

		if (identity_from_alias(links.links[i].alias, &identity) ||
		    identity.maker != IDENTITY_BY_CNI || strcmp(identity.network, network) != 0 ||
		    is_valid(valid, &identity))
			continue;
		one = endpoint_detach(node, &identity, true, &one_err);
		error_keep(&ret, err, one == -ENODEV ? 0 : one, &one_err);
	}
	return ret;
}

static int endpoints_collect(const char *network, const struct valid *valid, struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	struct error one_err = { 0 };
	size_t dead;
	int ret = node_open_live(&node, PINS_SHARED, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	error_keep(&ret, err, invalid_detach(&node, network, valid, &one_err), &one_err);
	error_keep(&ret, err, collect_unfinished(&node, &one_err), &one_err);
	error_keep(&ret, err, collect_claims(&node, &dead, &one_err), &one_err);
	return ret;
}

/* What is wrong with "ipam" keeps nothing else. */
static int ipam_collect(const struct cni_request *request, struct error *err)
{
	const char *type;
	int ret = cni_config_parse_ipam(request, &type, err);

	return ret || !type ? ret : ipam_run(request, type, "GC", err);
}

int cni_gc(const struct cni_request *request, struct error *err)
{
	_cleanup_free_ struct cni_attachment *attachments = NULL;
	struct valid valid = { 0 };
	struct error one_err = { 0 };
	int ret = cni_config_parse_attachments(request, &attachments, &valid.count, err);

	if (ret)
		return ret;
	valid.attachments = attachments;
	error_keep(&ret, err, endpoints_collect(request->network, &valid, &one_err), &one_err);
	error_keep(&ret, err, ipam_collect(request, &one_err), &one_err);
	return ret;
}
