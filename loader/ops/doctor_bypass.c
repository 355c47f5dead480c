// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The doctor's checks of what shares the packets' way, or no longer sees them.
 *
 * On its way in a packet meets XDP, then the programs at tcx ingress in their order, and only then
 * tc's filters and netfilter (__netif_receive_skb_core() in net/core/dev.c). What nkctl's program
 * takes there is gone for all behind it; on the way out everything at the uplink's egress sees
 * the packets as ever.
 */
#include <string.h>

#include "bpf/hook.h"
#include "bpf/pace.h"
#include "nl/netfilter.h"
#include "nl/tc.h"
#include "ops/doctor_check.h"

static size_t ours_index(const struct hook_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (entries[i].ours)
			return i;
	return count; /* an attach puts it behind the others */
}

static void hook_examine(enum datapath_program program, int ifindex, const char *device,
			 struct doctor_check *check)
{
	struct hook_entry entries[HOOK_PROGRAMS_MAX];
	size_t count = 0, ours;

	if (hook_read(program, ifindex, entries, &count, NULL))
		return; /* the kernel has no such hook, or the device is gone: other checks tell */
	ours = ours_index(entries, count);
	for (size_t i = 0; i < count; i++)
		if (i != ours && !pace_is_police(entries[i].name))
			finding_add(check, DOCTOR_WARN, "%s %s nkctl's on %s",
				    *entries[i].name ? entries[i].name : "a program",
				    i < ours ? "before" : "behind", device);
}

void doctor_check_other_programs(struct doctor *doctor, struct doctor_check *check)
{
	for (size_t i = 0; i < doctor->uplink_count; i++) {
		const struct uplink_state *uplink = &doctor->uplinks[i];

		if (uplink_is_used(uplink))
			hook_examine(uplink_program(uplink->type), uplink->ifindex, uplink->name,
				     check);
	}
	for (size_t i = 0; i < doctor->endpoints.count; i++) {
		const struct link_info *link = &doctor->endpoints.endpoints[i].link;

		hook_examine(endpoint_program(link), link->ifindex, link->name, check);
	}
	if (check->state == DOCTOR_OK)
		finding_add(check, DOCTOR_OK, "none at the hooks of nkctl's");
	else
		finding_explain(check,
				"one before it may take or change containers' packets first; one "
				"behind it never sees them",
				"`bpftool net show dev DEVICE` tells whose they are: take off the "
				"one that isn't wanted");
}

void doctor_check_xdp(struct doctor *doctor, struct doctor_check *check)
{
	struct hook_entry entry;

	for (size_t i = 0; i < doctor->uplink_count; i++) {
		const struct uplink_state *uplink = &doctor->uplinks[i];

		if (uplink_is_used(uplink) && !hook_read_xdp(uplink->ifindex, &entry, NULL) &&
		    entry.id)
			finding_add(check, DOCTOR_NOTE, "%s on %s",
				    *entry.name ? entry.name : "a program", uplink->name);
	}
	if (check->state == DOCTOR_OK)
		finding_add(check, DOCTOR_OK, "no program on uplinks");
	else
		finding_explain(check, "it sees what comes in before nkctl does, and may drop it",
				NULL);
}

void doctor_check_tc_filters(struct doctor *doctor, struct doctor_check *check)
{
	struct tc_kinds kinds;

	for (size_t i = 0; i < doctor->uplink_count; i++) {
		const struct uplink_state *uplink = &doctor->uplinks[i];

		if (!uplink_is_used(uplink) ||
		    tc_ingress_kinds(doctor->nl, uplink->ifindex, &kinds, NULL))
			continue;
		for (size_t j = 0; j < kinds.count; j++)
			finding_add(check, DOCTOR_WARN, "%s at ingress of %s", kinds.names[j],
				    uplink->name);
	}
	if (check->state == DOCTOR_OK)
		finding_add(check, DOCTOR_OK, "none at the uplinks' ingress");
	else
		finding_explain(check,
				"packets to containers go past them: they police, mirror or drop "
				"none of these",
				"`tc filter show dev DEVICE ingress` lists them: have them at tcx, "
				"before nkctl's program");
}

/* A chain that is bound to a device matters where that is an uplink. */
static bool chain_is_on_uplink(const struct doctor *doctor, const struct netfilter_chain *chain)
{
	if (!*chain->device)
		return true;
	for (size_t i = 0; i < doctor->uplink_count; i++)
		if (!strcmp(doctor->uplinks[i].name, chain->device))
			return true;
	return false;
}

static void chain_examine(const struct netfilter_chain *chain, struct doctor_check *check)
{
	finding_add(check, DOCTOR_WARN, "%s %s %s%s", netfilter_family_name(chain->family),
		    chain->table, chain->name, chain->drops ? " (policy drop)" : "");
}

void doctor_check_netfilter(struct doctor *doctor, struct doctor_check *check)
{
	_cleanup_netfilter_chain_list_ struct netfilter_chain_list list = { 0 };
	struct error err;

	if (netfilter_chain_list_read(&list, &err)) {
		finding_add(check, DOCTOR_WARN, "%s", err.message);
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		const struct netfilter_chain *chain = &list.chains[i];

		if ((chain->has_rules || chain->drops) && netfilter_sees_forwarded(chain) &&
		    chain_is_on_uplink(doctor, chain))
			chain_examine(chain, check);
	}
	if (check->state == DOCTOR_OK)
		finding_add(check, DOCTOR_OK, "no rules for packets that are forwarded");
	else
		finding_explain(check,
				"containers' packets go past these chains: they are neither "
				"filtered, translated nor counted there; a policy of drop still "
				"drops what the host's stack forwards for a container, such as "
				"packets with IP options",
				"filter in the container or at the next hop; accept in such chains "
				"what comes from or goes to nk* devices");
}
