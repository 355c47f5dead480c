// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The repair of one endpoint: what an attach made of it, in the order of the attach. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/exempt.h"
#include "bpf/hook.h"
#include "bpf/published.h"
#include "bpf/rescue.h"
#include "core/netns.h"
#include "core/sysctl.h"
#include "nl/address.h"
#include "nl/inet.h"
#include "ops/attach.h"
#include "ops/bandwidth.h"
#include "ops/collect.h"
#include "ops/repair_fault.h"
#include "ops/setup.h"

#define ATTACH_AGAIN "detach it, and attach it again"

/**
 * struct patient - an endpoint under repair.
 * @endpoint: as it was found
 * @link: the primary
 * @network: of its addresses. Not by its name where a runtime chose it: then what is known are
 *	the subnets that still have their last-resort route (ops/gateway.c)
 * @is_made_by_hand: addresses and routes of the container are those that an attach gives, and
 *	nobody else's choice
 * @addresses: that are its own, whether they are claimed or not
 * @flags: of its claims (enum nk_endpoint_flags), but NK_ENDPOINT_MASQUERADE
 * @metadata_is_unknown: nothing tells whether it is NK_ENDPOINT_NO_METADATA, so it is
 * @peer_mac: zero where it has none
 * @netns_fd, @container, @peer: the container's side; -1 and NULL where its namespace has no name
 */
struct patient {
	struct repair *repair;
	struct node *node;
	const struct endpoint *endpoint;
	struct link_info link;
	struct nk_network network;
	bool is_made_by_hand;
	struct addr addresses[NK_ENDPOINT_ADDRESSES_MAX];
	size_t address_count;
	uint32_t flags;
	bool metadata_is_unknown;
	uint8_t peer_mac[NK_ETH_ALEN];
	int netns_fd;
	struct nlsock *container;
	struct link_info peer;
};

static const uint8_t families[] = { AF_INET, AF_INET6 };

static void patient_free(struct patient *patient)
{
	nlsock_close(patient->container);
	cleanup_close(&patient->netns_fd);
}
#define _cleanup_patient_ _cleanup_(patient_free)

static bool patient_has_family(const struct patient *patient, uint8_t family)
{
	for (size_t i = 0; i < patient->address_count; i++)
		if (patient->addresses[i].family == family)
			return true;
	return false;
}

static void patient_add_address(struct patient *patient, const struct addr *addr)
{
	for (size_t i = 0; i < patient->address_count; i++)
		if (addr_equal(&patient->addresses[i], addr))
			return;
	if (patient->address_count < NK_ENDPOINT_ADDRESSES_MAX)
		patient->addresses[patient->address_count++] = *addr;
}

/* What is known of it -------------------------------------------------------------------------- */

/*
 * Where the note of the claims is gone, the host's routes tell: those to single addresses with our
 * mark, which only the host's root can make. What the container says of itself is no proof.
 */
static int addresses_from_routes(struct patient *patient, uint8_t family, struct error *err)
{
	_cleanup_inet_route_list_ struct inet_route_list list = { 0 };
	int ret =
		inet_route_list_read(patient->node->nl, family, patient->link.ifindex, &list, err);

	for (size_t i = 0; !ret && i < list.count; i++)
		if (list.entries[i].is_ours && list.entries[i].dst.len == addr_bits(family))
			patient_add_address(patient, &list.entries[i].dst.addr);
	return ret;
}

static bool family_is_there(struct node *node, uint8_t family)
{
	return family == AF_INET || node_has_ipv6(node);
}

static int addresses_find(struct patient *patient, struct error *err)
{
	const struct endpoint *endpoint = patient->endpoint;
	int ret = owner_addresses(&patient->node->datapath, patient->link.ifindex,
				  patient->addresses, &patient->address_count, err);
	bool is_noted = patient->address_count;

	for (size_t i = 0; i < endpoint->address_count; i++)
		patient_add_address(patient, &endpoint->addresses[i]);
	for (size_t i = 0; !ret && !is_noted && i < ARRAY_SIZE(families); i++)
		if (family_is_there(patient->node, families[i]))
			ret = addresses_from_routes(patient, families[i], err);
	return ret;
}

