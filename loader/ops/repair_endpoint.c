// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The repair of one endpoint: what an attach made of it, in the order of the attach. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/hook.h"
#include "bpf/rescue.h"
#include "ops/attach.h"
#include "ops/bandwidth.h"
#include "ops/collect.h"
#include "ops/repair_patient.h"

#define ATTACH_AGAIN "detach it, and attach it again"

/* The program ---------------------------------------------------------------------------------- */

static int program_attach(void *data, struct error *err)
{
	const struct patient *patient = data;

	return hook_attach(&patient->node->datapath, endpoint_program(&patient->link),
			   patient->link.ifindex, err);
}

static int program_replace(void *data, struct error *err)
{
	const struct patient *patient = data;
	struct datapath *datapath = &patient->node->datapath;
	enum datapath_program program = endpoint_program(&patient->link);
	int ret = datapath_program_need(datapath, program, err);

	return ret < 0 ? ret
		       : hook_replace(datapath, program, patient->link.ifindex,
				      patient->endpoint->program_id, err);
}

/* @ret_holds: whether the container is held to its addresses: without, nothing else is mended. */
static int program_repair(struct patient *patient, bool *ret_holds, struct error *err)
{
	struct repair *repair = patient->repair;
	uint32_t id = patient->endpoint->program_id;
	int ret = id ? rescue_program_check(&patient->node->datapath.pins, id, err) : 0;

	if (ret && ret != -ESTALE)
		return ret;
	if (!id)
		*ret_holds =
			fault_mend(repair, program_attach, patient, "its program was taken off");
	else if (ret)
		*ret_holds = fault_mend(repair, program_replace, patient,
					"its program worked on maps that aren't pinned any more");
	else
		*ret_holds = true;
	return 0;
}

/* Claims --------------------------------------------------------------------------------------- */

struct claim_mend {
	struct patient *patient;
	const struct addr *addr;
};

/* Without a claim nothing tells, but that nobody is where the programs don't translate. */
static bool masquerade_is_unknown(const struct patient *patient)
{
	return !patient->endpoint->address_count && patient->node->datapath.config.nat;
}

/*
 * Whether its addresses are masqueraded is the network's choice or the attach's: the claims that
 * are left tell, where there are any.
 */
static enum nk_masquerade masquerade_of(const struct patient *patient)
{
	const struct endpoint *endpoint = patient->endpoint;
	enum nk_masquerade masquerade = (enum nk_masquerade)patient->network.masquerade;
	bool is_on = endpoint->flags & NK_ENDPOINT_MASQUERADE, would_be = false;

	if (masquerade_is_unknown(patient))
		return masquerade;
	for (size_t i = 0; i < endpoint->address_count; i++)
		would_be |= masquerade_applies(masquerade, &endpoint->addresses[i]);
	if (endpoint->address_count && would_be == is_on)
		return masquerade;
	return is_on ? NK_MASQUERADE_ON : NK_MASQUERADE_OFF;
}

static int claim_mend(void *data, struct error *err)
{
	const struct claim_mend *mend = data;
	const struct patient *patient = mend->patient;
	struct datapath *datapath = &patient->node->datapath;
	struct nk_endpoint value = {
		.ifindex = (__u32)patient->link.ifindex,
		.mtu = patient->claim.mtu,
		.flags = patient->flags,
	};
	int ret = owner_set(datapath, patient->link.ifindex, patient->addresses,
			    patient->address_count, err);

	memcpy(value.mac, patient->peer_mac, NK_ETH_ALEN);
	memcpy(value.gateway_mac, patient->claim.gateway_mac, NK_ETH_ALEN);
	if (masquerade_applies(masquerade_of(patient), mend->addr))
		value.flags |= NK_ENDPOINT_MASQUERADE;
	return ret ? ret : claim_insert(datapath, mend->addr, &value, err);
}

static int note_mend(void *data, struct error *err)
{
	const struct patient *patient = data;

	return owner_set(&patient->node->datapath, patient->link.ifindex, patient->addresses,
			 patient->address_count, err);
}

static int claim_repair(struct patient *patient, const struct addr *addr, struct error *err)
{
	struct claim_mend mend = { patient, addr };
	struct link_info owner = { 0 };
	struct nk_endpoint claim;
	int ret = claim_get(&patient->node->datapath, addr, &claim, err);

	if (!ret && claim.ifindex == (__u32)patient->link.ifindex)
		return 0;
	if (!ret)
		ret = owner_get(patient->node, (int)claim.ifindex, &owner, err);
	if (!ret) {
		fault_leave(patient->repair, ATTACH_AGAIN, "its address %s is %s's by now",
			    addr_format(addr).text, *owner.alias ? owner.alias : owner.name);
		return 0;
	}
	if (ret == -ENODEV && !patient->repair->dry_run) /* a dead one's */
		ret = collect_dead_claim(patient->node, addr, (int)claim.ifindex, err);
	if (ret && ret != -ENOENT && ret != -ENODEV)
		return ret;
	(void)fault_mend(patient->repair, claim_mend, &mend,
			 "its address %s was gone from the endpoint map", addr_format(addr).text);
	return 0;
}

