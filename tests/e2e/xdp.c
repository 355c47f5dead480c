// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * xdp: puts a program that lets every packet pass at a device's XDP hook, in the generic mode,
 * which each device has.
 *
 *	xdp NAME DEVICE
 *
 * NAME is the program's, and that of the pin on bpffs that keeps it there.
 */
#include <err.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* bpf(2), for commands that must not fail. */
static int sys_bpf(const char *what, int command, union bpf_attr *attr)
{
	int ret = (int)syscall(SYS_bpf, command, attr, sizeof(*attr));

	if (ret < 0)
		err(EXIT_FAILURE, "%s", what);
	return ret;
}

static uint64_t pointer(const void *memory)
{
	return (uint64_t)(uintptr_t)memory;
}

static int program_load(const char *name)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = pointer(insns),
		.insn_cnt = 2,
		.license = pointer("GPL"),
	};

	(void)snprintf(attr.prog_name, sizeof(attr.prog_name), "%s", name);
	return sys_bpf("load the program", BPF_PROG_LOAD, &attr);
}

static int link_create(int program_fd, const char *device)
{
	union bpf_attr attr = {
		.link_create = { .prog_fd = (uint32_t)program_fd,
				 .target_ifindex = if_nametoindex(device),
				 .attach_type = BPF_XDP,
				 .flags = XDP_FLAGS_SKB_MODE },
	};

	return sys_bpf(device, BPF_LINK_CREATE, &attr);
}

static void link_pin(int link_fd, const char *name)
{
	union bpf_attr attr = { .bpf_fd = (uint32_t)link_fd };
	char path[128];

	(void)snprintf(path, sizeof(path), "/sys/fs/bpf/%s", name);
	attr.pathname = pointer(path);
	(void)sys_bpf(path, BPF_OBJ_PIN, &attr);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(EXIT_FAILURE, "usage: xdp NAME DEVICE");
	link_pin(link_create(program_load(argv[1]), argv[2]), argv[1]);
	return EXIT_SUCCESS;
}