/* Whether a subnet is one that an attach gave the host a gateway address of. */
static int subnet_find(struct patient *patient, const struct prefix *subnet, struct error *err)
{
	_cleanup_inet_route_list_ struct inet_route_list list = { 0 };
	int ret = inet_unreachable_list_read(patient->node->nl, subnet->addr.family, &list, err);

	if (!ret && inet_route_list_has(&list, subnet, 0))
		(void)network_add_subnet(&patient->network, subnet, NULL); /* else none of ours */
	return ret;
}

static int network_find_by_subnets(struct patient *patient, struct error *err)
{
	_cleanup_exempt_list_ struct exempt_list list = { 0 };
	int ret = exempt_list_read(&patient->node->datapath, &list, err);

	for (size_t i = 0; !ret && i < list.count; i++) {
		const struct exempt_entry *entry = &list.entries[i];

		for (size_t j = 0; !ret && j < patient->address_count; j++)
			if (entry->reasons & NK_EXEMPT_NETWORK &&
			    prefix_contains(&entry->prefix, &patient->addresses[j]))
				ret = subnet_find(patient, &entry->prefix, err);
	}
	return ret;
}

static int network_find(struct patient *patient, struct error *err)
{
	const struct identity *identity = &patient->endpoint->identity;

	patient->is_made_by_hand =
		identity->maker == IDENTITY_BY_COMMAND &&
		!node_network(patient->node, identity->network, &patient->network, NULL);
	return patient->is_made_by_hand ? 0 : network_find_by_subnets(patient, err);
}

/* That it is kept away from metadata is told by its claims, those that are left, or its network. */
static void metadata_find(struct patient *patient)
{
	const struct endpoint *endpoint = patient->endpoint;

	patient->metadata_is_unknown = !endpoint->address_count && !patient->network.no_metadata;
	if (endpoint->flags & NK_ENDPOINT_NO_METADATA || patient->network.no_metadata ||
	    patient->metadata_is_unknown)
		patient->flags |= NK_ENDPOINT_NO_METADATA;
}

/* Limits and ports are told by what keeps them. */
static int flags_find(struct patient *patient, struct error *err)
{
	_cleanup_published_list_ struct published_list published = { 0 };
	struct bandwidth bandwidth;
	int ret = bandwidth_read(patient->link.ifindex, patient->endpoint->kind == NK_DEVICE_NETKIT,
				 NK_ENDPOINT_PACED | NK_ENDPOINT_POLICED, &bandwidth, err);

	if (!ret)
		ret = published_list_read(&patient->node->datapath, &published, err);
	if (ret)
		return ret;
	patient->flags = bandwidth_flags(&bandwidth);
	for (size_t i = 0; i < published.count; i++)
		if (published.entries[i].value.ifindex == (__u32)patient->link.ifindex)
			patient->flags |= NK_ENDPOINT_PUBLISHED;
	metadata_find(patient);
	return 0;
}

static void container_find(struct patient *patient)
{
	if (*patient->endpoint->netns &&
	    (netns_open(patient->endpoint->netns, &patient->netns_fd, NULL) ||
	     nlsock_open_in(patient->netns_fd, &patient->container, NULL) ||
	     link_get_by_index(patient->container, patient->link.peer_ifindex, &patient->peer,
			       NULL))) {
		nlsock_close(patient->container); /* it is dying */
		patient->container = NULL;
	}
}

/* As macs_plan() in ops/attach.c has it; a MAC address that was asked for is read from the peer. */
static void mac_find(struct patient *patient)
{
	const struct endpoint *endpoint = patient->endpoint;

	if (endpoint->kind == NK_DEVICE_NETKIT && endpoint->mode == NK_MODE_L3)
		return;
	if (endpoint->address_count)
		memcpy(patient->peer_mac, endpoint->mac, NK_ETH_ALEN);
	else if (endpoint->mode == NK_MODE_L3)
		memcpy(patient->peer_mac, patient->link.mac, NK_ETH_ALEN);
	else if (patient->container)
		memcpy(patient->peer_mac, patient->peer.mac, NK_ETH_ALEN);
	else
		identity_mac(&endpoint->identity, patient->peer_mac);
}

