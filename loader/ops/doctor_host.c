// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The doctor's checks of the host: what is loaded and attached, and what it stands on. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf/hook.h"
#include "core/cleanup.h"
#include "core/netns.h"
#include "core/sysctl.h"
#include "nl/address.h"
#include "nl/link.h"
#include "ops/doctor_check.h"
#include "ops/nat.h"
#include "ops/repair.h"

static const char *endpoint_label(const struct endpoint *endpoint)
{
	return *endpoint->identity.id ? endpoint->identity.id : endpoint->link.name;
}

/* The datapath and what is attached ------------------------------------------------------------ */

static void datapath_not_open(const struct doctor *doctor, struct doctor_check *check)
{
	const struct error *reason = &doctor->node_error;

	switch (reason->code) {
	case -ENOENT:
		if (doctor->pins_lost) {
			finding_add(check, DOCTOR_WARN, "pins below " BPFFS_PATH " are gone");
			finding_explain(check,
					"what is attached goes on as it is, and nobody can change "
					"it",
					"nkctl repair");
			return;
		}
		finding_add(check, DOCTOR_OK, "not loaded: the first attach does that");
		return;
	case -EBUSY:
		finding_add(check, DOCTOR_WARN, "%s", reason->message);
		finding_explain(check, "what is attached wasn't looked at", "run it again");
		return;
	default:
		finding_add(check, DOCTOR_FAIL, "%s", reason->message);
		finding_explain(check, "this build can't work with what is loaded",
				"`nkctl down` with the build that loaded it");
	}
}

/* How many endpoints have a program that an earlier load brought. */
static size_t endpoints_count_behind(struct doctor *doctor)
{
	size_t count = 0;
	uint32_t current;

	for (size_t i = 0; i < doctor->endpoints.count; i++) {
		const struct endpoint *endpoint = &doctor->endpoints.endpoints[i];

		if (endpoint->program_id &&
		    !program_id(&doctor->node.datapath, endpoint_program(&endpoint->link), &current,
				NULL))
			count += endpoint->program_id != current;
	}
	return count;
}

void doctor_check_datapath(struct doctor *doctor, struct doctor_check *check)
{
	const struct nk_config *config = &doctor->node.datapath.config;
	size_t behind;

	if (doctor->node_result) {
		datapath_not_open(doctor, check);
		return;
	}
	behind = endpoints_count_behind(doctor);
	finding_add(check, DOCTOR_OK, "nkctl %.*s is loaded", NK_VERSION_SIZE, config->version);
	if (strncmp(config->version, NKCTL_VERSION, NK_VERSION_SIZE) != 0)
		finding_add(check, DOCTOR_NOTE, "this is " NKCTL_VERSION);
	if (behind)
		finding_add(check, DOCTOR_NOTE,
			    behind == 1 ? "%zu endpoint has an earlier program"
					: "%zu endpoints have an earlier program",
			    behind);
	if (check->state != DOCTOR_OK)
		finding_explain(check, "packets are handled by another build than this one",
				"nkctl upgrade");
}

void doctor_check_endpoints(struct doctor *doctor, struct doctor_check *check)
{
	size_t bad = 0;

	if (doctor->read_result) {
		finding_add(check, DOCTOR_WARN, "%s", doctor->read_error.message);
		return;
	}
	for (size_t i = 0; i < doctor->endpoints.count; i++) {
		const struct endpoint *endpoint = &doctor->endpoints.endpoints[i];

		if (endpoint->state == ENDPOINT_OK)
			continue;
		bad++;
		finding_add(check, DOCTOR_WARN, "%s is %s", endpoint_label(endpoint),
			    endpoint_state_name(endpoint->state));
		finding_explain(check, endpoint_state_explanation(endpoint->state), "nkctl repair");
	}
	if (!bad)
		finding_add(check, DOCTOR_OK, "%zu attached", doctor->endpoints.count);
}

/* The host's network --------------------------------------------------------------------------- */

