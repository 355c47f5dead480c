/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The program as a CNI plugin: the environment, and an IPAM plugin, are the target's. */
#ifndef NKCTL_TESTS_FUZZ_CNI_H
#define NKCTL_TESTS_FUZZ_CNI_H

#include "cni/ipam.h"
#include "cni/ipam_answer.h"
#include "cni/plugin.h"
#include "ops/node.h"
#include "plugin.h"

static struct cni_environment cni_environment;

/* What an IPAM plugin prints, and how it ends. */
static struct fuzz_input cni_ipam_output;
static int cni_ipam_status;

struct cni_environment __wrap_cni_environment_read(void);
int __wrap_netns_open(const char *spec, int *ret_fd, struct error *err);
int __wrap_netns_create(int *ret_fd, struct error *err);
int __wrap_node_open_loaded(struct node *node, enum pins_lock lock, struct error *err);
int __wrap_attachment_check_absent(const struct identity *identity, struct error *err);
int __wrap_ipam_run(const struct cni_request *request, const char *type, const char *command,
		    struct error *err);
int __wrap_ipam_add_start(const struct cni_request *request, const char *type,
			  struct ipam_call *ret_call, struct error *err);
bool __wrap_ipam_add_is_over(const struct ipam_call *call, int wait_ms);
int __wrap_ipam_add_end(struct ipam_call *call, json_t **ret_answer, struct cni_result *ret_result,
			struct error *err);
void __wrap_ipam_give_back(const struct cni_request *request, const char *type);

struct cni_environment __wrap_cni_environment_read(void)
{
	return cni_environment;
}

int __wrap_netns_open(const char *spec, int *ret_fd, struct error *err)
{
	(void)spec;
	(void)err;
	*ret_fd = -1;
	return 0;
}

int __wrap_netns_create(int *ret_fd, struct error *err)
{
	(void)ret_fd;
	return error_set(err, EPERM, "there is no kernel here");
}

int __wrap_node_open_loaded(struct node *node, enum pins_lock lock, struct error *err)
{
	(void)node;
	(void)lock;
	return error_set(err, EPERM, "there is no kernel here");
}

int __wrap_attachment_check_absent(const struct identity *identity, struct error *err)
{
	(void)identity;
	(void)err;
	return 0;
}

/* The name of a file, and no more. */
static void type_check(const char *type)
{
	fuzz_assert(*type && !strchr(type, '/') && strcmp(type, ".") && strcmp(type, ".."));
}

int __wrap_ipam_run(const struct cni_request *request, const char *type, const char *command,
		    struct error *err)
{
	int ret;

	(void)request;
	type_check(type);
	if (!cni_ipam_status)
		return 0;
	ret = ipam_failure_read(type, command, cni_ipam_status, cni_ipam_output.data,
				cni_ipam_output.size, err);
	fuzz_check_error(ret, err);
	return ret;
}

int __wrap_ipam_add_start(const struct cni_request *request, const char *type,
			  struct ipam_call *ret_call, struct error *err)
{
	(void)request;
	(void)err;
	type_check(type);
	*ret_call = (struct ipam_call){ .type = type, .command = "ADD", .output_fd = -1 };
	return 0;
}

/* Some plugins take longer than the attach waits. */
bool __wrap_ipam_add_is_over(const struct ipam_call *call, int wait_ms)
{
	(void)call;
	(void)wait_ms;
	return cni_ipam_output.size % 2;
}

int __wrap_ipam_add_end(struct ipam_call *call, json_t **ret_answer, struct cni_result *ret_result,
			struct error *err)
{
	int ret = __wrap_ipam_run(NULL, call->type, call->command, err);

	if (!ret)
		ret = ipam_answer_read(call->type, cni_ipam_output.data, cni_ipam_output.size,
				       ret_answer, ret_result, err);
	fuzz_check_error(ret, err);
	return ret;
}

void __wrap_ipam_give_back(const struct cni_request *request, const char *type)
{
	(void)request;
	type_check(type);
}

#endif
