// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/network.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/cleanup.h"

static const char *const mode_names[] = {
	[NK_MODE_L3] = "l3",
	[NK_MODE_L2] = "l2",
};

static const char *const device_names[] = {
	[NK_DEVICE_AUTO] = "auto",
	[NK_DEVICE_NETKIT] = "netkit",
	[NK_DEVICE_VETH] = "veth",
};

static const char *const masquerade_names[] = {
	[NK_MASQUERADE_AUTO] = "auto",
	[NK_MASQUERADE_ON] = "on",
	[NK_MASQUERADE_OFF] = "off",
};

static int name_find(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return (int)i;
	return -EINVAL;
}

const char *mode_name(enum nk_mode mode)
{
	return mode_names[mode];
}

int mode_parse(const char *name, enum nk_mode *ret_mode, struct error *err)
{
	int found = name_find(mode_names, ARRAY_SIZE(mode_names), name);

	if (found < 0)
		return error_set(err, EINVAL, "mode '%s' is neither l3 nor l2", name);
	*ret_mode = (enum nk_mode)found;
	return 0;
}

const char *device_name(enum nk_device device)
{
	return device_names[device];
}

int device_parse(const char *name, enum nk_device *ret_device, struct error *err)
{
	int found = name_find(device_names, ARRAY_SIZE(device_names), name);

	if (found < 0)
		return error_set(err, EINVAL, "device '%s' is none of auto, netkit and veth", name);
	*ret_device = (enum nk_device)found;
	return 0;
}

struct prefix subnet_prefix(const struct nk_subnet *subnet)
{
	struct prefix prefix = { .addr.family = subnet->family, .len = subnet->prefix_len };

	memcpy(prefix.addr.bytes, subnet->addr, sizeof(subnet->addr));
	return prefix;
}

struct addr subnet_gateway(const struct nk_subnet *subnet)
{
	struct prefix prefix = subnet_prefix(subnet);

	return addr_add(&prefix.addr, 1);
}

/*
 * Addresses that no router passes on: this network, loopback, link-local, multicast and all that
 * is reserved (RFC 6890, section 2.2; RFC 4291, section 2.4).
 */
static const char *const unroutable[] = {
	"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
	"::/8",      "fe80::/10",   "ff00::/8",
};

/*
 * Of these no host can have an address that others reach it at. The rest of the above the kernel
 * does route: clouds give containers addresses of 240.0.0.0/4.
 */
static const char *const unreachable[] = {
	"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255",
	"::/127",    "fe80::/10",   "ff00::/8",
};

/* Return: which of them it overlaps; NULL: none. */
static const char *overlap_find(const char *const *texts, size_t count, const struct prefix *prefix)
{
	struct prefix other;

	for (size_t i = 0; i < count; i++) {
		int ret = prefix_parse(texts[i], &other);

		assert(!ret);
		if (prefix_overlaps(&other, prefix))
			return texts[i];
	}
	return NULL;
}

static int routable_check(const struct prefix *subnet, struct error *err)
{
	const char *found = overlap_find(unroutable, ARRAY_SIZE(unroutable), subnet);

	if (found)
		return error_set(err, EINVAL,
				 "subnet %s is no place for containers: %s is never routed",
				 prefix_format(subnet).text, found);
	return 0;
}

int address_check_reachable(const struct addr *addr, struct error *err)
{
	const struct prefix address = { *addr, addr_bits(addr->family) };
	const char *found = overlap_find(unreachable, ARRAY_SIZE(unreachable), &address);

	if (found)
		return error_set(err, EINVAL,
				 "address %s can't be a container's: %s is never routed",
				 addr_format(addr).text, found);
	return 0;
}

/* Two bits leave the base, the gateway and at least one more address. */
static int subnet_check(const struct prefix *subnet, struct error *err)
{
	struct prefix base = { prefix_first(subnet), subnet->len };
	uint8_t len_max = (uint8_t)(addr_bits(subnet->addr.family) - 2);

	if (!addr_equal(&base.addr, &subnet->addr))
		return error_set(err, EINVAL, "subnet %s has host bits set: did you mean %s?",
				 prefix_format(subnet).text, prefix_format(&base).text);
	if (subnet->len > len_max || subnet->len < 8)
		return error_set(err, EINVAL, "subnet %s: the length of an %s subnet is 8 to %u",
				 prefix_format(subnet).text, family_name(subnet->addr.family),
				 len_max);
	return routable_check(subnet, err);
}

