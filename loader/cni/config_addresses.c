// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which addresses there are to give, and which ones are asked for. */
#include <string.h>

#include "cni/code.h"
#include "cni/config_step.h"

/* Subnets and ranges --------------------------------------------------------------------------- */

static int limit_parse(const struct field *range, const char *key, const struct prefix *subnet,
		       struct addr *ret_addr, struct error *err)
{
	int ret = field_get_addr_any_case(range, key, ret_addr, err);

	if (!ret && ret_addr->family && !prefix_contains(subnet, ret_addr))
		return field_error(range, err, "%s %s is outside %s", key,
				   addr_format(ret_addr).text, prefix_format(subnet).text);
	return ret;
}

static int exclusions_parse(struct cni_config *config, const struct field *range,
			    struct pool_range *limits, struct error *err)
{
	struct field list, one;
	int ret = field_get(range, "exclude", JSON_ARRAY, &list, err);

	limits->excluded = &config->excluded[config->excluded_count];
	for (size_t i = 0; !ret && i < field_count(&list); i++) {
		if (config->excluded_count == CNI_EXCLUDED_MAX)
			return field_error(&list, err, "more than %d exclusions", CNI_EXCLUDED_MAX);
		ret = field_at(&list, i, JSON_STRING, &one, err);
		if (!ret)
			ret = field_prefix(&one, &config->excluded[config->excluded_count], err);
		if (!ret) {
			config->excluded_count++;
			limits->excluded_count++;
		}
	}
	return ret;
}

/* The first address of a subnet is the host's, as containers see it: it can't be another one. */
static int gateway_parse(const struct field *range, const struct nk_subnet *subnet,
			 struct error *err)
{
	struct addr gateway, own = subnet_gateway(subnet);
	struct field field;
	int ret = field_get_addr_any_case(range, "gateway", &gateway, err);

	if (ret || !gateway.family || addr_equal(&gateway, &own))
		return ret;
	ret = field_get_any_case(range, "gateway", JSON_STRING, &field, err);
	return ret ? ret
		   : field_unsupported(&field, addr_format(&gateway).text,
				       "the gateway is the subnet's first address", err);
}

static int range_parse_limits(struct cni_config *config, const struct field *range,
			      const struct nk_subnet *subnet, struct pool_range *limits,
			      struct error *err)
{
	struct prefix prefix = subnet_prefix(subnet);
	int ret = limit_parse(range, "rangeStart", &prefix, &limits->first, err);

	if (!ret)
		ret = limit_parse(range, "rangeEnd", &prefix, &limits->last, err);
	if (!ret && limits->first.family && limits->last.family &&
	    addr_compare(&limits->first, &limits->last) > 0)
		ret = field_error(range, err, "rangeStart is above rangeEnd");
	if (!ret)
		ret = gateway_parse(range, subnet, err);
	return ret ? ret : exclusions_parse(config, range, limits, err);
}

/* A subnet may have several ranges. */
static int subnet_take(struct cni_config *config, const struct field *field, size_t *ret_index,
		       struct error *err)
{
	struct nk_network *network = &config->network;
	struct prefix subnet;
	int ret = field_prefix(field, &subnet, err);

	for (size_t i = 0; !ret && i < network->subnet_count; i++) {
		struct prefix known = subnet_prefix(&network->subnets[i]);

		*ret_index = i;
		if (prefix_equal(&known, &subnet))
			return 0;
	}
	*ret_index = network->subnet_count;
	if (!ret && network_add_subnet(network, &subnet, err))
		ret = field_blame(field, err);
	return ret;
}

/* @limits: those of a whole subnet: NULL */
static int range_add(struct cni_config *config, const struct field *subnet,
		     const struct field *limits, struct error *err)
{
	struct pool_ranges *ranges = &config->ranges;
	struct pool_range range = { 0 };
	int ret = subnet_take(config, subnet, &range.subnet, err);

	if (!ret && limits)
		ret = range_parse_limits(config, limits, &config->network.subnets[range.subnet],
					 &range, err);
	if (ret)
		return ret;
	for (size_t i = 0; i < ranges->count; i++)
		if (pool_range_overlaps(&config->network, &ranges->ranges[i], &range))
			return field_error(subnet, err, "two ranges of it overlap");
	if (ranges->count == POOL_RANGES_MAX)
		return field_error(subnet, err, "more than %d ranges", POOL_RANGES_MAX);
	ranges->ranges[ranges->count++] = range;
	return 0;
}

/* A range as host-local knows it: an object with a subnet, and perhaps limits. */
static int range_parse(struct cni_config *config, const struct field *range, struct error *err)
{
	struct field subnet;
	int ret = field_get_any_case(range, "subnet", JSON_STRING, &subnet, err);

	return ret ? ret : range_add(config, &subnet, range, err);
}

static int subnets_parse(struct cni_config *config, const struct field *list, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < field_count(list); i++) {
		bool is_object = json_is_object(json_array_get(list->value, i));
		struct field one;

		ret = field_at(list, i, is_object ? JSON_OBJECT : JSON_STRING, &one, err);
		if (!ret)
			ret = is_object ? range_parse(config, &one, err)
					: range_add(config, &one, NULL, err);
	}
	return ret;
}

/* A set is of one family for host-local, too (allocator/range_set.go). */
static int range_set_check(const struct cni_config *config, const struct field *set, size_t before,
			   struct error *err)
{
	const struct pool_range *ranges = config->ranges.ranges;

