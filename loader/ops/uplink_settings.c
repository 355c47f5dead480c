// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/uplink_settings.h"

#include <errno.h>
#include <stddef.h>

#include "core/cleanup.h"
#include "core/sysctl.h"

/*
 * What a setting is recorded as that was changed although forwarding was on for all devices: it was
 * off for this one on purpose.
 */
#define CHANGED_ALONE (-2)

/*
 * The settings of an uplink, in the order in which they are made; undone the other way round.
 *
 * accept_ra comes first: turning IPv6 forwarding on at any device throws away the default routes
 * that router advertisements made, on every device whose accept_ra isn't 2
 * (addrconf_fixup_forwarding(), net/ipv6/addrconf.c).
 */
static const struct setting {
	const char *family, *key;
	const char *of_all; /* whoever turns this on for all devices needs it at @to on each */
	int from, to;       /* changed only where it is @from, given back only where it is @to */
	size_t saved;       /* offset in struct nk_uplink of what it was */
} settings[] = {
	{ "ipv6", "accept_ra", "forwarding", 1, 2, offsetof(struct nk_uplink, accept_ra) },
	{ "ipv4", "forwarding", "forwarding", 0, 1, offsetof(struct nk_uplink, forwarding_v4) },
	{ "ipv6", "forwarding", "forwarding", 0, 1, offsetof(struct nk_uplink, forwarding_v6) },
	{ "ipv6", "force_forwarding", "force_forwarding", 0, 1,
	  offsetof(struct nk_uplink, force_forwarding) },
};

/* Of a device that is excluded from being an uplink only accept_ra is touched: see above. */
#define SETTINGS_OF_EXCLUDED 1

static __s8 *setting_saved(const struct setting *setting, struct nk_uplink *uplink)
{
	return (__s8 *)uplink + setting->saved;
}

static bool setting_is_of_all(const struct setting *setting)
{
	int on;

	return !sysctl_read_dev(setting->family, "all", setting->of_all, &on, NULL) && on;
}

/* Return: 0, also where there is no such setting. */
static int setting_record(const struct setting *setting, const char *device,
			  struct nk_uplink *uplink, struct error *err)
{
	__s8 *saved = setting_saved(setting, uplink);
	int found, ret = sysctl_read_dev(setting->family, device, setting->key, &found, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (found == setting->from)
		*saved = (__s8)(setting_is_of_all(setting) ? CHANGED_ALONE : found);
	else if (found != setting->to)
		*saved = UPLINK_SETTING_UNCHANGED;
	return 0;
}

int uplink_settings_record(const char *device, bool excluded, struct nk_uplink *uplink,
			   struct error *err)
{
	size_t count = excluded ? SETTINGS_OF_EXCLUDED : ARRAY_SIZE(settings);
	int ret = 0;

	for (size_t i = 0; !ret && i < count; i++)
		ret = setting_record(&settings[i], device, uplink, err);
	return ret;
}

/*
 * Return: 0, also where there is no such setting: with an MTU below 1280 a device has no IPv6, and
 * those of its settings are gone (addrconf_notify(), net/ipv6/addrconf.c).
 */
static int setting_write(const struct setting *setting, const char *device, int value,
			 struct error *err)
{
	int ret = sysctl_write_dev(setting->family, device, setting->key, value, err);

	return ret == -ENOENT ? 0 : ret;
}

int uplink_settings_apply(const char *device, struct nk_uplink *uplink, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(settings); i++)
		if (*setting_saved(&settings[i], uplink) != UPLINK_SETTING_UNCHANGED)
			ret = setting_write(&settings[i], device, settings[i].to, err);
	return ret;
}

/* What somebody else has changed since is left as it is, and what somebody else needs since. */
static int setting_restore(const struct setting *setting, const char *device, __s8 saved,
			   struct error *err)
{
	int found, ret;

	if (saved == UPLINK_SETTING_UNCHANGED ||
	    (saved != CHANGED_ALONE && setting_is_of_all(setting)))
		return 0;
	ret = sysctl_read_dev(setting->family, device, setting->key, &found, err);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	return found == setting->to ? setting_write(setting, device, setting->from, err) : 0;
}

int uplink_settings_restore(const char *device, struct nk_uplink *uplink, struct error *err)
{
	struct error one_err = { 0 };
	int ret = 0;

	for (size_t i = ARRAY_SIZE(settings); i-- > 0;)
		error_keep(&ret, err,
			   setting_restore(&settings[i], device,
					   *setting_saved(&settings[i], uplink), &one_err),
			   &one_err);
	return ret;
}
