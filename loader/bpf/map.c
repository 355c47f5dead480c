// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/map.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"

int map_info(int fd, struct bpf_map_info *ret_info)
{
	__u32 size = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	return bpf_map_get_info_by_fd(fd, ret_info, &size);
}

/* The kernel copies as many bytes as the map's values have (map_lookup_elem(), syscall.c). */
int map_section_read(int fd, void *ret_value, size_t size)
{
	_cleanup_free_ void *value = NULL;
	struct bpf_map_info info;
	const __u32 key = 0;
	int ret = map_info(fd, &info);

	if (ret)
		return ret;
	value = calloc(1, info.value_size);
	if (!value)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, &key, value))
		return -errno;
	memset(ret_value, 0, size);
	memcpy(ret_value, value, info.value_size < size ? info.value_size : size);
	return 0;
}