static int patient_find(struct patient *patient, struct error *err)
{
	int ret = link_get_by_index(patient->node->nl, patient->endpoint->link.ifindex,
				    &patient->link, err);

	if (!ret)
		ret = addresses_find(patient, err);
	if (!ret)
		ret = network_find(patient, err);
	if (!ret)
		ret = flags_find(patient, err);
	if (ret)
		return ret;
	container_find(patient);
	mac_find(patient);
	return 0;
}

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

/* Return: whether the container is held to its addresses: without, nothing else is mended. */
static bool program_repair(struct patient *patient)
{
	struct repair *repair = patient->repair;
	uint32_t id = patient->endpoint->program_id;

	if (!id)
		return fault_mend(repair, program_attach, patient, "its program was taken off");
	if (!rescue_program_fits(&patient->node->datapath.pins, id))
		return fault_mend(repair, program_replace, patient,
				  "its program worked on maps that aren't pinned any more");
	return true;
}

/* Claims --------------------------------------------------------------------------------------- */

struct claim_mend {
	struct patient *patient;
	const struct addr *addr;
};

/*
 * Whether its addresses are masqueraded is the network's choice or the attach's: the claims that
 * are left tell, where there are any.
 */
static enum nk_masquerade masquerade_of(const struct patient *patient)
{
	const struct endpoint *endpoint = patient->endpoint;
	enum nk_masquerade masquerade = (enum nk_masquerade)patient->network.masquerade;
	bool is_on = endpoint->flags & NK_ENDPOINT_MASQUERADE, would_be = false;

	for (size_t i = 0; i < endpoint->address_count; i++)
		would_be |= masquerade_applies(masquerade, &endpoint->addresses[i]);
	if (!endpoint->address_count || would_be == is_on)
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
		.mtu = patient->link.mtu,
		.flags = patient->flags,
	};
	int ret = owner_set(datapath, patient->link.ifindex, patient->addresses,
			    patient->address_count, err);

	memcpy(value.mac, patient->peer_mac, NK_ETH_ALEN);
	memcpy(value.gateway_mac, patient->link.mac, NK_ETH_ALEN); /* l3 netkit has none, either */
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
		ret = collect_owner(patient->node, (int)claim.ifindex, &owner, err);
	if (!ret) {
		fault_leave(patient->repair, ATTACH_AGAIN, "its address %s is %s's by now",
			    addr_format(addr).text, *owner.alias ? owner.alias : owner.name);
		return 0;
	}
	if (ret == -ENODEV && !patient->repair->dry_run) /* a dead one's */
		ret = owner_release(&patient->node->datapath, (int)claim.ifindex, err);
	if (ret && ret != -ENOENT && ret != -ENODEV)
		return ret;
	(void)fault_mend(patient->repair, claim_mend, &mend,
			 "its address %s was gone from the endpoint map", addr_format(addr).text);
	return 0;
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
	if (!ret && patient->address_count && patient->metadata_is_unknown)
		fault_leave(patient->repair, ATTACH_AGAIN,
			    "it is kept away from metadata addresses, as nothing tells whether it "
			    "may reach them");
	return ret;
}

/* The host's side ------------------------------------------------------------------------------ */

/* struct sides - what host_setup() and container_setup() are given, and where it lives. */
struct sides {
	struct endpoint_setup setup;
	struct prefix addresses[NK_ENDPOINT_ADDRESSES_MAX];
};

/* @family: 0: of both */
static void sides_fill(const struct patient *patient, uint8_t family, struct sides *sides)
{
	size_t count = 0;

	for (size_t i = 0; i < patient->address_count; i++) {
		const struct addr *addr = &patient->addresses[i];

		if (!family || addr->family == family)
			sides->addresses[count++] =
				(struct prefix){ *addr, addr_bits(addr->family) };
	}
	sides->setup = (struct endpoint_setup){
		.host = patient->node->nl,
		.container = patient->container,
		.netns_fd = patient->netns_fd,
		.primary_name = patient->link.name,
		.peer_name = patient->peer.name,
		.ifindex = patient->link.ifindex,
		.peer_ifindex = patient->link.peer_ifindex,
		.peer_mac = patient->peer_mac,
		.noarp = patient->endpoint->mode == NK_MODE_L3,
		.has_ipv6 = patient->link.has_ipv6,
		.network = &patient->network,
		.addresses = sides->addresses,
		.address_count = count,
	};
}

