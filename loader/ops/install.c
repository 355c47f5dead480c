// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ops/install.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/lock.h"

/*
 * Theory of operation
 *
 * A file is written beside its place, by a name that begins with a dot, which no runtime reads, and
 * renamed. Meanwhile its directory is locked, so that what has such a name when the lock is had is
 * of one who was killed. Where a file system has no locks it stays.
 */
#define SCRATCH_PREFIX  ".nkctl-new."
#define SCRATCH_PATTERN SCRATCH_PREFIX "??????"

/* An installation takes some 20 ms. */
#define DIRECTORY_WAIT_US 2000000

static const char *const outcome_texts[] = {
#define X(identifier, text) [INSTALL_##identifier] = (text),
	INSTALL_OUTCOMES(X)
#undef X
};

const char *install_outcome_text(enum install_outcome outcome)
{
	return outcome_texts[outcome];
}

/* A full file system is no full table, which ENOSPC is elsewhere: see error_exit_status(). */
static int write_error(struct error *err, int code, const char *action, const char *path)
{
	code = abs(code);
	return error_set(err, code == ENOSPC ? EIO : code, "%s %s: %s", action, path,
			 strerror(code));
}

/* struct content - all of a file. */
struct content {
	char *bytes;
	size_t len;
};

static void content_free(struct content *content)
{
	free(content->bytes);
}
#define _cleanup_content_ _cleanup_(content_free)

static int content_read(const char *path, struct content *ret_content, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_content_ struct content content = { 0 };
	struct stat status;
	ssize_t got = 1;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &status))
		return error_sys(err, errno, "open %s", path);
	if (!S_ISREG(status.st_mode))
		return error_set(err, EEXIST, "%s is no file", path);
	content.bytes = malloc((size_t)status.st_size + 1);
	if (!content.bytes)
		return error_sys(err, ENOMEM, "read %s", path);
	while (got > 0 && content.len < (size_t)status.st_size) {
		got = read(fd, content.bytes + content.len, (size_t)status.st_size - content.len);
		if (got < 0)
			return error_sys(err, errno, "read %s", path);
		content.len += (size_t)got;
	}
	ret_content->bytes = TAKE_PTR(content.bytes);
	ret_content->len = content.len;
	return 0;
}

static int content_write(int fd, const struct content *content)
{
	size_t done = 0;

	while (done < content->len) {
		ssize_t put = write(fd, content->bytes + done, content->len - done);

		if (put < 0)
			return -errno;
		done += (size_t)put;
	}
	return 0;
}

/* As `mkdir -p` does it. */
static int directory_make(const char *dir, struct error *err)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
		return error_set(err, EINVAL, "the directory's name is too long");
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			return write_error(err, errno, "make the directory", path);
		*slash = '/';
	}
	if (mkdir(path, 0755) && errno != EEXIST)
		return write_error(err, errno, "make the directory", path);
	return 0;
}

static void cleanup_closedir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir); /* it was only read */
}

/*
 * Locks a directory until it is closed, and removes what the dead have left there. Anybody may lock
 * it: whoever keeps it for longer than an installation takes isn't waited for, nor swept after.
 * NULL: it can't be opened.
 */
static void directory_lock(const char *path, DIR **ret_dir)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	*ret_dir = dir;
	if (!dir || lock_within(dirfd(dir), LOCK_EX, DIRECTORY_WAIT_US))
		return;
	while ((entry = readdir(dir)))
		if (!fnmatch(SCRATCH_PATTERN, entry->d_name, 0))
			(void)unlinkat(dirfd(dir), entry->d_name, 0); /* the next one tries again */
}

static int path_make(const char *dir, const char *name, char ret_path[PATH_MAX], struct error *err)
{
	if (snprintf(ret_path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return error_set(err, EINVAL, "the directory's name is too long");
	return 0;
}

/* Whoever has a program open to write to it keeps all others from starting it (ETXTBSY). */
static int file_fill(int fd, const struct content *content, mode_t mode)
{
	int ret = content_write(fd, content);

	if (!ret && (fchmod(fd, mode) || fsync(fd)))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	return ret;
}

static int file_replace(const char *dir, const char *path, const struct content *content,
			mode_t mode, struct error *err)
{
	_cleanup_(cleanup_closedir) DIR *locked = NULL;
	char scratch[PATH_MAX];
	int ret = path_make(dir, SCRATCH_PREFIX "XXXXXX", scratch, err), fd;

	if (!ret)
		ret = directory_make(dir, err);
	if (ret)
		return ret;
	directory_lock(dir, &locked);
	fd = mkostemp(scratch, O_CLOEXEC);
	if (fd < 0)
		return write_error(err, errno, "make a file in", dir);
	ret = file_fill(fd, content, mode);
	if (!ret && rename(scratch, path))
		ret = -errno;
	if (!ret)
		return 0;
	(void)unlink(scratch); /* @ret tells more */
	return write_error(err, ret, "write", path);
}

static int content_install(const char *dir, const char *name, const struct content *content,
			   mode_t mode, bool keep, struct install_file *file, struct error *err)
{
	_cleanup_content_ struct content found = { 0 };
	int ret = path_make(dir, name, file->path, err);

	if (!ret)
		ret = content_read(file->path, &found, err);
	if (ret && ret != -ENOENT)
		return ret;
	file->outcome = INSTALL_WRITTEN;
	if (found.bytes && found.len == content->len &&
	    !memcmp(found.bytes, content->bytes, found.len))
		file->outcome = INSTALL_UNCHANGED;
	else if (!ret && keep)
		file->outcome = INSTALL_KEPT;
	return file->outcome == INSTALL_WRITTEN ? file_replace(dir, file->path, content, mode, err)
						: 0;
}

int install_program(const char *dir, const char *name, struct install_file *ret_file,
		    struct error *err)
{
	_cleanup_content_ struct content program = { 0 };
	int ret = content_read("/proc/self/exe", &program, err);

	return ret ? ret : content_install(dir, name, &program, 0755, false, ret_file, err);
}

int install_text(const char *dir, const char *name, const char *text, bool keep,
		 struct install_file *ret_file, struct error *err)
{
	const struct content content = { (char *)text, strlen(text) }; /* is only read */

	return content_install(dir, name, &content, 0644, keep, ret_file, err);
}

int install_remove(const char *dir, const char *name, struct install_file *ret_file,
		   struct error *err)
{
	_cleanup_(cleanup_closedir) DIR *locked = NULL;
	int ret = path_make(dir, name, ret_file->path, err);

	if (ret)
		return ret;
	directory_lock(dir, &locked);
	ret_file->outcome = INSTALL_REMOVED;
	if (!unlink(ret_file->path))
		return 0;
	if (errno != ENOENT && errno != ENOTDIR)
		return error_sys(err, errno, "remove %s", ret_file->path);
	ret_file->outcome = INSTALL_ABSENT;
	return 0;
}
