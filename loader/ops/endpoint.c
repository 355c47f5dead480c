// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/hook.h"
#include "core/cleanup.h"
#include "nl/observe.h"
#include "ops/bandwidth.h"
#include "ops/publish.h"

static const struct {
	const char *name, *explanation;
} states[] = {
#define X(identifier, name, explanation) [ENDPOINT_##identifier] = { name, explanation },
	ENDPOINT_STATES(X)
#undef X
};

const char *endpoint_state_name(enum endpoint_state state)
{
	return states[state].name;
}

const char *endpoint_state_explanation(enum endpoint_state state)
{
	return states[state].explanation;
}

static enum nk_device link_kind(const struct link_info *link)
{
	return strcmp(link->kind, "netkit") ? NK_DEVICE_VETH : NK_DEVICE_NETKIT;
}

enum datapath_program endpoint_program(const struct link_info *link)
{
	return link_kind(link) == NK_DEVICE_NETKIT ? PROGRAM_FROM_CTR : PROGRAM_FROM_CTR_VETH;
}

bool endpoint_has_name(const struct endpoint *endpoint, const char *name)
{
	return !strcmp(endpoint->identity.id, name) || !strcmp(endpoint->link.name, name);
}

static bool link_is_anothers(const struct link_info *link, const struct identity *identity)
{
	struct identity found;

	return !identity_from_alias(link->alias, &found) && !identity_equal(&found, identity);
}

int endpoint_find(struct node *node, const struct identity *identity, struct link_info *ret_link,
		  struct error *err)
{
	char name[IF_NAMESIZE];
	struct link_info link;
	int ret;

	identity_device_name(identity, name);
	ret = link_get_by_name(node->nl, name, &link, err);
	if (ret == -ENODEV)
		return error_set(err, ENODEV, "not attached: %s/%s/%s has no device",
				 identity->network, identity->id, identity->ifname);
	if (ret)
		return ret;
	if (link.group != NK_LINK_GROUP)
		return error_set(err, EEXIST, "the device %s isn't nkctl's: rename or delete it",
				 name);
	if (link_is_anothers(&link, identity))
		return error_set(err, EEXIST,
				 "the device %s belongs to '%s', which has the same hash: use "
				 "another --id",
				 name, link.alias);
	*ret_link = link;
	return 0;
}

int endpoint_locate(struct node *node, const struct identity *identity, struct link_info *ret_link,
		    struct error *err)
{
	_cleanup_link_list_ struct link_list links = { 0 };
	int ret = endpoint_find(node, identity, ret_link, err);
	struct identity found;

	if (ret != -ENODEV || link_list_read(NK_LINK_GROUP, &links, NULL))
		return ret;
	for (size_t i = 0; i < links.count; i++) {
		if (identity_from_alias(links.links[i].alias, &found) ||
		    !identity_equal(&found, identity))
			continue;
		*ret_link = links.links[i];
		return 0;
	}
	return ret;
}

/* An l3 device, of either kind, does no ARP: that is how the kernel shows the mode. */
static enum nk_mode link_mode(const struct link_info *link)
{
	return link->flags & IFF_NOARP ? NK_MODE_L3 : NK_MODE_L2;
}

static enum endpoint_state endpoint_state(const struct endpoint *endpoint, bool is_loaded,
					  size_t noted_count, bool keeps_limits)
{
	if (endpoint->link.is_unfinished)
		return ENDPOINT_UNFINISHED;
	if (!*endpoint->identity.id)
		return ENDPOINT_UNNAMED;
	if (!endpoint->program_id)
		return ENDPOINT_NO_PROGRAM;
	if (!is_loaded)
		return ENDPOINT_NO_PINS;
	if (!endpoint->address_count)
		return ENDPOINT_NO_ADDRESS;
	if (endpoint->address_count < noted_count)
		return ENDPOINT_LOST_ADDRESS;
	if (!keeps_limits)
		return ENDPOINT_LOST_LIMIT;
	return endpoint->link.flags & IFF_UP ? ENDPOINT_OK : ENDPOINT_DOWN;
}

static bool endpoint_has_gateway(const struct endpoint *endpoint, const struct addr *gateway)
{
	for (size_t i = 0; i < endpoint->gateway_count; i++)
		if (addr_equal(&endpoint->gateways[i], gateway))
			return true;
	return false;
}