/* All of it: what is as it should be stays so. */
static int host_mend(void *data, struct error *err)
{
	struct sides sides;

	sides_fill(data, 0, &sides);
	return host_setup(&sides.setup, err);
}

static void forwarding_repair(struct patient *patient, uint8_t family)
{
	const char *name = family == AF_INET ? "ipv4" : "ipv6";
	int on;

	if (!sysctl_read_dev(name, patient->link.name, "forwarding", &on, NULL) && !on)
		(void)fault_mend(patient->repair, host_mend, patient,
				 "net.%s.conf.%s.forwarding "
				 "was off",
				 name, patient->link.name);
}

static int host_has_address(const struct patient *patient, const struct addr *addr, bool *ret_has,
			    struct error *err)
{
	_cleanup_device_address_list_ struct device_address_list list = { 0 };
	int ret = device_address_list_read(patient->node->nl, &list, err);

	*ret_has = false;
	for (size_t i = 0; !ret && i < list.count; i++)
		*ret_has |= list.addresses[i].ifindex == LOOPBACK_IFINDEX &&
			    addr_equal(&list.addresses[i].local, addr);
	return ret;
}

static int gateway_repair(struct patient *patient, const struct nk_subnet *subnet,
			  struct error *err)
{
	_cleanup_inet_route_list_ struct inet_route_list list = { 0 };
	struct addr gateway = subnet_gateway(subnet);
	struct prefix prefix = subnet_prefix(subnet);
	bool has_address = false;
	int ret = host_has_address(patient, &gateway, &has_address, err);

	if (!ret)
		ret = inet_unreachable_list_read(patient->node->nl, subnet->family, &list, err);
	if (ret)
		return ret;
	if (!has_address)
		(void)fault_mend(patient->repair, host_mend, patient,
				 "the host had no gateway address %s", addr_format(&gateway).text);
	else if (!inet_route_list_has(&list, &prefix, 0))
		(void)fault_mend(patient->repair, host_mend, patient,
				 "the host had no last-resort route for %s",
				 prefix_format(&prefix).text);
	return 0;
}

static int host_route_repair(struct patient *patient, const struct addr *addr, struct error *err)
{
	_cleanup_inet_route_list_ struct inet_route_list list = { 0 };
	struct prefix dst = { *addr, addr_bits(addr->family) };
	int ret = inet_route_list_read(patient->node->nl, addr->family, patient->link.ifindex,
				       &list, err);

	if (!ret && !inet_route_list_has(&list, &dst, 0))
		(void)fault_mend(patient->repair, host_mend, patient, "the host had no route to %s",
				 addr_format(addr).text);
	return ret;
}

static int host_repair(struct patient *patient, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (patient_has_family(patient, families[i]))
			forwarding_repair(patient, families[i]);
	if (!(patient->link.flags & IFF_UP))
		(void)fault_mend(patient->repair, host_mend, patient, "%s was down",
				 patient->link.name);
	for (size_t i = 0; !ret && i < patient->address_count; i++) {
		const struct addr *addr = &patient->addresses[i];
		const struct nk_subnet *subnet = network_subnet_of(&patient->network, addr);

		ret = subnet ? gateway_repair(patient, subnet, err) : 0;
		if (!ret)
			ret = host_route_repair(patient, addr, err);
	}
	return ret;
}

/* The container's side ------------------------------------------------------------------------- */

struct container_mend {
	struct patient *patient;
	uint8_t family;
	bool has_route;
};

static int container_mend(void *data, struct error *err)
{
	static const struct endpoint_routes none = { .count = 0 };
	const struct container_mend *mend = data;
	struct endpoint_routes made;
	struct sides sides;

	sides_fill(mend->patient, mend->family, &sides);
	sides.setup.routes = mend->has_route ? &none : NULL;
	return container_setup(&sides.setup, &made, err);
}

