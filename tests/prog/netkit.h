/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* netkit pairs, which the packaged ip(8) may not know. */
#ifndef NKCTL_TESTS_NETKIT_H
#define NKCTL_TESTS_NETKIT_H

#include <linux/if_ether.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * netkit_create() - an l2 pair in the calling thread's network namespace.
 * @name: the primary; the peer is @name with "p"
 * @mac: of the primary
 *
 * Return: false if the kernel has no netkit; ends the test program on any other failure.
 */
bool netkit_create(const char *name, const uint8_t mac[ETH_ALEN], uint32_t mtu);

/* netkit_is_known() - whether the kernel has netkit. */
bool netkit_is_known(void);

#endif
