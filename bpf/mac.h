/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* MAC addresses. Those in headers, maps and on the stack are aligned to two bytes. */
#ifndef NKCTL_BPF_MAC_H
#define NKCTL_BPF_MAC_H

#include "compat.h"
#include <nkctl/maps.h>

static const __u8 gateway_mac[ETH_ALEN] __attribute__((aligned(2))) = NK_GATEWAY_MAC;

static __always_inline bool mac_equal(const void *a, const void *b)
{
	const __u16 *x = a, *y = b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]));
}

static __always_inline bool mac_is_zero(const void *mac)
{
	const __u16 *x = mac;

	return !(x[0] | x[1] | x[2]);
}

#endif
