// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/pace.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "bpf/hook.h"
#include "bpf/map.h"
#include "bpf/uapi.h"
#include "core/cleanup.h"
#include "pace.skel.h"

/* What libbpf calls the map of the section (internal_map_name()). */
#define RODATA_NAME ".rodata.pace"

/* Maps of an instance: its .rodata and .bss, and the drop counters. */
#define MAPS_MAX 8

static const struct hook_place places[PACE_PROGRAM_COUNT] = {
	[PACE_EGRESS] = { NK_BPF_TCX_EGRESS, "nk_pace" },
	[PACE_POLICE] = { NK_BPF_NETKIT_PEER, "nk_police" },
	[PACE_POLICE_VETH] = { NK_BPF_TCX_INGRESS, "nk_police_veth" },
};

static int skeleton_open(struct pace_bpf **ret_skeleton, struct error *err)
{
	*ret_skeleton = pace_bpf__open();
	return *ret_skeleton ? 0 : error_sys(err, errno, "open the eBPF object of limits");
}

static int skeleton_load(struct pace_bpf *skeleton, unsigned int programs, struct error *err)
{
	int ret;

	for (unsigned int i = 0; i < PACE_PROGRAM_COUNT; i++)
		(void)bpf_program__set_autoload(
			bpf_object__find_program_by_name(skeleton->obj, places[i].program),
			programs & 1U << i); /* fails only for an object that is loaded */
	ret = pace_bpf__load(skeleton);
	if (ret == -EPERM || ret == -EACCES)
		return error_sys(err, ret, "load the eBPF programs of limits");
	if (ret)
		return error_set(err, EOPNOTSUPP,
				 "this kernel doesn't take the eBPF programs of limits: %s",
				 strerror(-ret));
	return 0;
}

static int programs_take(const struct pace_bpf *skeleton, unsigned int programs,
			 struct pace_programs *ret_programs, struct error *err)
{
	const struct bpf_program *program;

	for (unsigned int i = 0; i < PACE_PROGRAM_COUNT; i++) {
		if (!(programs & 1U << i))
			continue;
		program = bpf_object__find_program_by_name(skeleton->obj, places[i].program);
		ret_programs->fds[i] = fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0);
		if (ret_programs->fds[i] < 0)
			return error_sys(err, errno, "keep the eBPF program %s", places[i].program);
	}
	return 0;
}

int pace_load(const struct pins *pins, const struct nk_pace *pace, unsigned int programs,
	      struct pace_programs *ret_programs, struct error *err)
{
	struct pace_bpf *skeleton;
	int ret = skeleton_open(&skeleton, err);

	if (ret)
		return ret;
	memcpy((void *)&skeleton->rodata_pace->nk_pace_config, pace, sizeof(*pace));
	ret = pins_reuse_maps(pins, skeleton->obj, err);
	if (!ret)
		ret = skeleton_load(skeleton, programs, err);
	if (!ret)
		ret = programs_take(skeleton, programs, ret_programs, err);
	pace_bpf__destroy(skeleton);
	return ret;
}

void pace_close(struct pace_programs *programs)
{
	for (size_t i = 0; i < PACE_PROGRAM_COUNT; i++)
		cleanup_close(&programs->fds[i]);
}

int pace_attach(const struct pace_programs *programs, enum pace_program program, int ifindex,
		struct error *err)
{
	return hook_place_attach(&places[program], programs->fds[program], ifindex,
				 program != PACE_EGRESS, err);
}

int pace_replace(const struct pace_programs *programs, enum pace_program program, int ifindex,
		 uint32_t old_id, struct error *err)
{
	return hook_place_replace(&places[program], programs->fds[program], ifindex, old_id, err);
}

/* Reads the value of a map, if it is the one. */
static bool rodata_read(uint32_t map_id, struct nk_pace *ret_pace)
{
	_cleanup_close_ int fd = bpf_map_get_fd_by_id(map_id);
	struct bpf_map_info info;

	return fd >= 0 && !map_info(fd, &info) && !strcmp(info.name, RODATA_NAME) &&
	       info.value_size == sizeof(*ret_pace) &&
	       !map_section_read(fd, ret_pace, sizeof(*ret_pace));
}

static int program_read(uint32_t id, struct nk_pace *ret_pace, struct error *err)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	__u32 map_ids[MAPS_MAX];
	struct bpf_prog_info info = { .nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)map_ids };
	__u32 size = sizeof(info);

	if (fd < 0)
		return error_sys(err, fd, "open the eBPF program %u", id);
	if (bpf_prog_get_info_by_fd(fd, &info, &size))
		return error_sys(err, errno, "look at the eBPF program %u", id);
	for (uint32_t i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++)
		if (rodata_read(map_ids[i], ret_pace))
			return 0;
	return error_set(err, EPROTO, "the eBPF program %u is another build's: `nkctl upgrade`",
			 id);
}

bool pace_is_police(const char *name)
{
	return !strcmp(name, places[PACE_POLICE].program) ||
	       !strcmp(name, places[PACE_POLICE_VETH].program);
}

int pace_find(enum pace_program program, int ifindex, uint32_t *ret_id, struct nk_pace *ret_pace,
	      struct error *err)
{
	int ret = hook_place_find(&places[program], ifindex, ret_id, NULL, err);

	memset(ret_pace, 0, sizeof(*ret_pace));
	return ret || !*ret_id ? ret : program_read(*ret_id, ret_pace, err);
}
