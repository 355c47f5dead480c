// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <stddef.h>

#include "bpf/uapi.h"
#include "core/cleanup.h"

static struct bpf_insn insn(uint8_t code, uint8_t to, uint8_t from, int16_t offset, int32_t imm)
{
	return (struct bpf_insn){
		.code = code, .dst_reg = to & 0xf, .src_reg = from & 0xf, .off = offset, .imm = imm
	};
}

/* As the kernel writes them (include/linux/filter.h), which the uapi leaves out. */
#define MOV_REG(to, from)          insn(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0)
#define MOV_IMM(to, value)         insn(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, (int32_t)(value))
#define ADD_IMM(to, value)         insn(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value)
#define STORE_ZERO64(base, offset) insn(BPF_ST | BPF_MEM | BPF_DW, base, 0, offset, 0)
#define CALL(function)             insn(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define EXIT                       insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

#define PROGRAM_NAME "nk_probe"

static int program_load(uint32_t attach_type, const struct bpf_insn *insns, size_t count,
			struct error *err)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = (enum bpf_attach_type)attach_type);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, PROGRAM_NAME, "Dual BSD/GPL", insns, count,
			       &opts);

	return fd < 0 ? error_sys(err, fd, "load an eBPF program") : fd;
}

int probe_program_load(uint32_t attach_type, struct error *err)
{
	const struct bpf_insn pass[] = { MOV_IMM(BPF_REG_0, 0), EXIT };

	return program_load(attach_type, pass, ARRAY_SIZE(pass), err);
}

int probe_hook(uint32_t attach_type, int ifindex, struct error *err)
{
	_cleanup_close_ int fd = probe_program_load(attach_type, err);
	enum bpf_attach_type type = (enum bpf_attach_type)attach_type;
	int ret;

	if (fd < 0)
		return fd;
	ret = bpf_prog_attach_opts(fd, ifindex, type, NULL);
	if (ret)
		return error_sys(err, ret, "attach an eBPF program");
	ret = bpf_prog_detach_opts(fd, ifindex, type, NULL);
	return ret ? error_sys(err, ret, "detach an eBPF program") : 0;
}

/* What a program of the tcx hook returns for a packet of nothing but a MAC header of zeros. */
static int program_run(const struct bpf_insn *insns, size_t count, int *ret_result,
		       struct error *err)
{
	const char packet[ETH_HLEN] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 1);
	_cleanup_close_ int fd = program_load(NK_BPF_TCX_INGRESS, insns, count, err);
	int ret;

	if (fd < 0)
		return fd;
	ret = bpf_prog_test_run_opts(fd, &opts);
	if (ret)
		return error_sys(err, ret, "run an eBPF program");
	*ret_result = (int)opts.retval;
	return 0;
}

/*
 * bpf_skb_fib_lookup() in net/core/filter.c looks at the flags first: -EINVAL. Parameters of zeros
 * then end in -EAFNOSUPPORT, before any table is looked at.
 */
int probe_fib_lookup(uint32_t flags, struct error *err)
{
	const struct bpf_insn insns[] = {
		STORE_ZERO64(BPF_REG_10, -8),
		STORE_ZERO64(BPF_REG_10, -16),
		STORE_ZERO64(BPF_REG_10, -24),
		STORE_ZERO64(BPF_REG_10, -32),
		STORE_ZERO64(BPF_REG_10, -40),
		STORE_ZERO64(BPF_REG_10, -48),
		STORE_ZERO64(BPF_REG_10, -56),
		STORE_ZERO64(BPF_REG_10, -64),
		MOV_REG(BPF_REG_2, BPF_REG_10),
		ADD_IMM(BPF_REG_2, -64),
		MOV_IMM(BPF_REG_3, sizeof(struct bpf_fib_lookup)),
		MOV_IMM(BPF_REG_4, flags),
		CALL(BPF_FUNC_fib_lookup),
		EXIT,
	};
	int result, ret = program_run(insns, ARRAY_SIZE(insns), &result, err);

	_Static_assert(sizeof(struct bpf_fib_lookup) == 64, "as many bytes as are zeroed");
	if (!ret && result == -EINVAL)
		return error_set(err, EINVAL, "bpf_fib_lookup() doesn't take the flags %#x", flags);
	return ret;
}

/* bpf_redirect_peer() in net/core/filter.c answers an unknown flag with TC_ACT_SHOT. */
int probe_redirect_peer(uint32_t flags, struct error *err)
{
	const struct bpf_insn insns[] = {
		MOV_IMM(BPF_REG_1, 1),
		MOV_IMM(BPF_REG_2, flags),
		CALL(BPF_FUNC_redirect_peer),
		EXIT,
	};
	int result, ret = program_run(insns, ARRAY_SIZE(insns), &result, err);

	if (!ret && result != TC_ACT_REDIRECT)
		return error_set(err, EINVAL, "bpf_redirect_peer() doesn't take the flags %#x",
				 flags);
	return ret;
}

int probe_jit(bool *ret_compiled, struct error *err)
{
	_cleanup_close_ int fd = probe_program_load(NK_BPF_TCX_INGRESS, err);
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);

	if (fd < 0)
		return fd;
	if (bpf_prog_get_info_by_fd(fd, &info, &size))
		return error_sys(err, errno, "look at an eBPF program");
	*ret_compiled = info.jited_prog_len > 0;
	return 0;
}
