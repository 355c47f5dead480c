// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Theory of operation
 *
 * Whatever an attach makes can be taken away behind our back: programs, entries of maps, pins,
 * routes, addresses. What it was is still known from what is left of it: pins from the programs
 * that are attached (bpf/rescue.h), an endpoint from its device, its alias, the note of its claims
 * or the host's routes to it, its network.
 *
 * The order is that of an attach, and for the same reason: the datapath, the uplinks, and of an
 * endpoint first the program and the claims, without which it may send nothing; only then is its
 * pair set up and routed to. So at no time a packet passes that the program hasn't seen.
 *
 * All of it runs under the exclusive lock, as an upgrade does: nobody attaches, detaches or changes
 * an endpoint meanwhile, and an unfinished attach has no maker any more.
 */
#include "ops/repair.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/rescue.h"
#include "bpf/sockets.h"
#include "core/text.h"
#include "ops/repair_fault.h"
#include "ops/sockets.h"
#include "ops/uplink.h"

static const char *const state_names[] = {
#define X(identifier, name) [REPAIR_##identifier] = name,
	REPAIR_STATES(X)
#undef X
};

static const char *const subject_names[] = {
#define X(identifier, name) [REPAIR_##identifier] = name,
	REPAIR_SUBJECTS(X)
#undef X
};

const char *repair_state_name(enum repair_state state)
{
	return state_names[state];
}

const char *repair_subject_name(enum repair_subject subject)
{
	return subject_names[subject];
}

void repair_report_free(struct repair_report *report)
{
	free(report->faults);
	*report = (struct repair_report){ 0 };
}

/* Faults --------------------------------------------------------------------------------------- */

static void fault_look_at(struct repair *repair, enum repair_subject subject, const char *name,
			  const struct identity *identity)
{
	repair->subject = subject;
	repair->name = name;
	repair->identity = identity;
}

/* Out of memory, a fault is counted and not told. */
static void fault_add(struct repair *repair, const struct repair_fault *fault)
{
	struct repair_report *report = &repair->report;
	struct repair_fault *grown =
		reallocarray(report->faults, report->count + 1, sizeof(*grown));

	report->left += fault->state != REPAIR_MENDED;
	if (!grown)
		return;
	report->faults = grown;
	grown[report->count++] = *fault;
}

/* Names of devices hold whatever bytes a container gave them. */
static struct repair_fault fault_begin(const struct repair *repair, const char *format,
				       va_list args)
{
	struct repair_fault fault = { .subject = repair->subject };

	(void)snprintf(fault.name, sizeof(fault.name), "%s", repair->name);
	if (repair->identity)
		fault.identity = *repair->identity;
	(void)vsnprintf(fault.finding, sizeof(fault.finding), format, args); /* cut if too long */
	text_sanitize(fault.name);
	text_sanitize(fault.finding);
	return fault;
}

bool fault_mend(struct repair *repair, int (*mend)(void *data, struct error *err), void *data,
		const char *format, ...)
{
	struct error err = { 0 };
	struct repair_fault fault;
	va_list args;

	va_start(args, format);
	fault = fault_begin(repair, format, args);
	va_end(args);
	fault.state = repair->dry_run ? REPAIR_WANTED : REPAIR_MENDED;
	if (!repair->dry_run && mend(data, &err)) {
		fault.state = REPAIR_LEFT;
		(void)snprintf(fault.advice, sizeof(fault.advice), "%.255s", err.message);
	}
	fault_add(repair, &fault);
	return fault.state == REPAIR_MENDED;
}

void fault_leave(struct repair *repair, const char *advice, const char *format, ...)
{
	struct repair_fault fault;
	va_list args;

	va_start(args, format);
	fault = fault_begin(repair, format, args);
	va_end(args);
	fault.state = REPAIR_LEFT;
	(void)snprintf(fault.advice, sizeof(fault.advice), "%s", advice);
	text_sanitize(fault.advice);
	fault_add(repair, &fault);
}

/* The datapath --------------------------------------------------------------------------------- */

static int pins_mend(void *data, struct error *err)
{
	struct repair *repair = data;

	return node_open(repair->node, PINS_EXCLUSIVE, err);
}

/* Return: 0; -ENOENT where there is nothing to look at, or no way to. */
static int datapath_find(struct repair *repair, struct error *err)
{
	int ret =
		node_open_loaded(repair->node, repair->dry_run ? PINS_SHARED : PINS_EXCLUSIVE, err);

	if (ret != -ENOENT || !node_is_orphaned())
		return ret;
	return fault_mend(repair, pins_mend, repair, "pins below " BPFFS_PATH " were gone")
		       ? 0
		       : -ENOENT;
}

struct program_mend {
	struct repair *repair;
	enum datapath_program program;
};

static int program_mend(void *data, struct error *err)
{
	const struct program_mend *mend = data;
	struct datapath *datapath = &mend->repair->node->datapath;
	int ret = rescue_pins(&datapath->pins, err);

	if (!ret)
		ret = datapath_program_need(datapath, mend->program, err);
	return ret < 0 ? ret : 0;
}

static bool program_is_used(const struct endpoint_list *list, enum datapath_program program)
{
	for (size_t i = 0; i < list->count; i++)
		if (endpoint_program(&list->endpoints[i].link) == program)
			return true;
	return datapath_wants_program(program);
}

static void programs_repair(struct repair *repair, const struct endpoint_list *list)
{
	struct datapath *datapath = &repair->node->datapath;

	for (int i = 0; i < PROGRAM_COUNT; i++) {
		struct program_mend mend = { repair, (enum datapath_program)i };
		const char *name = datapath_program_name(mend.program);

		if (program_is_used(list, mend.program) &&
		    !pins_has(&datapath->pins, "progs", name))
			(void)fault_mend(repair, program_mend, &mend, "the pin of %s was gone",
					 name);
	}
}

