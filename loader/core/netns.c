// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "core/cleanup.h"
#include "core/text.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* include/uapi/asm-generic/socket.h, 5.14 */
#endif

#define NETNS_OWN_PATH "/proc/thread-self/ns/net"

/* Of a thread, in bytes: room for some paths, and not the 8 MiB that are usual. */
#define VISIT_STACK_SIZE ((size_t)256 * 1024)

static int netns_path(const char *spec, char *path, size_t size, struct error *err)
{
	const char *pid = !strncmp(spec, "pid:", 4) ? spec + 4 : NULL;
	int len = -1;

	if (pid && *pid && strspn(pid, "0123456789") == strlen(pid))
		len = snprintf(path, size, "/proc/%s/ns/net", pid);
	else if (!pid && strchr(spec, '/'))
		len = snprintf(path, size, "%s", spec);
	else if (!pid && *spec && strcmp(spec, ".") != 0 && strcmp(spec, "..") != 0)
		len = snprintf(path, size, NETNS_RUN_DIR "/%s", spec);
	if (len > 0 && (size_t)len < size)
		return 0;
	return error_set(err, EINVAL,
			 "'%s' names no network namespace: give a name under " NETNS_RUN_DIR
			 ", a path or pid:N",
			 spec);
}

int netns_spec_check(const char *spec, struct error *err)
{
	char path[PATH_MAX];

	return netns_path(spec, path, sizeof(path), err);
}

void netns_name(const char *spec, char ret_name[NETNS_NAME_SIZE])
{
	static const char *const directories[] = { NETNS_RUN_DIR "/", "/var" NETNS_RUN_DIR "/" };

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (!strncmp(spec, directories[i], strlen(directories[i])))
			spec += strlen(directories[i]);
	if (strchr(spec, '/') || !strncmp(spec, "pid:", 4))
		spec = "";
	(void)snprintf(ret_name, NETNS_NAME_SIZE, "%s", spec);
	text_sanitize(ret_name);
}

/* A network namespace's descriptor is on nsfs and says CLONE_NEWNET (ioctl_ns(2)). */
static int netns_check(int fd, const char *path, struct error *err)
{
	_cleanup_close_ int own_fd = -1;
	struct stat own, target;
	struct statfs fs;
	int ret;

	if (fstatfs(fd, &fs) || fs.f_type != NSFS_MAGIC || ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return error_set(err, EINVAL, "%s isn't a network namespace", path);
	ret = netns_open_own(&own_fd, err);
	if (ret)
		return ret;
	if (fstat(own_fd, &own) || fstat(fd, &target))
		return error_sys(err, errno, "stat %s", path);
	if (own.st_dev == target.st_dev && own.st_ino == target.st_ino)
		return error_set(err, EINVAL,
				 "%s is the host's own network namespace: name a container's",
				 path);
	return 0;
}

/*
 * O_NONBLOCK: a FIFO in the way must not hang us. A process that ends while its path is walked is
 * "permission denied" (proc_ns_get_link(), fs/proc/namespaces.c), and next time its path is gone.
 */
static int netns_file_open(const char *path)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
	int fd = open(path, flags);

	return fd < 0 && errno == EACCES ? open(path, flags) : fd;
}

int netns_open(const char *spec, int *ret_fd, struct error *err)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	int ret;

	ret = netns_path(spec, path, sizeof(path), err);
	if (ret)
		return ret;
	fd = netns_file_open(path);
	if (fd < 0 && (errno == ENOENT || errno == ESRCH))
		return error_set(err, ENOENT, "no network namespace at %s", path);
	if (fd < 0)
		return error_sys(err, errno, "open network namespace %s", path);
	ret = netns_check(fd, path, err);
	if (ret)
		return ret;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int netns_open_own(int *ret_fd, struct error *err)
{
	int fd = open(NETNS_OWN_PATH, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "open " NETNS_OWN_PATH);
	*ret_fd = fd;
	return 0;
}

/*
 * struct visit - what a thread does in another network namespace.
 *
 * It ends there: coming back is a system call that may fail, and then nothing could be undone.
 */
struct visit {
	int netns_fd;
	int (*function)(void *data, struct error *err);
	void *data;
	struct error *err;
	int result;
};

static void *visit_begin(void *argument)
{
	struct visit *visit = argument;

	if (setns(visit->netns_fd, CLONE_NEWNET))
		visit->result = error_sys(visit->err, errno, "enter the network namespace");
	else
		visit->result = visit->function(visit->data, visit->err);
	return NULL;
}

static void *visit_create(void *argument)
{
	struct visit *visit = argument;

	if (unshare(CLONE_NEWNET))
		visit->result = error_sys(visit->err, errno, "make a network namespace");
	else
		visit->result = netns_open_own(&visit->netns_fd, visit->err);
	return NULL;
}

static int visit_run(struct visit *visit, void *(*begin)(void *visit))
{
	pthread_attr_t attributes;
	pthread_t thread;
	int ret;

	(void)pthread_attr_init(&attributes); /* these fail only for sizes that can't be */
	(void)pthread_attr_setstacksize(&attributes, VISIT_STACK_SIZE);
	ret = pthread_create(&thread, &attributes, begin, visit);
	(void)pthread_attr_destroy(&attributes);
	if (ret)
		return error_sys(visit->err, ret, "start a thread for another network namespace");
	(void)pthread_join(thread, NULL); /* fails only for what is no thread */
	return visit->result;
}

int netns_create(int *ret_fd, struct error *err)
{
	struct visit visit = { .err = err };
	int ret = visit_run(&visit, visit_create);

	if (!ret)
		*ret_fd = visit.netns_fd;
	return ret;
}

int netns_run(int netns_fd, int (*function)(void *data, struct error *err), void *data,
	      struct error *err)
{
	struct visit visit = {
		.netns_fd = netns_fd, .function = function, .data = data, .err = err
	};

	return visit_run(&visit, visit_begin);
}

int netns_cookie(uint64_t *ret_cookie, struct error *err)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie;
	socklen_t len = sizeof(cookie);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
		return error_sys(err, errno, "read the network namespace's cookie");
	*ret_cookie = cookie;
	return 0;
}
