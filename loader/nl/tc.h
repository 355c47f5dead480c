/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Classifiers of traffic control, which run behind the programs of the tcx hook. */
#ifndef NKCTL_NL_TC_H
#define NKCTL_NL_TC_H

#include <stddef.h>

#include "core/error.h"
#include "nl/nlsock.h"

#define TC_KIND_SIZE 16 /* IFNAMSIZ, which the kernel uses for it */
#define TC_KINDS_MAX 8

/* struct tc_kinds - kinds of classifiers ("bpf", "flower" ...), each once. */
struct tc_kinds {
	char names[TC_KINDS_MAX][TC_KIND_SIZE];
	size_t count;
};

/* tc_ingress_kinds() - what filters packets at a device's ingress, be the qdisc ingress or clsact.
 */
int tc_ingress_kinds(struct nlsock *nl, int ifindex, struct tc_kinds *ret_kinds, struct error *err);

#endif
