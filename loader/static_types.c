// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Part of the static program only: the kernel's types, read once.
 *
 * libbpf reads and parses all types of the kernel, 5 MB, for each object that relies on some of
 * them (bpf_object__load_vmlinux_btf() in libbpf.c), and a load has four such objects. It has no
 * way to hand them over, so the linker puts these in the place of its functions (--wrap in the
 * Makefile).
 */
#include <bpf/btf.h>
#include <errno.h>
#include <pthread.h>

struct btf *__real_btf__load_vmlinux_btf(void);
struct btf *__wrap_btf__load_vmlinux_btf(void);
void __real_btf__free(struct btf *btf);
void __wrap_btf__free(struct btf *btf);

static struct btf *kernel_types;
static int kernel_types_errno;

static void kernel_types_read(void)
{
	kernel_types = __real_btf__load_vmlinux_btf();
	kernel_types_errno = errno;
}

/* Return: as the function's in its place: NULL and errno where there are none. */
struct btf *__wrap_btf__load_vmlinux_btf(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, kernel_types_read); /* fails for no initialised @once */
	if (!kernel_types)
		errno = kernel_types_errno;
	return kernel_types;
}

/* They go with the process. */
void __wrap_btf__free(struct btf *btf)
{
	if (btf != kernel_types)
		__real_btf__free(btf);
}
