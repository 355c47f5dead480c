// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/netns.h"
#include "core/text.h"
#include "model/identity.h"
#include "ops/doctor_check.h"
#include "ops/network.h"
#include "ops/observe.h"

static const char *const state_names[] = {
#define X(identifier, name) [DOCTOR_##identifier] = name,
	DOCTOR_STATES(X)
#undef X
};

static const struct {
	const char *name, *text;
} verdicts[] = {
#define X(identifier, name, text) [DOCTOR_VERDICT_##identifier] = { name, text },
	DOCTOR_VERDICTS(X)
#undef X
};

static const struct {
	const char *name;
	enum doctor_needs needs;
	void (*make)(struct doctor *doctor, struct doctor_check *check);
} checks[DOCTOR_CHECK_COUNT] = {
#define X(identifier, name, needs) { name, DOCTOR_NEEDS_##needs, doctor_check_##identifier },
	DOCTOR_CHECKS(X)
#undef X
};

const char *doctor_state_name(enum doctor_state state)
{
	return state_names[state];
}

const char *doctor_verdict_name(enum doctor_verdict verdict)
{
	return verdicts[verdict].name;
}

const char *doctor_verdict_text(enum doctor_verdict verdict)
{
	return verdicts[verdict].text;
}

#define SEPARATOR ", "
#define MORE      SEPARATOR "..."

static bool finding_is_full(const char *finding)
{
	size_t used = strlen(finding);

	return used >= strlen(MORE) && !strcmp(finding + used - strlen(MORE), MORE);
}

void finding_add(struct doctor_check *check, enum doctor_state state, const char *format, ...)
{
	/* Beside each item there is room for the dots behind it. */
	char item[DOCTOR_TEXT_SIZE - sizeof(MORE) - sizeof(SEPARATOR)];
	size_t used = strlen(check->finding), room = sizeof(check->finding) - used;
	va_list args;

	check->state = state > check->state ? state : check->state;
	if (finding_is_full(check->finding))
		return;
	va_start(args, format);
	(void)vsnprintf(item, sizeof(item), format, args); /* cut if too long */
	va_end(args);
	text_sanitize(item); /* names of devices, chains and programs are foreign */
	if (strlen(SEPARATOR) + strlen(item) + sizeof(MORE) > room)
		(void)snprintf(check->finding + used, room, MORE);
	else
		(void)snprintf(check->finding + used, room, "%s%s", used ? SEPARATOR : "", item);
}

void finding_explain(struct doctor_check *check, const char *meaning, const char *mend)
{
	if (*check->meaning)
		return;
	(void)snprintf(check->meaning, sizeof(check->meaning), "%s", meaning);
	(void)snprintf(check->mend, sizeof(check->mend), "%s", mend ? mend : "");
}

/* What the checks look at ---------------------------------------------------------------------- */

static int doctor_read_node(struct doctor *doctor, struct error *err)
{
	int ret = uplinks_observe(&doctor->node, &doctor->uplinks, &doctor->uplink_count, err);

	if (!ret)
		ret = endpoint_list_read(&doctor->node, &doctor->endpoints, err);
	return ret ? ret : networks_read(&doctor->node, &doctor->networks, err);
}

/* Where nothing is loaded. */
static int doctor_read_unloaded(struct doctor *doctor, struct error *err)
{
	int ret = uplinks_expected(doctor->nl, &doctor->uplinks, &doctor->uplink_count, err);

	if (!ret && doctor->pins_lost)
		ret = node_open_unloaded(&doctor->node, err);
	if (!ret && doctor->pins_lost)
		ret = endpoint_list_read(&doctor->node, &doctor->endpoints, err);
	return ret ? ret : networks_default(&doctor->networks, err);
}

static int doctor_read(struct doctor *doctor, struct error *err)
{
	int ret = nlsock_open(&doctor->nl, err);

	if (ret)
		return ret;
	return doctor->node_result ? doctor_read_unloaded(doctor, err)
				   : doctor_read_node(doctor, err);
}

static void doctor_open(struct doctor *doctor)
{
	doctor->is_privileged = doctor_is_privileged();
	doctor->node_result = node_open_loaded(&doctor->node, PINS_SHARED, &doctor->node_error);
	doctor->pins_lost = doctor->node_result == -ENOENT && node_is_orphaned();
	if (doctor->is_privileged && !netns_create(&doctor->netns_fd, &doctor->netns_error))
		(void)nlsock_open_in(doctor->netns_fd, &doctor->netns_nl, &doctor->netns_error);
	doctor->read_result = doctor_read(doctor, &doctor->read_error);
}

static void doctor_close(struct doctor *doctor)
{
	nlsock_close(doctor->netns_nl);
	cleanup_close(&doctor->netns_fd);
	nlsock_close(doctor->nl);
	free(doctor->uplinks);
	endpoint_list_free(&doctor->endpoints);
	network_list_free(&doctor->networks);
	node_close(&doctor->node);
}

/* The examination ------------------------------------------------------------------------------ */

static void check_make(struct doctor *doctor, size_t id, struct doctor_check *check)
{
	*check = (struct doctor_check){ .name = checks[id].name };
	if (checks[id].needs & DOCTOR_NEEDS_ROOT && !doctor->is_privileged)
		finding_add(check, DOCTOR_NOTE, "not looked at: that takes privilege");
	else if (checks[id].needs == DOCTOR_NEEDS_NETNS && !doctor->netns_nl)
		finding_add(check, DOCTOR_NOTE, "not tried: there is no namespace to try it in");
	else if (checks[id].needs == DOCTOR_NEEDS_PINS && doctor->pins_lost)
		finding_add(check, DOCTOR_NOTE, "not looked at: pins that tell are gone");
	else
		checks[id].make(doctor, check);
}

void doctor_examine(struct doctor_report *ret_report)
{
	struct doctor doctor = { .node = NODE_CLOSED, .netns_fd = -1 };

	doctor_open(&doctor);
	for (size_t id = 0; id < DOCTOR_CHECK_COUNT; id++)
		check_make(&doctor, id, &ret_report->checks[id]);
	ret_report->verdict = doctor_verdict(ret_report->checks);
	doctor_close(&doctor);
}

size_t doctor_count(const struct doctor_check list[DOCTOR_CHECK_COUNT], enum doctor_state state)
{
	size_t count = 0;

	for (size_t id = 0; id < DOCTOR_CHECK_COUNT; id++)
		count += list[id].state == state;
	return count;
}

enum doctor_verdict doctor_verdict(const struct doctor_check list[DOCTOR_CHECK_COUNT])
{
	if (doctor_count(list, DOCTOR_FAIL))
		return DOCTOR_VERDICT_NOT_READY;
	return list[DOCTOR_CHECK_netkit].state == DOCTOR_OK ? DOCTOR_VERDICT_NETKIT
							    : DOCTOR_VERDICT_VETH;
}