void doctor_check_ipv6(struct doctor *doctor, struct doctor_check *check)
{
	const char *advice = "boot without ipv6.disable=1, with CONFIG_IPV6";
	struct node node = { .nl = doctor->nl };

	if (doctor->nl && node_has_ipv6(&node)) {
		finding_add(check, DOCTOR_OK, "it is on");
		return;
	}
	if (!access("/proc/net/if_inet6", F_OK)) {
		finding_add(check, DOCTOR_NOTE, "net.ipv6.conf.lo.disable_ipv6 is on");
		advice = "sysctl -w net.ipv6.conf.all.disable_ipv6=0";
	} else {
		finding_add(check, DOCTOR_NOTE, "this kernel runs without");
	}
	finding_explain(check, "containers get IPv4 addresses only", advice);
}

void doctor_check_loopback(struct doctor *doctor, struct doctor_check *check)
{
	struct link_info loopback = { 0 };
	struct error err = { .message = "no rtnetlink socket" };

	if (!doctor->nl || link_get_by_index(doctor->nl, LOOPBACK_IFINDEX, &loopback, &err)) {
		finding_add(check, DOCTOR_WARN, "%s", err.message);
	} else if (loopback.flags & IFF_UP) {
		finding_add(check, DOCTOR_OK, "%s is up", loopback.name);
	} else {
		finding_add(check, DOCTOR_WARN, "%s is down", loopback.name);
		finding_explain(check,
				"gateway addresses are on it: the host has no source address for "
				"its own packets to containers",
				"ip link set lo up");
	}
}

/* What a look at each endpoint's two sides costs would be felt with more. */
#define REPAIR_LOOK_MAX 256

void doctor_check_repair(struct doctor *doctor, struct doctor_check *check)
{
	_cleanup_repair_report_ struct repair_report report = { 0 };
	const struct repair_request request = { .dry_run = true };
	struct error err;

	if (doctor->endpoints.count > REPAIR_LOOK_MAX) {
		finding_add(check, DOCTOR_NOTE, "not looked at: %zu endpoints",
			    doctor->endpoints.count);
		finding_explain(check, "a look at each takes its time", "nkctl repair --dry-run");
		return;
	}
	if (!doctor->node_result && node_repair(&request, &report, &err)) {
		finding_add(check, DOCTOR_WARN, "%s", err.message);
		return;
	}
	for (size_t i = 0; i < report.count; i++)
		finding_add(check, DOCTOR_WARN, "%s: %s", report.faults[i].name,
			    report.faults[i].finding);
	if (report.count)
		finding_explain(check, "something isn't any more as an attach made it",
				"nkctl repair, which tells what it can't mend");
	else
		finding_add(check, DOCTOR_OK, "nothing to mend");
}

/* @has_endpoints: without any, nobody misses the program of a device that is no uplink yet */
static void uplink_examine(const struct uplink_state *uplink, bool has_endpoints,
			   struct doctor_check *check)
{
	if (uplink->excluded)
		finding_add(check, DOCTOR_OK, "%s excluded by hand", uplink->name);
	else if (uplink->attached)
		finding_add(check, DOCTOR_OK, "%s (mtu %u)", uplink->name, uplink->mtu);
	else if (!uplink->known && !has_endpoints)
		finding_add(check, DOCTOR_OK, "would use %s (mtu %u)", uplink->name, uplink->mtu);
	else
		finding_add(check, DOCTOR_WARN, "%s has no program", uplink->name);
	if (check->state != DOCTOR_OK)
		finding_explain(
			check,
			uplink->known ? "its program was taken off: by it nobody reaches "
					"published ports, and answers to what is masqueraded are "
					"lost"
				      : "it carries a default route since the last attach: "
					"answers to what is masqueraded and leaves by it are lost",
			"nkctl repair");
}

void doctor_check_uplinks(struct doctor *doctor, struct doctor_check *check)
{
	if (doctor->read_result) {
		finding_add(check, DOCTOR_WARN, "%s", doctor->read_error.message);
		return;
	}
	for (size_t i = 0; i < doctor->uplink_count; i++)
		uplink_examine(&doctor->uplinks[i], doctor->endpoints.count, check);
	if (doctor->uplink_count)
		return;
	finding_add(check, DOCTOR_WARN, "no device carries a default route");
	finding_explain(check, "containers reach this host and each other, nothing else",
			"add a default route, or name a device: nkctl uplink add DEVICE");
}

