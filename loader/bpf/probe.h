/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What this kernel's eBPF can do, found out by trying it: programs of a few instructions are
 * loaded, run on a packet of zeros, or attached in the caller's network namespace, and are gone
 * when the call returns.
 */
#ifndef NKCTL_BPF_PROBE_H
#define NKCTL_BPF_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

/**
 * probe_program_load() - load a program that lets every packet pass.
 * @attach_type: enum bpf_attach_type of the hook it is for
 *
 * Return: descriptor, to be closed by the caller; a negative errno, -EINVAL among them where the
 * kernel doesn't know such a hook.
 */
int probe_program_load(uint32_t attach_type, struct error *err);

/**
 * probe_hook() - attach that program to a device and take it off again. Costs the RCU grace period
 * of a first attach.
 */
int probe_hook(uint32_t attach_type, int ifindex, struct error *err);

/**
 * probe_fib_lookup() - whether bpf_fib_lookup() takes these flags.
 * @flags: BPF_FIB_LOOKUP_*
 *
 * Return: 0; -EINVAL where it doesn't; another negative errno where there is no such helper.
 */
int probe_fib_lookup(uint32_t flags, struct error *err);

/* probe_redirect_peer() - the same for bpf_redirect_peer(). */
int probe_redirect_peer(uint32_t flags, struct error *err);

/* probe_jit() - whether the kernel compiles what it loads. */
int probe_jit(bool *ret_compiled, struct error *err);

#endif
