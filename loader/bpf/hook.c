// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/hook.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "bpf/uapi.h"
#include "core/cleanup.h"
#include "core/expedite.h"

static struct hook_place place_of(enum datapath_program program)
{
	return (struct hook_place){ program == PROGRAM_FROM_CTR ? NK_BPF_NETKIT_PEER
								: NK_BPF_TCX_INGRESS,
				    datapath_program_name(program) };
}

/* EINVAL is what a kernel without the hook answers; ours passes no other invalid argument. */
static int hook_error(int code, const struct hook_place *place, const char *action, int ifindex,
		      struct error *err)
{
	bool netkit = place->hook == NK_BPF_NETKIT_PEER;

	if (code == -EINVAL)
		return error_set(err, EOPNOTSUPP, "this kernel has no %s hook: %s is needed",
				 netkit ? "netkit" : "tcx", netkit ? "6.7" : "6.6");
	return error_sys(err, code, "%s %s at the %s hook of device %d", action, place->program,
			 netkit ? "netkit" : "tcx", ifindex);
}

int hook_place_attach(const struct hook_place *place, int fd, int ifindex, bool first,
		      struct error *err)
{
	LIBBPF_OPTS(bpf_prog_attach_opts, opts, .flags = first ? NK_BPF_F_BEFORE : 0);
	int ret = bpf_prog_attach_opts(fd, ifindex, (enum bpf_attach_type)place->hook, &opts);

	return ret ? hook_error(ret, place, "attach", ifindex, err) : 0;
}

int hook_attach(struct datapath *datapath, enum datapath_program program, int ifindex,
		struct error *err)
{
	const struct hook_place place = place_of(program);
	int fd = datapath_program_need(datapath, program, err), expedite_fd, ret;

	if (fd < 0)
		return fd;
	expedite_fd = pins_expedite(&datapath->pins);
	ret = hook_place_attach(&place, fd, ifindex, false, err);
	expedite_end(&expedite_fd);
	return ret;
}

static int program_info(int fd, struct bpf_prog_info *ret_info, struct error *err)
{
	__u32 size = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	if (bpf_prog_get_info_by_fd(fd, ret_info, &size))
		return error_sys(err, errno, "look at an eBPF program");
	return 0;
}

/* The kernel cuts names. A program that went meanwhile, or isn't ours to open, has none. */
static int entry_read(uint32_t id, struct hook_entry *entry, struct error *err)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info;
	int ret;

	*entry = (struct hook_entry){ .id = id };
	if (fd == -ENOENT || fd == -EPERM || fd == -EACCES)
		return 0;
	if (fd < 0)
		return error_sys(err, fd, "open the eBPF program %u", id);
	ret = program_info(fd, &info, err);
	if (!ret)
		memcpy(entry->name, info.name, sizeof(entry->name));
	return ret;
}

static int place_read(const struct hook_place *place, int ifindex,
		      struct hook_entry entries[HOOK_PROGRAMS_MAX], size_t *ret_count,
		      struct error *err)
{
	uint32_t ids[HOOK_PROGRAMS_MAX];
	LIBBPF_OPTS(bpf_prog_query_opts, opts, .prog_ids = ids, .prog_cnt = HOOK_PROGRAMS_MAX);
	int ret = bpf_prog_query_opts(ifindex, (enum bpf_attach_type)place->hook, &opts);

	if (ret == -ENOENT)
		opts.prog_cnt = 0;
	else if (ret)
		return hook_error(ret, place, "look for", ifindex, err);
	for (uint32_t i = 0; i < opts.prog_cnt; i++) {
		ret = entry_read(ids[i], &entries[i], err);
		if (ret)
			return ret;
		entries[i].ours = !strncmp(entries[i].name, place->program, BPF_OBJ_NAME_LEN - 1);
	}
	*ret_count = opts.prog_cnt;
	return 0;
}

int hook_read(enum datapath_program program, int ifindex,
	      struct hook_entry entries[HOOK_PROGRAMS_MAX], size_t *ret_count, struct error *err)
{
	const struct hook_place place = place_of(program);

	return place_read(&place, ifindex, entries, ret_count, err);
}

int hook_read_xdp(int ifindex, struct hook_entry *ret_entry, struct error *err)
{
	uint32_t id;
	int ret = bpf_xdp_query_id(ifindex, 0, &id);

	if (ret)
		return error_sys(err, ret, "look for an XDP program on device %d", ifindex);
	*ret_entry = (struct hook_entry){ 0 };
	return id ? entry_read(id, ret_entry, err) : 0;
}

int hook_place_find(const struct hook_place *place, int ifindex, uint32_t *ret_id,
		    uint32_t *ret_others, struct error *err)
{
	struct hook_entry entries[HOOK_PROGRAMS_MAX];
	uint32_t found = 0, others = 0;
	size_t count;
	int ret = place_read(place, ifindex, entries, &count, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < count; i++) {
		if (!found && entries[i].ours)
			found = entries[i].id;
		else
			others++;
	}
	*ret_id = found;
	if (ret_others)
		*ret_others = others;
	return 0;
}

int hook_find(enum datapath_program program, int ifindex, uint32_t *ret_id, uint32_t *ret_others,
	      struct error *err)
{
	const struct hook_place place = place_of(program);

	return hook_place_find(&place, ifindex, ret_id, ret_others, err);
}

int hook_place_replace(const struct hook_place *place, int fd, int ifindex, uint32_t old_id,
		       struct error *err)
{
	_cleanup_close_ int old_fd = bpf_prog_get_fd_by_id(old_id);
	LIBBPF_OPTS(bpf_prog_attach_opts, opts, .flags = BPF_F_REPLACE, .replace_prog_fd = old_fd);
	int ret;

	if (old_fd < 0)
		return error_sys(err, old_fd, "open the eBPF program %u", old_id);
	ret = bpf_prog_attach_opts(fd, ifindex, (enum bpf_attach_type)place->hook, &opts);
	return ret ? hook_error(ret, place, "replace", ifindex, err) : 0;
}

int hook_replace(struct datapath *datapath, enum datapath_program program, int ifindex,
		 uint32_t old_id, struct error *err)
{
	const struct hook_place place = place_of(program);
	int fd = datapath_program_fd(datapath, program, err);

	return fd < 0 ? fd : hook_place_replace(&place, fd, ifindex, old_id, err);
}

int hook_detach(enum datapath_program program, int ifindex, uint32_t id, struct error *err)
{
	const struct hook_place place = place_of(program);
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	int ret;

	if (fd < 0)
		return error_sys(err, fd, "open the eBPF program %u", id);
	ret = bpf_prog_detach_opts(fd, ifindex, (enum bpf_attach_type)place.hook, NULL);
	return ret ? hook_error(ret, &place, "detach", ifindex, err) : 0;
}

int program_id(struct datapath *datapath, enum datapath_program program, uint32_t *ret_id,
	       struct error *err)
{
	int fd = datapath_program_fd(datapath, program, err), ret;
	struct bpf_prog_info info;

	if (fd < 0)
		return fd;
	ret = program_info(fd, &info, err);
	if (!ret)
		*ret_id = info.id;
	return ret;
}

bool program_exists(uint32_t id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);

	return fd >= 0;
}
