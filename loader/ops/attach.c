// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Theory of operation
 *
 * An attach is one transaction. First comes all that can fail without having changed anything:
 * names, namespace, network, addresses. Then the datapath is loaded, if this is the first attach
 * (and unloaded again, if it fails), and, under the endpoint's lock:
 *
 *  1. the pair is made. The kernel refuses a second device of the same name, which makes the
 *     identity unique, and netkit's peer may send nothing yet (a veth pair stays down instead).
 *     Where somebody else is still looking for addresses, the program is attached now, and they are
 *     waited for: what the two take passes at the same time. Without a claim the program drops all
 *  2. the addresses are claimed in the endpoint maps. After the device: a claim whose device
 *     doesn't exist is known to be dead
 *  3. the ports are published, that is, claimed in the same way
 *  4. the uplinks are looked after, now that nobody else can refuse the attach
 *  5. the program is attached: the one step that waits for an RCU grace period
 *  6. limits of bandwidth are set, if there are any
 *  7. the host's side is set up: alias, forwarding, up, routes
 *  8. the container's side is set up: up, addresses, routes
 *  9. what there is to tell is read
 * 10. the device is marked as finished, and its alias counts. That is the commit: a device of our
 *     group that isn't, whose lock nobody holds, is the remains of an attach that was killed, and
 *     the next attach of that identity, or its detach, removes it
 *
 * A failure on the way deletes the ports, the claims and the pair; everything else hangs on the
 * pair.
 */
#include "ops/attach.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "bpf/collector.h"
#include "bpf/hook.h"
#include "core/cleanup.h"
#include "core/log.h"
#include "core/netns.h"
#include "model/pool.h"
#include "ops/bandwidth.h"
#include "ops/collect.h"
#include "ops/lifecycle.h"
#include "ops/nat.h"
#include "ops/network.h"
#include "ops/publish.h"
#include "ops/setup.h"
#include "ops/uplink.h"

#define MTU_WITHOUT_UPLINK 1500 /* Ethernet's */

/*
 * How long addresses are waited for with the endpoint's lock and the shared one of the node held:
 * longer than a plugin takes on an overloaded node, since giving up makes more work there, and
 * shorter than others wait for a lock.
 */
#define ADDRESSES_WAIT_MS 10000

/**
 * struct attach - an attach under way.
 * @container: rtnetlink socket inside the container's namespace
 * @pair: how the device pair is made
 * @kind: NK_DEVICE_NETKIT or NK_DEVICE_VETH, or NK_DEVICE_AUTO until the pair is made
 * @addresses: planned ones, of which the first @claimed are in the endpoint maps
 * @routes: that the container got
 * @bandwidth: the wanted limits, complete
 * @ifindex, @peer_ifindex: of the pair's ends, each in its own namespace; 0: not made
 * @has_program: it is attached
 * @turn_fd: the lock of making endpoints
 * @result: what there is to tell of it
 */
struct attach {
	struct node *node;
	const struct attach_request *request;
	struct nk_network network;
	struct nlsock *container;
	int netns_fd;
	struct pair_spec pair;
	enum nk_device kind;
	struct prefix addresses[NK_ENDPOINT_ADDRESSES_MAX];
	size_t claimed;
	int ifindex, peer_ifindex;
	struct endpoint_routes routes;
	struct bandwidth bandwidth;
	bool has_program, no_uplink, veth_instead, shares_ports;
	struct publish_report publish;
	int turn_fd;
	struct attach_result result;
};

/* Plan: nothing is changed yet ----------------------------------------------------------------- */

static enum nk_masquerade attach_masquerade(const struct attach *attach)
{
	return (enum nk_masquerade)(attach->request->masquerade == ATTACH_UNSET
					    ? attach->network.masquerade
					    : attach->request->masquerade);
}

static bool attach_has_no_metadata(const struct attach *attach)
{
	return attach->network.no_metadata || attach->request->no_metadata;
}

