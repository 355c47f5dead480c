// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/uplink.h"

#include <errno.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/hook.h"
#include "bpf/rescue.h"
#include "bpf/routes.h"
#include "core/sysctl.h"
#include "nl/inet.h"
#include "nl/link.h"
#include "ops/uplink_settings.h"

/* struct default_devices - devices of the default routes of both families, IPv4 first. */
struct default_devices {
	struct default_route routes[2 * NK_DEFAULT_ROUTES_MAX];
	size_t count;
};

/*
 * IPv6's table is dumped as a whole, which takes its time on a large node: only where the kernel
 * can't be asked for the default routes alone, or nothing is loaded.
 * @pins: NULL: nothing is
 */
static int default_routes_v6(const struct pins *pins, struct default_route *routes, size_t max,
			     size_t *ret_count, struct error *err)
{
	struct nk_default_route found[NK_DEFAULT_ROUTES_MAX];

	if (!pins || routes_read_default(pins, found, max, ret_count, NULL))
		return inet_default_routes(AF_INET6, routes, max, ret_count, err);
	for (size_t i = 0; i < *ret_count; i++)
		routes[i] = (struct default_route){ (int)found[i].ifindex, found[i].mtu };
	return 0;
}

static int default_devices_read(const struct pins *pins, struct default_devices *ret_devices,
				struct error *err)
{
	struct default_devices devices = { 0 };
	size_t count;
	int ret;

	ret = inet_default_routes(AF_INET, devices.routes, NK_DEFAULT_ROUTES_MAX, &devices.count,
				  err);
	if (!ret)
		ret = default_routes_v6(pins, devices.routes + devices.count, NK_DEFAULT_ROUTES_MAX,
					&count, err);
	if (ret)
		return ret;
	devices.count += count;
	*ret_devices = devices;
	return 0;
}

static bool default_devices_have(const struct default_devices *devices, int ifindex)
{
	for (size_t i = 0; i < devices->count; i++)
		if (devices->routes[i].ifindex == ifindex)
			return true;
	return false;
}

enum datapath_program uplink_program(uint16_t arphrd_type)
{
	return arphrd_type == ARPHRD_ETHER ? PROGRAM_UPLINK : PROGRAM_UPLINK_L3;
}

static int uplink_attach(struct node *node, const struct link_info *link, struct error *err)
{
	enum datapath_program program = uplink_program(link->type);
	uint32_t id;
	int ret = hook_find(program, link->ifindex, &id, NULL, err);

	if (!ret && !id)
		ret = hook_attach(&node->datapath, program, link->ifindex, err);
	else if (!ret && !rescue_program_fits(&node->datapath.pins, id))
		ret = hook_replace(&node->datapath, program, link->ifindex, id, err);
	return ret == -EEXIST ? 0 : ret; /* another attach was as quick */
}

/* A device that can't be an uplink is none: no next attach is to try again. */
static void uplink_undo(struct node *node, const struct link_info *link, struct nk_uplink *uplink)
{
	struct error err;

	(void)uplink_settings_restore(link->name, uplink, &err);
	(void)uplink_delete(&node->datapath, link->ifindex, NULL);
}

/*
 * The record goes first, since it holds what the settings were: whatever is killed after it, the
 * next sync completes, and `down` restores.
 */
static int uplink_setup_locked(struct node *node, const struct link_info *link, bool excluded,
			       struct error *err)
{
	struct nk_uplink uplink = UPLINK_UNCHANGED(0);
	int ret = uplink_get(&node->datapath, link->ifindex, &uplink, err);
	bool is_new = ret == -ENOENT;

	if (ret && !is_new)
		return ret;
	uplink.flags = excluded ? NK_UPLINK_EXCLUDED : 0;
	ret = uplink_settings_record(link->name, excluded, &uplink, err);
	if (!ret)
		ret = uplink_set(&node->datapath, link->ifindex, &uplink, err);
	if (!ret)
		ret = uplink_settings_apply(link->name, &uplink, err);
	if (!ret && !excluded)
		ret = uplink_attach(node, link, err);
	if (ret && is_new)
		uplink_undo(node, link, &uplink);
	return ret ? error_prefix(err, "use %s as an uplink", link->name) : 0;
}

/* What nearly every attach finds: nothing to do, and nothing to lock for it. */
static bool uplink_is_ready(struct node *node, const struct link_info *link)
{
	struct nk_uplink uplink;
	uint32_t id;

	return !uplink_get(&node->datapath, link->ifindex, &uplink, NULL) &&
	       !hook_find(uplink_program(link->type), link->ifindex, &id, NULL, NULL) && id;
}

