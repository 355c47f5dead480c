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
 *     doesn't exist is known to be dead. What their subnets are to endpoints is noted
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

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "bpf/hook.h"
#include "bpf/sockets.h"
#include "core/cleanup.h"
#include "core/log.h"
#include "core/netns.h"
#include "core/pause.h"
#include "nl/inet.h"
#include "nl/observe.h"
#include "ops/attach_step.h"
#include "ops/bandwidth.h"
#include "ops/collect.h"
#include "ops/gateway.h"
#include "ops/lifecycle.h"
#include "ops/network.h"
#include "ops/publish.h"
#include "ops/setup.h"
#include "ops/uplink.h"

/* The device pair ------------------------------------------------------------------------------ */

/* Under the endpoint's lock: what is unfinished now has no maker any more. */
static int remains_remove(struct attach *attach, struct error *err)
{
	const struct identity *identity = &attach->request->identity;
	struct link_info link;
	int ret = endpoint_find(attach->node, identity, &link, err);

	if (ret)
		return ret == -ENODEV ? 0 : ret;
	if (link.is_unfinished)
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
	attach->result.veth_instead = true;
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
				 "with --ifname or CNI_IFNAME",
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
	attach->has_ipv6 = link.has_ipv6;
	log_step("pair_create");
	return 0;
}

static int dead_collect(struct attach *attach, struct error *err)
{
	(void)err;
	collect_dead(attach->node, attach->ifindex);
	log_step("dead_collect");
	return 0;
}

/* Before the uplinks: a port that is taken refuses the attach, too. */
static int ports_publish(struct attach *attach, struct error *err)
{
	const struct attach_request *request = attach->request;

	if (!request->ports.count)
		return 0;
	return publish_add(attach->node, attach->ifindex, &request->identity, &request->ports,
			   &attach->result.publish, err);
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
		.has_ipv6 = attach->has_ipv6,
		.network = &attach->network,
		.routes = attach->request->routes,
		.addresses = attach->addresses,
		.address_count = attach->claimed,
	};
}

/*
 * Where the kernel doesn't tell the programs of new addresses, and ports have been published before
 * the host got the gateway's (see ops/sockets.c).
 */
static int gateways_tell(struct attach *attach, struct error *err)
{
	struct datapath *datapath = &attach->node->datapath;
	bool empty = true;
	int ret = attach->new_gateways ? published_is_empty(datapath, &empty, err) : 0;

	for (size_t i = 0; !ret && !empty && i < attach->network.subnet_count; i++) {
		const struct host_address own = { subnet_gateway(&attach->network.subnets[i]),
						  LOOPBACK_IFINDEX };

		if (attach->new_gateways & 1U << i)
			ret = host_address_set(datapath, &own, err);
	}
	return ret;
}

static int host_side_setup(struct attach *attach, struct error *err)
{
	struct endpoint_setup setup = attach_setup(attach);
	char alias[IDENTITY_ALIAS_SIZE];
	int ret;

	identity_alias(&attach->request->identity, alias);
	setup.alias = alias;
	ret = host_setup(&setup, &attach->new_gateways, err);
	if (!ret)
		ret = gateways_tell(attach, err);

	log_step("host_setup");
	return ret;
}

static int container_side_setup(struct attach *attach, struct error *err)
{
	struct endpoint_setup setup = attach_setup(attach);
	int ret = container_setup(&setup, &attach->result.routes, err);

	log_step("container_setup");
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
	return ret;
}