static bool attach_wants_family(const struct attach *attach, uint8_t family)
{
	const struct attach_request *request = attach->request;

	for (size_t i = 0; i < request->address_count; i++)
		if (request->addresses[i].addr.family == family)
			return true;
	if (!request->auto_addresses || !network_has_family(&attach->network, family))
		return false;
	return family == AF_INET || node_has_ipv6();
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
	if (address->addr.family == AF_INET6 && !node_has_ipv6())
		return error_set(err, EOPNOTSUPP, "address %s: this kernel runs without IPv6",
				 addr_format(&address->addr).text);
	return 0;
}

static int addresses_check(const struct attach *attach, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < attach->request->address_count; i++)
		ret = address_check(attach, i, err);
	return ret ? ret : mtu_check(attach->pair.mtu, attach_wants_family(attach, AF_INET6), err);
}

static int mtu_plan(struct attach *attach, struct error *err)
{
	uint32_t mtu = attach->request->mtu, uplink_mtu;
	int ret = uplinks_default_mtu(attach->node, &uplink_mtu, err);

	if (ret)
		return ret;
	attach->no_uplink = !uplink_mtu;
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

static int attach_plan(struct attach *attach, struct error *err)
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
static int addresses_await(struct attach *attach, int wait_ms, struct error *err)
{
	int ret = attach->request->await(attach->request->await_data, wait_ms, err);

	if (!ret)
		ret = network_plan(attach, err);
	if (!ret)
		ret = addresses_check(attach, err);
	log_step("addresses_await");
	return ret;
}

/* The device pair ------------------------------------------------------------------------------ */

/* Under the endpoint's lock: what is unfinished now has no maker any more. */
static int remains_remove(struct attach *attach, struct error *err)
{
	const struct identity *identity = &attach->request->identity;
	struct link_info link;
	int ret = endpoint_find(attach->node, identity, &link, err);

	if (ret)
		return ret == -ENODEV ? 0 : ret;
	if (!*link.alias)
		return endpoint_remove(attach->node, link.ifindex, err);
	return error_set(err, EEXIST,
			 "already attached to network %s by the device %s: detach it first",
			 identity->network, link.name);
}

static int pair_make(struct attach *attach, enum nk_device kind, struct error *err)
{
	int ret = kind == NK_DEVICE_NETKIT ? netkit_create(attach->node->nl, &attach->pair, err)
					   : veth_create(attach->node->nl, &attach->pair, err);

	if (!ret)
		attach->kind = kind;
	return ret;
}

static int pair_create_kind(struct attach *attach, struct error *err)
{
	int ret;

	if (attach->kind != NK_DEVICE_AUTO)
		return pair_make(attach, attach->kind, err);
	ret = pair_make(attach, NK_DEVICE_NETKIT, err);
	if (ret != -EOPNOTSUPP)
		return ret;
	attach->veth_instead = true;
	return pair_make(attach, NK_DEVICE_VETH, err);
}

static int pair_create(struct attach *attach, struct error *err)
{
	const char *ifname = attach->pair.peer_name;
	struct link_info link;
	int ret = pair_create_kind(attach, err);

	/* The primary's name was free, and its lock is ours: it's the peer's that is taken. */
	if (ret == -EEXIST)
		return error_set(err, EEXIST,
				 "the container has an interface %s already: choose another name "
				 "with --ifname",
				 ifname);
	if (ret == -EOPNOTSUPP)
		return error_set(err, ret, "this kernel has no %s devices: see `nkctl doctor`",
				 device_name(attach->kind));
	if (ret)
		return error_prefix(err, "make the device pair %s", attach->pair.primary_name);
	ret = link_get_by_name(attach->node->nl, attach->pair.primary_name, &link, err);
	if (ret)
		return error_prefix(err, "look at the new device %s", attach->pair.primary_name);
	attach->ifindex = link.ifindex;
	attach->peer_ifindex = link.peer_ifindex;
	log_step("pair_create");
	return 0;
}

/* Addresses ------------------------------------------------------------------------------------ */

static struct nk_endpoint claim_value(const struct attach *attach)
{
	struct nk_endpoint value = { .ifindex = (__u32)attach->ifindex, .mtu = attach->pair.mtu };

	if (attach->kind == NK_DEVICE_NETKIT && attach->pair.mode == NK_MODE_L3)
		return value;
	memcpy(value.mac, attach->pair.peer_mac, NK_ETH_ALEN);
	memcpy(value.gateway_mac, attach->pair.primary_mac, NK_ETH_ALEN);
	return value;
}

static uint32_t claim_flags(const struct attach *attach, const struct addr *addr)
{
	return (masquerade_applies(attach_masquerade(attach), addr) ? NK_ENDPOINT_MASQUERADE : 0) |
	       (attach_has_no_metadata(attach) ? NK_ENDPOINT_NO_METADATA : 0) |
	       bandwidth_flags(&attach->bandwidth);
}

/* What is claimed, and @next, which is about to be, goes down in the kernel first. */
static int owner_note(struct attach *attach, const struct addr *next, struct error *err)
{
	struct addr addrs[NK_ENDPOINT_ADDRESSES_MAX];

	for (size_t i = 0; i < attach->claimed; i++)
		addrs[i] = attach->addresses[i].addr;
	addrs[attach->claimed] = *next;
	return owner_set(&attach->node->datapath, attach->ifindex, addrs, attach->claimed + 1, err);
}

static int address_claim(struct attach *attach, const struct prefix *address, struct error *err)
{
	struct nk_endpoint value = claim_value(attach);
	int ret;

	if (attach->claimed == NK_ENDPOINT_ADDRESSES_MAX)
		return error_set(err, E2BIG, "an endpoint has at most %d addresses",
				 NK_ENDPOINT_ADDRESSES_MAX);
	value.flags = claim_flags(attach, &address->addr);
	ret = owner_note(attach, &address->addr, err);
	if (!ret)
		ret = claim_insert(&attach->node->datapath, &address->addr, &value, err);
	if (!ret)
		attach->addresses[attach->claimed++] = *address;
	return ret;
}

static int address_claim_given(struct attach *attach, const struct prefix *address,
			       struct error *err)
{
	struct link_info owner;
	size_t dead;
	int ret = address_claim(attach, address, err);

	if (ret == -ENOSPC) {
		ret = collect_claims(attach->node, &dead, err);
		ret = ret ? ret : address_claim(attach, address, err);
	}
	if (ret != -EEXIST)
		return ret;
	ret = collect_address(attach->node, &address->addr, &owner, err);
	if (!ret)
		ret = address_claim(attach, address, err);
	if (ret != -EEXIST)
		return ret;
	return error_set(err, EADDRINUSE, "address %s is taken by %s (%s)",
			 addr_format(&address->addr).text,
			 *owner.alias ? owner.alias : "an attach under way", owner.name);
}

/* Return: 0; -ENOSPC where each address of the subnet is taken. */
static int address_claim_next(struct attach *attach, size_t subnet_index, struct error *err)
{
	const struct nk_subnet *subnet = &attach->network.subnets[subnet_index];
	const struct pool_limits *limits = attach->request->limits;
	struct addr cursor;
	struct prefix address = { .len = addr_bits(subnet->family) };
	struct pool pool;
	int ret = cursor_get(&attach->node->datapath, subnet, &cursor, err);

	if (ret && ret != -ENOENT)
		return ret;
	pool_init(&pool, subnet, limits ? &limits[subnet_index] : NULL, ret ? NULL : &cursor);
	while (pool_next(&pool, &address.addr)) {
		ret = address_claim(attach, &address, err);
		if (!ret)
			return cursor_set(&attach->node->datapath, subnet, &address.addr, err);
		if (ret != -EEXIST)
			return ret;
	}
	return error_set(err, ENOSPC, "no address of network %s is free any more",
			 attach->request->identity.network);
}

static int address_claim_family(struct attach *attach, uint8_t family, struct error *err)
{
	int ret = -ENOSPC;

	for (size_t i = 0; ret == -ENOSPC && i < attach->network.subnet_count; i++)
		if (attach->network.subnets[i].family == family)
			ret = address_claim_next(attach, i, err);
	return ret;
}

/* The dead may keep their claims until somebody needs them: an exhausted pool is that moment. */
static int address_claim_auto(struct attach *attach, uint8_t family, struct error *err)
{
	size_t dead;
	int ret = address_claim_family(attach, family, err);

	if (ret != -ENOSPC)
		return ret;
	ret = collect_claims(attach->node, &dead, err);
	return ret ? ret : address_claim_family(attach, family, err);
}

static bool attach_has_family(const struct attach *attach, uint8_t family)
{
	for (size_t i = 0; i < attach->claimed; i++)
		if (attach->addresses[i].addr.family == family)
			return true;
	return false;
}

static int addresses_claim(struct attach *attach, struct error *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	const struct attach_request *request = attach->request;
	int ret = 0;

	for (size_t i = 0; !ret && i < request->address_count; i++)
		ret = address_claim_given(attach, &request->addresses[i], err);
	for (size_t i = 0; !ret && i < ARRAY_SIZE(families); i++)
		if (attach_wants_family(attach, families[i]) &&
		    !attach_has_family(attach, families[i]))
			ret = address_claim_auto(attach, families[i], err);
	log_step("addresses_claim");
	return ret;
}

/* Before the uplinks: a port that is taken refuses the attach, too. */
static int ports_publish(struct attach *attach, struct error *err)
{
	const struct attach_request *request = attach->request;

	if (!request->ports.count)
		return 0;
	return publish_add(attach->node, attach->ifindex, &request->identity, &request->ports,
			   &attach->publish, err);
}

/* The program ---------------------------------------------------------------------------------- */

static int program_attach(struct attach *attach, struct error *err)
{
	int ret;

	if (attach->has_program)
		return 0;
	ret = hook_attach(&attach->node->datapath,
			  attach->kind == NK_DEVICE_NETKIT ? PROGRAM_FROM_CTR
							   : PROGRAM_FROM_CTR_VETH,
			  attach->ifindex, err);
	attach->has_program = !ret;
	log_step("program_attach");
	return ret;
}

static int limits_apply(struct attach *attach, struct error *err)
{
	const struct bandwidth_pair pair = { .container = attach->container,
					     .netns_fd = attach->netns_fd,
					     .ifindex = attach->ifindex,
					     .peer_ifindex = attach->peer_ifindex,
					     .netkit = attach->kind == NK_DEVICE_NETKIT,
					     .mtu = attach->pair.mtu };

	if (!bandwidth_flags(&attach->bandwidth))
		return 0;
	return bandwidth_apply(attach->node, &pair, &attach->bandwidth, err);
}

static int uplinks_ready(struct attach *attach, struct error *err)
{
	int ret = uplinks_sync(attach->node, err);

	log_step("uplinks_sync");
	return ret;
}

/* Both sides ----------------------------------------------------------------------------------- */

static struct endpoint_setup attach_setup(const struct attach *attach)
{
	return (struct endpoint_setup){
		.host = attach->node->nl,
		.container = attach->container,
		.netns_fd = attach->netns_fd,
		.primary_name = attach->pair.primary_name,
		.peer_name = attach->pair.peer_name,
		.ifindex = attach->ifindex,
		.peer_ifindex = attach->peer_ifindex,
		.peer_mac = attach->pair.peer_mac,
		.noarp = attach->pair.mode == NK_MODE_L3,
		.network = &attach->network,
		.routes = attach->request->routes,
		.addresses = attach->addresses,
		.address_count = attach->claimed,
	};
}

static int host_side_setup(struct attach *attach, struct error *err)
{
	struct endpoint_setup setup = attach_setup(attach);
	char alias[IDENTITY_ALIAS_SIZE];
	int ret;

	identity_alias(&attach->request->identity, alias);
	setup.alias = alias;
	ret = host_setup(&setup, err);

	log_step("host_setup");
	return ret;
}

static int container_side_setup(struct attach *attach, struct error *err)
{
	struct endpoint_setup setup = attach_setup(attach);
	int ret = container_setup(&setup, &attach->routes, err);

	log_step("container_setup");
	return ret;
}

/* The datapath --------------------------------------------------------------------------------- */

/*
 * Which programs are loaded: addresses tell whether anything will be translated. Where that is
 * loaded it stays.
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
		attach->shares_ports = ports_are_shared(node);
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
	struct nk_network neighbours = { 0 };

	for (size_t i = 0; i < request->address_count; i++) {
		const struct prefix *address = &request->addresses[i];
		struct prefix subnet = { prefix_first(address), address->len };

		/* A host's own prefix, or one that is in the list already, has nothing to add. */
		if (neighbours.subnet_count < NK_NETWORK_SUBNETS_MAX)
			(void)network_add_subnet(&neighbours, &subnet, NULL);
	}
	return network_exempt(attach->node, &neighbours, err);
}

