// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/lifecycle.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/collector.h"
#include "bpf/exempt.h"
#include "bpf/hook.h"
#include "bpf/invalidator.h"
#include "bpf/routes.h"
#include "bpf/sockets.h"
#include "bpf/tracker.h"
#include "bpf/witness.h"
#include "core/cleanup.h"
#include "core/expedite.h"
#include "core/pause.h"
#include "model/identity.h"
#include "nl/link.h"
#include "nl/observe.h"
#include "ops/gateway.h"
#include "ops/network.h"
#include "ops/uplink.h"

/*
 * The kernel frees programs after an RCU grace period, tens of milliseconds; those that run in its
 * own functions, one behind the other, after one of RCU-tasks, a tenth of a second and more. One
 * that is on a device all that while stays there.
 */
#define PROGRAMS_GONE_WAIT_US     15000000
#define PROGRAMS_ATTACHED_WAIT_US 3000000
#define PROGRAMS_GONE_LOOK_US     5000
#define PROGRAMS_GONE_LOOK_MAX_US 100000

/* What a command that was killed may have left turned on. */
static void expedite_end_of_dead(const struct pins *pins)
{
	int fd = pins_expedite(pins);

	expedite_end(&fd);
}

/* The kernel takes its time to free a device: meanwhile, the next ones are taken off its lists. */
static int endpoints_remove(struct node *node, size_t *ret_count, struct error *err)
{
	_cleanup_link_list_ struct link_list links = { 0 };
	_cleanup_free_ struct unlisting *unlistings = NULL;
	struct error one_err = { 0 };
	int ret = link_list_read(NK_LINK_GROUP, &links, err), one;

	if (ret)
		return ret;
	unlistings = calloc(links.count + 1, sizeof(*unlistings));
	if (!unlistings)
		return error_sys(err, ENOMEM, "remove the endpoints");
	for (size_t i = 0; i < links.count; i++) {
		unlistings[i].expedite_fd = pins_expedite(&node->datapath.pins);
		one = link_unlist(node->nl, links.links[i].ifindex, &unlistings[i], &one_err);
		error_keep(&ret, err, one == -ENODEV ? 0 : one, &one_err);
		*ret_count += !one;
	}
	for (size_t i = 0; i < links.count; i++)
		unlisting_await(&unlistings[i]);
	if (!links.count)
		expedite_end_of_dead(&node->datapath.pins);
	return ret;
}

static int networks_remove(struct node *node, size_t *ret_count, struct error *err)
{
	_cleanup_network_list_ struct network_list networks = { 0 };
	struct error one_err = { 0 };
	int ret = networks_read(node, &networks, err);

	for (size_t i = 0; i < networks.count; i++) {
		struct network_entry *entry = &networks.entries[i];

		error_keep(&ret, err, gateways_remove(node, &entry->network, &one_err), &one_err);
		/* "default" is listed also where nobody added it. */
		*ret_count += !network_get(&node->datapath, entry->key.name, &entry->network, NULL);
	}
	return ret;
}

/* Networks that a CNI configuration described are known by their subnets alone, which are exempt.
 */
static int subnets_remove(struct node *node, struct error *err)
{
	_cleanup_exempt_list_ struct exempt_list list = { 0 };
	struct error one_err = { 0 };
	int ret = exempt_list_read(&node->datapath, &list, err);

	for (size_t i = 0; i < list.count; i++) {
		struct nk_network network = { 0 };

		if (list.entries[i].reasons & NK_EXEMPT_NETWORK &&
		    !network_add_subnet(&network, &list.entries[i].prefix, NULL))
			error_keep(&ret, err, gateways_remove(node, &network, &one_err), &one_err);
	}
	return ret;
}

/* Beside the datapath's, which are attached to devices: the collector's, the tracker's, the one
 * that finds routes, those on sockets, the invalidator's and the witness's. */
#define PROGRAMS_BESIDE (3 + SOCKETS_PROGRAMS + INVALIDATOR_PROGRAMS + WITNESS_PROGRAMS)
#define PROGRAMS_OURS   (PROGRAM_COUNT + PROGRAMS_BESIDE)

static void programs_read_beside(struct node *node, uint32_t ids[PROGRAMS_BESIDE])
{
	static int (*const one[])(const struct pins *, uint32_t *,
				  struct error *) = { collector_program_id, tracker_program_id,
						      routes_program_id };
	const struct pins *pins = &node->datapath.pins;

	for (size_t i = 0; i < ARRAY_SIZE(one); i++, ids++)
		if (one[i](pins, ids, NULL))
			*ids = 0;
	sockets_program_ids(&node->datapath, ids);
	invalidator_program_ids(pins, ids + SOCKETS_PROGRAMS);
	witness_program_ids(pins, ids + SOCKETS_PROGRAMS + INVALIDATOR_PROGRAMS);
}

/* Ids of the pinned programs, the datapath's first; 0 where one was never loaded. */
static void programs_read(struct node *node, uint32_t ids[PROGRAMS_OURS])
{
	for (int program = 0; program < PROGRAM_COUNT; program++)
		if (program_id(&node->datapath, (enum datapath_program)program, &ids[program],
			       NULL))
			ids[program] = 0;
	programs_read_beside(node, ids + PROGRAM_COUNT);
}

/* A device of this namespace that has a program at its hook; NULL: none. Freed by free(). */
static char *program_device(enum datapath_program program, uint32_t id)
{
	struct if_nameindex *devices = if_nameindex();
	char *name = NULL;

	for (size_t i = 0; devices && !name && devices[i].if_index; i++) {
		uint32_t found = 0;

		/* A device that can't be asked has no such hook. */
		if (!hook_find(program, (int)devices[i].if_index, &found, NULL, NULL) &&
		    found == id)
			name = strdup(devices[i].if_name);
	}
	if (devices)
		if_freenameindex(devices);
	return name;
}

