// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The repair of an endpoint's two sides: devices, addresses and routes, host's and container's. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/sysctl.h"
#include "model/network.h"
#include "nl/address.h"
#include "nl/inet.h"
#include "ops/repair_patient.h"
#include "ops/setup.h"

static bool patient_has_family(const struct patient *patient, uint8_t family)
{
	for (size_t i = 0; i < patient->address_count; i++)
		if (patient->addresses[i].family == family)
			return true;
	return false;
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

static bool primary_has_mtu(const struct patient *patient)
{
	return patient->link.mtu == patient->claim.mtu;
}

static bool primary_has_mac(const struct patient *patient)
{
	return !memcmp(patient->link.mac, patient->claim.gateway_mac, NK_ETH_ALEN);
}

/* Before all else: too small an MTU leaves no IPv6 to set up. */
static int primary_mend(struct patient *patient, struct error *err)
{
	struct nlsock *nl = patient->node->nl;
	int ret = 0;

	if (!primary_has_mtu(patient))
		ret = link_set_mtu(nl, patient->link.ifindex, patient->claim.mtu, err);
	if (!ret && !primary_has_mac(patient))
		ret = link_set_mac(nl, patient->link.ifindex, patient->claim.gateway_mac, err);
	if (ret)
		return error_prefix(err, "set the MTU and the MAC address of %s",
				    patient->link.name);
	return link_get_by_index(nl, patient->link.ifindex, &patient->link, err);
}

/* All of it: what is as it should be stays so. */
static int host_mend(void *data, struct error *err)
{
	struct sides sides;
	int ret = primary_mend(data, err);

	if (ret)
		return ret;
	sides_fill(data, 0, &sides);
	return host_setup(&sides.setup, NULL, err);
}

static void primary_repair(struct patient *patient)
{
	if (!primary_has_mtu(patient))
		(void)fault_mend(patient->repair, host_mend, patient,
				 "%s had the MTU %u instead of %u", patient->link.name,
				 patient->link.mtu, patient->claim.mtu);
	if (!primary_has_mac(patient))
		(void)fault_mend(patient->repair, host_mend, patient, "%s had another MAC address",
				 patient->link.name);
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

static int neigh_repair(struct patient *patient, const struct addr *addr, struct error *err)
{
	bool has = true;
	int ret = 0;

	if (patient->endpoint->mode == NK_MODE_L2)
		ret = inet_neigh_has(patient->node->nl, patient->link.ifindex, addr,
				     patient->peer_mac, &has, err);
	if (!ret && !has)
		(void)fault_mend(patient->repair, host_mend, patient,
				 "the host had no neighbour entry for %s", addr_format(addr).text);
	return ret;
}

int host_repair(struct patient *patient, struct error *err)
{
	int ret = 0;

	primary_repair(patient);
	for (size_t i = 0; i < ADDR_FAMILIES; i++)
		if (patient_has_family(patient, addr_families[i]))
			forwarding_repair(patient, addr_families[i]);
	if (!(patient->link.flags & IFF_UP))
		(void)fault_mend(patient->repair, host_mend, patient, "%s was down",
				 patient->link.name);
	for (size_t i = 0; !ret && i < patient->address_count; i++) {
		const struct addr *addr = &patient->addresses[i];
		const struct nk_subnet *subnet = network_subnet_of(&patient->network, addr);

		ret = subnet ? gateway_repair(patient, subnet, err) : 0;
		if (!ret)
			ret = host_route_repair(patient, addr, err);
		if (!ret)
			ret = neigh_repair(patient, addr, err);
	}
	return ret;
}

/* The container's side ------------------------------------------------------------------------- */

struct container_mend {
	struct patient *patient;
	uint8_t family;
	bool has_route;
};

static bool peer_lacks_ipv6(const struct patient *patient)
{
	return patient_has_family(patient, AF_INET6) && patient->peer.mtu < MTU_MIN_V6 &&
	       patient->claim.mtu >= MTU_MIN_V6;
}

/* Where packets are sent to; an l3 pair of netkit has none. */
static bool peer_has_mac(const struct patient *patient)
{
	static const uint8_t none[NK_ETH_ALEN];

	return !memcmp(patient->peer_mac, none, NK_ETH_ALEN) ||
	       !memcmp(patient->peer_mac, patient->peer.mac, NK_ETH_ALEN);
}

static int peer_mend(struct patient *patient, struct error *err)
{
	struct nlsock *nl = patient->container;
	struct link_info *peer = &patient->peer;
	int ret = 0;

	if (!peer_has_mac(patient))
		ret = link_set_mac(nl, peer->ifindex, patient->peer_mac, err);
	if (!ret && peer_lacks_ipv6(patient))
		ret = link_set_mtu(nl, peer->ifindex, patient->claim.mtu, err);
	if (ret)
		return error_prefix(err, "set the MTU and the MAC address of the container's %s",
				    peer->name);
	return link_get_by_index(nl, peer->ifindex, peer, err);
}

static int container_mend(void *data, struct error *err)
{
	static const struct endpoint_routes none = { .count = 0 };
	const struct container_mend *mend = data;
	struct endpoint_routes made;
	struct sides sides;
	int ret = peer_mend(mend->patient, err);

	if (ret)
		return ret;
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

static void peer_repair(struct patient *patient)
{
	struct container_mend mend = { .patient = patient };
	char mtu[16];

	if (!(patient->peer.flags & IFF_UP))
		container_fault(&mend, "was down", "");
	if (!peer_has_mac(patient))
		container_fault(&mend, "had another MAC address", "");
	if (!peer_lacks_ipv6(patient))
		return;
	(void)snprintf(mtu, sizeof(mtu), "%u", patient->peer.mtu);
	mend.family = AF_INET6;
	container_fault(&mend, "had an MTU too small for IPv6: ", mtu);
}

int container_repair(struct patient *patient, struct error *err)
{
	_cleanup_device_address_list_ struct device_address_list addresses = { 0 };
	int ret = 0;

	if (!patient->container)
		return 0;
	peer_repair(patient);
	ret = device_address_list_read(patient->container, &addresses, err);
	for (size_t i = 0; !ret && i < ADDR_FAMILIES; i++)
		if (patient_has_family(patient, addr_families[i]))
			ret = container_family_repair(patient, addr_families[i], &addresses, err);
	return ret;
}