/* What is reached without translation. */
static int subnets_exempt(struct attach *attach, struct error *err)
{
	int ret = network_exempt(attach->node, &attach->network, err);

	return ret || !attach->request->routes ? ret : addresses_exempt(attach, err);
}

/* Loaded, as it is wanted, and with what the network needs in it. */
static int datapath_ready(struct attach *attach, struct error *err)
{
	struct node *node = attach->node;
	uint32_t id;
	int ret = 0;

	if (attach_loads_by_addresses(attach))
		ret = addresses_await(attach, ADDRESSES_WAIT_MS, err);
	if (!ret)
		ret = datapath_load_wanted(attach, err);
	if (!ret && !attach->request->await)
		ret = subnets_exempt(attach, err);
	if (!ret && node->datapath.config.nat &&
	    collector_program_id(&node->datapath.pins, &id, NULL) == -ENOENT) {
		(void)publish_collect(node, NULL); /* another attach may succeed */
		(void)collect_flows(node, NULL);
	}
	log_step("datapath_ready");
	return ret;
}

/* The transaction ------------------------------------------------------------------------------ */

/* While addresses are waited for others have their turn. */
static int turn_interrupt(struct attach *attach, struct error *err)
{
	int ret;

	cleanup_close(&attach->turn_fd);
	ret = addresses_await(attach, ADDRESSES_WAIT_MS, err);
	return ret ? ret : pins_lock_attach(&attach->node->datapath.pins, &attach->turn_fd, err);
}