/* Of our group no endpoint's device is left by now. */
static int program_left(size_t program, uint32_t id, struct error *err)
{
	_cleanup_free_ char *device =
		program < PROGRAM_COUNT ? program_device((enum datapath_program)program, id) : NULL;
	bool is_primary = program == PROGRAM_FROM_CTR || program == PROGRAM_FROM_CTR_VETH;

	if (!device)
		return error_set(err, EBUSY,
				 "the eBPF program with id %u is still in use: "
				 "`bpftool prog show id %u` tells more",
				 id, id);
	return error_set(
		err, EBUSY, "the eBPF program with id %u is still in use by the device %s%s", id,
		device, is_primary ? ", which is in another group than nkctl's: delete it" : "");
}

/* On a device that isn't ours to take it off. */
static bool program_is_attached(size_t program, uint32_t id)
{
	_cleanup_free_ char *device =
		program < PROGRAM_COUNT ? program_device((enum datapath_program)program, id) : NULL;

	return device;
}

static int programs_wait_gone(const uint32_t ids[PROGRAMS_OURS], struct error *err)
{
	int waited_us = 0;

	for (size_t i = 0; i < PROGRAMS_OURS; i++) {
		while (ids[i] && program_exists(ids[i])) {
			if (waited_us >= PROGRAMS_GONE_WAIT_US ||
			    (waited_us >= PROGRAMS_ATTACHED_WAIT_US &&
			     program_is_attached(i, ids[i])))
				return program_left(i, ids[i], err);
			waited_us += pause_before_look(waited_us, PROGRAMS_GONE_LOOK_US,
						       PROGRAMS_GONE_LOOK_MAX_US);
		}
	}
	return 0;
}

static int down_verify(const char *base, const uint32_t ids[PROGRAMS_OURS], struct error *err)
{
	_cleanup_link_list_ struct link_list links = { 0 };
	int ret = link_list_read(NK_LINK_GROUP, &links, err);

	if (ret)
		return ret;
	if (links.count)
		return error_set(err, EBUSY, "%zu devices are still there, %s the first",
				 links.count, links.links[0].name);
	if (!access(base, F_OK))
		return error_set(err, EBUSY, "%s is still there", base);
	return programs_wait_gone(ids, err);
}

/* Endpoints whose pins are elsewhere (another mount of bpffs) need them. */
static int gateways_sweep_unused(struct error *err)
{
	_cleanup_link_list_ struct link_list links = { 0 };
	_cleanup_nlsock_ struct nlsock *nl = NULL;
	int ret = link_list_read(NK_LINK_GROUP, &links, err);

	if (ret || links.count)
		return ret;
	ret = nlsock_open(&nl, err);
	return ret ? ret : gateways_sweep(nl, err);
}

int datapath_down_unfinished(struct error *err)
{
	struct pins pins = { .base_fd = -1 };
	int ret = pins_open(&pins, PINS_EXCLUSIVE, false, err);

	if (!ret)
		ret = datapath_is_loaded(&pins) ? -EAGAIN : pins_remove(&pins, err);
	pins_close(&pins);
	return ret && ret != -ENOENT ? ret : gateways_sweep_unused(err);
}

int datapath_down(struct node *node, struct down_report *ret_report, struct error *err)
{
	struct error one_err = { 0 };
	struct down_report report = { 0 };
	uint32_t ids[PROGRAMS_OURS];
	struct pins *pins = &node->datapath.pins;
	char base[PINS_PATH_SIZE];
	int ret = 0, uplinks_ret;

	programs_read(node, ids);
	error_keep(&ret, err, endpoints_remove(node, &report.endpoints, &one_err), &one_err);
	uplinks_ret = uplinks_remove_all(node, &report.uplinks, &one_err);
	error_keep(&ret, err, uplinks_ret, &one_err);
	error_keep(&ret, err, networks_remove(node, &report.networks, &one_err), &one_err);
	error_keep(&ret, err, subnets_remove(node, &one_err), &one_err);
	error_keep(&ret, err, gateways_sweep(node->nl, &one_err), &one_err);
	memcpy(base, pins->base, sizeof(base));
	if (!uplinks_ret) /* their records are all that tells what the settings were */
		error_keep(&ret, err, pins_remove(pins, &one_err), &one_err);
	node_close(node); /* our own descriptors would keep the programs alive */
	if (!ret)
		ret = down_verify(base, ids, err);
	*ret_report = report;
	return ret;
}

/* Which an attach doesn't add. */
static bool has_exemptions_added(struct node *node)
{
	_cleanup_exempt_list_ struct exempt_list list = { 0 };
	bool found = exempt_list_read(&node->datapath, &list, NULL);

	for (size_t i = 0; i < list.count; i++)
		found |= list.entries[i].reasons & NK_EXEMPT_ADDED;
	return found;
}

static bool datapath_is_unused(struct node *node)
{
	_cleanup_network_list_ struct network_list networks = { 0 };
	_cleanup_link_list_ struct link_list links = { 0 };

	return !link_list_read(NK_LINK_GROUP, &links, NULL) && !links.count &&
	       !network_list_read(&node->datapath, &networks, NULL) && !networks.count &&
	       !has_exemptions_added(node) && !uplinks_were_chosen(node);
}

/* Whatever fails here, the next command finds the datapath loaded, which is no harm. */
void datapath_down_unused(struct node *node)
{
	struct down_report report;
	struct error err;

	if (!pins_relock(&node->datapath.pins, PINS_EXCLUSIVE, NULL) && datapath_is_unused(node))
		(void)datapath_down(node, &report, &err);
}
