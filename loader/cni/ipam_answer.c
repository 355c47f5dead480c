// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/ipam_answer.h"

#include <sys/wait.h>

#include "cni/code.h"
#include "cni/document.h"
#include "cni/field.h"
#include "model/network.h"

/* Return: the plugin's own number, or CNI_FAILED; 0 where the answer tells no failure. */
static int told_failure_take(const char *type, const json_t *answer, struct error *err)
{
	const char *message = json_string_value(json_object_get(answer, "msg"));
	const char *details = json_string_value(json_object_get(answer, "details"));
	json_int_t code = json_integer_value(json_object_get(answer, "code"));

	if (!message)
		return 0;
	return cni_error(err, code > 0 && code < CNI_ERROR_BASE ? (int)code : CNI_FAILED,
			 "ipam plugin %s: %s%s%s", type, message, details && *details ? ": " : "",
			 details ? details : "");
}

int ipam_failure_read(const char *type, const char *command, int status, const char *output,
		      size_t len, struct error *err)
{
	json_t *answer = document_load(output, len, NULL);
	int ret = told_failure_take(type, answer, err);

	json_decref(answer);
	if (ret)
		return ret;
	if (WIFSIGNALED(status))
		return cni_error(err, CNI_FAILED, "ipam plugin %s: %s: killed by signal %d", type,
				 command, WTERMSIG(status));
	return cni_error(err, CNI_FAILED, "ipam plugin %s: %s: exit status %d, and no reason", type,
			 command, WEXITSTATUS(status));
}

/* The kernel takes more, and keeps less (ip_metrics_convert(), net/ipv4/metrics.c). */
static int route_check(const struct endpoint_route *route, struct error *err)
{
	bool is_mtu = route->mtu > MTU_MAX;

	if (!is_mtu && route->advmss <= MTU_MAX)
		return 0;
	return cni_error(err, CNI_FAILED, "route to %s: %s %u is above %d",
			 prefix_format(&route->dst).text, is_mtu ? "mtu" : "advmss",
			 is_mtu ? route->mtu : route->advmss, MTU_MAX);
}

static int address_check(const struct cni_result *result, size_t index, struct error *err)
{
	const struct prefix *address = &result->ips[index].address;

	if (!address->len)
		return cni_error(err, CNI_FAILED,
				 "address %s: a prefix length of 0 leaves no network",
				 prefix_format(address).text);
	for (size_t i = 0; i < index; i++)
		if (addr_equal(&result->ips[i].address.addr, &address->addr))
			return cni_error(err, CNI_FAILED, "it gave the address %s twice",
					 addr_format(&address->addr).text);
	return address_check_reachable(&address->addr, err);
}

/* That it is a result isn't enough: whatever is in it, nkctl is to do, and to tell that it did. */
static int answer_check(const struct cni_result *result, struct error *err)
{
	int ret = 0;

	if (!result->ip_count)
		return cni_error(err, CNI_FAILED, "it gave no address");
	if (result->ip_count > NK_ENDPOINT_ADDRESSES_MAX)
		return cni_error(err, CNI_FAILED, "it gave more than %d addresses",
				 NK_ENDPOINT_ADDRESSES_MAX);
	for (size_t i = 0; !ret && i < result->ip_count; i++)
		ret = address_check(result, i, err);
	for (size_t i = 0; !ret && i < result->routes.count; i++)
		ret = route_check(&result->routes.routes[i], err);
	return ret;
}

static int answer_parse(const char *type, json_t *answer, struct cni_result *ret_result,
			struct error *err)
{
	const struct field field = { .value = answer };
	int ret = 0;

	/* What fails and exits with 0 tells why, too, instead of a result. */
	if (!json_array_size(json_object_get(answer, "ips")))
		ret = told_failure_take(type, answer, err);
	if (ret)
		return ret;
	ret = cni_result_parse(&field, ret_result, err);
	if (!ret)
		ret = answer_check(ret_result, err);
	if (ret) {
		(void)error_prefix(err, "answer of the ipam plugin %s", type);
		return cni_recode(err, CNI_FAILED);
	}
	return 0;
}

int ipam_answer_read(const char *type, const char *output, size_t len, json_t **ret_answer,
		     struct cni_result *ret_result, struct error *err)
{
	json_t *answer = document_load(output, len, NULL);
	int ret;

	if (json_is_object(answer))
		ret = answer_parse(type, answer, ret_result, err);
	else
		ret = cni_error(err, CNI_DECODE_FAILURE,
				"answer of the ipam plugin %s: no JSON object", type);
	if (ret)
		json_decref(answer);
	else
		*ret_answer = answer;
	return ret;
}