/*
 * What it takes until the program is attached, and until addresses are found, passes at the same
 * time.
 */
static int late_addresses_await(struct attach *attach, struct error *err)
{
	int ret;

	if (!attach->request->await)
		return 0;
	ret = program_attach(attach, err);
	if (ret)
		return ret;
	ret = addresses_await(attach, 0, err);
	if (ret == -EAGAIN)
		ret = turn_interrupt(attach, err);
	return ret ? ret : subnets_exempt(attach, err);
}

/* From what is known: reading back the way `list` does would cost more with every endpoint. */
static int attach_report(struct attach *attach, struct error *err)
{
	struct nk_endpoint value = claim_value(attach);
	struct attach_result *result = &attach->result;
	struct endpoint *endpoint = &result->endpoint;
	int ret;

	*result = (struct attach_result){
		.endpoint = { .identity = attach->request->identity,
			      .kind = attach->kind,
			      .mode = attach->pair.mode,
			      .bandwidth = attach->bandwidth,
			      .state = ENDPOINT_OK },
		.no_uplink = attach->no_uplink,
		.veth_instead = attach->veth_instead,
		.shares_ports = attach->shares_ports,
		.publish = attach->publish,
		.routes = attach->routes,
	};
	netns_name(attach->request->ns, endpoint->netns);
	memcpy(endpoint->mac, value.mac, NK_ETH_ALEN);
	for (size_t i = 0; i < attach->claimed; i++) {
		endpoint_add_address(endpoint, &attach->network, &attach->addresses[i].addr);
		result->prefixes[i] = attach->addresses[i];
		endpoint->flags |= claim_flags(attach, &attach->addresses[i].addr);
	}
	ret = publish_list_copy(&attach->request->ports, &endpoint->published, err);
	publish_list_compress(&endpoint->published, endpoint_is_dual(endpoint));
	if (!ret)
		ret = link_get_by_index(attach->node->nl, attach->ifindex, &endpoint->link, err);
	if (!ret)
		ret = hook_find(endpoint_program(&endpoint->link), attach->ifindex,
				&endpoint->program_id, NULL, err);
	log_step("report");
	return ret ? error_prefix(err, "look at the new endpoint") : 0;
}