	if (before == config->ranges.count)
		return field_error(set, err, "a set needs a range");
	for (size_t i = before; i < config->ranges.count; i++)
		if (!pool_set_is_same(&config->network, &ranges[i], &ranges[before]))
			return field_error(set, err, "the ranges of a set are of one family");
	return 0;
}

static int range_set_parse(struct cni_config *config, const struct field *set, size_t number,
			   struct error *err)
{
	size_t before = config->ranges.count;
	struct field one;
	int ret = 0;

	for (size_t i = 0; !ret && i < field_count(set); i++) {
		ret = field_at(set, i, JSON_OBJECT, &one, err);
		if (!ret)
			ret = range_parse(config, &one, err);
	}
	for (size_t i = before; i < config->ranges.count; i++)
		config->ranges.ranges[i].set = number;
	return ret ? ret : range_set_check(config, set, before, err);
}

/*
 * The sets that a runtime names take the place of all subnets. "The outer list is the number of IPs
 * to allocate" (CONVENTIONS.md of CNI).
 */
static int range_sets_parse(struct cni_config *config, const struct field *sets, struct error *err)
{
	struct field set;
	int ret = 0;

	for (size_t i = 0; !ret && i < field_count(sets); i++) {
		ret = field_at(sets, i, JSON_ARRAY, &set, err);
		if (!ret)
			ret = range_set_parse(config, &set, i, err);
	}
	return ret;
}

int config_parse_subnets(struct cni_config *config, const struct field *document,
			 const struct field *runtime, struct error *err)
{
	struct field subnets, sets;
	int ret = field_get(document, "subnets", JSON_ARRAY, &subnets, err);

	if (!ret)
		ret = field_get(runtime, "ipRanges", JSON_ARRAY, &sets, err);
	if (ret || config->ipam_type) {
		if (!ret && subnets.value)
			return field_error(&subnets, err,
					   "addresses come from ipam, or from subnets, not both");
		return ret;
	}
	ret = field_count(&sets) ? range_sets_parse(config, &sets, err)
				 : subnets_parse(config, &subnets, err);
	if (!ret && !config->network.subnet_count && !subnets.value) {
		network_default_subnets(&config->network);
		pool_ranges_whole(&config->network, &config->ranges);
	}
	if (!ret && !config->network.subnet_count)
		return field_error(&subnets, err, "must have a subnet at least");
	return ret;
}

/* Requests ------------------------------------------------------------------------------------- */

static int address_add(struct cni_config *config, const struct field *field, struct error *err)
{
	if (config->address_count == NK_ENDPOINT_ADDRESSES_MAX)
		return field_error(field, err, "more than %d addresses", NK_ENDPOINT_ADDRESSES_MAX);
	return field_prefix(field, &config->addresses[config->address_count++], err);
}

static int addresses_parse(struct cni_config *config, const struct field *list, struct error *err)
{
	struct field one;
	int ret = 0;

	for (size_t i = 0; !ret && i < field_count(list); i++) {
		ret = field_at(list, i, JSON_STRING, &one, err);
		if (!ret)
			ret = address_add(config, &one, err);
	}
	return ret;
}

static int arg_address_add(struct cni_config *config, const char *text, struct error *err)
{
	if (config->address_count == NK_ENDPOINT_ADDRESSES_MAX)
		return cni_error(err, CNI_INVALID_ENVIRONMENT,
				 "CNI_ARGS: IP: more than %d addresses", NK_ENDPOINT_ADDRESSES_MAX);
	if (!prefix_parse(text, &config->addresses[config->address_count++]))
		return 0;
	return cni_error(err, CNI_INVALID_ENVIRONMENT, "CNI_ARGS: IP '%s' is no address", text);
}

static int arg_addresses_parse(struct cni_config *config, const char *list, struct error *err)
{
	int ret = 0;

	while (!ret && *list) {
		char text[sizeof(((struct cni_request *)0)->arg_ip)];
		size_t len = strcspn(list, ",");

		memcpy(text, list, len);
		text[len] = '\0';
		ret = arg_address_add(config, text, err);
		list += len + (list[len] == ',');
	}
	return ret;
}

int config_parse_addresses(struct cni_config *config, const struct cni_request *request,
			   const struct field *document, const struct field *runtime,
			   struct error *err)
{
	struct field list, args, cni;
	int ret = field_get(runtime, "ips", JSON_ARRAY, &list, err);

	if (!ret && !list.value) {
		ret = field_get(document, "args", JSON_OBJECT, &args, err);
		if (!ret)
			ret = field_get(&args, "cni", JSON_OBJECT, &cni, err);
		if (!ret)
			ret = field_get(&cni, "ips", JSON_ARRAY, &list, err);
	}
	if (ret || config->ipam_type)
		return ret;
	return list.value ? addresses_parse(config, &list, err)
			  : arg_addresses_parse(config, request->arg_ip, err);
}

int config_parse_mac(struct cni_config *config, const struct cni_request *request,
		     const struct field *runtime, struct error *err)
{
	struct field field = { .path = "CNI_ARGS: MAC" };
	const char *text = *request->arg_mac ? request->arg_mac : NULL;
	const char *capability = NULL;
	int ret = field_get_text(runtime, "mac", &capability, err);

	if (!ret && capability && *capability) {
		text = capability;
		ret = field_get(runtime, "mac", JSON_STRING, &field, err);
	}
	if (ret || !text)
		return ret;
	if (mac_parse_interface(text, config->mac))
		return field_error(&field, err, "'%s' is no interface's MAC address", text);
	if (config->network.mode != NK_MODE_L2)
		return field_unsupported(&field, text, "MAC addresses are for \"mode\": \"l2\"",
					 err);
	return 0;
}
