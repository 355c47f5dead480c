/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Attaching and detaching, as a runtime wants it: with the datapath in whatever state. */
#ifndef NKCTL_CNI_ATTACHMENT_H
#define NKCTL_CNI_ATTACHMENT_H

#include "core/error.h"
#include "model/identity.h"
#include "ops/attach.h"

/**
 * attachment_fit_ports() - leave out what is for addresses of a family that the container won't
 * have, where the same ports lead to it by the other one. What nothing else leads to is refused by
 * attachment_make().
 * @request: its addresses are known; its ports don't count
 */
void attachment_fit_ports(const struct attach_request *request, struct publish_list *ports);

/**
 * attachment_make() - attach; the datapath is loaded where it isn't.
 * @ret_result: its endpoint is freed by endpoint_free()
 *
 * Return: as endpoint_attach().
 */
int attachment_make(const struct attach_request *request, struct attach_result *ret_result,
		    struct error *err);

/**
 * attachment_remove() - detach, whatever is left of it.
 * @netns: the container's namespace, as it was told; NULL, empty: it wasn't
 *
 * Return: 0, also where nothing is; -EEXIST where @netns has an interface of it that isn't known as
 * ours any more.
 */
int attachment_remove(const struct identity *identity, const char *netns, struct error *err);

/**
 * attachment_check_absent() - whether it could be made. Needs no datapath, and holds no lock.
 *
 * Return: 0, also where the remains of one are there, which the attach removes; -EEXIST.
 */
int attachment_check_absent(const struct identity *identity, struct error *err);

#endif
