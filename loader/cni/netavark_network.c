// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/netavark_network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/cleanup.h"

static int gateway_check(const struct field *field, const struct nk_subnet *subnet,
			 struct error *err)
{
	struct addr gateway, own = subnet_gateway(subnet);
	int ret = field_get_addr(field, "gateway", &gateway, err);

	if (!ret && gateway.family && !addr_equal(&gateway, &own))
		return field_error(field, err, "the gateway is the first address, %s, and no other",
				   addr_format(&own).text);
	return ret;
}

static int lease_range_parse(const struct field *field, const struct prefix *subnet,
			     struct pool_range *limits, struct error *err)
{
	struct field range;
	int ret = field_get(field, "lease_range", JSON_OBJECT, &range, err);

	if (!ret)
		ret = field_get_addr(&range, "start_ip", &limits->first, err);
	if (!ret)
		ret = field_get_addr(&range, "end_ip", &limits->last, err);
	if (ret)
		return ret;
	if ((limits->first.family && !prefix_contains(subnet, &limits->first)) ||
	    (limits->last.family && !prefix_contains(subnet, &limits->last)))
		return field_error(&range, err, "it isn't inside %s", prefix_format(subnet).text);
	if (limits->first.family && limits->last.family &&
	    addr_compare(&limits->first, &limits->last) > 0)
		return field_error(&range, err, "start_ip is above end_ip");
	return 0;
}

static int subnet_parse(const struct field *field, struct netavark_network *network,
			struct error *err)
{
	size_t index = network->network.subnet_count;
	struct pool_range *range = &network->ranges.ranges[index];
	struct prefix prefix;
	struct field subnet;
	int ret = field_get(field, "subnet", JSON_STRING, &subnet, err);

	if (!ret)
		ret = field_prefix(&subnet, &prefix, err);
	if (!ret)
		ret = network_add_subnet(&network->network, &prefix, err);
	if (!ret)
		ret = gateway_check(field, &network->network.subnets[index], err);
	if (ret)
		return ret;
	range->subnet = index;
	network->ranges.count = index + 1;
	return lease_range_parse(field, &prefix, range, err);
}

static int subnets_parse(const struct field *field, struct netavark_network *network,
			 struct error *err)
{
	struct field list, one;
	int ret = field_get(field, "subnets", JSON_ARRAY, &list, err);

	for (size_t i = 0; !ret && i < field_count(&list); i++) {
		ret = field_at(&list, i, JSON_OBJECT, &one, err);
		if (!ret)
			ret = subnet_parse(&one, network, err);
	}
	if (!ret && !network->network.subnet_count)
		return error_set(err, EINVAL, "a subnet is missing: give one with --subnet");
	return ret;
}

static int mtu_take(struct nk_network *network, const char *text, struct error *err)
{
	bool is_number = *text && strspn(text, "0123456789") == strlen(text);
	unsigned long mtu = is_number ? strtoul(text, NULL, 10) : 0;

	if (!is_number || mtu > MTU_MAX)
		return error_set(err, EINVAL, "option mtu: '%s' is no MTU", text);
	network->mtu = (uint32_t)mtu;
	return mtu ? mtu_check(network->mtu, network_has_family(network, AF_INET6), err) : 0;
}

static int masquerade_take(struct nk_network *network, const char *text, struct error *err)
{
	static const enum nk_masquerade all[] = { NK_MASQUERADE_AUTO, NK_MASQUERADE_ON,
						  NK_MASQUERADE_OFF };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (!strcmp(masquerade_name(all[i]), text)) {
			network->masquerade = (uint8_t)all[i];
			return 0;
		}
	}
	return error_set(err, EINVAL, "option masquerade: '%s' is none of auto, on and off", text);
}

static int metadata_take(struct nk_network *network, const char *text, struct error *err)
{
	if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
		return error_set(err, EINVAL, "option metadata: '%s' is neither on nor off", text);
	network->no_metadata = !strcmp(text, "off");
	return 0;
}

static int option_take(struct nk_network *network, const char *key, const char *text,
		       struct error *err)
{
	enum nk_device device;
	enum nk_mode mode;
	int ret = 0;

	if (!strcmp(key, "mtu"))
		return mtu_take(network, text, err);
	if (!strcmp(key, "masquerade"))
		return masquerade_take(network, text, err);
	if (!strcmp(key, "metadata"))
		return metadata_take(network, text, err);
	if (!strcmp(key, "device")) {
		ret = device_parse(text, &device, err);
		network->device = ret ? network->device : (uint8_t)device;
	} else if (!strcmp(key, "mode")) {
		ret = mode_parse(text, &mode, err);
		network->mode = ret ? network->mode : (uint8_t)mode;
	} else {
		return error_set(
			err, EINVAL,
			"option '%s' is none of mtu, mode, device, masquerade and metadata", key);
	}
	return ret;
}

static int options_parse(const struct field *field, struct netavark_network *network,
			 struct error *err)
{
	struct field options;
	const char *key, *text = NULL;
	json_t *value;
	int ret = field_get(field, "options", JSON_OBJECT, &options, err);

	if (ret)
		return ret;
	json_object_foreach ((json_t *)options.value, key, value) {
		(void)value; /* looked at with its type below */
		if (!ret)
			ret = field_get_text(&options, key, &text, err);
		if (!ret && text)
			ret = option_take(&network->network, key, text, err);
	}
	return ret;
}

/* What the network is asked to be, and can't. */
static int network_check_supported(const struct field *field, struct error *err)
{
	const char *driver = NULL;
	bool internal = false;
	struct field ipam, routes;
	int ret = field_get_bool(field, "internal", &internal, err);

	if (!ret && internal)
		return error_set(err, EOPNOTSUPP, "an internal network isn't supported");
	if (!ret)
		ret = field_get(field, "routes", JSON_ARRAY, &routes, err);
	if (!ret && field_count(&routes))
		return field_error(&routes, err,
				   "a container's next hop is the host: add them to its routes");
	if (!ret)
		ret = field_get(field, "ipam_options", JSON_OBJECT, &ipam, err);
	if (!ret)
		ret = field_get_text(&ipam, "driver", &driver, err);
	if (!ret && driver && *driver && strcmp(driver, "host-local") != 0)
		return field_error(&ipam, err,
				   "the driver '%s' isn't supported: a container gets its "
				   "addresses from podman's own, host-local",
				   driver);
	return ret;
}

int netavark_network_parse(const struct field *field, struct netavark_network *ret_network,
			   struct error *err)
{
	int ret;

	*ret_network = (struct netavark_network){ 0 };
	ret = field_get_text(field, "name", &ret_network->name, err);
	if (!ret && !ret_network->name)
		return field_error(field, err, "name is missing");
	if (!ret)
		ret = network_check_supported(field, err);
	if (!ret)
		ret = subnets_parse(field, ret_network, err);
	return ret ? ret : options_parse(field, ret_network, err);
}
