// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/cleanup.h"

static int sysctl_open(const char *family, const char *device, const char *key, int flags,
		       struct error *err)
{
	char path[PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, device, key);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "open %s", path) : fd;
}

int sysctl_read_dev(const char *family, const char *device, const char *key, int *ret_value,
		    struct error *err)
{
	_cleanup_close_ int fd = sysctl_open(family, device, key, O_RDONLY, err);
	char text[16];
	ssize_t len;

	if (fd < 0)
		return fd;
	len = read(fd, text, sizeof(text) - 1);
	if (len < 0)
		return error_sys(err, errno, "read net.%s.conf.%s.%s", family, device, key);
	text[len] = '\0';
	*ret_value = (int)strtol(text, NULL, 10);
	return 0;
}

int sysctl_read_pair(const char *path, int *ret_first, int *ret_second, struct error *err)
{
	_cleanup_close_ int fd = -1;
	char full_path[PATH_MAX], text[32], *end, *second_end;
	long first, second;
	ssize_t len;

	(void)snprintf(full_path, sizeof(full_path), "/proc/sys/net/%s", path);
	fd = open(full_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "open %s", full_path);
	len = read(fd, text, sizeof(text) - 1);
	if (len < 0)
		return error_sys(err, errno, "read %s", full_path);
	text[len] = '\0';
	first = strtol(text, &end, 10);
	second = strtol(end, &second_end, 10);
	if (end == text || second_end == end)
		return error_set(err, EINVAL, "%s isn't two numbers", full_path);
	*ret_first = (int)first;
	*ret_second = (int)second;
	return 0;
}

int sysctl_write_dev(const char *family, const char *device, const char *key, int value,
		     struct error *err)
{
	_cleanup_close_ int fd = -1;
	char text[16];
	int len, found, ret;

	ret = sysctl_read_dev(family, device, key, &found, err);
	if (ret || found == value)
		return ret;
	fd = sysctl_open(family, device, key, O_WRONLY, err);
	if (fd < 0)
		return fd;
	len = snprintf(text, sizeof(text), "%d\n", value);
	if (write(fd, text, (size_t)len) != len)
		return error_sys(err, errno, "write net.%s.conf.%s.%s", family, device, key);
	return 0;
}

int sysctl_check_writable(struct error *err)
{
	static const char path[] = "/proc/sys/net/ipv4/conf/default/forwarding";

	return access(path, W_OK) ? error_sys(err, errno, "%s", path) : 0;
}