static void container_fault(struct container_mend *mend, const char *what, const char *detail)
{
	struct repair *repair = mend->patient->repair;
	const char *device = mend->patient->peer.name;

	if (mend->patient->is_made_by_hand)
		(void)fault_mend(repair, container_mend, mend, "the container's %s %s%s", device,
				 what, detail);
	else
		fault_leave(repair, "what it had is its runtime's choice: have that make it anew",
			    "the container's %s %s%s", device, what, detail);
}

static bool peer_has_address(const struct patient *patient, const struct device_address_list *list,
			     const struct addr *addr)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->addresses[i].ifindex == patient->link.peer_ifindex &&
		    addr_equal(&list->addresses[i].local, addr))
			return true;
	return false;
}

/* One of them that the container hasn't got; NULL: it has all. */
static const struct addr *address_missing(const struct patient *patient, uint8_t family,
					  const struct device_address_list *addresses)
{
	for (size_t i = 0; i < patient->address_count; i++)
		if (patient->addresses[i].family == family &&
		    !peer_has_address(patient, addresses, &patient->addresses[i]))
			return &patient->addresses[i];
	return NULL;
}

/* A way to elsewhere: a default route, or that to its subnet; not what comes with an address. */
static bool routes_lead_on(const struct inet_route_list *list, uint8_t family)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->entries[i].dst.len < addr_bits(family) && !list->entries[i].is_kernels)
			return true;
	return false;
}

static int container_family_repair(struct patient *patient, uint8_t family,
				   const struct device_address_list *addresses, struct error *err)
{
	_cleanup_inet_route_list_ struct inet_route_list routes = { 0 };
	struct container_mend mend = { .patient = patient, .family = family };
	int ret = inet_route_list_read(patient->container, family, patient->link.peer_ifindex,
				       &routes, err);
	const struct addr *missing;

	if (ret)
		return ret;
	mend.has_route = routes_lead_on(&routes, family);
	missing = address_missing(patient, family, addresses);
	if (missing) /* mended, they have their routes as well */
		container_fault(&mend, "had no address ", addr_format(missing).text);
	else if (!mend.has_route)
		container_fault(&mend, "had no route by which it sends ", family_name(family));
	return 0;
}

static int container_repair(struct patient *patient, struct error *err)
{
	_cleanup_device_address_list_ struct device_address_list addresses = { 0 };
	int ret = 0;

	if (!patient->container)
		return 0;
	if (!(patient->peer.flags & IFF_UP)) {
		struct container_mend mend = { .patient = patient };

		container_fault(&mend, "was down", "");
	}
	ret = device_address_list_read(patient->container, &addresses, err);
	for (size_t i = 0; !ret && i < ARRAY_SIZE(families); i++)
		if (patient_has_family(patient, families[i]))
			ret = container_family_repair(patient, families[i], &addresses, err);
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
		fault_leave(patient->repair, "nkctl publish add",
			    "its published ports are gone, and nothing tells what they were");
	if (flags & ~patient->flags & (NK_ENDPOINT_PACED | NK_ENDPOINT_POLICED))
		fault_leave(patient->repair, ATTACH_AGAIN,
			    "a limit's program is gone, and nothing tells what the limit was");
	return 0;
}

/* An endpoint ---------------------------------------------------------------------------------- */

static int unfinished_remove(void *data, struct error *err)
{
	const struct patient *patient = data;

	return endpoint_remove(patient->node, patient->endpoint->link.ifindex, err);
}

int repair_endpoint(struct repair *repair, const struct endpoint *endpoint, struct error *err)
{
	static int (*const steps[])(struct patient *, struct error *) = { claims_repair,
									  flags_repair, host_repair,
									  container_repair };
	_cleanup_patient_ struct patient patient = {
		.repair = repair, .node = repair->node, .endpoint = endpoint, .netns_fd = -1
	};
	int ret;

	if (endpoint->state == ENDPOINT_UNFINISHED) {
		(void)fault_mend(repair, unfinished_remove, &patient,
				 "its attach was killed half way: it is removed");
		return 0;
	}
	ret = patient_find(&patient, err);
	if (!ret && !program_repair(&patient) && !repair->dry_run)
		return 0;
	for (size_t i = 0; !ret && i < ARRAY_SIZE(steps); i++)
		ret = steps[i](&patient, err);
	return ret;
}
