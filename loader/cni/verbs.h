/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a runtime asks for, a file each: compositions of the same operations that the CLI has. */
#ifndef NKCTL_CNI_VERBS_H
#define NKCTL_CNI_VERBS_H

#include <jansson.h>

#include "cni/request.h"
#include "core/error.h"

/**
 * cni_add() - attach a container: all or nothing.
 * @ret_answer: a new reference
 *
 * Return: 0; CNI_ATTACHED where it is attached already, and stays so.
 */
int cni_add(const struct cni_request *request, json_t **ret_answer, struct error *err);

/* cni_del() - detach it, and have its addresses freed. Return: 0, also where nothing is left of it.
 */
int cni_del(const struct cni_request *request, struct error *err);

/* cni_check() - Return: 0; CNI_CHECK_FAILED where something isn't as it was made. */
int cni_check(const struct cni_request *request, struct error *err);

/* cni_gc() - detach all of the network's that isn't valid. Goes on after an error. */
int cni_gc(const struct cni_request *request, struct error *err);

/* cni_status() - Return: 0; CNI_NOT_AVAILABLE, CNI_LIMITED_CONNECTIVITY. */
int cni_status(const struct cni_request *request, struct error *err);

/* cni_netns_open() - the container's namespace. Return: 0; CNI_INVALID_ENVIRONMENT. */
int cni_netns_open(const struct cni_request *request, int *ret_fd, struct error *err);

#endif
