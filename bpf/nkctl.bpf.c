// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The programs of nkctl. There are no tail calls: each is whole, so that an upgrade replaces
 * it atomically.
 */
#include "from_ctr.h"
#include "uplink.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * Out of a container by netkit: in the transmit of the container's end, with skb->dev already
 * the host's end, so that ifindex and FIB are the host's (netkit_xmit() in drivers/net/netkit.c).
 */
SEC("netkit/peer")
int nk_from_ctr(struct __sk_buff *skb)
{
	return from_ctr(skb, NK_HOOK_NETKIT);
}

/* Out of a container by veth: at the host's end. */
SEC("tcx/ingress")
int nk_from_ctr_veth(struct __sk_buff *skb)
{
	return from_ctr(skb, NK_HOOK_TCX);
}

/* Into a container from an Ethernet device. */
SEC("tcx/ingress")
int nk_uplink(struct __sk_buff *skb)
{
	return uplink(skb, NK_HOOK_TCX);
}

/* Into a container from a device without MAC headers: WireGuard, tun, ipip. */
SEC("tcx/ingress")
int nk_uplink_l3(struct __sk_buff *skb)
{
	return uplink(skb, NK_HOOK_TCX_L3);
}
