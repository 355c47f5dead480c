/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an IPAM plugin has printed: a result, or why it failed. */
#ifndef NKCTL_CNI_IPAM_ANSWER_H
#define NKCTL_CNI_IPAM_ANSWER_H

#include <jansson.h>
#include <stddef.h>

#include "cni/result.h"
#include "core/error.h"

/**
 * ipam_answer_read() - the answer to ADD.
 * @type: the plugin's name
 * @ret_answer: a new reference
 * @ret_result: borrows from it; has an address at least, and NK_ENDPOINT_ADDRESSES_MAX at most
 *
 * Return: 0; CNI_DECODE_FAILURE; CNI_FAILED where it isn't a result with an address, or where no
 * container could have what it gives; the plugin's own number where it is a failure instead.
 */
int ipam_answer_read(const char *type, const char *output, size_t len, json_t **ret_answer,
		     struct cni_result *ret_result, struct error *err);

/**
 * ipam_failure_read() - a plugin that fails says why, in JSON.
 * @command: what it was to do
 * @status: its wait status
 *
 * Return: the plugin's own number, or CNI_FAILED.
 */
int ipam_failure_read(const char *type, const char *command, int status, const char *output,
		      size_t len, struct error *err);

#endif