/* What follows from none of the claims that were made anew, and was chosen for them. */
static void unknown_leave(struct patient *patient)
{
	const enum nk_masquerade masquerade = masquerade_of(patient);
	bool is_on = false;

	for (size_t i = 0; i < patient->address_count; i++)
		is_on |= masquerade_applies(masquerade, &patient->addresses[i]);
	if (masquerade_is_unknown(patient))
		fault_leave(
			patient->repair, ATTACH_AGAIN,
			"it %s masqueraded, as nothing tells whether its attach chose otherwise",
			is_on ? "is" : "isn't");
	if (patient->metadata_is_unknown)
		fault_leave(patient->repair, ATTACH_AGAIN,
			    "it is kept away from metadata addresses, as nothing tells whether it "
			    "may reach them");
}

static int claims_repair(struct patient *patient, struct error *err)
{
	bool is_noted = false;
	int ret = owner_exists(&patient->node->datapath, patient->link.ifindex, &is_noted, err);

	if (!ret && !patient->address_count)
		fault_leave(patient->repair, ATTACH_AGAIN,
			    "its addresses are gone, and nothing tells what they were");
	else if (!ret && !is_noted)
		(void)fault_mend(patient->repair, note_mend, patient,
				 "the note of its addresses was gone");
	for (size_t i = 0; !ret && i < patient->address_count; i++)
		ret = claim_repair(patient, &patient->addresses[i], err);
	if (!ret && patient->address_count)
		unknown_leave(patient);
	return ret;
}

/* Ports and limits ----------------------------------------------------------------------------- */

static int flags_mend(void *data, struct error *err)
{
	const struct patient *patient = data;

	return owner_change_flags(&patient->node->datapath, patient->link.ifindex, patient->flags,
				  0, err);
}

/* What its claims say it has, and what it has. Where none was left they were made anew. */
static int flags_repair(struct patient *patient, struct error *err)
{
	uint32_t flags;
	int ret = owner_flags(&patient->node->datapath, patient->link.ifindex, &flags, err);

	if (ret || !patient->endpoint->address_count)
		return ret;
	if (patient->flags & ~flags)
		(void)fault_mend(patient->repair, flags_mend, patient,
				 "its claims didn't tell of its ports or limits");
	if (flags & ~patient->flags & NK_ENDPOINT_PUBLISHED)
		fault_leave(patient->repair, "nkctl publish add, or remove",
			    "its published ports are gone, by a kill or by somebody, and nothing "
			    "tells what they were");
	if (flags & ~patient->flags & BANDWIDTH_FLAGS)
		fault_leave(patient->repair, ATTACH_AGAIN,
			    "a limit's program is gone, and nothing tells what the limit was");
	return 0;
}

static struct bandwidth_pair patient_pair(const struct patient *patient)
{
	return (struct bandwidth_pair){ .container = patient->container,
					.netns_fd = patient->netns_fd,
					.ifindex = patient->link.ifindex,
					.peer_ifindex = patient->link.peer_ifindex,
					.netkit = patient->endpoint->kind == NK_DEVICE_NETKIT,
					.mtu = patient->link.mtu };
}

static int limits_mend(void *data, struct error *err)
{
	const struct patient *patient = data;
	const struct bandwidth_pair pair = patient_pair(patient);

	return bandwidth_mend(patient->node, &pair, &patient->bandwidth, err);
}

/* Those that the host's end still tells. */
static int limits_repair(struct patient *patient, struct error *err)
{
	const struct bandwidth_pair pair = patient_pair(patient);
	int ret = bandwidth_verify(patient->node, &pair, patient->flags, &patient->bandwidth, err);

	if (ret != -ESTALE)
		return ret;
	(void)fault_mend(patient->repair, limits_mend, patient, "%s", err->message);
	return 0;
}

/* An endpoint ---------------------------------------------------------------------------------- */

static void patient_free(struct patient *patient)
{
	nlsock_close(patient->container);
	cleanup_close(&patient->netns_fd);
}
#define _cleanup_patient_ _cleanup_(patient_free)

static int unfinished_remove(void *data, struct error *err)
{
	const struct patient *patient = data;

	return endpoint_remove(patient->node, patient->endpoint->link.ifindex, err);
}

/* It may as well be somebody else's device in our group: nothing of it is touched. */
static void unnamed_leave(struct repair *repair, const struct endpoint *endpoint)
{
	char advice[REPAIR_TEXT_SIZE];

	(void)snprintf(
		advice, sizeof(advice),
		"ip link set %s alias nkctl:NETWORK/ID/IFNAME names it again (nkcni: for one "
		"of CNI's); nkctl detach takes it off by these names",
		endpoint->link.name);
	fault_leave(repair, advice, "its alias, which tells whose it is, was changed");
}

int repair_endpoint(struct repair *repair, const struct endpoint *endpoint, struct error *err)
{
	static int (*const steps[])(struct patient *,
				    struct error *) = { claims_repair, flags_repair, host_repair,
							container_repair, limits_repair };
	_cleanup_patient_ struct patient patient = {
		.repair = repair, .node = repair->node, .endpoint = endpoint, .netns_fd = -1
	};
	bool holds = false;
	int ret;

	if (endpoint->state == ENDPOINT_UNFINISHED) {
		(void)fault_mend(repair, unfinished_remove, &patient,
				 "its attach or detach was killed half way: it is removed");
		return 0;
	}
	if (endpoint->state == ENDPOINT_UNNAMED) {
		unnamed_leave(repair, endpoint);
		return 0;
	}
	ret = patient_find(&patient, err);
	if (!ret)
		ret = program_repair(&patient, &holds, err);
	if (!ret && !holds && !repair->dry_run)
		return 0;
	for (size_t i = 0; !ret && i < ARRAY_SIZE(steps); i++)
		ret = steps[i](&patient, err);
	return ret;
}
