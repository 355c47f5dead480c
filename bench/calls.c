// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * calls COMMAND PLUGIN CONFIG CONTAINER...: calls a CNI plugin for each container, all at once, as
 * a runtime would, and prints 'ENDED_US DONE_US PEAK_KB': the time until the last call has ended,
 * the time until no process that it has left behind is there any more, and the peak of resident
 * memory of the largest process. Fails if a call does, and prints its answer. Before it begins it
 * rests, so that no call pays for what the kernel has still to do for others.
 *
 * The namespace of container ID is /run/netns/ID, its interface eth0.
 */
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REST_US 100000

struct call {
	char id[64], netns[96];
	int answer_fd;
	pid_t pid;
};

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* can't fail for this clock */
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void call_prepare(struct call *call, const char *container)
{
	(void)snprintf(call->id, sizeof(call->id), "CNI_CONTAINERID=%s", container);
	(void)snprintf(call->netns, sizeof(call->netns), "CNI_NETNS=/run/netns/%s", container);
	call->answer_fd = memfd_create("answer", MFD_CLOEXEC);
	if (call->answer_fd < 0)
		error(EXIT_FAILURE, errno, "make room for an answer");
}

static void call_start(struct call *call, char *command, char *plugin, const char *config)
{
	char *const argv[] = { plugin, NULL };
	char *const environment[] = { command,
				      call->id,
				      call->netns,
				      "CNI_IFNAME=eth0",
				      "CNI_PATH=/usr/lib/cni",
				      "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
				      NULL };
	posix_spawn_file_actions_t actions;
	int ret = posix_spawn_file_actions_init(&actions);

	if (!ret)
		ret = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, config, O_RDONLY, 0);
	if (!ret)
		ret = posix_spawn_file_actions_adddup2(&actions, call->answer_fd, STDOUT_FILENO);
	if (!ret)
		ret = posix_spawn(&call->pid, plugin, &actions, NULL, argv, environment);
	if (ret)
		error(EXIT_FAILURE, ret, "run %s", plugin);
	(void)posix_spawn_file_actions_destroy(&actions);
}

static void answer_show(const struct call *call)
{
	char text[1024];
	ssize_t len = pread(call->answer_fd, text, sizeof(text), 0);

	(void)fprintf(stderr, "%s: %.*s\n", call->id, len > 0 ? (int)len : 0, text);
}

/* Return: whether it has succeeded. */
static int call_end(const struct call *call, long *peak_kb)
{
	struct rusage usage;
	int status;

	while (wait4(call->pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			error(EXIT_FAILURE, errno, "wait for a plugin");
	if (usage.ru_maxrss > *peak_kb)
		*peak_kb = usage.ru_maxrss;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
	int count = argc - 4, failed = 0;
	char command[64];
	struct call *calls;
	int64_t start_us, ended_us;
	long peak_kb = 0;

	if (count < 1)
		error(2, 0, "usage: calls COMMAND PLUGIN CONFIG CONTAINER...");
	calls = calloc((size_t)count, sizeof(*calls));
	if (!calls)
		error(EXIT_FAILURE, errno, "calls");
	(void)snprintf(command, sizeof(command), "CNI_COMMAND=%s", argv[1]);
	for (int i = 0; i < count; i++)
		call_prepare(&calls[i], argv[i + 4]);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		error(EXIT_FAILURE, errno, "become the parent of what is left behind");
	(void)usleep(REST_US);
	start_us = now_us();
	for (int i = 0; i < count; i++)
		call_start(&calls[i], command, argv[2], argv[3]);
	for (int i = 0; i < count; i++) {
		if (call_end(&calls[i], &peak_kb))
			continue;
		answer_show(&calls[i]);
		failed++;
	}
	ended_us = now_us();
	while (wait(NULL) > 0 || errno == EINTR)
		;
	printf("%lld %lld %ld\n", (long long)(ended_us - start_us),
	       (long long)(now_us() - start_us), peak_kb);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