static bool uplink_excluded(struct node *node, int ifindex)
{
	struct nk_uplink uplink;

	return !uplink_get(&node->datapath, ifindex, &uplink, NULL) &&
	       (uplink.flags & NK_UPLINK_EXCLUDED);
}

static bool accept_ra_at_risk(const char *device)
{
	int value;

	return !sysctl_read_dev("ipv6", device, "accept_ra", &value, NULL) && value == 1;
}

static bool uplink_needs_nothing(struct node *node, const struct link_info *link)
{
	return uplink_excluded(node, link->ifindex) ? !accept_ra_at_risk(link->name)
						    : uplink_is_ready(node, link);
}

static bool uplink_is_known(struct node *node, int ifindex)
{
	struct nk_uplink uplink;

	return uplink_get(&node->datapath, ifindex, &uplink, NULL) != -ENOENT;
}

/*
 * What an `uplink remove` takes away while this waits for the lock stays away.
 * @is_known: it is to be an uplink because it was one
 */
static int uplink_sync(struct node *node, const struct link_info *link, bool is_known,
		       struct error *err)
{
	_cleanup_close_ int lock_fd = -1;
	int ret;

	if (uplink_needs_nothing(node, link))
		return 0;
	ret = pins_lock_node(&node->datapath.pins, &lock_fd, err);
	if (ret || (is_known && !uplink_is_known(node, link->ifindex)))
		return ret;
	return uplink_setup_locked(node, link, uplink_excluded(node, link->ifindex), err);
}

static int uplink_sync_device(struct node *node, int ifindex, bool is_known, struct error *err)
{
	struct link_info link;
	int ret = link_get_by_index(node->nl, ifindex, &link, err);

	return ret ? ret : uplink_sync(node, &link, is_known, err);
}

static int uplinks_sync_known(struct node *node, const struct uplink_list *list, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < list->count; i++) {
		int ifindex = (int)list->entries[i].ifindex;

		ret = uplink_sync_device(node, ifindex, true, err);
		if (ret == -ENODEV)
			ret = uplink_delete(&node->datapath, ifindex, err);
	}
	return ret;
}

static bool uplink_list_has(const struct uplink_list *list, int ifindex)
{
	for (size_t i = 0; i < list->count; i++)
		if ((int)list->entries[i].ifindex == ifindex)
			return true;
	return false;
}

int uplinks_sync(struct node *node, struct error *err)
{
	_cleanup_uplink_list_ struct uplink_list known = { 0 };
	struct default_devices devices;
	int ret = default_devices_read(&node->datapath.pins, &devices, err);

	if (!ret)
		ret = uplink_list_read(&node->datapath, &known, err);
	if (!ret)
		ret = uplinks_sync_known(node, &known, err);
	for (size_t i = 0; !ret && i < devices.count; i++) {
		if (!uplink_list_has(&known, devices.routes[i].ifindex))
			ret = uplink_sync_device(node, devices.routes[i].ifindex, false, err);
		if (ret == -ENODEV)
			ret = 0; /* it has gone meanwhile, with its route */
	}
	return ret;
}

int uplinks_default_mtu(struct node *node, uint32_t *ret_mtu, struct error *err)
{
	struct default_route route;
	struct link_info link;
	size_t count;
	int ret = inet_default_routes(AF_INET, &route, 1, &count, err);

	if (!ret && !count)
		ret = default_routes_v6(&node->datapath.pins, &route, 1, &count, err);
	if (ret || !count) {
		*ret_mtu = 0;
		return ret;
	}
	ret = link_get_by_index(node->nl, route.ifindex, &link, err);
	if (!ret)
		*ret_mtu = route.mtu ? route.mtu : link.mtu;
	return ret;
}

static int uplink_link(struct node *node, const char *device, struct link_info *ret_link,
		       struct error *err)
{
	int ret = link_get_by_name(node->nl, device, ret_link, err);

	return ret == -ENODEV ? error_set(err, ENODEV, "there is no device '%s'", device) : ret;
}

int uplink_add(struct node *node, const char *device, struct error *err)
{
	_cleanup_close_ int lock_fd = -1;
	struct link_info link;
	int ret = uplink_link(node, device, &link, err);

	if (ret)
		return ret;
	if (link.flags & IFF_LOOPBACK)
		return error_set(err, EINVAL, "the loopback device can't be an uplink");
	if (link.group == NK_LINK_GROUP)
		return error_set(err, EINVAL,
				 "%s is an endpoint's device, which can't be an uplink", device);
	ret = pins_lock_node(&node->datapath.pins, &lock_fd, err);
	return ret ? ret : uplink_setup_locked(node, &link, false, err);
}

