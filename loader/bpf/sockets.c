// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/sockets.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bpf/ip.h"
#include "bpf/table.h"
#include "bpf/tracker.h"
#include "core/cleanup.h"
#include "core/log.h"
#include "core/netns.h"
#include "sock.skel.h"

/*
 * Names in the object are the names of the pins, of the programs and of their links. What tells an
 * application whom it speaks to comes before what decides that, so that no socket is translated
 * without.
 */
static const struct {
	const char *name;
	enum bpf_attach_type hook;
} programs[SOCKETS_PROGRAMS] = {
	{ "nk_getpeername4", BPF_CGROUP_INET4_GETPEERNAME },
	{ "nk_getpeername6", BPF_CGROUP_INET6_GETPEERNAME },
	{ "nk_recvmsg4", BPF_CGROUP_UDP4_RECVMSG },
	{ "nk_recvmsg6", BPF_CGROUP_UDP6_RECVMSG },
	{ "nk_sendmsg4", BPF_CGROUP_UDP4_SENDMSG },
	{ "nk_sendmsg6", BPF_CGROUP_UDP6_SENDMSG },
	{ "nk_connect4", BPF_CGROUP_INET4_CONNECT },
	{ "nk_connect6", BPF_CGROUP_INET6_CONNECT },
};

/* Where systems mount it: alone, or beside the hierarchies of version 1. */
static const char *const cgroup_paths[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

/* A mount that only this descriptor knows: nobody's mount table can be wrong. */
static int cgroup_mount(int *ret_fd)
{
	_cleanup_close_ int context_fd = fsopen("cgroup2", FSOPEN_CLOEXEC), fd = -1;

	if (context_fd < 0 || fsconfig(context_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -errno;
	fd = fsmount(context_fd, FSMOUNT_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int cgroup_find(int *ret_fd)
{
	struct statfs fs;

	for (size_t i = 0; i < ARRAY_SIZE(cgroup_paths); i++) {
		_cleanup_close_ int fd = open(cgroup_paths[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0 || fstatfs(fd, &fs) || (unsigned long)fs.f_type != CGROUP2_SUPER_MAGIC)
			continue;
		*ret_fd = TAKE_FD(fd);
		return 0;
	}
	return -ENOENT;
}

static int cgroup_open_root(int *ret_fd, struct error *err)
{
	int ret = cgroup_mount(ret_fd);

	if (ret && cgroup_find(ret_fd))
		return error_sys(err, ret, "open the root of the cgroups (version 2)");
	return 0;
}

static int skeleton_open(struct sock_bpf **ret_skeleton, struct error *err)
{
	*ret_skeleton = sock_bpf__open();
	return *ret_skeleton ? 0 : error_sys(err, errno, "open the sockets' eBPF object");
}

static int skeleton_load(struct sock_bpf *skeleton, struct error *err)
{
	int ret = sock_bpf__load(skeleton);

	if (ret == -EPERM || ret == -EACCES)
		return error_sys(err, ret, "load the eBPF programs of the host's sockets");
	if (ret)
		return error_set(err, EOPNOTSUPP,
				 "this kernel doesn't take the eBPF programs of the host's "
				 "sockets: %s (CONFIG_CGROUP_BPF)",
				 strerror(-ret));
	return 0;
}

/* Loading takes ten times as long as attaching: what was loaded stays pinned until it's replaced.
 */
static int skeleton_pin(const struct pins *pins, struct sock_bpf *skeleton, struct error *err)
{
	const struct bpf_program *program;
	int ret = 0;

	for (size_t i = 0; !ret && i < SOCKETS_PROGRAMS; i++) {
		program = bpf_object__find_program_by_name(skeleton->obj, programs[i].name);
		ret = pins_replace(pins, "progs", programs[i].name, bpf_program__fd(program), err);
	}
	return ret;
}

static int programs_load(const struct pins *pins, struct error *err)
{
	struct sock_bpf *skeleton;
	uint64_t cookie = 0;
	int ret = skeleton_open(&skeleton, err);

	if (ret)
		return ret;
	ret = netns_cookie(&cookie, err);
	if (!ret)
		ret = pins_reuse_maps(pins, skeleton->obj, err);
	skeleton->rodata->host_netns_cookie = cookie;
	if (!ret)
		ret = skeleton_load(skeleton, err);
	if (!ret)
		(void)tracker_load(pins, NULL); /* without it, commands tell of addresses */
	if (!ret)
		ret = skeleton_pin(pins, skeleton, err);
	sock_bpf__destroy(skeleton);
	log_step("sockets_load");
	return ret;
}

/* Attach a program behind whatever else is there, and keep it by a pin. */
static int program_attach(const struct pins *pins, size_t program, int fd, int cgroup_fd,
			  struct error *err)
{
	const char *name = programs[program].name;
	_cleanup_close_ int link_fd = bpf_link_create(fd, cgroup_fd, programs[program].hook, NULL);

	if (link_fd < 0)
		return error_sys(err, link_fd, "attach %s to the root cgroup", name);
	return pins_replace(pins, "links", name, link_fd, err);
}

static int program_put(const struct pins *pins, size_t program, int cgroup_fd, struct error *err)
{
	const char *name = programs[program].name;
	_cleanup_close_ int fd = pins_get(pins, "progs", name, err);
	_cleanup_close_ int link_fd = pins_get(pins, "links", name, NULL);

	if (fd < 0)
		return fd;
	if (link_fd < 0)
		return program_attach(pins, program, fd, cgroup_fd, err);
	if (!bpf_link_update(link_fd, fd, NULL))
		return 0;
	if (errno == ENOLINK) /* its cgroup was removed: this process is in another */
		return program_attach(pins, program, fd, cgroup_fd, err);
	return error_sys(err, errno, "replace %s on the root cgroup", name);
}

static int programs_put(const struct pins *pins, struct error *err)
{
	_cleanup_close_ int cgroup_fd = -1;
	int ret = cgroup_open_root(&cgroup_fd, err);

	for (size_t i = 0; !ret && i < SOCKETS_PROGRAMS; i++)
		ret = program_put(pins, i, cgroup_fd, err);
	log_step("sockets_attach");
	return ret;
}

static size_t pinned_count(const struct datapath *datapath, const char *dir)
{
	size_t count = 0;

	for (size_t i = 0; i < SOCKETS_PROGRAMS; i++) {
		_cleanup_close_ int fd = pins_get(&datapath->pins, dir, programs[i].name, NULL);

		count += fd >= 0;
	}
	return count;
}

/* A link that somebody detached, or whose cgroup was removed, is there and has none any more. */
static bool program_is_attached(const struct pins *pins, const char *name)
{
	_cleanup_close_ int fd = pins_get(pins, "links", name, NULL);
	struct bpf_link_info info = { 0 };
	__u32 size = sizeof(info);

	return fd >= 0 && !bpf_link_get_info_by_fd(fd, &info, &size) && info.cgroup.cgroup_id;
}

bool sockets_are_attached(const struct datapath *datapath)
{
	for (size_t i = 0; i < SOCKETS_PROGRAMS; i++)
		if (!program_is_attached(&datapath->pins, programs[i].name))
			return false;
	return true;
}

int sockets_attach(struct datapath *datapath, struct error *err)
{
	int ret = 0;

	if (sockets_are_attached(datapath))
		return 0;
	if (pinned_count(datapath, "progs") < SOCKETS_PROGRAMS)
		ret = programs_load(&datapath->pins, err);
	if (!ret)
		ret = programs_put(&datapath->pins, err);
	if (ret)
		(void)sockets_detach(datapath, NULL); /* the first error is the one to tell */
	return ret;
}

int sockets_update(struct datapath *datapath, struct error *err)
{
	bool attached = pinned_count(datapath, "links");
	int ret = 0;

	if (attached || pinned_count(datapath, "progs"))
		ret = programs_load(&datapath->pins, err);
	if (!ret && attached)
		ret = programs_put(&datapath->pins, err);
	return ret;
}

int sockets_detach(struct datapath *datapath, struct error *err)
{
	int ret = 0, one;

	for (size_t i = SOCKETS_PROGRAMS; i-- > 0;) {
		one = pins_delete(&datapath->pins, "links", programs[i].name, err);
		ret = ret ? ret : one;
	}
	return ret;
}

void sockets_program_ids(const struct datapath *datapath, uint32_t ids[SOCKETS_PROGRAMS])
{
	for (size_t i = 0; i < SOCKETS_PROGRAMS; i++) {
		_cleanup_close_ int fd = pins_get(&datapath->pins, "progs", programs[i].name, NULL);
		struct bpf_prog_info info = { 0 };
		__u32 size = sizeof(info);

		ids[i] = fd < 0 || bpf_prog_get_info_by_fd(fd, &info, &size) ? 0 : info.id;
	}
}

/* No network namespace has the cookie 0. */
int sockets_try(struct error *err)
{
	_cleanup_close_ int cgroup_fd = -1;
	struct sock_bpf *skeleton;
	int ret = cgroup_open_root(&cgroup_fd, err);

	if (!ret)
		ret = skeleton_open(&skeleton, err);
	if (ret)
		return ret;
	ret = skeleton_load(skeleton, err);
	sock_bpf__destroy(skeleton);
	return ret;
}

int published_is_empty(struct datapath *datapath, bool *ret_empty, struct error *err)
{
	int fd = datapath_map_fd(datapath, MAP_PUBLISHED, err);
	struct nk_port first;

	if (fd < 0)
		return fd;
	*ret_empty = false;
	if (!bpf_map_get_next_key(fd, NULL, &first))
		return 0;
	*ret_empty = errno == ENOENT;
	return *ret_empty ? 0 : error_sys(err, errno, "look for published ports");
}

/* The host's addresses ------------------------------------------------------------------------- */

static void host_address_fill(void *entry, const void *key, const void *value)
{
	const uint32_t *ifindex = value;

	*(struct host_address *)entry =
		(struct host_address){ .addr = addr_from_ip(key), .ifindex = *ifindex };
}

int host_address_list_read(struct datapath *datapath, struct host_address_list *ret_list,
			   struct error *err)
{
	static const struct table_layout layout = {
		.map = MAP_HOST_ADDRESSES,
		.key_size = sizeof(struct nk_ip),
		.value_size = sizeof(uint32_t),
		.entry_size = sizeof(struct host_address),
		.fill = host_address_fill,
	};
	void *addresses = NULL;
	size_t count = 0;
	int ret = table_read_entries(datapath, &layout, &addresses, &count, err);

	if (!ret)
		*ret_list = (struct host_address_list){ addresses, count };
	return ret;
}

void host_address_list_free(struct host_address_list *list)
{
	free(list->addresses);
	*list = (struct host_address_list){ 0 };
}

int host_address_set(struct datapath *datapath, const struct host_address *address,
		     struct error *err)
{
	struct nk_ip ip = addr_to_ip(&address->addr);

	return table_set(datapath, MAP_HOST_ADDRESSES, &ip, &address->ifindex, BPF_ANY, err);
}

int host_address_delete(struct datapath *datapath, const struct addr *addr, struct error *err)
{
	struct nk_ip ip = addr_to_ip(addr);

	return table_delete(datapath, MAP_HOST_ADDRESSES, &ip, err);
}
