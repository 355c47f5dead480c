/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Delegation to an IPAM plugin: found on CNI_PATH, run with the plugin's own environment, and with
 * the configuration as it came on stdin (CNI spec 1.1.0, section 4).
 */
#ifndef NKCTL_CNI_IPAM_H
#define NKCTL_CNI_IPAM_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "cni/request.h"
#include "cni/result.h"
#include "core/error.h"

/**
 * ipam_find() - the plugin's file.
 *
 * Return: 0; CNI_INVALID_ENVIRONMENT without CNI_PATH; CNI_FAILED where it isn't there.
 */
int ipam_find(const struct cni_request *request, const char *type, char ret_path[PATH_MAX],
	      struct error *err);

/**
 * ipam_run() - have the plugin do the request's command, or another one, and wait for it.
 * @command: "ADD" ...
 *
 * Return: 0; errors of ipam_find(); the plugin's own, with its number and words.
 */
int ipam_run(const struct cni_request *request, const char *type, const char *command,
	     struct error *err);

/**
 * struct ipam_call - a plugin at work.
 * @output_fd: what it prints
 */
struct ipam_call {
	const char *type, *command;
	pid_t pid;
	int output_fd;
};

/**
 * ipam_add_start() - have the plugin do the ADD.
 * @ret_call: to be ended by ipam_add_end()
 *
 * Return: 0; errors of ipam_find().
 */
int ipam_add_start(const struct cni_request *request, const char *type, struct ipam_call *ret_call,
		   struct error *err);

/* ipam_add_is_over() - whether its answer is there, after @wait_ms at the latest. */
bool ipam_add_is_over(const struct ipam_call *call, int wait_ms);

/**
 * ipam_add_end() - wait for the answer.
 * @ret_answer: a new reference
 * @ret_result: borrows from it; has an address at least, and NK_ENDPOINT_ADDRESSES_MAX at most
 *
 * Return: as ipam_run(). In any case the plugin has ended, and may have given an address.
 */
int ipam_add_end(struct ipam_call *call, json_t **ret_answer, struct cni_result *ret_result,
		 struct error *err);

/* ipam_give_back() - the plugin's DEL after an ADD that failed, unless another ADD has succeeded.
 */
void ipam_give_back(const struct cni_request *request, const char *type);

#endif
