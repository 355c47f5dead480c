// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * at_bpf: runs a command and kills it, or holds it up, as it enters a certain bpf(2) call.
 *
 *	at_bpf BPF-COMMAND N kill|MILLISECONDS COMMAND [ARGUMENT]...
 *
 * It is the N-th call with BPF-COMMAND, a number of enum bpf_cmd, by the command's first thread.
 * What strace can inject counts calls with any bpf command, and how many come before can differ
 * from run to run: on some kernels an attach looks for what the dead have left when it is time
 * for that.
 *
 * The exit status is the command's, or as a shell has it, 128 and the signal that ended it.
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* See PTRACE_O_TRACESYSGOOD and PTRACE_O_TRACEEXEC in ptrace(2). */
#define SYSCALL_STOP (SIGTRAP | 0x80)
#define EXEC_STOP    (SIGTRAP | PTRACE_EVENT_EXEC << 8)

static pid_t child_start(char *const *argv)
{
	pid_t child = fork();

	if (child < 0)
		err(2, "start a process");
	if (child)
		return child;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) || raise(SIGSTOP))
		err(2, "be traced");
	(void)execvp(argv[0], argv);
	err(127, "%s", argv[0]);
}

static int wait_for(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			err(2, "wait for the command");
	return status;
}

static bool enters(pid_t child, unsigned long command)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info) < 0)
		err(2, "read the system call");
	return info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_bpf &&
	       (unsigned int)info.entry.args[0] == command;
}

/* The time to hold it up is the caller's wish: nothing is waited for here. */
static void harm(pid_t child, const char *how)
{
	if (!strcmp(how, "kill"))
		(void)kill(child, SIGKILL);
	else
		(void)usleep((useconds_t)strtoul(how, NULL, 10) * 1000);
}

/* Return: the signal that the command is to get when it goes on; 0. */
static int signal_of(int status)
{
	return status >> 8 == SYSCALL_STOP || status >> 8 == EXEC_STOP ? 0 : WSTOPSIG(status);
}

static int run(pid_t child, unsigned long command, unsigned long n, const char *how)
{
	int status = wait_for(child), signal = 0;

	if (!WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, child, NULL,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL))
		errx(2, "the command can't be traced");
	while (WIFSTOPPED(status)) {
		if (status >> 8 == SYSCALL_STOP && enters(child, command) && !--n)
			harm(child, how);
		if (ptrace(PTRACE_SYSCALL, child, NULL, signal) && errno != ESRCH)
			err(2, "let the command go on");
		status = wait_for(child);
		signal = WIFSTOPPED(status) ? signal_of(status) : 0;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	if (argc < 5)
		errx(2, "which command of bpf(2), the how many-th, what to do, and which command?");
	return run(child_start(argv + 4), strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10),
		   argv[3]);
}
