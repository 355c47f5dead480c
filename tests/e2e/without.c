// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * without: runs a command as on a kernel that lacks a command of bpf(2).
 *
 *	without BPF-COMMAND COMMAND [ARGUMENT]...
 *
 * BPF-COMMAND is a number of enum bpf_cmd; the answer to it is EINVAL, as to any that the kernel
 * doesn't know.
 */
#include <err.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The lower half of the first argument. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARGUMENT offsetof(struct seccomp_data, args[0])
#else
#define ARGUMENT (offsetof(struct seccomp_data, args[0]) + 4)
#endif

int main(int argc, char **argv)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(*filter), filter };

	if (argc < 3)
		errx(2, "without which command of bpf(2), and which command?");
	filter[3].k = (uint32_t)strtoul(argv[1], NULL, 10);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		err(2, "filter the system calls");
	(void)execvp(argv[2], argv + 2);
	err(127, "%s", argv[2]);
}