int network_add_subnet(struct nk_network *network, const struct prefix *subnet, struct error *err)
{
	struct nk_subnet added = { .family = subnet->addr.family, .prefix_len = subnet->len };
	int ret = subnet_check(subnet, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < network->subnet_count; i++) {
		struct prefix other = subnet_prefix(&network->subnets[i]);

		if (prefix_overlaps(&other, subnet))
			return error_set(err, EEXIST, "subnets %s and %s overlap",
					 prefix_format(&other).text, prefix_format(subnet).text);
	}
	if (network->subnet_count == NK_NETWORK_SUBNETS_MAX)
		return error_set(err, E2BIG, "a network has at most %d subnets",
				 NK_NETWORK_SUBNETS_MAX);
	memcpy(added.addr, subnet->addr.bytes, sizeof(added.addr));
	network->subnets[network->subnet_count++] = added;
	return 0;
}

static void network_add_subnet_text(struct nk_network *network, const char *text)
{
	struct prefix subnet;
	int ret = prefix_parse(text, &subnet);

	if (!ret)
		ret = network_add_subnet(network, &subnet, NULL);
	assert(!ret);
}

void network_default_subnets(struct nk_network *network)
{
	network_add_subnet_text(network, DEFAULT_SUBNET_V4);
	network_add_subnet_text(network, DEFAULT_SUBNET_V6);
}

void network_default(struct nk_network *ret_network)
{
	*ret_network = (struct nk_network){ 0 };
	network_default_subnets(ret_network);
}

const struct nk_subnet *network_subnet_of(const struct nk_network *network, const struct addr *addr)
{
	for (size_t i = 0; i < network->subnet_count; i++) {
		struct prefix prefix = subnet_prefix(&network->subnets[i]);

		if (prefix_contains(&prefix, addr))
			return &network->subnets[i];
	}
	return NULL;
}

bool network_has_family(const struct nk_network *network, uint8_t family)
{
	for (size_t i = 0; i < network->subnet_count; i++)
		if (network->subnets[i].family == family)
			return true;
	return false;
}

const struct nk_subnet *network_overlap(const struct nk_network *network,
					const struct nk_network *other)
{
	for (size_t i = 0; i < network->subnet_count; i++) {
		struct prefix prefix = subnet_prefix(&network->subnets[i]);

		for (size_t j = 0; j < other->subnet_count; j++) {
			struct prefix other_prefix = subnet_prefix(&other->subnets[j]);

			if (prefix_overlaps(&prefix, &other_prefix))
				return &network->subnets[i];
		}
	}
	return NULL;
}

const char *masquerade_name(enum nk_masquerade masquerade)
{
	return masquerade_names[masquerade];
}

static bool prefix_is_private(const struct prefix *prefix)
{
	static const struct prefix private[] = {
		{ { AF_INET, { 10 } }, 8 }, /* RFC 1918 */
		{ { AF_INET, { 172, 16 } }, 12 }, { { AF_INET, { 192, 168 } }, 16 },
		{ { AF_INET, { 100, 64 } }, 10 }, /* RFC 6598 */
		{ { AF_INET6, { 0xfc } }, 7 },    /* RFC 4193 */
	};

	for (size_t i = 0; i < ARRAY_SIZE(private); i++)
		if (prefix_overlaps(&private[i], prefix))
			return true;
	return false;
}

static bool masquerade_applies_to(enum nk_masquerade masquerade, const struct prefix *prefix)
{
	return masquerade == NK_MASQUERADE_AUTO ? prefix_is_private(prefix)
						: masquerade == NK_MASQUERADE_ON;
}

bool masquerade_applies(enum nk_masquerade masquerade, const struct addr *addr)
{
	const struct prefix prefix = { *addr, addr_bits(addr->family) };

	return masquerade_applies_to(masquerade, &prefix);
}

bool masquerade_may_apply(enum nk_masquerade masquerade, const struct nk_subnet *subnet)
{
	const struct prefix prefix = subnet_prefix(subnet);

	return masquerade_applies_to(masquerade, &prefix);
}

int mtu_check(uint32_t mtu, bool with_v6, struct error *err)
{
	uint32_t min = with_v6 ? MTU_MIN_V6 : MTU_MIN;

	if (mtu < min || mtu > MTU_MAX)
		return error_set(err, EINVAL, "MTU %u is out of range: %u to %u%s", mtu, min,
				 MTU_MAX, with_v6 ? " with IPv6" : "");
	return 0;
}
