// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/result.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/answer.h"
#include "cni/code.h"
#include "core/cleanup.h"

/* Reading -------------------------------------------------------------------------------------- */

static int interface_parse(const struct field *field, struct cni_interface *interface,
			   struct error *err)
{
	const char *mac = NULL;
	uint64_t mtu = 0;
	int ret = field_get_text(field, "name", &interface->name, err);

	if (!ret)
		ret = field_get_text(field, "sandbox", &interface->sandbox, err);
	if (!ret)
		ret = field_get_text(field, "mac", &mac, err);
	if (!ret)
		ret = field_get_number(field, "mtu", UINT32_MAX, &mtu, err);
	if (ret)
		return ret;
	if (!interface->name)
		return field_error(field, err, "name is missing");
	if (interface->sandbox && !*interface->sandbox)
		interface->sandbox = NULL;
	interface->has_mac = mac && *mac && !mac_parse(mac, interface->mac);
	interface->mtu = (uint32_t)mtu;
	return 0;
}

static int interfaces_parse(const struct field *field, struct cni_result *result, struct error *err)
{
	struct field list, one;
	int ret = field_get(field, "interfaces", JSON_ARRAY, &list, err);

	if (!ret && field_count(&list) > CNI_INTERFACES_MAX)
		return field_error(&list, err, "more than %d interfaces", CNI_INTERFACES_MAX);
	for (size_t i = 0; !ret && i < field_count(&list); i++) {
		ret = field_at(&list, i, JSON_OBJECT, &one, err);
		if (!ret)
			ret = interface_parse(&one, &result->interfaces[i], err);
	}
	if (!ret)
		result->interface_count = field_count(&list);
	return ret;
}

static int ip_parse(const struct field *field, struct cni_ip *ip, struct error *err)
{
	struct field address;
	uint64_t interface = UINT64_MAX;
	int ret = field_get(field, "address", JSON_STRING, &address, err);

	if (!ret)
		ret = field_prefix(&address, &ip->address, err);
	if (!ret)
		ret = field_get_addr(field, "gateway", &ip->gateway, err);
	if (!ret)
		ret = field_get_number(field, "interface", CNI_INTERFACES_MAX, &interface, err);
	if (!ret && ip->gateway.family && ip->gateway.family != ip->address.addr.family)
		ret = field_error(field, err, "address and gateway are of two families");
	ip->interface = interface == UINT64_MAX ? -1 : (int)interface;
	return ret;
}

static int ips_parse(const struct field *field, struct cni_result *result, struct error *err)
{
	struct field list, one;
	int ret = field_get(field, "ips", JSON_ARRAY, &list, err);

	if (!ret && field_count(&list) > CNI_IPS_MAX)
		return field_error(&list, err, "more than %d addresses", CNI_IPS_MAX);
	for (size_t i = 0; !ret && i < field_count(&list); i++) {
		ret = field_at(&list, i, JSON_OBJECT, &one, err);
		if (!ret)
			ret = ip_parse(&one, &result->ips[i], err);
	}
	if (!ret)
		result->ip_count = field_count(&list);
	return ret;
}

static int route_numbers_parse(const struct field *field, struct endpoint_route *route,
			       struct error *err)
{
	const struct {
		const char *key;
		uint32_t *to;
	} numbers[] = {
		{ "mtu", &route->mtu },
		{ "advmss", &route->advmss },
		{ "priority", &route->metric },
		{ "table", &route->table },
	};
	struct field scope;
	uint64_t number;
	int ret = field_get(field, "scope", JSON_INTEGER, &scope, err);

	if (!ret && scope.value) {
		number = 0;
		ret = field_number(&scope, UINT8_MAX, &number, err);
		route->has_scope = true;
		route->scope = (uint8_t)number;
	}
	for (size_t i = 0; !ret && i < ARRAY_SIZE(numbers); i++) {
		number = 0;
		ret = field_get_number(field, numbers[i].key, UINT32_MAX, &number, err);
		*numbers[i].to = (uint32_t)number;
	}
	return ret;
}

static int route_parse(const struct field *field, struct endpoint_route *route, struct error *err)
{
	struct field dst;
	int ret = field_get(field, "dst", JSON_STRING, &dst, err);

	if (!ret)
		ret = field_prefix(&dst, &route->dst, err);
	if (!ret)
		ret = field_get_addr(field, "gw", &route->gateway, err);
	if (ret)
		return ret;
	if (route->gateway.family && route->gateway.family != route->dst.addr.family)
		return field_error(field, err, "dst and gw are of two families");
	route->dst.addr = prefix_first(&route->dst);
	return route_numbers_parse(field, route, err);
}

static int routes_parse(const struct field *field, struct cni_result *result, struct error *err)
{
	struct field list, one;
	int ret = field_get(field, "routes", JSON_ARRAY, &list, err);

	if (!ret && field_count(&list) > ENDPOINT_ROUTES_MAX)
		return field_error(&list, err, "more than %d routes", ENDPOINT_ROUTES_MAX);
	for (size_t i = 0; !ret && i < field_count(&list); i++) {
		ret = field_at(&list, i, JSON_OBJECT, &one, err);
		if (!ret)
			ret = route_parse(&one, &result->routes.routes[i], err);
	}
	if (!ret)
		result->routes.count = field_count(&list);
	return ret;
}

int cni_result_parse(const struct field *field, struct cni_result *ret_result, struct error *err)
{
	struct field dns;
	int ret;

	*ret_result = (struct cni_result){ 0 };
	ret = interfaces_parse(field, ret_result, err);
	if (!ret)
		ret = ips_parse(field, ret_result, err);
	if (!ret)
		ret = routes_parse(field, ret_result, err);
	if (!ret)
		ret = field_get(field, "dns", JSON_OBJECT, &dns, err);
	if (!ret)
		ret_result->dns = dns.value;
	return ret;
}

