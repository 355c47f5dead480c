// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The parsers of single values, each of which gets the whole input: aliases and names, addresses,
 * ports, rates. What one of them takes is written as text that it takes for the same.
 */
#include <net/if.h>

#include "cni/field.h"
#include "core/addr.h"
#include "fuzz.h"
#include "model/bandwidth.h"
#include "model/identity.h"
#include "model/network.h"
#include "model/pool.h"
#include "model/publish.h"

static void alias_try(const char *text)
{
	char alias[IDENTITY_ALIAS_SIZE], name[IF_NAMESIZE];
	struct identity identity;
	uint64_t hash;

	if (identity_from_alias(text, &identity))
		return;
	identity_alias(&identity, alias);
	fuzz_assert(!strcmp(alias, text));
	identity_device_name(&identity, name);
	fuzz_assert(!identity_device_hash(name, &hash));
	fuzz_assert(hash == (identity_hash(&identity) & 0xffffffffffff));
}

static void names_try(const char *text)
{
	struct error err = { 0 };
	struct identity identity;
	char id[IDENTITY_ID_SIZE];
	uint64_t hash;
	int ret = identity_id_from_ns(text, id, &err);

	fuzz_check_error(ret, &err);
	if (!ret)
		fuzz_assert(!identity_names_check("any", id, &err));
	fuzz_check_error(identity_init(&identity, text, "c1", "eth0", &err), &err);
	fuzz_check_error(identity_init(&identity, "net", text, "eth0", &err), &err);
	fuzz_check_error(identity_init(&identity, "net", "c1", text, &err), &err);
	fuzz_check_error(network_name_check(text, &err), &err);
	(void)identity_device_hash(text, &hash);
}

static void subnet_try(const struct prefix *prefix)
{
	struct nk_network network = { 0 };
	struct error err = { 0 };
	struct pool pool;
	struct addr addr;
	int ret = network_add_subnet(&network, prefix, &err);

	fuzz_check_error(ret, &err);
	if (ret)
		return;
	pool_init(&pool, &network.subnets[0], NULL, NULL);
	fuzz_assert(pool_next(&pool, &addr) && prefix_contains(prefix, &addr));
	fuzz_assert(pool_usable(&network.subnets[0], &addr));
	fuzz_assert(network_subnet_of(&network, &addr) == &network.subnets[0]);
}

static void prefix_try(const char *text)
{
	struct prefix prefix, again;

	if (prefix_parse(text, &prefix))
		return;
	fuzz_assert(!prefix_parse(prefix_format(&prefix).text, &again));
	fuzz_assert(addr_equal(&prefix.addr, &again.addr) && prefix.len == again.len);
	fuzz_assert(prefix_contains(&prefix, &prefix.addr));
	prefix.addr = prefix_first(&prefix);
	subnet_try(&prefix);
}

static void ports_try(const char *text)
{
	struct publish_spec spec, again;
	struct publish_list list = { 0 };
	struct error err = { 0 };
	int ret = publish_parse(text, &spec, &err);

	fuzz_check_error(ret, &err);
	if (ret)
		return;
	fuzz_assert(spec.count && spec.host_port && spec.port);
	fuzz_assert(spec.host_port + spec.count - 1 <= UINT16_MAX);
	fuzz_assert(spec.port + spec.count - 1 <= UINT16_MAX);
	fuzz_assert(!publish_parse(publish_format(&spec).text, &again, &err));
	fuzz_assert(addr_equal(&spec.host, &again.host) && spec.host_port == again.host_port &&
		    spec.port == again.port && spec.count == again.count &&
		    spec.protocol == again.protocol);
	fuzz_assert(!publish_list_add(&list, &spec, &err));
	fuzz_assert(publish_list_add(&list, &again, &err)); /* it overlaps with itself */
	publish_list_free(&list);
}

static void rate_try(const char *text)
{
	struct bandwidth_limit limit = { 0 };
	struct error err = { 0 };
	uint64_t again;

	if (bandwidth_parse(text, &limit.rate_bps))
		return;
	fuzz_assert(!bandwidth_parse(bandwidth_format(limit.rate_bps).text, &again));
	fuzz_assert(again == limit.rate_bps);
	fuzz_check_error(bandwidth_check(&limit, &err), &err);
	bandwidth_complete(&limit);
	fuzz_assert(!limit.rate_bps || limit.burst_bits);
}

static void words_try(const char *text)
{
	struct error err = { 0 };
	enum nk_device device;
	enum nk_mode mode;
	uint8_t mac[NK_ETH_ALEN];

	fuzz_check_error(mode_parse(text, &mode, &err), &err);
	fuzz_check_error(device_parse(text, &device, &err), &err);
	(void)mac_parse(text, mac);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text((const char *)data, size);

	alias_try(text);
	names_try(text);
	prefix_try(text);
	ports_try(text);
	rate_try(text);
	words_try(text);
	free(text);
	return 0;
}
