// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/pins.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/expedite.h"
#include "core/lock.h"
#include "core/netns.h"

#define INITIAL_NETNS_COOKIE 1
#define LOCK_STRIPES         64

/* An attach holds its lock for some 20 ms; hundreds in a row stay below this. */
#define LOCK_WAIT_US 60000000

/* A mount takes some 50 us, and more on a machine that has too much to do. */
#define MOUNT_WAIT_US 10000000

static const char *const directories[] = { "maps",  "progs",      "links",
					   "locks", "locks/node", "locks/expedite" };

static int lock_wait(int fd, int operation, int wait_us, struct error *err)
{
	int ret = lock_within(fd, operation, wait_us);

	if (ret == -EWOULDBLOCK)
		return error_set(err, EBUSY, "another nkctl is working on it; try again");
	return ret ? error_sys(err, ret, "lock a directory on bpffs") : 0;
}

static bool bpffs_is_mounted(void)
{
	struct statfs fs;

	return !statfs(BPFFS_PATH, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

int pins_check_writable(struct error *err)
{
	if (bpffs_is_mounted() && access(BPFFS_PATH, W_OK))
		return error_sys(err, errno, BPFFS_PATH);
	return 0;
}

/*
 * Each mount is a bpffs of its own, and hides the pins of one below: of several first commands one
 * mounts it, under a lock on the directory that it will be mounted on. Anybody may open that one,
 * and lock it: whoever keeps it for longer than a mount takes isn't waited for.
 */
static int bpffs_mount(struct error *err)
{
	_cleanup_close_ int fd = -1;

	if (bpffs_is_mounted())
		return 0;
	fd = open(BPFFS_PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		(void)lock_within(fd, LOCK_EX, MOUNT_WAIT_US); /* as above */
	if (!bpffs_is_mounted() && mount("bpf", BPFFS_PATH, "bpf", 0, "mode=0700"))
		return error_sys(err, errno, "mount bpffs on " BPFFS_PATH);
	return 0;
}

static int directory_make(int base_fd, const char *name, struct error *err)
{
	if (mkdirat(base_fd, name, 0700) && errno != EEXIST)
		return error_sys(err, errno, "make the directory %s on bpffs", name);
	return 0;
}

int pins_prepare(struct pins *pins, struct error *err)
{
	char stripe[16];
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(directories); i++)
		ret = directory_make(pins->base_fd, directories[i], err);
	for (unsigned int i = 0; !ret && i < LOCK_STRIPES; i++) {
		(void)snprintf(stripe, sizeof(stripe), "locks/%02x", i);
		ret = directory_make(pins->base_fd, stripe, err);
	}
	return ret;
}

bool pins_are_prepared(const struct pins *pins)
{
	struct stat found;

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (fstatat(pins->base_fd, directories[i], &found, 0))
			return false;
	return true;
}

static int lock_operation(enum pins_lock lock)
{
	return lock == PINS_SHARED ? LOCK_SH : LOCK_EX;
}

static int base_path(char ret_base[PINS_PATH_SIZE], struct error *err)
{
	uint64_t cookie;
	int ret = netns_cookie(&cookie, err);

	if (ret)
		return ret;
	if (cookie == INITIAL_NETNS_COOKIE)
		(void)snprintf(ret_base, PINS_PATH_SIZE, BPFFS_PATH "/nkctl");
	else
		(void)snprintf(ret_base, PINS_PATH_SIZE, BPFFS_PATH "/nkctl-%" PRIu64, cookie);
	return 0;
}

/* Whether the directory that was locked is still the one at its path, and not a removed one. */
static bool base_is_current(const struct pins *pins)
{
	struct stat opened, named;

	return !fstat(pins->base_fd, &opened) && !stat(pins->base, &named) &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static int base_open(struct pins *pins, bool create, struct error *err)
{
	if (create && mkdir(pins->base, 0700) && errno != EEXIST)
		return error_sys(err, errno, "make the directory %s", pins->base);
	pins->base_fd = open(pins->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (pins->base_fd < 0)
		return error_sys(err, errno, "open %s", pins->base);
	return 0;
}

int pins_open(struct pins *ret_pins, enum pins_lock lock, bool create, struct error *err)
{
	struct pins pins = { .base_fd = -1 };
	int ret;

	ret = base_path(pins.base, err);
	if (!ret && create)
		ret = bpffs_mount(err);
	if (ret)
		return ret;
	do {
		pins_close(&pins);
		ret = base_open(&pins, create, err);
		if (ret == -ENOENT && create)
			continue; /* removed between the two steps */
		if (!ret)
			ret = lock_wait(pins.base_fd, lock_operation(lock), LOCK_WAIT_US, err);
		if (ret)
			break;
	} while (!base_is_current(&pins));
	if (ret) {
		pins_close(&pins);
		return ret;
	}
	*ret_pins = pins;
	return 0;
}

void pins_close(struct pins *pins)
{
	cleanup_close(&pins->base_fd);
}

int pins_relock(struct pins *pins, enum pins_lock lock, struct error *err)
{
	int ret = lock_wait(pins->base_fd, lock_operation(lock), LOCK_WAIT_US, err);

	if (!ret && !base_is_current(pins))
		return error_set(err, EBUSY,
				 "another nkctl has just taken everything down; try "
				 "again");
	return ret;
}

void pins_path(const struct pins *pins, const char *dir, const char *name,
	       char ret_path[PINS_PATH_SIZE])
{
	(void)snprintf(ret_path, PINS_PATH_SIZE, "%.64s/%s/%.48s", pins->base, dir, name);
}

int pins_get(const struct pins *pins, const char *dir, const char *name, struct error *err)
{
	char path[PINS_PATH_SIZE];
	int fd;

	if (pins->base_fd < 0)
		return error_set(err, ENOENT, "nothing is loaded");
	pins_path(pins, dir, name, path);
	fd = bpf_obj_get(path);
	if (fd == -EROFS)
		return error_set(err, EROFS,
				 "open the pin %s: it is on a read-only file system: "
				 "`mount -o remount,rw " BPFFS_PATH "`",
				 path);
	return fd < 0 ? error_sys(err, fd, "open the pin %s", path) : fd;
}

bool pins_has(const struct pins *pins, const char *dir, const char *name)
{
	char path[PINS_PATH_SIZE];

	pins_path(pins, dir, name, path);
	return !access(path, F_OK);
}

int pins_add(const struct pins *pins, const char *dir, const char *name, int fd, struct error *err)
{
	char path[PINS_PATH_SIZE];

	pins_path(pins, dir, name, path);
	return bpf_obj_pin(fd, path) ? error_sys(err, errno, "pin %s", path) : 0;
}

int pins_replace(const struct pins *pins, const char *dir, const char *name, int fd,
		 struct error *err)
{
	char path[PINS_PATH_SIZE], fresh[PINS_PATH_SIZE + 4];

	pins_path(pins, dir, name, path);
	(void)snprintf(fresh, sizeof(fresh), "%s-new", path);
	(void)unlink(fresh); /* what a killed load left */
	if (bpf_obj_pin(fd, fresh) || rename(fresh, path))
		return error_sys(err, errno, "pin %s", path);
	return 0;
}

int pins_delete(const struct pins *pins, const char *dir, const char *name, struct error *err)
{
	char path[PINS_PATH_SIZE];

	pins_path(pins, dir, name, path);
	if (unlink(path) && errno != ENOENT)
		return error_sys(err, errno, "remove the pin %s", path);
	return 0;
}

int pins_reuse_maps(const struct pins *pins, struct bpf_object *object, struct error *err)
{
	char path[PINS_PATH_SIZE];
	struct bpf_map *map;
	int ret = 0;

	bpf_object__for_each_map (map, object) {
		if (bpf_map__is_internal(map))
			continue;
		pins_path(pins, "maps", bpf_map__name(map), path);
		ret = ret ? ret : bpf_map__set_pin_path(map, path);
	}
	return ret ? error_sys(err, ret, "choose the maps' pins") : 0;
}

int pins_link_program(const struct pins *pins, const char *name, uint32_t *ret_id,
		      struct error *err)
{
	_cleanup_close_ int fd = pins_get(pins, "links", name, err);
	struct bpf_link_info info = { 0 };
	__u32 size = sizeof(info);

	if (fd < 0)
		return fd;
	if (bpf_link_get_info_by_fd(fd, &info, &size))
		return error_sys(err, errno, "look at the eBPF link %s", name);
	*ret_id = info.prog_id;
	return 0;
}

static int lock_open(const struct pins *pins, const char *name, bool wait, int *ret_fd,
		     struct error *err)
{
	_cleanup_close_ int fd = openat(pins->base_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return error_sys(err, errno, "open %s/%s", pins->base, name);
	ret = lock_wait(fd, LOCK_EX, wait ? LOCK_WAIT_US : 0, err);
	if (!ret)
		*ret_fd = TAKE_FD(fd);
	return ret;
}

int pins_lock_endpoint(const struct pins *pins, uint64_t hash, bool wait, int *ret_fd,
		       struct error *err)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "locks/%02x", (unsigned int)(hash % LOCK_STRIPES));
	return lock_open(pins, name, wait, ret_fd, err);
}

int pins_lock_node(const struct pins *pins, int *ret_fd, struct error *err)
{
	return lock_open(pins, "locks/node", true, ret_fd, err);
}

int pins_lock_attach(const struct pins *pins, int *ret_fd, struct error *err)
{
	return lock_open(pins, "locks", true, ret_fd, err);
}

int pins_expedite(const struct pins *pins)
{
	char path[PINS_PATH_SIZE];

	pins_path(pins, "locks", "expedite", path);
	return expedite_begin(path);
}

/* bpffs is two levels deep here, and knows nothing but directories and pins. */
static int directory_empty(int parent_fd, const char *name, struct error *err)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int ret = 0;

	if (!dir) {
		ret = errno == ENOENT ? 0 : error_sys(err, errno, "open %s on bpffs", name);
		cleanup_close(&fd);
		return ret;
	}
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (unlinkat(fd, entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0))
			ret = error_sys(err, errno, "remove %s/%s from bpffs", name, entry->d_name);
	}
	(void)closedir(dir); /* closes fd; it was only read */
	return ret;
}

int pins_remove(struct pins *pins, struct error *err)
{
	int ret = 0, one;

	if (unlinkat(pins->base_fd, "maps/" PINS_CONFIG, 0) && errno != ENOENT)
		return error_sys(err, errno, "remove %s/maps/" PINS_CONFIG, pins->base);
	for (size_t i = ARRAY_SIZE(directories); i-- > 0;) {
		one = directory_empty(pins->base_fd, directories[i], err);
		ret = ret ? ret : one;
		if (unlinkat(pins->base_fd, directories[i], AT_REMOVEDIR) && errno != ENOENT)
			ret = error_sys(err, errno, "remove %s/%s", pins->base, directories[i]);
	}
	if (!ret && rmdir(pins->base))
		ret = error_sys(err, errno, "remove %s", pins->base);
	return ret;
}
