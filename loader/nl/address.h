/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The addresses of this network namespace's devices. */
#ifndef NKCTL_NL_ADDRESS_H
#define NKCTL_NL_ADDRESS_H

#include <stddef.h>

#include "core/addr.h"
#include "core/error.h"
#include "nl/nlsock.h"

/**
 * struct device_address - an address of a device.
 * @local: the address
 * @prefix: what is on its link; of a point-to-point link the other end's address
 * @scope: RT_SCOPE_*
 * @flags: IFA_F_*
 */
struct device_address {
	int ifindex;
	uint8_t scope;
	uint32_t flags;
	struct addr local;
	struct prefix prefix;
};

struct device_address_list {
	struct device_address *addresses;
	size_t count;
};

/* device_address_list_read() - all, of both families. Freed by device_address_list_free(). */
int device_address_list_read(struct nlsock *nl, struct device_address_list *ret_list,
			     struct error *err);
void device_address_list_free(struct device_address_list *list);
#define _cleanup_device_address_list_ _cleanup_(device_address_list_free)

#endif
