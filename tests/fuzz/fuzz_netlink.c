// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the kernel answers, as everything that asks reads it: the first byte chooses the question,
 * the rest is the answer, a netlink message after the other.
 */
#include <netinet/in.h>

#include "core/cleanup.h"
#include "fuzz.h"
#include "kernel.h"
#include "nl/address.h"
#include "nl/inet.h"
#include "nl/link.h"
#include "nl/netfilter.h"
#include "nl/netkit.h"
#include "nl/qdisc.h"
#include "nl/sock_diag.h"
#include "nl/tc.h"

static void text_check(const char *text, size_t size)
{
	fuzz_assert(memchr(text, '\0', size));
}

static int link_ask(struct nlsock *nl, struct error *err)
{
	struct link_info link;
	int ret = link_get_by_index(nl, 7, &link, err);

	if (ret)
		return ret;
	text_check(link.name, sizeof(link.name));
	text_check(link.alias, sizeof(link.alias));
	text_check(link.kind, sizeof(link.kind));
	return 0;
}

static int netns_id_ask(struct nlsock *nl, struct error *err)
{
	int netnsid;

	return netns_id(nl, 0, &netnsid, err);
}

static int addresses_ask(struct nlsock *nl, struct error *err)
{
	_cleanup_device_address_list_ struct device_address_list list = { 0 };
	int ret = device_address_list_read(nl, &list, err);

	for (size_t i = 0; !ret && i < list.count; i++) {
		(void)prefix_format(&list.addresses[i].prefix);
		(void)prefix_contains(&list.addresses[i].prefix, &list.addresses[i].local);
	}
	return ret;
}

static int local_ask(struct nlsock *nl, struct error *err)
{
	const struct addr addr = { AF_INET, { 10, 0, 0, 1 } };
	int ret = inet_addr_is_local(nl, &addr, err);

	return ret < 0 ? ret : 0;
}

static int routes_ask(struct nlsock *nl, struct error *err)
{
	struct inet_route_list list = { 0 };
	int ret = inet_route_list_read(nl, AF_INET6, 7, &list, err);

	for (size_t i = 0; !ret && i < list.count; i++)
		(void)prefix_format(&list.entries[i].dst);
	inet_route_list_free(&list);
	return ret;
}

static int default_routes_ask(struct nlsock *nl, struct error *err)
{
	struct default_route routes[4];
	size_t count = 0;
	int ret = inet_default_routes(AF_INET, routes, ARRAY_SIZE(routes), &count, err);

	(void)nl;
	fuzz_assert(count <= ARRAY_SIZE(routes));
	return ret;
}

static int chains_ask(struct nlsock *nl, struct error *err)
{
	struct netfilter_chain_list list = { 0 };
	int ret = nf_tables_chains_read(nl, &list, err);

	for (size_t i = 0; i < list.count; i++) {
		text_check(list.chains[i].table, sizeof(list.chains[i].table));
		text_check(list.chains[i].name, sizeof(list.chains[i].name));
		text_check(list.chains[i].device, sizeof(list.chains[i].device));
		(void)netfilter_family_name(list.chains[i].family);
		(void)netfilter_sees_forwarded(&list.chains[i]);
	}
	netfilter_chain_list_free(&list);
	return ret;
}

static int sockets_ask(struct nlsock *nl, struct error *err)
{
	_cleanup_host_socket_list_ struct host_socket_list list = { 0 };
	const struct addr addr = { AF_INET, { 10, 0, 0, 1 } };
	int ret = host_sockets_read(IPPROTO_TCP, 1, UINT16_MAX, &list, err);

	(void)nl;
	(void)host_sockets_find(&list, IPPROTO_TCP, &addr, 80);
	return ret;
}

static int qdisc_ask(struct nlsock *nl, struct error *err)
{
	struct qdisc qdisc = { 0 };
	int ret = qdisc_get(nl, 7, &qdisc, err);

	text_check(qdisc.kind, sizeof(qdisc.kind));
	return ret;
}

static int filters_ask(struct nlsock *nl, struct error *err)
{
	struct tc_kinds kinds = { 0 };
	int ret = tc_ingress_kinds(nl, 7, &kinds, err);

	fuzz_assert(kinds.count <= TC_KINDS_MAX);
	for (size_t i = 0; i < kinds.count; i++)
		text_check(kinds.names[i], sizeof(kinds.names[i]));
	return ret;
}

static int features_ask(struct nlsock *nl, struct error *err)
{
	uint32_t features;

	return netkit_features(nl, "nk0", &features, err);
}

static int (*const questions[])(struct nlsock *nl, struct error *err) = {
	link_ask,   netns_id_ask, addresses_ask, local_ask,   routes_ask,   default_routes_ask,
	chains_ask, sockets_ask,  qdisc_ask,     filters_ask, features_ask,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = { 0 };
	struct nlsock *nl;

	if (!size)
		return 0;
	fuzz_assert(!nlsock_open(&nl, &err));
	kernel_answer(data + 1, size - 1);
	fuzz_check_error(questions[data[0] % ARRAY_SIZE(questions)](nl, &err), &err);
	nlsock_close(nl);
	return 0;
}
