/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is set on a device so that it can be an uplink, below net.ipv4.conf and net.ipv6.conf. What
 * it was is in the uplink's record, and given back by it.
 */
#ifndef NKCTL_OPS_UPLINK_SETTINGS_H
#define NKCTL_OPS_UPLINK_SETTINGS_H

#include <stdbool.h>

#include "bpf/uplinks.h"
#include "core/error.h"

/* What a setting is recorded as that was left as found. */
#define UPLINK_SETTING_UNCHANGED (-1)

/* A record of which nothing is changed yet. */
#define UPLINK_UNCHANGED(flags)                                            \
	{                                                                  \
		flags, UPLINK_SETTING_UNCHANGED, UPLINK_SETTING_UNCHANGED, \
			UPLINK_SETTING_UNCHANGED, UPLINK_SETTING_UNCHANGED \
	}

/**
 * uplink_settings_record() - note in the record what will have to be changed, and forget what
 * somebody else has changed since.
 * @excluded: the device isn't to be an uplink: only what other uplinks would harm is noted
 */
int uplink_settings_record(const char *device, bool excluded, struct nk_uplink *uplink,
			   struct error *err);

/* uplink_settings_apply() - change what the record notes, but for settings the device lacks. */
int uplink_settings_apply(const char *device, struct nk_uplink *uplink, struct error *err);

/**
 * uplink_settings_restore() - give back what the record notes, but what somebody else has changed,
 * or needs, since.
 *
 * Return: 0, or the first error, after which it goes on with the others.
 */
int uplink_settings_restore(const char *device, struct nk_uplink *uplink, struct error *err);

#endif