void endpoint_add_address(struct endpoint *endpoint, const struct nk_network *network,
			  const struct addr *addr)
{
	const struct nk_subnet *subnet = network_subnet_of(network, addr);
	struct addr gateway;

	if (endpoint->address_count == NK_ENDPOINT_ADDRESSES_MAX)
		return;
	endpoint->addresses[endpoint->address_count++] = *addr;
	if (!subnet)
		return; /* the network was changed since */
	gateway = subnet_gateway(subnet);
	if (!endpoint_has_gateway(endpoint, &gateway))
		endpoint->gateways[endpoint->gateway_count++] = gateway;
}

static void endpoint_take_claims(struct node *node, struct endpoint *endpoint,
				 const struct claim_list *claims)
{
	struct nk_network network = { 0 };

	/* Unfinished or unnamed, or its network is gone: there is no gateway to name. */
	(void)node_network(node, endpoint->identity.network, &network, NULL);
	for (size_t i = 0; i < claims->count; i++) {
		const struct claim *claim = &claims->claims[i];

		if (claim->endpoint.ifindex != (uint32_t)endpoint->link.ifindex)
			continue;
		endpoint_add_address(endpoint, &network, &claim->addr);
		endpoint->flags |= claim->endpoint.flags;
		memcpy(endpoint->mac, claim->endpoint.mac, NK_ETH_ALEN);
	}
}

bool endpoint_is_dual(const struct endpoint *endpoint)
{
	uint8_t first = endpoint->address_count ? endpoint->addresses[0].family : 0;

	for (size_t i = 1; i < endpoint->address_count; i++)
		if (endpoint->addresses[i].family != first)
			return true;
	return false;
}

static int endpoint_read(struct node *node, const struct link_info *link,
			 const struct claim_list *claims, const struct netns_name_list *names,
			 struct endpoint *endpoint, struct error *err)
{
	const char *netns = netns_name_find(names, link->peer_netnsid);
	bool is_loaded = datapath_is_open(&node->datapath);
	struct addr noted[NK_ENDPOINT_ADDRESSES_MAX];
	size_t noted_count = 0;
	bool keeps_limits = false;
	int ret;

	*endpoint = (struct endpoint){ .link = *link,
				       .kind = link_kind(link),
				       .mode = link_mode(link),
				       .pins_lost = !is_loaded };
	(void)identity_from_alias(link->alias, &endpoint->identity); /* none: see its state */
	if (netns)
		(void)strncpy(endpoint->netns, netns, sizeof(endpoint->netns) - 1);
	ret = hook_find(endpoint_program(link), link->ifindex, &endpoint->program_id, NULL, err);
	if (ret)
		return ret;
	endpoint_take_claims(node, endpoint, claims);
	ret = bandwidth_read(link->ifindex, endpoint->kind == NK_DEVICE_NETKIT, endpoint->flags,
			     &endpoint->bandwidth, err);
	if (!ret)
		ret = bandwidth_is_kept(node->nl, link->ifindex, endpoint->flags,
					&endpoint->bandwidth, &keeps_limits, err);
	if (!ret && is_loaded)
		ret = owner_addresses(&node->datapath, link->ifindex, noted, &noted_count, err);
	if (ret)
		return ret;
	endpoint->state = endpoint_state(endpoint, is_loaded, noted_count, keeps_limits);
	return 0;
}

static int endpoint_order(const void *a, const void *b)
{
	const struct endpoint *left = a, *right = b;
	int order = strcmp(left->identity.network, right->identity.network);

	if (!order)
		order = strcmp(left->identity.id, right->identity.id);
	return order ? order : strcmp(left->identity.ifname, right->identity.ifname);
}

static int endpoint_list_fill(struct node *node, const struct link_list *links,
			      const struct claim_list *claims, const struct netns_name_list *names,
			      struct endpoint_list *list, struct error *err)
{
	int ret;

	list->endpoints = calloc(links->count + 1, sizeof(*list->endpoints));
	if (!list->endpoints)
		return error_sys(err, ENOMEM, "read the endpoints");
	for (size_t i = 0; i < links->count; i++) {
		ret = endpoint_read(node, &links->links[i], claims, names,
				    &list->endpoints[list->count], err);
		if (!ret)
			list->count++;
		else if (!link_is_gone(links->links[i].ifindex))
			return ret; /* not just a device that went away meanwhile */
	}
	qsort(list->endpoints, list->count, sizeof(*list->endpoints), endpoint_order);
	return 0;
}

