// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/ipam.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cni/attachment.h"
#include "cni/code.h"
#include "cni/ipam_answer.h"
#include "core/cleanup.h"

#define ANSWER_MAX (1 << 20)

static bool is_program(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISREG(status.st_mode) && !access(path, X_OK);
}

int ipam_find(const struct cni_request *request, const char *type, char ret_path[PATH_MAX],
	      struct error *err)
{
	const char *dirs = request->environment->path;

	if (!dirs || !*dirs)
		return cni_error(err, CNI_INVALID_ENVIRONMENT,
				 "CNI_PATH is missing: the ipam plugin %s is looked for there",
				 type);
	while (*dirs) {
		size_t len = strcspn(dirs, ":");
		int written = snprintf(ret_path, PATH_MAX, "%.*s/%s", (int)len, dirs, type);

		if (len && written < PATH_MAX && is_program(ret_path))
			return 0;
		dirs += len + (dirs[len] == ':');
	}
	return cni_error(err, CNI_FAILED, "there is no ipam plugin %s in CNI_PATH, %s", type,
			 request->environment->path);
}

/* A file in memory, unlike a pipe, takes all of it before anybody reads. */
static int input_make(const struct cni_request *request, int *ret_fd, struct error *err)
{
	_cleanup_close_ int fd = memfd_create("cni-config", MFD_CLOEXEC);
	size_t done = 0;

	while (fd >= 0 && done < request->input_len) {
		ssize_t put = write(fd, request->input + done, request->input_len - done);

		if (put <= 0)
			return error_sys(err, errno, "copy the configuration");
		done += (size_t)put;
	}
	if (fd < 0 || lseek(fd, 0, SEEK_SET))
		return error_sys(err, errno, "copy the configuration");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* SIGPIPE is ignored, see main(), which the plugin must not inherit. */
static int program_spawn(const char *path, int in_fd, int out_fd, pid_t *ret_pid)
{
	char *const argv[] = { (char *)path, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int ret;

	(void)sigemptyset(&defaults); /* these fail only for signals that don't exist */
	(void)sigaddset(&defaults, SIGPIPE);
	ret = posix_spawn_file_actions_init(&actions);
	if (ret)
		return -ret;
	ret = posix_spawnattr_init(&attributes);
	if (!ret)
		ret = posix_spawn_file_actions_adddup2(&actions, in_fd, STDIN_FILENO);
	if (!ret)
		ret = posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	if (!ret)
		ret = posix_spawnattr_setsigdefault(&attributes, &defaults);
	if (!ret)
		ret = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	if (!ret)
		ret = posix_spawn(ret_pid, path, &actions, &attributes, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attributes);
	return -ret;
}

static int program_start(const struct cni_request *request, const char *path,
			 struct ipam_call *call, struct error *err)
{
	_cleanup_close_ int in_fd = -1, read_fd = -1, write_fd = -1;
	int pipe_fds[2], ret;

	ret = input_make(request, &in_fd, err);
	if (ret)
		return ret;
	if (pipe2(pipe_fds, O_CLOEXEC))
		return error_sys(err, errno, "make a pipe");
	read_fd = pipe_fds[0];
	write_fd = pipe_fds[1];
	ret = program_spawn(path, in_fd, write_fd, &call->pid);
	if (ret)
		return error_sys(err, ret, "run %s", path);
	call->output_fd = TAKE_FD(read_fd);
	return 0;
}

/* Return: its wait status, or a negative errno; what it printed is read in any case. */
static int program_end(struct ipam_call *call, char **ret_output, size_t *ret_len,
		       struct error *err)
{
	int status = 0, ret = cni_input_read(call->output_fd, ANSWER_MAX, ret_output, ret_len, err);

	if (ret) {
		(void)error_prefix(err, "answer of the ipam plugin %s", call->type);
		(void)kill(call->pid, SIGKILL); /* it is there until we wait for it */
	}
	while (waitpid(call->pid, &status, 0) < 0 && errno == EINTR)
		;
	cleanup_close(&call->output_fd);
	return ret ? ret : status;
}

static int call_start(const struct cni_request *request, const char *type, const char *command,
		      struct ipam_call *ret_call, struct error *err)
{
	struct ipam_call call = { .type = type, .command = command, .output_fd = -1 };
	char path[PATH_MAX];
	int ret = ipam_find(request, type, path, err);

	if (ret)
		return ret;
	if (setenv("CNI_COMMAND", command, 1))
		return error_sys(err, errno, "set CNI_COMMAND");
	ret = program_start(request, path, &call, err);
	if (!ret)
		*ret_call = call;
	return ret;
}

static int call_end(struct ipam_call *call, char **ret_output, size_t *ret_len, struct error *err)
{
	int ret = program_end(call, ret_output, ret_len, err);

	return ret > 0 ? ipam_failure_read(call->type, call->command, ret, *ret_output, *ret_len,
					   err)
		       : ret;
}

int ipam_run(const struct cni_request *request, const char *type, const char *command,
	     struct error *err)
{
	_cleanup_free_ char *output = NULL;
	struct ipam_call call;
	size_t len = 0;
	int ret = call_start(request, type, command, &call, err);

	return ret ? ret : call_end(&call, &output, &len, err);
}

/*
 * "If, on ADD, a delegated plugin fails, the upper plugin should execute again with DEL before
 * returning failure" (CNI spec 1.1.0, section 4). Of two ADDs of one attachment at a time, which no
 * runtime makes, the other may have been quicker: the addresses are that one's.
 */
void ipam_give_back(const struct cni_request *request, const char *type)
{
	if (!attachment_check_absent(&request->identity, NULL))
		(void)ipam_run(request, type, "DEL", NULL); /* the failure before it tells more */
}

int ipam_add_start(const struct cni_request *request, const char *type, struct ipam_call *ret_call,
		   struct error *err)
{
	return call_start(request, type, "ADD", ret_call, err);
}

/* It is when nobody has the pipe open any more. */
bool ipam_add_is_over(const struct ipam_call *call, int wait_ms)
{
	struct pollfd output = { .fd = call->output_fd };

	return poll(&output, 1, wait_ms) > 0;
}

int ipam_add_end(struct ipam_call *call, json_t **ret_answer, struct cni_result *ret_result,
		 struct error *err)
{
	_cleanup_free_ char *output = NULL;
	size_t len = 0;
	int ret = call_end(call, &output, &len, err);

	return ret ? ret : ipam_answer_read(call->type, output, len, ret_answer, ret_result, err);
}
