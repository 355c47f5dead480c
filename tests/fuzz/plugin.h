/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Theory of operation
 *
 * The program as a runtime starts it, with the linker's --wrap in the place of everything that is
 * not the plugin's own doing: stdin and stdout, the kernel, and other programs. What the kernel
 * would do is granted, so that answers are made.
 */
#ifndef NKCTL_TESTS_FUZZ_PLUGIN_H
#define NKCTL_TESTS_FUZZ_PLUGIN_H

#include <errno.h>
#include <jansson.h>
#include <net/if.h>

#include "cni/answer.h"
#include "cni/attachment.h"
#include "cni/request.h"
#include "fuzz.h"
#include "model/network.h"
#include "model/pool.h"

/* What stdin holds. */
static struct fuzz_input plugin_stdin;

int __wrap_cni_input_read(int fd, size_t max, char **ret_input, size_t *ret_len, struct error *err);
int __wrap_answer_print(json_t *answer, struct error *err);
int __wrap_attachment_make(const struct attach_request *request, struct attach_result *ret_result,
			   struct error *err);
int __wrap_attachment_remove(const struct identity *identity, const char *netns, struct error *err);

int __wrap_cni_input_read(int fd, size_t max, char **ret_input, size_t *ret_len, struct error *err)
{
	(void)fd;
	(void)max;
	(void)err;
	*ret_input = fuzz_text(plugin_stdin.data, plugin_stdin.size);
	*ret_len = plugin_stdin.size;
	return 0;
}

/* An answer is JSON, in printable ASCII, that is read as what was written. */
int __wrap_answer_print(json_t *answer, struct error *err)
{
	char *text;
	json_t *again;

	(void)err;
	fuzz_assert(answer);
	text = json_dumps(answer, JSON_INDENT(4) | JSON_ENSURE_ASCII);
	fuzz_assert(text);
	again = json_loads(text, JSON_ALLOW_NUL, NULL);
	fuzz_assert(again && json_equal(answer, again));
	json_decref(again);
	json_decref(answer);
	free(text);
	return 0;
}

static bool address_fits(const struct attach_request *request, const struct prefix *address)
{
	const struct nk_subnet *subnet = network_subnet_of(request->network, &address->addr);

	return address->len && (request->routes || (subnet && pool_usable(subnet, &address->addr)));
}

static int addresses_give(const struct attach_request *request, struct attach_result *result,
			  struct error *err)
{
	struct endpoint *endpoint = &result->endpoint;
	struct pool_ranges ranges;

	if (request->ranges)
		ranges = *request->ranges;
	else
		pool_ranges_whole(request->network, &ranges);
	for (size_t i = 0; i < request->address_count; i++) {
		if (!address_fits(request, &request->addresses[i]))
			return error_set(err, EINVAL, "no address for a container");
		result->prefixes[endpoint->address_count++] = request->addresses[i];
	}
	for (size_t i = 0; request->auto_addresses && i < ranges.count; i++) {
		const struct nk_subnet *subnet =
			&request->network->subnets[ranges.ranges[i].subnet];
		struct pool pool;
		struct prefix given = { .len = subnet->prefix_len };

		fuzz_assert(ranges.ranges[i].subnet < request->network->subnet_count);
		pool_init(&pool, subnet, &ranges.ranges[i], NULL);
		if (endpoint->address_count == NK_ENDPOINT_ADDRESSES_MAX ||
		    !pool_next(&pool, &given.addr))
			return error_set(err, ENOSPC, "no address is free any more");
		fuzz_assert(pool_usable(subnet, &given.addr));
		result->prefixes[endpoint->address_count++] = given;
	}
	return 0;
}

int __wrap_attachment_make(const struct attach_request *request, struct attach_result *ret_result,
			   struct error *err)
{
	struct endpoint *endpoint = &ret_result->endpoint;
	int ret = request->await ? request->await(request->await_data, 0, err) : 0;

	if (ret)
		return ret;
	*ret_result = (struct attach_result){ .endpoint.identity = request->identity };
	identity_device_name(&request->identity, endpoint->link.name);
	identity_mac(&request->identity, endpoint->mac);
	endpoint->link.mtu = request->network->mtu;
	ret = addresses_give(request, ret_result, err);
	if (ret)
		return ret;
	if (request->routes)
		ret_result->routes = *request->routes;
	return publish_list_copy(&request->ports, &endpoint->published, err);
}

int __wrap_attachment_remove(const struct identity *identity, const char *netns, struct error *err)
{
	(void)netns;
	(void)err;
	fuzz_assert(*identity->id && *identity->network && *identity->ifname);
	return 0;
}

#endif
