// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hook: what somebody with the privilege can do at a device's hooks beside nkctl, which a bpftool
 * older than the hooks can't.
 *
 *	hook query HOOK DEVICE		print the ids of the programs there
 *	hook attach HOOK DEVICE VERDICT	put a program of a single verdict there, behind the others
 *	hook replace HOOK DEVICE ID VERDICT	put it in the place of the program ID
 *	hook detach HOOK DEVICE ID	take the program ID off
 *
 * HOOK is tcx/ingress, tcx/egress, netkit/primary or netkit/peer; DEVICE a name or an index;
 * VERDICT next (the following program, then the stack, decides) or drop, with :NAME behind it for a
 * program that is to have a name. What the kernel refuses is told by the error's symbol on standard
 * output, with exit status 1.
 */
#include <err.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROGRAMS_MAX 64

/* As of include/uapi/linux/bpf.h, Linux 6.7: packaged headers may be older. */
enum { TCX_INGRESS = 46, TCX_EGRESS = 47, NETKIT_PRIMARY = 54, NETKIT_PEER = 55 };

/* enum tcx_action_base and enum netkit_action agree on these. */
enum { VERDICT_NEXT = -1, VERDICT_DROP = 2 };

/* The arguments of the program commands, as far as they are used. */
struct attach_attr {
	uint32_t target_ifindex, prog_fd, attach_type, flags, replace_prog_fd, relative_id;
	uint64_t expected_revision;
};

struct query_attr {
	uint32_t target_ifindex, attach_type, query_flags, attach_flags;
	uint64_t prog_ids;
	uint32_t prog_cnt, reserved;
	uint64_t prog_attach_flags, link_ids, link_attach_flags, revision;
};

static const struct {
	const char *name;
	uint32_t type;
} hooks[] = {
	{ "tcx/ingress", TCX_INGRESS },
	{ "tcx/egress", TCX_EGRESS },
	{ "netkit/primary", NETKIT_PRIMARY },
	{ "netkit/peer", NETKIT_PEER },
};

static long sys_bpf(int command, void *attr, size_t size)
{
	return syscall(SYS_bpf, command, attr, size);
}

static int refused(void)
{
	(void)puts(strerrorname_np(errno));
	return 1;
}

static uint32_t hook_parse(const char *name)
{
	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++)
		if (!strcmp(hooks[i].name, name))
			return hooks[i].type;
	errx(2, "no hook '%s'", name);
}

static uint32_t device_parse(const char *name)
{
	unsigned int ifindex = if_nametoindex(name);

	if (!ifindex)
		ifindex = (unsigned int)strtoul(name, NULL, 10);
	if (!ifindex)
		errx(2, "no device '%s'", name);
	return ifindex;
}

static int32_t verdict_parse(const char *text)
{
	size_t length = strcspn(text, ":");

	if (length == strlen("next") && !strncmp(text, "next", length))
		return VERDICT_NEXT;
	if (length == strlen("drop") && !strncmp(text, "drop", length))
		return VERDICT_DROP;
	errx(2, "no verdict '%s'", text);
}

/* r0 = verdict; exit. Return: a descriptor, or -1. */
static int program_load(uint32_t hook, const char *text)
{
	const int32_t verdict = verdict_parse(text);
	const char *name = strchr(text, ':');
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SCHED_CLS,
		.insns = (uint64_t)(uintptr_t)insns,
		.insn_cnt = 2,
		.license = (uint64_t)(uintptr_t) "GPL",
		.expected_attach_type = hook < NETKIT_PRIMARY ? 0 : hook,
	};

	(void)snprintf(attr.prog_name, sizeof(attr.prog_name), "%s", name ? name + 1 : "verdict");
	return (int)sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int program_open(const char *id)
{
	union bpf_attr attr = { .prog_id = (uint32_t)strtoul(id, NULL, 10) };

	return (int)sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
}

static int query(uint32_t hook, uint32_t ifindex)
{
	uint32_t ids[PROGRAMS_MAX] = { 0 };
	struct query_attr attr = { .target_ifindex = ifindex,
				   .attach_type = hook,
				   .prog_ids = (uint64_t)(uintptr_t)ids,
				   .prog_cnt = PROGRAMS_MAX };

	if (sys_bpf(BPF_PROG_QUERY, &attr, sizeof(attr)))
		return errno == ENOENT ? 0 : refused();
	for (uint32_t i = 0; i < attr.prog_cnt; i++)
		(void)printf("%u\n", ids[i]);
	return 0;
}

static int attach(uint32_t hook, uint32_t ifindex, const char *replaced_id, const char *verdict)
{
	int fd = program_load(hook, verdict);
	int replaced_fd = replaced_id ? program_open(replaced_id) : 0;
	struct attach_attr attr = { .target_ifindex = ifindex,
				    .prog_fd = (uint32_t)fd,
				    .attach_type = hook,
				    .flags = replaced_id ? BPF_F_REPLACE : 0,
				    .replace_prog_fd = (uint32_t)replaced_fd };

	if (fd < 0 || replaced_fd < 0 || sys_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr)))
		return refused();
	return 0;
}

static int detach(uint32_t hook, uint32_t ifindex, const char *id)
{
	int fd = program_open(id);
	struct attach_attr attr = { .target_ifindex = ifindex,
				    .prog_fd = (uint32_t)fd,
				    .attach_type = hook };

	if (fd < 0 || sys_bpf(BPF_PROG_DETACH, &attr, sizeof(attr)))
		return refused();
	return 0;
}

int main(int argc, char **argv)
{
	uint32_t hook, ifindex;

	if (argc < 4)
		errx(2, "see the head of its source");
	hook = hook_parse(argv[2]);
	ifindex = device_parse(argv[3]);
	if (!strcmp(argv[1], "query"))
		return query(hook, ifindex);
	if (!strcmp(argv[1], "attach") && argc == 5)
		return attach(hook, ifindex, NULL, argv[4]);
	if (!strcmp(argv[1], "replace") && argc == 6)
		return attach(hook, ifindex, argv[4], argv[5]);
	if (!strcmp(argv[1], "detach") && argc == 5)
		return detach(hook, ifindex, argv[4]);
	errx(2, "see the head of its source");
}
