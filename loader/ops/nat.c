// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/nat.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/probe.h"
#include "bpf/uapi.h"
#include "core/cleanup.h"
#include "core/log.h"
#include "ops/flows.h"
#include "ops/lifecycle.h"

/* Another process may have been quicker: then there is nothing left to do. */
static int nat_load(struct node *node, struct error *err)
{
	struct upgrade_report report;
	int ret = datapath_relock(&node->datapath, PINS_EXCLUSIVE, err);

	if (!ret && !node->datapath.config.nat)
		ret = datapath_upgrade(node, &report, err);
	return ret ? ret : datapath_relock(&node->datapath, PINS_SHARED, err);
}

/* Where a program can't ask for the host's address it drops what is to be masqueraded. */
static int nat_check_kernel(struct error *err)
{
	if (probe_fib_lookup(NK_BPF_FIB_LOOKUP_SRC, NULL) != -EINVAL)
		return 0;
	return error_set(err, EOPNOTSUPP,
			 "this kernel's bpf_fib_lookup() doesn't tell the host's address, which "
			 "address translation takes: boot Linux 6.7 or later, or 6.6.19, or attach "
			 "with --no-masquerade and without a published port");
}

int nat_enable(struct node *node, struct error *err)
{
	int ret = node->datapath.config.nat ? 0 : nat_check_kernel(err);

	if (ret)
		return ret;
	node->datapath.nat = true;
	ret = node_load(node, err);
	if (!ret && !node->datapath.config.nat)
		ret = nat_load(node, err);
	log_step("nat_enable");
	return ret;
}

/* Settings --------------------------------------------------------------------------------------
 */

/* Where nothing is loaded. */
static int state_read_unloaded(struct nat_state *ret_state, struct error *err)
{
	struct nat_state state = { .endpoint_flows = NK_ENDPOINT_FLOWS_DEFAULT };
	int ret = port_range_local(&state.local_ports, err);

	if (ret)
		return ret;
	state.ports = port_range_choose(&state.local_ports);
	*ret_state = state;
	return 0;
}

static int settings_read(struct node *node, struct nat_state *state, struct error *err)
{
	_cleanup_nat_ struct nk_nat *nat = NULL;
	int ret = nat_open(&node->datapath, &nat, err);

	if (ret)
		return ret;
	state->is_loaded = node->datapath.config.nat;
	state->ports = nat_range(nat);
	state->endpoint_flows = nat->endpoint_flows;
	return 0;
}

static int flows_count(struct node *node, size_t *ret_count, struct error *err)
{
	_cleanup_flow_list_ struct flow_list flows = { 0 };
	int ret = flow_list_read(&node->datapath, &flows, err);

	if (!ret)
		*ret_count = flow_count_alive(&flows);
	return ret;
}

int nat_state_read(struct node *node, struct nat_state *ret_state, struct error *err)
{
	struct nat_state state = { 0 };
	int ret;

	if (!datapath_is_open(&node->datapath))
		return state_read_unloaded(ret_state, err);
	ret = settings_read(node, &state, err);
	if (!ret)
		ret = port_range_local(&state.local_ports, err);
	if (!ret)
		ret = flows_count(node, &state.flows, err);
	if (!ret)
		ret = exempt_list_read(&node->datapath, &state.exempt, err);
	if (!ret)
		*ret_state = state;
	return ret;
}

void nat_state_free(struct nat_state *state)
{
	exempt_list_free(&state->exempt);
}

bool nat_shares_ports(const struct nat_state *state)
{
	return port_ranges_overlap(&state->ports, &state->local_ports);
}

static int ports_check(const struct port_range *ports, struct error *err)
{
	if (ports->min < NAT_PORT_MIN || ports->max > NAT_PORT_MAX || ports->min > ports->max)
		return error_set(err, EINVAL,
				 "ports %u-%u can't be: the range is within %d-%d, the smaller one "
				 "first",
				 ports->min, ports->max, NAT_PORT_MIN, NAT_PORT_MAX);
	if (ports->max - ports->min + 1 < NAT_RANGE_LEAST)
		return error_set(err, EINVAL, "ports %u-%u are too few: at least %d", ports->min,
				 ports->max, NAT_RANGE_LEAST);
	return 0;
}