static int attach_commit(struct attach *attach, struct error *err)
{
	int ret = link_finish(attach->node->nl, attach->ifindex, err);

	log_step("commit");
	return ret ? error_prefix(err, "finish the device %s", attach->pair.primary_name) : 0;
}

/*
 * Its own errors are less than the one that led here: what stays is removed by the next attach. The
 * kernel may have made a pair and its answer be lost.
 */
static void attach_undo(struct attach *attach)
{
	if (attach->ifindex)
		(void)endpoint_remove(attach->node, attach->ifindex, NULL);
	else
		(void)remains_remove(attach, NULL);
}

/*
 * Ctrl-C waits until the transaction has ended, one way or the other. What nobody can block,
 * SIGKILL, leaves an unfinished device for the next attach or detach.
 */
static void signals_hold(sigset_t *ret_before)
{
	sigset_t held;

	(void)sigemptyset(&held); /* these fail only for signals that don't exist */
	(void)sigaddset(&held, SIGINT);
	(void)sigaddset(&held, SIGTERM);
	(void)sigaddset(&held, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &held, ret_before);
}

static int attach_do(struct attach *attach, struct error *err)
{
	static int (*const steps[])(struct attach *, struct error *) = {
		remains_remove,  pair_create,          late_addresses_await, addresses_claim,
		ports_publish,   uplinks_ready,        program_attach,       limits_apply,
		host_side_setup, container_side_setup, attach_report,        attach_commit,
	};
	sigset_t before;
	int ret = 0;

	signals_hold(&before);
	for (size_t i = 0; !ret && i < ARRAY_SIZE(steps); i++)
		ret = steps[i](attach, err);
	if (ret)
		attach_undo(attach);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return ret;
}

