// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is known of an endpoint that has lost some of itself. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/exempt.h"
#include "bpf/published.h"
#include "core/netns.h"
#include "nl/inet.h"
#include "nl/observe.h"
#include "ops/bandwidth.h"
#include "ops/repair_patient.h"

static void patient_add_address(struct patient *patient, const struct addr *addr)
{
	for (size_t i = 0; i < patient->address_count; i++)
		if (addr_equal(&patient->addresses[i], addr))
			return;
	if (patient->address_count < NK_ENDPOINT_ADDRESSES_MAX)
		patient->addresses[patient->address_count++] = *addr;
}

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
	for (size_t i = 0; !ret && !is_noted && i < ADDR_FAMILIES; i++)
		if (family_is_there(patient->node, addr_families[i]))
			ret = addresses_from_routes(patient, addr_families[i], err);
	return ret;
}

static int claim_find(struct patient *patient, struct error *err)
{
	patient->claim = (struct nk_endpoint){ .mtu = patient->link.mtu };
	memcpy(patient->claim.gateway_mac, patient->link.mac, NK_ETH_ALEN); /* l3 netkit has none */
	/* What the list was told of its claims: one may have gone since. */
	for (size_t i = 0; i < patient->endpoint->address_count; i++) {
		struct nk_endpoint claim;
		int ret = claim_get(&patient->node->datapath, &patient->endpoint->addresses[i],
				    &claim, err);

		if (ret && ret != -ENOENT)
			return ret;
		if (!ret && claim.ifindex == (__u32)patient->link.ifindex)
			patient->claim = claim;
	}
	return 0;
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
	int ret = bandwidth_read(patient->link.ifindex, patient->endpoint->kind == NK_DEVICE_NETKIT,
				 BANDWIDTH_FLAGS, &patient->bandwidth, err);

	if (!ret)
		ret = published_list_read(&patient->node->datapath, &published, err);
	if (ret)
		return ret;
	patient->flags = bandwidth_flags(&patient->bandwidth);
	for (size_t i = 0; i < published.count; i++)
		if (published.entries[i].value.ifindex == (__u32)patient->link.ifindex)
			patient->flags |= NK_ENDPOINT_PUBLISHED;
	metadata_find(patient);
	return 0;
}

static void container_find(struct patient *patient)
{
	if (*patient->endpoint->netns &&
	    (netns_open_known(patient->node->nl, patient->endpoint->netns,
			      patient->link.peer_netnsid, &patient->netns_fd, NULL) ||
	     nlsock_open_in(patient->netns_fd, &patient->container, NULL) ||
	     link_get_by_index(patient->container, patient->link.peer_ifindex, &patient->peer,
			       NULL))) {
		nlsock_close(patient->container); /* it is dying */
		patient->container = NULL;
		cleanup_close(&patient->netns_fd);
	}
}

/* As macs_plan() in ops/attach_plan.c has it; a MAC address that was asked for is read from the
 * peer. */
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

int patient_find(struct patient *patient, struct error *err)
{
	int ret = link_get_by_index(patient->node->nl, patient->endpoint->link.ifindex,
				    &patient->link, err);

	if (!ret)
		ret = addresses_find(patient, err);
	if (!ret)
		ret = claim_find(patient, err);
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