static int links_mend(void *data, struct error *err)
{
	struct repair *repair = data;

	datapath_mend_links(&repair->node->datapath);
	if (datapath_links_are_gone(&repair->node->datapath))
		return error_set(err, EOPNOTSUPP,
				 "this kernel doesn't take it: see `nkctl doctor`");
	return 0;
}

static void links_repair(struct repair *repair)
{
	if (datapath_links_are_gone(&repair->node->datapath))
		(void)fault_mend(repair, links_mend, repair,
				 "a program in the kernel's own functions was gone");
}

static int sockets_mend(void *data, struct error *err)
{
	struct repair *repair = data;
	_cleanup_close_ int lock_fd = -1;
	int ret = pins_lock_node(&repair->node->datapath.pins, &lock_fd, err);

	return ret ? ret : node_sockets_sync(repair->node, err);
}

/* Where the kernel or the container that this runs in has none, there are none to miss. */
static void sockets_repair(struct repair *repair)
{
	struct datapath *datapath = &repair->node->datapath;
	bool empty = true;

	if (!published_is_empty(datapath, &empty, NULL) && !empty &&
	    !sockets_are_attached(datapath) && !sockets_try(NULL))
		(void)fault_mend(repair, sockets_mend, repair,
				 "the host's sockets weren't led to published ports");
}

static void datapath_repair(struct repair *repair, const struct endpoint_list *list)
{
	programs_repair(repair, list);
	links_repair(repair);
	sockets_repair(repair);
}

/* Uplinks -------------------------------------------------------------------------------------- */

struct uplink_mend {
	struct repair *repair;
	const char *device;
};

static int uplink_mend(void *data, struct error *err)
{
	const struct uplink_mend *mend = data;

	return uplink_add(mend->repair->node, mend->device, err);
}

static void uplink_repair(struct repair *repair, const struct uplink_state *state)
{
	struct uplink_mend mend = { repair, state->name };

	fault_look_at(repair, REPAIR_UPLINK, state->name, NULL);
	if (state->excluded)
		return;
	if (!state->known)
		(void)fault_mend(repair, uplink_mend, &mend,
				 "it carries a default route and was no uplink");
	else if (!state->attached)
		(void)fault_mend(repair, uplink_mend, &mend, "its program was taken off");
	else if (!state->fits)
		(void)fault_mend(repair, uplink_mend, &mend,
				 "its program worked on maps that aren't pinned any more");
	else if (!state->forwards)
		(void)fault_mend(repair, uplink_mend, &mend, "forwarding was off for it");
}

static int uplinks_repair(struct repair *repair, struct error *err)
{
	_cleanup_free_ struct uplink_state *states = NULL;
	size_t count = 0;
	int ret = uplinks_observe(repair->node, &states, &count, err);

	for (size_t i = 0; !ret && i < count; i++)
		uplink_repair(repair, &states[i]);
	return ret;
}

/* Endpoints ------------------------------------------------------------------------------------ */

static bool request_has(const struct repair_request *request, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < request->name_count; i++)
		if (endpoint_has_name(endpoint, request->names[i]))
			return true;
	return !request->name_count;
}

static int names_check(const struct repair_request *request, const struct endpoint_list *list,
		       struct error *err)
{
	for (size_t i = 0; i < request->name_count; i++) {
		size_t found = 0;

		while (found < list->count &&
		       !endpoint_has_name(&list->endpoints[found], request->names[i]))
			found++;
		if (found == list->count)
			return error_set(err, ENODEV,
					 "%s isn't attached: `nkctl list` shows what is",
					 request->names[i]);
	}
	return 0;
}

/* One that can't be looked at keeps no other from its repair: its container may see to that. */
static void endpoints_repair(struct repair *repair, const struct repair_request *request,
			     const struct endpoint_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct endpoint *endpoint = &list->endpoints[i];
		bool is_known = *endpoint->identity.id;
		struct error err = { 0 };

		if (!request_has(request, endpoint))
			continue;
		fault_look_at(repair, REPAIR_ENDPOINT,
			      is_known ? endpoint->identity.id : endpoint->link.name,
			      is_known ? &endpoint->identity : NULL);
		if (!repair_endpoint(repair, endpoint, &err))
			repair->report.endpoints++;
		else if (!link_is_gone(endpoint->link.ifindex)) /* its namespace may have died */
			fault_leave(repair, "nkctl repair, again",
				    "it couldn't be looked at to the end: %s", err.message);
	}
}

static int repair_do(struct repair *repair, const struct repair_request *request, struct error *err)
{
	_cleanup_endpoint_list_ struct endpoint_list list = { 0 };
	int ret;

	fault_look_at(repair, REPAIR_DATAPATH, repair_subject_name(REPAIR_DATAPATH), NULL);
	ret = datapath_find(repair, err);
	if (ret == -ENOENT && !request->name_count)
		return 0; /* nothing is attached, or the report tells why it stays as it is */
	if (!ret)
		ret = endpoint_list_read(repair->node, &list, err);
	if (!ret)
		ret = names_check(request, &list, err);
	if (ret)
		return ret;
	datapath_repair(repair, &list);
	if (!request->name_count && list.count)
		ret = uplinks_repair(repair, err);
	if (!ret)
		endpoints_repair(repair, request, &list);
	return ret;
}

int node_repair(const struct repair_request *request, struct repair_report *ret_report,
		struct error *err)
{
	_cleanup_node_ struct node node = NODE_CLOSED;
	struct repair repair = { .node = &node, .dry_run = request->dry_run };
	int ret = repair_do(&repair, request, err);

	if (ret)
		repair_report_free(&repair.report);
	else
		*ret_report = repair.report;
	return ret;
}