/* Most nodes publish little: the table is read where an endpoint's claims say so. */
static int endpoint_list_take_ports(struct node *node, struct endpoint_list *list,
				    struct error *err)
{
	_cleanup_published_list_ struct published_list all = { 0 };
	bool read = false;
	int ret = 0;

	for (size_t i = 0; !ret && i < list->count; i++) {
		struct endpoint *endpoint = &list->endpoints[i];

		if (!(endpoint->flags & NK_ENDPOINT_PUBLISHED))
			continue;
		ret = read ? 0 : published_list_read(&node->datapath, &all, err);
		read = true;
		if (!ret)
			ret = publish_ports_of(&all, endpoint->link.ifindex,
					       endpoint_is_dual(endpoint), &endpoint->published,
					       err);
	}
	return ret;
}

int endpoint_list_read(struct node *node, struct endpoint_list *ret_list, struct error *err)
{
	_cleanup_netns_name_list_ struct netns_name_list names = { 0 };
	_cleanup_claim_list_ struct claim_list claims = { 0 };
	_cleanup_link_list_ struct link_list links = { 0 };
	struct endpoint_list list = { 0 };
	int ret;

	ret = link_list_read(NK_LINK_GROUP, &links, err);
	if (!ret && datapath_is_open(&node->datapath))
		ret = claim_list_read(&node->datapath, &claims, err);
	if (!ret)
		ret = netns_name_list_read(node->nl, &names, err);
	if (!ret)
		ret = endpoint_list_fill(node, &links, &claims, &names, &list, err);
	if (!ret)
		ret = endpoint_list_take_ports(node, &list, err);
	if (ret) {
		endpoint_list_free(&list);
		return ret;
	}
	*ret_list = list;
	return 0;
}

void endpoint_free(struct endpoint *endpoint)
{
	publish_list_free(&endpoint->published);
}

void endpoint_list_free(struct endpoint_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		endpoint_free(&list->endpoints[i]);
	free(list->endpoints);
	*list = (struct endpoint_list){ 0 };
}

static bool endpoint_matches(const struct endpoint *endpoint, const char *id, const char *network,
			     const char *ifname)
{
	return endpoint_has_name(endpoint, id) &&
	       (!network || !strcmp(endpoint->identity.network, network)) &&
	       (!ifname || !strcmp(endpoint->identity.ifname, ifname));
}

int endpoint_list_missed(const struct endpoint_list *list, const char *id, const char *what,
			 struct error *err)
{
	const struct endpoint *found = NULL;

	for (size_t i = 0; i < list->count; i++) {
		const struct endpoint *endpoint = &list->endpoints[i];
		const struct identity *identity = &endpoint->identity;

		if (!*identity->id)
			continue;
		if (endpoint_has_name(endpoint, id))
			return error_set(err, ENODEV, "%s, but to network %s as %s", what,
					 identity->network, identity->ifname);
		if (*id && !strcmp(endpoint->netns, id))
			found = endpoint;
	}
	if (found)
		return error_set(err, ENODEV, "%s, but its namespace is, as %s to network %s (%s)",
				 what, found->identity.id, found->identity.network,
				 found->identity.ifname);
	return error_set(err, ENODEV, "%s: `nkctl list` shows what is", what);
}

/* Return: -ENODEV */
static int choose_missed(const struct endpoint_list *list, const char *id, const char *network,
			 const char *ifname, struct error *err)
{
	char what[ERROR_MESSAGE_SIZE];

	(void)snprintf(what, sizeof(what), "isn't attached%s%s%s%s", network ? " to network " : "",
		       network ? network : "", ifname ? " as " : "", ifname ? ifname : "");
	return endpoint_list_missed(list, id, what, err);
}

int endpoint_list_choose(const struct endpoint_list *list, const char *id, const char *network,
			 const char *ifname, const struct endpoint **ret_endpoint,
			 struct error *err)
{
	const struct endpoint *found = NULL;

	for (size_t i = 0; i < list->count; i++) {
		if (!endpoint_matches(&list->endpoints[i], id, network, ifname))
			continue;
		if (found)
			return error_set(
				err, EINVAL,
				"it has several interfaces (%s on %s, %s on %s): choose with "
				"--network and --ifname",
				found->identity.ifname, found->identity.network,
				list->endpoints[i].identity.ifname,
				list->endpoints[i].identity.network);
		found = &list->endpoints[i];
	}
	if (!found)
		return choose_missed(list, id, network, ifname, err);
	*ret_endpoint = found;
	return 0;
}