static int uplink_detach(int ifindex, uint16_t type, struct error *err)
{
	enum datapath_program program = uplink_program(type);
	uint32_t id;
	int ret = hook_find(program, ifindex, &id, NULL, err);

	return ret || !id ? ret : hook_detach(program, ifindex, id, err);
}

/* @exclude: keep the next attach from taking it again */
static int uplink_teardown(struct node *node, const struct link_info *link,
			   struct nk_uplink *uplink, bool exclude, struct error *err)
{
	const struct nk_uplink excluded = UPLINK_UNCHANGED(NK_UPLINK_EXCLUDED);
	int ret = uplink_detach(link->ifindex, link->type, err);

	if (!ret)
		ret = uplink_settings_restore(link->name, uplink, err);
	if (!ret)
		ret = exclude ? uplink_set(&node->datapath, link->ifindex, &excluded, err)
			      : uplink_delete(&node->datapath, link->ifindex, err);
	return ret ? error_prefix(err, "stop using %s as an uplink", link->name) : 0;
}

static int uplink_remove_locked(struct node *node, const struct link_info *link, bool exclude,
				struct error *err)
{
	struct nk_uplink uplink;
	int ret = uplink_get(&node->datapath, link->ifindex, &uplink, err);

	if (ret == -ENOENT && exclude)
		return uplink_setup_locked(node, link, true, err); /* before an attach takes it */
	if (ret == -ENOENT || (!ret && (uplink.flags & NK_UPLINK_EXCLUDED)))
		return error_set(err, ENOENT, "%s is no uplink", link->name);
	return ret ? ret : uplink_teardown(node, link, &uplink, exclude, err);
}

int uplink_remove(struct node *node, const char *device, struct error *err)
{
	_cleanup_close_ int lock_fd = -1;
	struct default_devices devices;
	struct link_info link;
	int ret = uplink_link(node, device, &link, err);

	if (!ret)
		ret = default_devices_read(&node->datapath.pins, &devices, err);
	if (!ret)
		ret = pins_lock_node(&node->datapath.pins, &lock_fd, err);
	if (ret)
		return ret;
	return uplink_remove_locked(node, &link, default_devices_have(&devices, link.ifindex), err);
}

int uplinks_remove_all(struct node *node, size_t *ret_removed, struct error *err)
{
	_cleanup_uplink_list_ struct uplink_list list = { 0 };
	struct error one_err = { 0 };
	struct link_info link;
	int ret = uplink_list_read(&node->datapath, &list, err), one;

	for (size_t i = 0; i < list.count; i++) {
		int ifindex = (int)list.entries[i].ifindex;

		one = link_get_by_index(node->nl, ifindex, &link, &one_err);
		if (!one)
			one = uplink_teardown(node, &link, &list.entries[i].uplink, false,
					      &one_err);
		if (one && link_is_gone(ifindex))
			continue; /* with all that was on it */
		if (!one && !(list.entries[i].uplink.flags & NK_UPLINK_EXCLUDED))
			(*ret_removed)++;
		error_keep(&ret, err, one, &one_err);
	}
	return ret;
}

bool uplinks_were_chosen(struct node *node)
{
	_cleanup_uplink_list_ struct uplink_list list = { 0 };
	struct default_devices devices;
	bool chosen = default_devices_read(&node->datapath.pins, &devices, NULL) ||
		      uplink_list_read(&node->datapath, &list, NULL);

	for (size_t i = 0; !chosen && i < list.count; i++)
		chosen = list.entries[i].uplink.flags & NK_UPLINK_EXCLUDED ||
			 !default_devices_have(&devices, (int)list.entries[i].ifindex);
	return chosen;
}

static int uplink_upgrade(struct node *node, int ifindex, size_t *replaced, struct error *err)
{
	enum datapath_program program;
	struct link_info link;
	uint32_t id, current;
	int ret = link_get_by_index(node->nl, ifindex, &link, err);

	if (ret)
		return ret;
	program = uplink_program(link.type);
	ret = datapath_program_need(&node->datapath, program, err);
	if (ret >= 0)
		ret = hook_find(program, ifindex, &id, NULL, err);
	if (!ret)
		ret = program_id(&node->datapath, program, &current, err);
	if (ret || id == current)
		return ret;
	if (id)
		ret = hook_replace(&node->datapath, program, ifindex, id, err);
	else
		ret = hook_attach(&node->datapath, program, ifindex, err);
	if (!ret)
		(*replaced)++;
	return ret ? error_prefix(err, "upgrade the uplink %s", link.name) : 0;
}