static void forwarding_examine(const char *family, const char *device, struct doctor_check *check)
{
	int on;

	if (!sysctl_read_dev(family, device, "forwarding", &on, NULL) && !on)
		finding_add(check, DOCTOR_WARN, "net/%s/conf/%s/forwarding is 0", family, device);
}

static bool endpoint_has_ipv6(const struct endpoint *endpoint)
{
	for (size_t i = 0; i < endpoint->address_count; i++)
		if (endpoint->addresses[i].family == AF_INET6)
			return true;
	return false;
}

static bool uplink_is_set_up(const struct uplink_state *uplink)
{
	return uplink->known && uplink_is_used(uplink);
}

/* An attach turns it on, device by device; only somebody else turns it off again. */
void doctor_check_forwarding(struct doctor *doctor, struct doctor_check *check)
{
	for (size_t i = 0; i < doctor->uplink_count; i++) {
		if (!uplink_is_set_up(&doctor->uplinks[i]))
			continue;
		forwarding_examine("ipv4", doctor->uplinks[i].name, check);
		forwarding_examine("ipv6", doctor->uplinks[i].name, check);
	}
	for (size_t i = 0; i < doctor->endpoints.count; i++) {
		const struct endpoint *endpoint = &doctor->endpoints.endpoints[i];

		forwarding_examine("ipv4", endpoint->link.name, check);
		if (endpoint_has_ipv6(endpoint))
			forwarding_examine("ipv6", endpoint->link.name, check);
	}
	if (check->state != DOCTOR_OK)
		finding_explain(check,
				"packets are routed for no device that has it off; writing 0 to "
				"net.ipv4.ip_forward turns it off for all",
				"nkctl repair, or sysctl -w net/FAMILY/conf/DEVICE/forwarding=1 "
				"for each");
	else if (!doctor->node_result)
		finding_add(check, DOCTOR_OK, "on for uplinks and endpoints");
	else
		finding_add(check, DOCTOR_OK, "each attach turns it on where it must");
}

/* Where IPv6 forwarding is on, accept_ra 1 no longer accepts any (addrconf.c, accept_ra). */
void doctor_check_accept_ra(struct doctor *doctor, struct doctor_check *check)
{
	int accept, forwarding;

	for (size_t i = 0; i < doctor->uplink_count; i++) {
		const char *device = doctor->uplinks[i].name;

		if (uplink_is_set_up(&doctor->uplinks[i]) &&
		    !sysctl_read_dev("ipv6", device, "accept_ra", &accept, NULL) && accept == 1 &&
		    !sysctl_read_dev("ipv6", device, "forwarding", &forwarding, NULL) && forwarding)
			finding_add(check, DOCTOR_NOTE, "net/ipv6/conf/%s/accept_ra is 1", device);
	}
	if (check->state != DOCTOR_OK)
		finding_explain(
			check,
			"a device that forwards takes no router advertisements then: a "
			"default route that came by one runs out",
			"sysctl -w net/ipv6/conf/DEVICE/accept_ra=2, where it isn't static");
	else
		finding_add(check, DOCTOR_OK, "router advertisements aren't shut out");
}

static const struct uplink_state *uplink_of_least_mtu(const struct doctor *doctor)
{
	const struct uplink_state *least = NULL;

	for (size_t i = 0; i < doctor->uplink_count; i++)
		if (uplink_is_used(&doctor->uplinks[i]) &&
		    (!least || doctor->uplinks[i].mtu < least->mtu))
			least = &doctor->uplinks[i];
	return least;
}

void doctor_check_mtu(struct doctor *doctor, struct doctor_check *check)
{
	const struct uplink_state *least = uplink_of_least_mtu(doctor);

	for (size_t i = 0; least && i < doctor->endpoints.count; i++) {
		const struct endpoint *endpoint = &doctor->endpoints.endpoints[i];

		if (endpoint->link.mtu > least->mtu)
			finding_add(check, DOCTOR_WARN, "%s has %u", endpoint_label(endpoint),
				    endpoint->link.mtu);
	}
	for (size_t i = 0; least && i < doctor->networks.count; i++) {
		const struct network_entry *entry = &doctor->networks.entries[i];

		if (entry->network.mtu > least->mtu)
			finding_add(check, DOCTOR_WARN, "network %s has %u", entry->key.name,
				    entry->network.mtu);
	}
	if (!least || check->state == DOCTOR_OK) {
		finding_add(check, DOCTOR_OK, "no endpoint has more than its uplinks");
		return;
	}
	finding_add(check, DOCTOR_WARN, "the uplink %s %u", least->name, least->mtu);
	finding_explain(check,
			"each larger packet for that uplink is lost and answered (fragmentation "
			"needed, packet too big) until its sender has learnt",
			"attach with --mtu, or raise the uplink's: ip link set DEVICE mtu N");
}

