/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A request as a runtime makes it: environment variables and a JSON document (CNI spec 1.1.0,
 * section 2).
 */
#ifndef NKCTL_CNI_REQUEST_H
#define NKCTL_CNI_REQUEST_H

#include <jansson.h>
#include <stddef.h>

#include "core/error.h"
#include "model/identity.h"

/* X(identifier, text): versions of the spec that are spoken, the oldest first. */
#define CNI_VERSIONS(X)       \
	X(CNI_0_3_1, "0.3.1") \
	X(CNI_0_4_0, "0.4.0") \
	X(CNI_1_0_0, "1.0.0") \
	X(CNI_1_1_0, "1.1.0")

enum cni_version {
#define X(identifier, text) identifier,
	CNI_VERSIONS(X)
#undef X
		CNI_VERSION_COUNT
};

#define CNI_VERSION_NEWEST (CNI_VERSION_COUNT - 1)

const char *cni_version_text(enum cni_version version);

enum cni_command {
	CNI_ADD,
	CNI_DEL,
	CNI_CHECK,
	CNI_GC,
	CNI_STATUS,
	CNI_VERSION,
	CNI_COMMAND_COUNT
};

/* struct cni_environment - the variables, each NULL where it isn't set. */
struct cni_environment {
	const char *command, *container_id, *netns, *ifname, *args, *path;
};

/* cni_environment_read() - of this process. */
struct cni_environment cni_environment_read(void);

/* More than any real list of attachments for GC needs. */
#define CNI_INPUT_MAX (8 << 20)

#define CNI_VERSION_TEXT_SIZE 32

/**
 * struct cni_request - a checked request.
 * @environment: borrowed
 * @input: what came on stdin, as it came: a delegated plugin gets the same
 * @config: the same, parsed; NULL while it isn't known
 * @version_text: the version that the answer carries: the request's, where it has one
 * @network: the network's name; borrowed from @config
 * @identity: of an attachment; empty in GC, STATUS and VERSION
 * @arg_ip, @arg_mac: from CNI_ARGS, which are read where something is attached or looked at; empty:
 *	not given. The first may be a list, as "static" takes it
 */
struct cni_request {
	enum cni_command command;
	const struct cni_environment *environment;
	const char *input;
	size_t input_len;
	json_t *config;
	enum cni_version version;
	char version_text[CNI_VERSION_TEXT_SIZE];
	const char *network;
	struct identity identity;
	char arg_ip[256], arg_mac[32];
};

/**
 * cni_request_parse() - check a request, and take it apart.
 * @input: borrowed
 * @ret_request: to be freed by cni_request_free(); its @version_text is set in any case
 *
 * Return: 0; CNI_INVALID_ENVIRONMENT, CNI_DECODE_FAILURE, CNI_INVALID_CONFIG,
 * CNI_INCOMPATIBLE_VERSION.
 */
int cni_request_parse(const struct cni_environment *environment, const char *input,
		      size_t input_len, struct cni_request *ret_request, struct error *err);
void cni_request_free(struct cni_request *request);

/**
 * cni_input_read() - read all of a descriptor.
 * @ret_input: to be freed; ends with a zero that isn't counted
 *
 * Return: 0; CNI_IO_FAILURE; CNI_DECODE_FAILURE where there is more than @max.
 */
int cni_input_read(int fd, size_t max, char **ret_input, size_t *ret_len, struct error *err);

#endif
