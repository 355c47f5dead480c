/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Settings under /proc/sys/net that netlink can't change, most of them of a device. */
#ifndef NKCTL_CORE_SYSCTL_H
#define NKCTL_CORE_SYSCTL_H

#include "core/error.h"

/**
 * sysctl_read_dev() - read net.FAMILY.conf.DEVICE.KEY in this process's network namespace.
 * @family: "ipv4" or "ipv6"
 *
 * Return: 0; -ENOENT where the kernel or the device has no such setting.
 */
int sysctl_read_dev(const char *family, const char *device, const char *key, int *ret_value,
		    struct error *err);

/* sysctl_write_dev() - write it, unless it has that value already. */
int sysctl_write_dev(const char *family, const char *device, const char *key, int value,
		     struct error *err);

/**
 * sysctl_read_pair() - read a setting that is two numbers.
 * @path: below /proc/sys/net: "ipv4/ip_local_port_range"
 *
 * Return: 0; -ENOENT where the kernel has no such setting; -EINVAL where it isn't two numbers.
 */
int sysctl_read_pair(const char *path, int *ret_first, int *ret_second, struct error *err);

/* sysctl_check_writable() - Return: 0; -EROFS or the like where devices' settings can't be written.
 */
int sysctl_check_writable(struct error *err);

#endif
