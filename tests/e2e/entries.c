// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * entries: prints "NAME NUMBER" for each map that is pinned at a path: its pin's name, and how many
 * entries it has. A bpftool that dumps them and a program that counts what it prints take ten times
 * as long, which an emulated guest feels.
 *
 *	entries PATH...
 *	entries -d PATH...	and deletes them; what an array has becomes zero
 */
#include <err.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int sys_bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int map_open(const char *path)
{
	union bpf_attr attr = { .pathname = (uintptr_t)path };

	return sys_bpf(BPF_OBJ_GET, &attr);
}

static int map_read_info(int fd, struct bpf_map_info *ret_info)
{
	union bpf_attr attr = { .info = { .bpf_fd = (uint32_t)fd,
					  .info_len = sizeof(*ret_info),
					  .info = (uintptr_t)ret_info } };

	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

static unsigned long entries_count(int fd, size_t key_size)
{
	unsigned char *key = calloc(2, key_size), *next = key ? key + key_size : NULL;
	union bpf_attr attr = { .map_fd = (uint32_t)fd, .next_key = (uintptr_t)next };
	unsigned long count = 0;

	if (!key)
		err(1, "count entries");
	while (!sys_bpf(BPF_MAP_GET_NEXT_KEY, &attr)) {
		memcpy(key, next, key_size);
		attr.key = (uintptr_t)key;
		count++;
	}
	if (errno != ENOENT)
		err(1, "count entries");
	free(key);
	return count;
}

/* Those of a per-CPU array are as many as there may be CPUs. */
#define VALUES_SIZE_MAX 65536

static void entries_zero(int fd, uint32_t count)
{
	static const unsigned char zeros[VALUES_SIZE_MAX];

	for (uint32_t key = 0; key < count; key++) {
		union bpf_attr attr = { .map_fd = (uint32_t)fd,
					.key = (uintptr_t)&key,
					.value = (uintptr_t)zeros };

		if (sys_bpf(BPF_MAP_UPDATE_ELEM, &attr))
			err(1, "clear entries");
	}
}

static void entries_delete(int fd, size_t key_size)
{
	unsigned char *key = calloc(1, key_size);
	union bpf_attr first = { .map_fd = (uint32_t)fd, .next_key = (uintptr_t)key };
	union bpf_attr entry = { .map_fd = (uint32_t)fd, .key = (uintptr_t)key };

	if (!key)
		err(1, "delete entries");
	while (!sys_bpf(BPF_MAP_GET_NEXT_KEY, &first))
		if (sys_bpf(BPF_MAP_DELETE_ELEM, &entry) && errno != ENOENT)
			err(1, "delete entries");
	free(key);
}

static void map_clear(int fd, const struct bpf_map_info *map)
{
	if (map->type == BPF_MAP_TYPE_ARRAY || map->type == BPF_MAP_TYPE_PERCPU_ARRAY)
		entries_zero(fd, map->max_entries);
	else
		entries_delete(fd, map->key_size);
}

int main(int argc, char **argv)
{
	bool deletes = argc > 1 && !strcmp(argv[1], "-d");

	for (int i = 1 + deletes; i < argc; i++) {
		struct bpf_map_info info = { 0 };
		int fd = map_open(argv[i]);

		if (fd < 0 || map_read_info(fd, &info))
			err(1, "%s", argv[i]);
		(void)printf("%s %lu\n", basename(argv[i]), entries_count(fd, info.key_size));
		if (deletes)
			map_clear(fd, &info);
	}
	return 0;
}
