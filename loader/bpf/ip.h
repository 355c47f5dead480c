/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses as the maps of address translation have them (nkctl/nat.h). */
#ifndef NKCTL_BPF_IP_H
#define NKCTL_BPF_IP_H

#include "core/addr.h"
#include "nkctl/nat.h"

/* IPv4 addresses become ::ffff:a.b.c.d, and those of that form IPv4 ones. */
struct nk_ip addr_to_ip(const struct addr *addr);
struct addr addr_from_ip(const struct nk_ip *ip);

#endif
