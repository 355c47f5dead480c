// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The collector: frees an endpoint's addresses in the moment its device goes, however it goes.
 *
 * Theory of operation: when a network namespace dies, the kernel deletes the pair, its routes
 * and its program, but knows nothing of our maps. No process of ours is there to tidy up; so this
 * program is called by the kernel whenever a device is unregistered, and deletes what that
 * device had claimed, and the flows that count for it. It is a convenience: on a kernel without
 * fentry, claims of the dead stay until a later attach or detach (loader/ops/collect.c), and
 * are never mistaken for living ones.
 *
 * An object of its own, since fentry and reading kernel structures make libbpf parse the kernel's
 * BTF, and since the datapath must load where this can't.
 */
#include "endpoint_maps.h"
#include "flow_maps.h"
#include "kernel_types.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Which network namespace is the host (SO_NETNS_COOKIE): indexes mean something only in it. */
const volatile __u64 host_netns_cookie = 0;

/* enum netdev_cmd in include/linux/netdevice.h: not uapi, and unchanged since it was written. */
#define NETDEV_UNREGISTER 6

/* An address may have been claimed by another endpoint meanwhile: only the dead one's goes. */
static __always_inline void claim_delete(void *map, const void *addr, __u32 ifindex)
{
	const struct nk_endpoint *claim = bpf_map_lookup_elem(map, addr);

	if (claim && claim->ifindex == ifindex)
		(void)bpf_map_delete_elem(map, addr); /* gone already is as good */
}

static __always_inline void owner_collect(__u32 ifindex)
{
	const struct nk_owner *owner = bpf_map_lookup_elem(&owners, &ifindex);

	if (!owner)
		return;
	for (__u32 i = 0; i < NK_ENDPOINT_ADDRESSES_MAX && i < owner->v4_count; i++)
		claim_delete(&endpoints_v4, &owner->v4[i], ifindex);
	for (__u32 i = 0; i < NK_ENDPOINT_ADDRESSES_MAX && i < owner->v6_count; i++)
		claim_delete(&endpoints_v6, &owner->v6[i], ifindex);
	(void)bpf_map_delete_elem(&owners, &ifindex);
}

static __always_inline void flow_entry_delete(const struct nk_flow_key *key, __u32 owner)
{
	const struct nk_flow *flow = bpf_map_lookup_elem(&flows, key);

	if (flow && flow->owner == owner)
		(void)bpf_map_delete_elem(&flows, key); /* gone already is as good */
}

/* A slot may be stale: then what its key leads to is another flow, or nothing. */
static long slot_collect(__u32 slot, void *data)
{
	const struct nk_flow_slot place = { .owner = *(const __u32 *)data, .slot = slot };
	const struct nk_flow_key *found = bpf_map_lookup_elem(&flow_slots, &place);
	const struct nk_flow *flow;
	struct nk_flow_key key, reply_key;

	if (!found)
		return 0;
	key = *found;
	flow = bpf_map_lookup_elem(&flows, &key);
	if (flow && flow->owner == place.owner && flow->slot == slot) {
		reply_key = nk_flow_key_turn(&flow->to);
		flow_entry_delete(&reply_key, place.owner);
		flow_entry_delete(&key, place.owner);
	}
	(void)bpf_map_delete_elem(&flow_slots, &place);
	return 0;
}

static __always_inline void flows_collect(__u32 ifindex)
{
	const struct nk_flow_ring *ring = bpf_map_lookup_elem(&flow_rings, &ifindex);

	if (!ring)
		return;
	(void)bpf_loop(ring->size, slot_collect, &ifindex, 0);
	(void)bpf_map_delete_elem(&flow_rings, &ifindex);
}

static __always_inline void device_collect(__u32 ifindex)
{
	owner_collect(ifindex);
	flows_collect(ifindex);
}

/* call_netdevice_notifiers_info(unsigned long event, struct netdev_notifier_info *info), dev.c */
SEC("fentry/call_netdevice_notifiers_info")
int nk_collect(const __u64 *arguments)
{
	const struct netdev_notifier_info *info;
	const struct net_device *dev;

	if (arguments[0] != NETDEV_UNREGISTER)
		return 0;
	info = (const void *)arguments[1];
	dev = info->dev;
	if (dev->group == NK_LINK_GROUP && dev->nd_net.net->net_cookie == host_netns_cookie)
		device_collect((__u32)dev->ifindex);
	return 0;
}