int uplinks_upgrade(struct node *node, size_t *ret_replaced, struct error *err)
{
	_cleanup_uplink_list_ struct uplink_list list = { 0 };
	size_t replaced = 0;
	int ret = uplink_list_read(&node->datapath, &list, err);

	for (size_t i = 0; !ret && i < list.count; i++) {
		int ifindex = (int)list.entries[i].ifindex;

		if (list.entries[i].uplink.flags & NK_UPLINK_EXCLUDED)
			continue;
		ret = uplink_upgrade(node, ifindex, &replaced, err);
		if (ret && link_is_gone(ifindex))
			ret = 0; /* meanwhile */
	}
	*ret_replaced = replaced;
	return ret;
}

static struct uplink_state uplink_state_of(const struct link_info *link)
{
	struct uplink_state state = { .ifindex = link->ifindex,
				      .mtu = link->mtu,
				      .type = link->type };

	(void)strcpy(state.name, link->name); /* both IF_NAMESIZE */
	return state;
}

static bool uplink_forwards(const char *device)
{
	int on;

	if (!sysctl_read_dev("ipv4", device, "forwarding", &on, NULL) && !on)
		return false;
	return sysctl_read_dev("ipv6", device, "forwarding", &on, NULL) || on;
}

static int uplink_observe(struct node *node, const struct uplink_entry *entry,
			  const struct default_devices *devices, struct uplink_state *state,
			  struct error *err)
{
	struct link_info link;
	uint32_t id, others;
	int ret = link_get_by_index(node->nl, (int)entry->ifindex, &link, err);

	if (ret)
		return ret;
	ret = hook_find(uplink_program(link.type), link.ifindex, &id, &others, err);
	if (ret)
		return ret;
	*state = uplink_state_of(&link);
	state->known = true;
	state->others = others;
	state->attached = id != 0;
	state->fits = id && rescue_program_fits(&node->datapath.pins, id);
	state->forwards = uplink_forwards(link.name);
	state->excluded = entry->uplink.flags & NK_UPLINK_EXCLUDED;
	state->default_route = default_devices_have(devices, link.ifindex);
	return 0;
}

static bool uplink_states_have(const struct uplink_state *states, size_t count, int ifindex)
{
	for (size_t i = 0; i < count; i++)
		if (states[i].ifindex == ifindex)
			return true;
	return false;
}

/* Adds the devices of default routes that aren't among the states, each once. */
static int uplinks_add_expected(struct nlsock *nl, const struct default_devices *devices,
				struct uplink_state *states, size_t *count, struct error *err)
{
	struct link_info link;
	int ret;

	for (size_t i = 0; i < devices->count; i++) {
		if (uplink_states_have(states, *count, devices->routes[i].ifindex))
			continue;
		ret = link_get_by_index(nl, devices->routes[i].ifindex, &link, err);
		if (ret == -ENODEV)
			continue; /* it has gone meanwhile, with its route */
		if (ret)
			return ret;
		states[*count] = uplink_state_of(&link);
		states[(*count)++].default_route = true;
	}
	return 0;
}

int uplinks_observe(struct node *node, struct uplink_state **ret_states, size_t *ret_count,
		    struct error *err)
{
	_cleanup_uplink_list_ struct uplink_list list = { 0 };
	_cleanup_free_ struct uplink_state *states = NULL;
	struct default_devices devices;
	size_t count = 0;
	int ret = uplink_list_read(&node->datapath, &list, err);

	if (!ret)
		ret = default_devices_read(&node->datapath.pins, &devices, err);
	if (ret)
		return ret;
	states = calloc(list.count + devices.count + 1, sizeof(*states));
	if (!states)
		return error_sys(err, ENOMEM, "look at the uplinks");
	for (size_t i = 0; i < list.count; i++) {
		ret = uplink_observe(node, &list.entries[i], &devices, &states[count], err);
		if (ret && ret != -ENODEV)
			return ret;
		count += !ret;
	}
	ret = uplinks_add_expected(node->nl, &devices, states, &count, err);
	if (ret)
		return ret;
	*ret_states = TAKE_PTR(states);
	*ret_count = count;
	return 0;
}

int uplinks_expected(struct nlsock *nl, struct uplink_state **ret_states, size_t *ret_count,
		     struct error *err)
{
	_cleanup_free_ struct uplink_state *states = NULL;
	struct default_devices devices;
	size_t count = 0;
	int ret = default_devices_read(NULL, &devices, err);

	if (ret)
		return ret;
	states = calloc(devices.count + 1, sizeof(*states));
	if (!states)
		return error_sys(err, ENOMEM, "look for uplinks");
	ret = uplinks_add_expected(nl, &devices, states, &count, err);
	if (ret)
		return ret;
	*ret_states = TAKE_PTR(states);
	*ret_count = count;
	return 0;
}