/* Gateway addresses are ours, and on the loopback device, where no link is. */
static void subnet_examine(const struct network_entry *entry, const struct nk_subnet *subnet,
			   const struct device_address_list *addresses, struct doctor_check *check)
{
	struct prefix prefix = subnet_prefix(subnet);
	char device[IF_NAMESIZE];

	for (size_t i = 0; i < addresses->count; i++) {
		const struct device_address *address = &addresses->addresses[i];

		if (address->ifindex == LOOPBACK_IFINDEX ||
		    address->prefix.addr.family != prefix.addr.family ||
		    !prefix_overlaps(&prefix, &address->prefix) ||
		    !if_indextoname((unsigned int)address->ifindex, device))
			continue;
		finding_add(check, DOCTOR_WARN, "%s of network %s overlaps %s on %s",
			    prefix_format(&prefix).text, entry->key.name,
			    prefix_format(&address->prefix).text, device);
	}
}

/* A network that was added is removed before it is added anew; the built-in one needn't be. */
static void subnets_explain(struct doctor *doctor, const char *name, struct doctor_check *check)
{
	struct nk_network network;
	bool added =
		!doctor->node_result && !network_get(&doctor->node.datapath, name, &network, NULL);
	char mend[DOCTOR_TEXT_SIZE];

	(void)snprintf(mend, sizeof(mend),
		       "detach what is attached to %s, then: %s%s%snkctl network add %s --subnet "
		       "CIDR",
		       name, added ? "nkctl network remove " : "", added ? name : "",
		       added ? " && " : "", name);
	finding_explain(check, "a container may get an address that somebody else has there", mend);
}

void doctor_check_subnets(struct doctor *doctor, struct doctor_check *check)
{
	_cleanup_device_address_list_ struct device_address_list addresses = { 0 };
	struct error err = { .message = "no rtnetlink socket" };

	if (!doctor->nl || device_address_list_read(doctor->nl, &addresses, &err)) {
		finding_add(check, DOCTOR_WARN, "%s", err.message);
		return;
	}
	for (size_t i = 0; i < doctor->networks.count; i++) {
		const struct network_entry *entry = &doctor->networks.entries[i];

		for (size_t j = 0; j < entry->network.subnet_count; j++)
			subnet_examine(entry, &entry->network.subnets[j], &addresses, check);
		if (check->state != DOCTOR_OK)
			subnets_explain(doctor, entry->key.name, check);
	}
	if (check->state == DOCTOR_OK)
		finding_add(check, DOCTOR_OK, "those of the networks are on no device");
}

/* What there is, or what the first load would choose. */
void doctor_check_nat_ports(struct doctor *doctor, struct doctor_check *check)
{
	_cleanup_nat_state_ struct nat_state state = { 0 };
	struct error err;

	if (nat_state_read(&doctor->node, &state, &err)) {
		finding_add(check, DOCTOR_WARN, "%s", err.message);
		return;
	}
	finding_add(check, nat_shares_ports(&state) ? DOCTOR_WARN : DOCTOR_OK,
		    "masquerading takes %u-%u", state.ports.min, state.ports.max);
	finding_add(check, DOCTOR_OK, "the host's own sockets %u-%u", state.local_ports.min,
		    state.local_ports.max);
	if (check->state != DOCTOR_OK)
		finding_explain(
			check,
			"a socket of the host may get a port that a flow has, and then lacks "
			"its answers",
			"nkctl nat set --ports MIN-MAX, or sysctl -w "
			"net.ipv4.ip_local_port_range=\"MIN MAX\"");
}
