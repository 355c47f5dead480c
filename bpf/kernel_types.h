/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What more than one object reads of the kernel's structures: the fields alone, of which CO-RE
 * finds the places (include/net/net_namespace.h, include/linux/netdevice.h).
 */
#ifndef NKCTL_BPF_KERNEL_TYPES_H
#define NKCTL_BPF_KERNEL_TYPES_H

#include "compat.h"

struct net {
	__u64 net_cookie;
} __attribute__((preserve_access_index));

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	int ifindex;
	int group;
	possible_net_t nd_net;
} __attribute__((preserve_access_index));

struct netdev_notifier_info {
	struct net_device *dev;
} __attribute__((preserve_access_index));

#endif
