/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Networks: where an endpoint's addresses and defaults come from. */
#ifndef NKCTL_MODEL_NETWORK_H
#define NKCTL_MODEL_NETWORK_H

#include <stdbool.h>

#include "core/addr.h"
#include "core/error.h"
#include "nkctl/maps.h"
#include "nkctl/nat.h"

#define DEFAULT_SUBNET_V4 "10.88.0.0/16"
#define DEFAULT_SUBNET_V6 "fd00:88::/64"

#define MTU_MIN    68    /* RFC 791, section 3.2 */
#define MTU_MIN_V6 1280  /* RFC 8200, section 5 */
#define MTU_MAX    65535 /* ETH_MAX_MTU of netkit and veth */

/* network_default() - what the network "default" is until somebody changes it. */
void network_default(struct nk_network *ret_network);

/* network_default_subnets() - give a network without any the subnets of "default". */
void network_default_subnets(struct nk_network *network);

/**
 * network_add_subnet() - give a network one more subnet.
 *
 * Return: 0; -EINVAL where host bits are set, it has too few addresses or ones that are never
 * routed, -E2BIG where the network has NK_NETWORK_SUBNETS_MAX already, -EEXIST where it overlaps
 * another of them.
 */
int network_add_subnet(struct nk_network *network, const struct prefix *subnet, struct error *err);

/**
 * address_check_reachable() - whether a container can have an address that somebody else chose.
 *
 * Return: 0; -EINVAL where nobody could reach it: of loopback, multicast, broadcast, or one link.
 */
int address_check_reachable(const struct addr *addr, struct error *err);

struct prefix subnet_prefix(const struct nk_subnet *subnet);

/* The first host address of a subnet: the host's own, as containers see it. */
struct addr subnet_gateway(const struct nk_subnet *subnet);

/* The subnet of @network that @addr is of, or NULL. */
const struct nk_subnet *network_subnet_of(const struct nk_network *network,
					  const struct addr *addr);

bool network_has_family(const struct nk_network *network, uint8_t family);

/* The subnet of @network that overlaps one of @other, or NULL. */
const struct nk_subnet *network_overlap(const struct nk_network *network,
					const struct nk_network *other);

/* mtu_check() - Return: 0, or -EINVAL with the range in the error. */
int mtu_check(uint32_t mtu, bool with_v6, struct error *err);

/**
 * masquerade_applies() - whether an endpoint's address is masqueraded on its way to the world.
 *
 * "auto" masquerades private addresses, which nobody else routes back: those of RFC 1918, RFC 6598
 * and RFC 4193.
 */
bool masquerade_applies(enum nk_masquerade masquerade, const struct addr *addr);

/* masquerade_may_apply() - whether it is for some address of a subnet. */
bool masquerade_may_apply(enum nk_masquerade masquerade, const struct nk_subnet *subnet);

const char *masquerade_name(enum nk_masquerade masquerade);

/* Names of modes and devices: one table each parses and prints. */
const char *mode_name(enum nk_mode mode);
int mode_parse(const char *name, enum nk_mode *ret_mode, struct error *err);
const char *device_name(enum nk_device device);
int device_parse(const char *name, enum nk_device *ret_device, struct error *err);

#endif
