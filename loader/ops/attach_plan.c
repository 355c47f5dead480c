// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What an attach is to make, before it changes anything of an endpoint; and the datapath for it. */
#include <errno.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "core/netns.h"
#include "model/pool.h"
#include "ops/attach_step.h"
#include "ops/bandwidth.h"
#include "ops/lifecycle.h"
#include "ops/nat.h"
#include "ops/network.h"
#include "ops/publish.h"
#include "ops/uplink.h"

#define MTU_WITHOUT_UPLINK 1500 /* Ethernet's */

enum nk_masquerade attach_masquerade(const struct attach *attach)
{
	return (enum nk_masquerade)(attach->request->masquerade == ATTACH_UNSET
					    ? attach->network.masquerade
					    : attach->request->masquerade);
}

bool attach_has_no_metadata(const struct attach *attach)
{
	return attach->network.no_metadata || attach->request->no_metadata;
}

bool attach_wants_family(const struct attach *attach, uint8_t family)
{
	const struct attach_request *request = attach->request;

	for (size_t i = 0; i < request->address_count; i++)
		if (request->addresses[i].addr.family == family)
			return true;
	if (!request->auto_addresses || !network_has_family(&attach->network, family))
		return false;
	return family == AF_INET || node_has_ipv6(attach->node);
}

/* Which addresses it gets isn't known yet: it may also get none that are translated. */
static bool attach_wants_nat(const struct attach *attach)
{
	const struct attach_request *request = attach->request;

	if (request->ports.count)
		return true;
	for (size_t i = 0; request->routes && i < request->address_count; i++)
		if (masquerade_applies(attach_masquerade(attach), &request->addresses[i].addr))
			return true;
	for (size_t i = 0; i < attach->network.subnet_count; i++) {
		const struct nk_subnet *subnet = &attach->network.subnets[i];

		if (attach_wants_family(attach, subnet->family) &&
		    masquerade_may_apply(attach_masquerade(attach), subnet))
			return true;
	}
	return false;
}

static int address_check_subnet(const struct attach *attach, const struct prefix *address,
				struct error *err)
{
	const struct nk_subnet *subnet = network_subnet_of(&attach->network, &address->addr);

	if (!subnet)
		return error_set(
			err, EINVAL, "address %s is outside every subnet of network %s%s",
			addr_format(&address->addr).text, attach->request->identity.network,
			attach->request->network ? "" : ": `nkctl network list` shows them");
	if (!pool_usable(subnet, &address->addr))
		return error_set(err, EINVAL,
				 "address %s can't be a container's: it is its subnet's base, "
				 "gateway or broadcast address",
				 addr_format(&address->addr).text);
	return 0;
}

static int address_check(const struct attach *attach, size_t index, struct error *err)
{
	const struct prefix *address = &attach->request->addresses[index];
	int ret = attach->request->routes ? 0 : address_check_subnet(attach, address, err);

	if (ret)
		return ret;
	if (!address->len)
		return error_set(err, EINVAL, "address %s: a prefix length of 0 leaves no network",
				 prefix_format(address).text);
	for (size_t i = 0; i < index; i++)
		if (addr_equal(&attach->request->addresses[i].addr, &address->addr))
			return error_set(err, EINVAL, "address %s is given twice",
					 addr_format(&address->addr).text);
	if (address->addr.family == AF_INET6 && !node_has_ipv6(attach->node))
		return error_set(err, EOPNOTSUPP,
				 "address %s: IPv6 is off on this host: `nkctl doctor` tells more",
				 addr_format(&address->addr).text);
	return 0;
}

static int addresses_check(const struct attach *attach, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < attach->request->address_count; i++)
		ret = address_check(attach, i, err);
	if (ret)
		return ret;
	ret = mtu_check(attach->pair.mtu, attach_wants_family(attach, AF_INET6), err);
	if (ret && !attach->request->mtu && !attach->network.mtu)
		return error_prefix(err, "take the default route's MTU");
	return ret;
}

static int mtu_plan(struct attach *attach, struct error *err)
{
	uint32_t mtu = attach->request->mtu, uplink_mtu;
	int ret = uplinks_default_mtu(attach->node, &uplink_mtu, err);

	if (ret)
		return ret;
	attach->result.no_uplink = !uplink_mtu;
	if (!mtu)
		mtu = attach->network.mtu;
	if (!mtu)
		mtu = uplink_mtu ? uplink_mtu : MTU_WITHOUT_UPLINK;
	attach->pair.mtu = mtu < MTU_MAX ? mtu : MTU_MAX; /* an uplink may have more */
	return 0;
}

/*
 * L3 netkit has no MAC addresses. An l3 veth pair has one for both ends: neither does ARP, so the
 * kernel addresses every frame to the sender itself (arp_constructor(), net/ipv4/arp.c), and thus
 * to the other end as well.
 */
static void macs_plan(struct attach *attach, enum nk_mode mode)
{
	static const uint8_t gateway_mac[] = NK_GATEWAY_MAC, none[NK_ETH_ALEN];
	const struct attach_request *request = attach->request;

	if (memcmp(request->mac, none, NK_ETH_ALEN) != 0)
		memcpy(attach->pair.peer_mac, request->mac, NK_ETH_ALEN);
	else
		identity_mac(&request->identity, attach->pair.peer_mac);
	memcpy(attach->pair.primary_mac, mode == NK_MODE_L2 ? gateway_mac : attach->pair.peer_mac,
	       NK_ETH_ALEN);
}