int nat_change_check(const struct nat_change *change, struct error *err)
{
	if (change->endpoint_flows && (change->endpoint_flows < NK_ENDPOINT_FLOWS_MIN ||
				       change->endpoint_flows > NK_ENDPOINT_FLOWS_MAX))
		return error_set(err, EINVAL, "%u flows of an endpoint are out of range: %d to %d",
				 change->endpoint_flows, NK_ENDPOINT_FLOWS_MIN,
				 NK_ENDPOINT_FLOWS_MAX);
	return change->ports.max ? ports_check(&change->ports, err) : 0;
}

/* The programs take the new number first, so that what is behind it stays empty. */
static int endpoint_flows_change(struct node *node, struct nk_nat *nat, uint32_t endpoint_flows,
				 struct error *err)
{
	__atomic_store_n(&nat->endpoint_flows, endpoint_flows, __ATOMIC_RELAXED);
	return flows_limit(node, endpoint_flows, err);
}

int nat_change(struct node *node, const struct nat_change *change, struct error *err)
{
	_cleanup_nat_ struct nk_nat *nat = NULL;
	_cleanup_close_ int lock_fd = -1;
	int ret = pins_lock_node(&node->datapath.pins, &lock_fd, err);

	if (!ret)
		ret = nat_open(&node->datapath, &nat, err);
	if (!ret && change->ports.max)
		ret = nat_range_set(&node->datapath, nat, &change->ports, err);
	if (!ret && change->endpoint_flows)
		ret = endpoint_flows_change(node, nat, change->endpoint_flows, err);
	return ret;
}

/* Exempt prefixes -------------------------------------------------------------------------------
 */

int nat_exempt_check(const struct prefix *prefix, struct error *err)
{
	static const struct prefix mapped = {
		{ AF_INET6, { [10] = 0xff, [11] = 0xff } }, 96 /* RFC 4291, section 2.5.5.2 */
	};
	struct addr first = prefix_first(prefix);

	if (!addr_equal(&first, &prefix->addr))
		return error_set(err, EINVAL, "the prefix %s has host bits: did you mean %s/%u?",
				 prefix_format(prefix).text, addr_format(&first).text, prefix->len);
	if (prefix_overlaps(prefix, &mapped))
		return error_set(err, EINVAL,
				 "the prefix %s has IPv4 addresses in it: 2000::/3 is what IPv6 is "
				 "routed by",
				 prefix_format(prefix).text);
	return 0;
}

int nat_exempt_add(struct node *node, const struct prefix *prefixes, size_t count,
		   struct error *err)
{
	_cleanup_close_ int lock_fd = -1;
	int ret = pins_lock_node(&node->datapath.pins, &lock_fd, err);

	for (size_t i = 0; !ret && i < count; i++)
		ret = exempt_add(&node->datapath, &prefixes[i], NK_EXEMPT_ADDED, err);
	return ret;
}

/* All of them were added by hand? */
static int exempt_check_added(struct node *node, const struct prefix *prefixes, size_t count,
			      struct error *err)
{
	_cleanup_exempt_list_ struct exempt_list list = { 0 };
	int ret = exempt_list_read(&node->datapath, &list, err);

	for (size_t i = 0; !ret && i < count; i++)
		if (!(exempt_list_reasons(&list, &prefixes[i]) & NK_EXEMPT_ADDED))
			ret = error_set(err, ENOENT, "%s wasn't added: `nkctl nat show` tells",
					prefix_format(&prefixes[i]).text);
	return ret;
}

int nat_exempt_remove(struct node *node, const struct prefix *prefixes, size_t count,
		      struct error *err)
{
	_cleanup_close_ int lock_fd = -1;
	int ret = pins_lock_node(&node->datapath.pins, &lock_fd, err);

	if (!ret)
		ret = exempt_check_added(node, prefixes, count, err);
	for (size_t i = 0; !ret && i < count; i++)
		ret = exempt_remove(&node->datapath, &prefixes[i], NK_EXEMPT_ADDED, err);
	return ret;
}