int cni_result_check(const struct field *field, struct error *err)
{
	static const char *const keys[] = { "interfaces", "ips", "routes" };
	struct field list, one;
	int ret = field_get(field, "dns", JSON_OBJECT, &one, err);

	for (size_t i = 0; !ret && i < sizeof(keys) / sizeof(keys[0]); i++) {
		ret = field_get(field, keys[i], JSON_ARRAY, &list, err);
		for (size_t j = 0; !ret && j < field_count(&list); j++)
			ret = field_at(&list, j, JSON_OBJECT, &one, err);
	}
	return ret;
}

/* Writing -------------------------------------------------------------------------------------- */

/*
 * jansson takes NULL for a value and fails, and a missing member is seen in the end, by nobody: so
 * out of memory is remembered here.
 */
struct writer {
	enum cni_version version;
	bool failed;
};

static void put(struct writer *writer, json_t *object, const char *key, json_t *value)
{
	writer->failed |= json_object_set_new(object, key, value) != 0;
}

static void append(struct writer *writer, json_t *list, json_t *value)
{
	writer->failed |= json_array_append_new(list, value) != 0;
}

static void put_number(struct writer *writer, json_t *object, const char *key, uint32_t number)
{
	if (number)
		put(writer, object, key, json_integer(number));
}

static json_t *interface_write(struct writer *writer, const struct cni_interface *interface)
{
	json_t *object = json_pack("{ss}", "name", interface->name);

	if (interface->has_mac)
		put(writer, object, "mac", mac_to_json(interface->mac));
	if (writer->version >= CNI_1_1_0)
		put_number(writer, object, "mtu", interface->mtu);
	if (interface->sandbox)
		put(writer, object, "sandbox", json_string(interface->sandbox));
	return object;
}

static json_t *ip_write(struct writer *writer, const struct cni_ip *ip, size_t interfaces_before)
{
	json_t *object = json_pack("{ss}", "address", prefix_format(&ip->address).text);

	if (writer->version < CNI_1_0_0)
		put(writer, object, "version",
		    json_string(ip->address.addr.family == AF_INET ? "4" : "6"));
	if (ip->gateway.family)
		put(writer, object, "gateway", json_string(addr_format(&ip->gateway).text));
	if (ip->interface >= 0)
		put(writer, object, "interface",
		    json_integer(ip->interface + (json_int_t)interfaces_before));
	return object;
}

static json_t *route_write(struct writer *writer, const struct endpoint_route *route)
{
	json_t *object = json_pack("{ss}", "dst", prefix_format(&route->dst).text);

	if (route->gateway.family)
		put(writer, object, "gw", json_string(addr_format(&route->gateway).text));
	if (writer->version >= CNI_1_1_0) {
		put_number(writer, object, "mtu", route->mtu);
		put_number(writer, object, "advmss", route->advmss);
		put_number(writer, object, "priority", route->metric);
		put_number(writer, object, "table", route->table);
		if (route->has_scope)
			put(writer, object, "scope", json_integer(route->scope));
	}
	return object;
}

/* The list of that name, made where it isn't there; borrowed from @object. NULL: it has failed. */
static json_t *list_of(struct writer *writer, json_t *object, const char *key)
{
	json_t *list = json_object_get(object, key);

	if (json_is_array(list))
		return list;
	list = json_array();
	put(writer, object, key, list);
	return json_object_get(object, key); /* a failure has freed the list */
}

static void lists_write(struct writer *writer, json_t *object, const struct cni_result *result)
{
	json_t *interfaces = list_of(writer, object, "interfaces");
	json_t *ips = list_of(writer, object, "ips");
	json_t *routes = list_of(writer, object, "routes");
	size_t before = json_array_size(interfaces);

	for (size_t i = 0; i < result->interface_count; i++)
		append(writer, interfaces, interface_write(writer, &result->interfaces[i]));
	for (size_t i = 0; i < result->ip_count; i++)
		append(writer, ips, ip_write(writer, &result->ips[i], before));
	for (size_t i = 0; i < result->routes.count; i++)
		append(writer, routes, route_write(writer, &result->routes.routes[i]));
}

/* What another plugin has said before stays. */
static void dns_write(struct writer *writer, json_t *dns, const json_t *own)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)own, key, value)
		if (!json_object_get(dns, key))
			put(writer, dns, key, json_deep_copy(value));
}

json_t *cni_result_to_json(const struct cni_result *result, enum cni_version version,
			   const json_t *previous)
{
	struct writer writer = { .version = version };
	json_t *object = previous ? json_deep_copy(previous) : json_object();

	put(&writer, object, "cniVersion", json_string(cni_version_text(version)));
	lists_write(&writer, object, result);
	if (!json_is_object(json_object_get(object, "dns")))
		put(&writer, object, "dns", json_object());
	dns_write(&writer, json_object_get(object, "dns"), result->dns);
	if (writer.failed) {
		json_decref(object);
		return NULL;
	}
	return object;
}

json_t *cni_error_to_json(const struct error *err, const char *version_text)
{
	return json_pack("{ss si ss}", "cniVersion", version_text, "code", cni_code(err), "msg",
			 err->message);
}

json_t *cni_versions_to_json(const char *version_text)
{
	json_t *versions = json_array();

	for (int i = 0; i < CNI_VERSION_COUNT; i++)
		(void)json_array_append_new(versions,
					    json_string(cni_version_text((enum cni_version)i)));
	return json_pack("{ss so}", "cniVersion", version_text, "supportedVersions", versions);
}