static void pair_plan(struct attach *attach)
{
	const struct attach_request *request = attach->request;

	attach->pair.peer_name = request->identity.ifname;
	attach->pair.peer_netns_fd = attach->netns_fd;
	attach->pair.group = NK_LINK_GROUP;
	attach->pair.mode = (enum nk_mode)(request->mode == ATTACH_UNSET ? attach->network.mode
									 : request->mode);
	attach->kind = (enum nk_device)(request->device == ATTACH_UNSET ? attach->network.device
									: request->device);
	macs_plan(attach, attach->pair.mode);
}

static int network_plan(struct attach *attach, struct error *err)
{
	const struct attach_request *request = attach->request;

	if (!request->network)
		return node_network(attach->node, request->identity.network, &attach->network, err);
	attach->network = *request->network;
	return 0;
}

static int bandwidth_plan(struct attach *attach, struct error *err)
{
	struct bandwidth *bandwidth = &attach->bandwidth;
	int ret;

	*bandwidth = attach->request->bandwidth;
	ret = bandwidth_check(&bandwidth->ingress, err);
	if (!ret)
		ret = bandwidth_check(&bandwidth->egress, err);
	bandwidth_complete(&bandwidth->ingress);
	bandwidth_complete(&bandwidth->egress);
	return ret;
}

int attach_plan(struct attach *attach, struct error *err)
{
	int ret = bandwidth_plan(attach, err);

	if (!ret)
		ret = netns_open(attach->request->ns, &attach->netns_fd, err);
	if (!ret)
		ret = network_plan(attach, err);
	if (!ret)
		ret = mtu_plan(attach, err);
	if (!ret && !attach->request->await)
		ret = addresses_check(attach, err);
	if (!ret)
		ret = nlsock_open_in(attach->netns_fd, &attach->container, err);
	if (ret)
		return ret;
	pair_plan(attach);
	log_step("plan");
	return 0;
}

/* The request is complete after it: what was planned without addresses is planned again. */
int addresses_await(struct attach *attach, int wait_ms, struct error *err)
{
	int ret = attach->request->await(attach->request->await_data, wait_ms, err);

	if (!ret)
		ret = network_plan(attach, err);
	if (!ret)
		ret = addresses_check(attach, err);
	log_step("addresses_await");
	return ret;
}

/* The datapath --------------------------------------------------------------------------------- */

/*
 * With an IPAM plugin, whether programs that translate are wanted is known when it has told the
 * addresses. Where those are loaded already there is nothing to wait for.
 */
static bool attach_loads_by_addresses(const struct attach *attach)
{
	return attach->request->await && !attach->node->datapath.config.nat &&
	       attach_masquerade(attach) != NK_MASQUERADE_OFF;
}

static bool ports_are_shared(struct node *node)
{
	_cleanup_nat_state_ struct nat_state state = { 0 };

	return !nat_state_read(node, &state, NULL) && nat_shares_ports(&state);
}

static int datapath_load_kind(struct attach *attach, struct error *err)
{
	struct node *node = attach->node;
	bool translates = node->datapath.config.nat;
	int ret;

	if (!attach_wants_nat(attach))
		return node_load(node, err);
	ret = nat_enable(node, err);
	if (!ret && !translates)
		attach->result.shares_ports = ports_are_shared(node);
	return ret;
}

static int datapath_load_wanted(struct attach *attach, struct error *err)
{
	int ret = datapath_load_kind(attach, err);

	if (!ret && attach_has_no_metadata(attach) && !attach->node->datapath.config.withholds)
		return error_set(
			err, EOPNOTSUPP,
			"an earlier build loaded the programs in the kernel, which can't keep "
			"it away from metadata: `nkctl upgrade`");
	return ret;
}

/*
 * An address that somebody else chose tells its subnet by its prefix: an endpoint reaches its
 * neighbours with its own address, as by the reference plugins' ipMasq.
 */
static int addresses_exempt(struct attach *attach, struct error *err)
{
	const struct attach_request *request = attach->request;
	int ret = 0;

	for (size_t i = 0; !ret && i < request->address_count; i++) {
		const struct prefix *address = &request->addresses[i];
		struct prefix subnet = { prefix_first(address), address->len };
		struct nk_network neighbours = { 0 };

		/* A host's own prefix has nothing to add. */
		if (!network_add_subnet(&neighbours, &subnet, NULL))
			ret = network_exempt(attach->node, &neighbours, err);
	}
	return ret;
}

/* What is reached without translation. */
int subnets_exempt(struct attach *attach, struct error *err)
{
	int ret = network_exempt(attach->node, &attach->network, err);

	return ret || !attach->request->routes ? ret : addresses_exempt(attach, err);
}

/* Loaded, as it is wanted. */
int datapath_ready(struct attach *attach, struct error *err)
{
	int ret = 0;

	if (attach_loads_by_addresses(attach))
		ret = addresses_await(attach, ADDRESSES_WAIT_MS, err);
	if (!ret)
		ret = datapath_load_wanted(attach, err);
	log_step("datapath_ready");
	return ret;
}
