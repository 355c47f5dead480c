/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests for the unit tests of the CNI plugin. */
#ifndef NKCTL_TESTS_CNI_H
#define NKCTL_TESTS_CNI_H

#include <string.h>

#include "cni/code.h"
#include "cni/request.h"
#include "unit.h"

static const struct cni_environment add_environment = {
	.command = "ADD", .container_id = "c1", .netns = "/run/netns/c1", .ifname = "eth0"
};

static inline int request_parse(const struct cni_environment *environment, const char *input,
				struct cni_request *ret_request, struct error *err)
{
	return cni_request_parse(environment, input, strlen(input), ret_request, err);
}

/* A request that the test knows to be fine; to be freed by cni_request_free(). */
static inline struct cni_request request_of(const char *command, const char *input)
{
	static struct cni_environment environment;
	struct cni_request request;
	struct error err = { 0 };

	environment = add_environment;
	environment.command = command;
	if (request_parse(&environment, input, &request, &err))
		fail_msg("%s of %s: %s", command, input, err.message);
	return request;
}

/* A failure has that number, and its words name the part. */
static inline void assert_failure(int ret, const struct error *err, int code, const char *part,
				  const char *input)
{
	if (!ret)
		fail_msg("%s should be refused", input);
	assert_int_equal(ret, err->code);
	if (cni_code(err) != code || !strstr(err->message, part))
		fail_msg("%s: %d '%s', and should be %d with '%s'", input, cni_code(err),
			 err->message, code, part);
}

#endif
