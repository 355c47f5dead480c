/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Root qdiscs: what a device's packets wait in. */
#ifndef NKCTL_NL_QDISC_H
#define NKCTL_NL_QDISC_H

#include <stdint.h>

#include "core/error.h"
#include "nl/nlsock.h"

#define QDISC_KIND_SIZE 16 /* IFNAMSIZ, which the kernel uses for it */

/**
 * struct qdisc - a device's root qdisc.
 * @kind: "fq", "tbf" ...; empty: none, or one that the kernel doesn't show
 * @rate_byte_ps: of tbf, in bytes per second; 0: of any other kind
 */
struct qdisc {
	char kind[QDISC_KIND_SIZE];
	uint64_t rate_byte_ps;
};

/**
 * qdisc_set_fq() - have a device's packets wait for their departure times.
 * @limit: packets, of all flows or one, that may wait
 *
 * Return: 0; -ENOENT where the kernel has no such qdisc.
 */
int qdisc_set_fq(struct nlsock *nl, int ifindex, uint32_t limit, struct error *err);

/**
 * struct tbf_spec - a token bucket filter.
 * @rate_byte_ps: in bytes per second
 * @burst: depth of the bucket in bytes; what exceeds it, a single packet too, is never sent
 * @limit: bytes that may wait
 */
struct tbf_spec {
	uint64_t rate_byte_ps;
	uint32_t burst;
	uint32_t limit;
};

/* qdisc_set_tbf() - Return: 0; -ENOENT where the kernel has no such qdisc. */
int qdisc_set_tbf(struct nlsock *nl, int ifindex, const struct tbf_spec *spec, struct error *err);

/* qdisc_delete() - leave a device the kernel's default. Return: 0, also where nobody made one. */
int qdisc_delete(struct nlsock *nl, int ifindex, struct error *err);

/* qdisc_get() - a device's root qdisc. */
int qdisc_get(struct nlsock *nl, int ifindex, struct qdisc *ret_qdisc, struct error *err);

#endif
