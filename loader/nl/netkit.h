/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a kernel's netkit can do beyond what it began with. */
#ifndef NKCTL_NL_NETKIT_H
#define NKCTL_NL_NETKIT_H

#include <stdint.h>

#include "core/error.h"
#include "nl/nlsock.h"

/* X(identifier, name): attributes of IFLA_INFO_DATA that came after netkit itself, by age. */
#define NETKIT_FEATURES(X)      \
	X(SCRUB, "scrub")       \
	X(HEADROOM, "headroom") \
	X(TAILROOM, "tailroom") \
	X(PAIRING, "pairing")

enum netkit_feature {
#define X(identifier, name) NETKIT_##identifier,
	NETKIT_FEATURES(X)
#undef X
		NETKIT_FEATURE_COUNT
};

const char *netkit_feature_name(enum netkit_feature feature);

/**
 * netkit_features() - the attributes that the kernel tells of a netkit device.
 *
 * A kernel ignores those that it doesn't know when a pair is made, and tells of all that it knows
 * (netkit_fill_info() in drivers/net/netkit.c): so this is what it would have acted on.
 *
 * @ret_features: a bit for each enum netkit_feature
 */
int netkit_features(struct nlsock *nl, const char *device, uint32_t *ret_features,
		    struct error *err);

#endif