static int attach_locked(struct attach *attach, struct error *err)
{
	const struct identity *identity = &attach->request->identity;
	const struct pins *pins = &attach->node->datapath.pins;
	_cleanup_close_ int lock_fd = -1;
	int ret = pins_lock_endpoint(pins, identity_hash(identity), true, &lock_fd, err);

	if (!ret)
		ret = pins_lock_attach(pins, &attach->turn_fd, err);
	log_step("locks");
	if (!ret)
		ret = attach_do(attach, err);
	cleanup_close(&attach->turn_fd);
	return ret;
}

/* Without a lock: others may attach meanwhile. The endpoint is there, whatever comes of it. */
static void carrier_await(struct attach *attach)
{
	struct endpoint_setup setup = attach_setup(attach);

	(void)host_link_await(&setup, &attach->result.endpoint.link, NULL);
	log_step("carrier_await");
}

int endpoint_attach(struct node *node, const struct attach_request *request,
		    struct attach_result *ret_result, struct error *err)
{
	char primary_name[IF_NAMESIZE];
	struct attach attach = {
		.node = node,
		.request = request,
		.netns_fd = -1,
		.turn_fd = -1,
		.pair.primary_name = primary_name,
	};
	int ret;

	identity_device_name(&request->identity, primary_name);
	ret = attach_plan(&attach, err);
	if (!ret)
		ret = datapath_ready(&attach, err);
	if (!ret)
		ret = attach_locked(&attach, err);
	if (ret && node->loaded_now)
		datapath_down_unused(node);
	if (!ret)
		carrier_await(&attach);
	if (ret)
		endpoint_free(&attach.result.endpoint);
	else
		*ret_result = attach.result;
	nlsock_close(attach.container);
	cleanup_close(&attach.netns_fd);
	return ret;
}