/* From what is known: reading back the way `list` does would cost more with every endpoint. */
static int attach_report(struct attach *attach, struct error *err)
{
	struct nk_endpoint value = claim_value(attach);
	struct attach_result *result = &attach->result;
	struct endpoint *endpoint = &result->endpoint;
	int ret;

	*endpoint = (struct endpoint){
		.identity = attach->request->identity,
		.kind = attach->kind,
		.mode = attach->pair.mode,
		.bandwidth = attach->bandwidth,
		.state = ENDPOINT_OK,
	};
	netns_name(attach->request->ns, endpoint->netns);
	memcpy(endpoint->mac, value.mac, NK_ETH_ALEN);
	for (size_t i = 0; i < attach->claimed; i++) {
		endpoint_add_address(endpoint, &attach->network, &attach->addresses[i].addr);
		endpoint->prefix_lens[i] = attach->addresses[i].len;
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

/* No other attach needs them yet: they take turns. */
static void gateways_undo(const struct attach *attach)
{
	for (size_t i = 0; i < attach->network.subnet_count; i++)
		if (attach->new_gateways & 1U << i)
			(void)gateway_remove(attach->node->nl, &attach->network.subnets[i], NULL);
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
	gateways_undo(attach);
	claims_undo(attach);
}

/*
 * Who asks a program to end waits until the transaction has ended, one way or the other. Other
 * signals that kill, SIGKILL foremost, which nobody can block, leave an unfinished device for the
 * next attach or detach. SIGPIPE is none of them: main() ignores it.
 */
static void signals_hold(sigset_t *ret_before)
{
	sigset_t held;

	(void)sigemptyset(&held); /* these fail only for signals that don't exist */
	(void)sigaddset(&held, SIGINT);
	(void)sigaddset(&held, SIGQUIT);
	(void)sigaddset(&held, SIGTERM);
	(void)sigaddset(&held, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &held, ret_before);
}

static int attach_do(struct attach *attach, struct error *err)
{
	static int (*const steps[])(struct attach *, struct error *) = {
		remains_remove,  pair_create,    dead_collect,    late_addresses_await,
		addresses_claim, subnets_exempt, ports_publish,   uplinks_ready,
		program_attach,  limits_apply,   host_side_setup, container_side_setup,
		attach_report,   attach_commit,
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

/* How long the device of a namespace that may have died is waited for, and how often looked at. */
#define PREDECESSOR_WAIT_US     1000000
#define PREDECESSOR_LOOK_US     1000
#define PREDECESSOR_LOOK_MAX_US 20000

/*
 * Of a namespace that has died the devices stay until a worker of the kernel has come to them
 * (cleanup_net(), net/core/net_namespace.c): who gives its name to another one at once meets them.
 * A namespace that has a name lives.
 *
 * Return: whether the identity had a device of another namespace, and has it no more.
 */
static bool predecessor_await_end(const struct attach *attach)
{
	_cleanup_netns_name_list_ struct netns_name_list names = { 0 };
	struct nlsock *nl = attach->node->nl;
	struct link_info link;
	int waited_us = 0;

	if (endpoint_find(attach->node, &attach->request->identity, &link, NULL) ||
	    netns_name_list_read(nl, &names, NULL) || netns_name_find(&names, link.peer_netnsid))
		return false;
	while (!link_is_gone(link.ifindex) && waited_us < PREDECESSOR_WAIT_US)
		waited_us +=
			pause_before_look(waited_us, PREDECESSOR_LOOK_US, PREDECESSOR_LOOK_MAX_US);
	return waited_us < PREDECESSOR_WAIT_US;
}

/*
 * With its carrier the primary gets a route to all multicast addresses, at the end of a list of all
 * devices' that the kernel walks along for each new device (fib6_add_rt2node(), net/ipv6/ip6_fib.c)
 * and for each such packet of a container. In l2 mode neighbours are asked for by multicast; in l3
 * mode nothing is.
 */
static void multicast_route_drop(const struct attach *attach)
{
	if (attach->pair.mode == NK_MODE_L3)
		(void)inet_multicast_route_delete(attach->node->nl, attach->ifindex, NULL);
}

/* Without a lock: others may attach meanwhile. The endpoint is there, whatever comes of it. */
static void carrier_await(struct attach *attach)
{
	struct endpoint_setup setup = attach_setup(attach);

	(void)links_await(&setup, &attach->result.endpoint.link, NULL);
	multicast_route_drop(attach);
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
	if (ret == -EEXIST && predecessor_await_end(&attach))
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
