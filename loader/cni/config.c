// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/config.h"

#include <errno.h>
#include <linux/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cni/code.h"
#include "cni/field.h"
#include "core/cleanup.h"

/* What the layers below refuse is the configuration's fault: say which key. */
static int blame(const struct field *field, struct error *err)
{
	(void)error_prefix(err, "%s", field->path);
	return cni_recode(err, CNI_INVALID_CONFIG);
}

/* "The error message must contain the key and value of the unsupported field." */
static int unsupported(const struct field *field, const char *value, const char *reason,
		       struct error *err)
{
	return cni_error(err, CNI_UNSUPPORTED_FIELD, "%s: '%s' isn't supported: %s", field->path,
			 value, reason);
}

/*
 * What stands in "runtimeConfig" go-cni makes of Go structures that name no JSON keys, so they
 * are the fields' own: IngressRate, Servers, Subnet (containerd/go-cni, types.go). Such members are
 * looked for in whatever case.
 */
static int number_get(const struct field *object, const char *key, uint64_t max,
		      uint64_t *ret_number, struct error *err)
{
	struct field field;
	int ret = field_get_any_case(object, key, JSON_INTEGER, &field, err);

	return ret ? ret : field_number(&field, max, ret_number, err);
}

static int addr_get(const struct field *object, const char *key, struct addr *ret_addr,
		    struct error *err)
{
	struct field field;
	int ret = field_get_any_case(object, key, JSON_STRING, &field, err);

	return ret ? ret : field_addr(&field, ret_addr, err);
}

/* Subnets and ranges --------------------------------------------------------------------------- */

static int limit_parse(const struct field *range, const char *key, const struct prefix *subnet,
		       struct addr *ret_addr, struct error *err)
{
	int ret = addr_get(range, key, ret_addr, err);

	if (!ret && ret_addr->family && !prefix_contains(subnet, ret_addr))
		return field_error(range, err, "%s %s is outside %s", key,
				   addr_format(ret_addr).text, prefix_format(subnet).text);
	return ret;
}

static int exclusions_parse(struct cni_config *config, const struct field *range,
			    struct pool_limits *limits, struct error *err)
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
	int ret = addr_get(range, "gateway", &gateway, err);

	if (ret || !gateway.family || addr_equal(&gateway, &own))
		return ret;
	ret = field_get_any_case(range, "gateway", JSON_STRING, &field, err);
	return ret ? ret
		   : unsupported(&field, addr_format(&gateway).text,
				 "the gateway is the subnet's first address", err);
}

static int range_parse_limits(struct cni_config *config, const struct field *range,
			      const struct nk_subnet *subnet, struct pool_limits *limits,
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

static int subnet_add(struct cni_config *config, const struct field *field, struct error *err)
{
	struct prefix subnet;
	int ret = field_prefix(field, &subnet, err);

	if (!ret && network_add_subnet(&config->network, &subnet, err))
		ret = blame(field, err);
	return ret;
}

/* A range as host-local knows it: an object with a subnet, and perhaps limits. */
static int range_parse(struct cni_config *config, const struct field *range, struct error *err)
{
	size_t index = config->network.subnet_count;
	struct field subnet;
	int ret = field_get_any_case(range, "subnet", JSON_STRING, &subnet, err);

	if (!ret)
		ret = subnet_add(config, &subnet, err);
	return ret ? ret
		   : range_parse_limits(config, range, &config->network.subnets[index],
					&config->limits[index], err);
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
					: subnet_add(config, &one, err);
	}
	return ret;
}

/* A set is of one family for host-local, too (allocator/range_set.go). */
static int range_set_check(const struct cni_config *config, const struct field *set, size_t before,
			   struct error *err)
{
	const struct nk_subnet *subnets = config->network.subnets;
	size_t count = config->network.subnet_count;

	if (before == count)
		return field_error(set, err, "a set needs a range");
	for (size_t i = before; i < count; i++)
		if (subnets[i].family != subnets[before].family)
			return field_error(set, err, "the ranges of a set are of one family");
	return 0;
}

static int range_set_parse(struct cni_config *config, const struct field *set, size_t number,
			   struct error *err)
{
	size_t before = config->network.subnet_count;
	struct field one;
	int ret = 0;

	for (size_t i = 0; !ret && i < field_count(set); i++) {
		ret = field_at(set, i, JSON_OBJECT, &one, err);
		if (!ret)
			ret = range_parse(config, &one, err);
	}
	for (size_t i = before; i < config->network.subnet_count; i++)
		config->limits[i].set = number;
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

static int network_parse_subnets(struct cni_config *config, const struct field *document,
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
	if (!ret && !config->network.subnet_count && !subnets.value)
		network_default_subnets(&config->network);
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

/*
 * The capability "ips", or its elder sisters: args.cni.ips, and IP in CNI_ARGS (CONVENTIONS.md). A
 * delegated plugin finds them by itself.
 */
static int config_parse_addresses(struct cni_config *config, const struct cni_request *request,
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

static int config_parse_mac(struct cni_config *config, const struct cni_request *request,
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
		return unsupported(&field, text, "MAC addresses are for \"mode\": \"l2\"", err);
	return 0;
}

/* Published ports ------------------------------------------------------------------------------ */

static int port_get(const struct field *mapping, const char *key, uint16_t *ret_port,
		    struct error *err)
{
	uint64_t number = 0;
	int ret = number_get(mapping, key, UINT16_MAX, &number, err);

	if (!ret)
		*ret_port = (uint16_t)number;
	return ret;
}

static int protocol_get(const struct field *mapping, uint8_t *ret_protocol, struct error *err)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
	struct field field;
	const char *text;
	int ret = field_get_any_case(mapping, "protocol", JSON_STRING, &field, err);

	if (ret)
		return ret;
	text = json_string_value(field.value);
	*ret_protocol = IPPROTO_TCP;
	for (size_t i = 0; text && *text && i < ARRAY_SIZE(protocols); i++) {
		if (!strcasecmp(text, publish_protocol_name(protocols[i]))) {
			*ret_protocol = protocols[i];
			return 0;
		}
	}
	if (text && *text)
		return field_error(&field, err, "'%s' is none of tcp, udp and sctp", text);
	return 0;
}

static int mapping_parse(struct cni_config *config, const struct field *mapping, struct error *err)
{
	struct publish_spec spec = { .count = 1 };
	int ret = port_get(mapping, "hostPort", &spec.host_port, err);

	if (!ret)
		ret = port_get(mapping, "containerPort", &spec.port, err);
	if (!ret)
		ret = protocol_get(mapping, &spec.protocol, err);
	if (!ret)
		ret = addr_get(mapping, "hostIP", &spec.host, err);
	if (ret || !spec.host_port)
		return ret; /* none of the host's is asked for */
	if (!spec.port)
		return field_error(mapping, err, "containerPort is missing");
	return publish_list_merge(&config->ports, &spec, err) ? blame(mapping, err) : 0;
}

static int config_parse_ports(struct cni_config *config, const struct field *runtime,
			      struct error *err)
{
	struct field list, one;
	int ret = field_get(runtime, "portMappings", JSON_ARRAY, &list, err);

	for (size_t i = 0; !ret && i < field_count(&list); i++) {
		ret = field_at(&list, i, JSON_OBJECT, &one, err);
		if (!ret)
			ret = mapping_parse(config, &one, err);
	}
	return ret;
}

/* Bandwidth ------------------------------------------------------------------------------------ */

/*
 * A runtime that was asked for a rate alone says the largest number for the burst: MaxInt32
 * (containerd, pkg/cri/server/podsandbox/sandbox_run.go), MaxUint32, or more. It means that it has
 * no wish.
 */
#define BURST_WITHOUT_WISH INT32_MAX

/* Larger than any integer of jansson's it may be, too: MaxUint64 is none, and comes as a fraction.
 */
static int burst_get(const struct field *object, const char *key, uint64_t *ret_bits,
		     struct error *err)
{
	struct field field;

	if (field_get_any_case(object, key, JSON_REAL, &field, NULL) || !field.value ||
	    json_real_value(field.value) < BURST_WITHOUT_WISH)
		return number_get(object, key, INT64_MAX, ret_bits, err);
	*ret_bits = BURST_WITHOUT_WISH;
	return 0;
}

static int limit_parse_keys(const struct field *object, const char *rate_key, const char *burst_key,
			    struct bandwidth_limit *limit, struct error *err)
{
	uint64_t rate_bps = 0, burst_bits = 0;
	struct field field = { 0 };
	int ret = number_get(object, rate_key, INT64_MAX, &rate_bps, err);

	if (!ret)
		ret = burst_get(object, burst_key, &burst_bits, err);
	if (ret)
		return ret;
	limit->rate_bps = rate_bps;
	limit->burst_bits = burst_bits < BURST_WITHOUT_WISH ? burst_bits : 0;
	if (!bandwidth_check(limit, err))
		return 0;
	/* It was a number just now. */
	(void)field_get_any_case(object, rate_bps ? rate_key : burst_key, JSON_INTEGER, &field,
				 NULL);
	return blame(&field, err);
}

static int limits_parse(const struct field *object, struct bandwidth *bandwidth, struct error *err)
{
	int ret = limit_parse_keys(object, "ingressRate", "ingressBurst", &bandwidth->ingress, err);

	return ret ? ret
		   : limit_parse_keys(object, "egressRate", "egressBurst", &bandwidth->egress, err);
}

/*
 * The keys of the reference plugin: its configuration's own come before the capability's
 * (getBandwidth() of plugins/meta/bandwidth/main.go). Here that is by direction.
 */
static int config_parse_bandwidth(struct cni_config *config, const struct field *document,
				  const struct field *runtime, struct error *err)
{
	struct bandwidth *bandwidth = &config->bandwidth, own = { 0 };
	struct field capability;
	int ret = limits_parse(document, &own, err);

	if (!ret)
		ret = field_get(runtime, "bandwidth", JSON_OBJECT, &capability, err);
	if (!ret)
		ret = limits_parse(&capability, bandwidth, err);
	if (own.ingress.rate_bps)
		bandwidth->ingress = own.ingress;
	if (own.egress.rate_bps)
		bandwidth->egress = own.egress;
	return ret;
}

/* Other keys ----------------------------------------------------------------------------------- */

/* The names that a list has in a result, and in the capability. */
static int dns_take_list(const struct field *from, const char *key, json_t *dns,
			 const char *dns_key, struct error *err)
{
	struct field list, one;
	int ret = field_get_any_case(from, key, JSON_ARRAY, &list, err);

	for (size_t i = 0; !ret && i < field_count(&list); i++)
		ret = field_at(&list, i, JSON_STRING, &one, err);
	if (!ret && field_count(&list) &&
	    json_object_set_new(dns, dns_key, json_deep_copy(list.value)))
		ret = cni_error(err, CNI_FAILED, "out of memory");
	return ret;
}

static int dns_take(const struct field *document, const struct field *runtime, json_t *dns,
		    struct error *err)
{
	static const struct {
		const char *key, *capability;
	} lists[] = { { "nameservers", "servers" },
		      { "search", "searches" },
		      { "options", "options" } };
	struct field own, capability;
	const char *domain = NULL;
	int ret = field_get(document, "dns", JSON_OBJECT, &own, err);

	if (!ret)
		ret = field_get(runtime, "dns", JSON_OBJECT, &capability, err);
	if (!ret)
		ret = field_get_text(&own, "domain", &domain, err);
	if (!ret && domain && json_object_set_new(dns, "domain", json_string(domain)))
		ret = cni_error(err, CNI_FAILED, "out of memory");
	for (size_t i = 0; !ret && i < ARRAY_SIZE(lists); i++) {
		ret = dns_take_list(&own, lists[i].key, dns, lists[i].key, err);
		if (!ret)
			ret = dns_take_list(&capability, lists[i].capability, dns, lists[i].key,
					    err);
	}
	return ret;
}

static int config_parse_dns(struct cni_config *config, const struct field *document,
			    const struct field *runtime, struct error *err)
{
	json_t *dns = json_object();
	int ret = dns_take(document, runtime, dns, err);

	if (!ret && json_object_size(dns))
		config->dns = json_incref(dns);
	json_decref(dns);
	return ret;
}

static int config_parse_mtu(struct cni_config *config, const struct field *document,
			    struct error *err)
{
	uint64_t mtu = 0;
	struct field field;
	int ret = field_get_number(document, "mtu", MTU_MAX, &mtu, err);

	if (!ret)
		ret = field_get(document, "mtu", JSON_INTEGER, &field, err);
	if (!ret && mtu && mtu_check((uint32_t)mtu, false, err))
		ret = blame(&field, err);
	config->network.mtu = (uint32_t)mtu;
	return ret;
}

static int config_parse_masquerade(struct cni_config *config, const struct field *document,
				   struct error *err)
{
	struct field field;
	int ret = field_get(document, "ipMasq", JSON_TRUE, &field, err);

	if (!ret && field.value)
		config->network.masquerade =
			json_is_true(field.value) ? NK_MASQUERADE_ON : NK_MASQUERADE_OFF;
	return ret;
}

static int config_parse_metadata(struct cni_config *config, const struct field *document,
				 struct error *err)
{
	struct field field;
	int ret = field_get(document, "metadata", JSON_TRUE, &field, err);

	config->network.no_metadata = !ret && json_is_false(field.value);
	return ret;
}

static int config_parse_device(struct cni_config *config, const struct field *document,
			       struct error *err)
{
	enum nk_device device = NK_DEVICE_AUTO;
	enum nk_mode mode = NK_MODE_L3;
	struct field device_field = { 0 }, mode_field = { 0 };
	int ret = field_get(document, "device", JSON_STRING, &device_field, err);

	if (!ret)
		ret = field_get(document, "mode", JSON_STRING, &mode_field, err);
	if (!ret && device_field.value &&
	    device_parse(json_string_value(device_field.value), &device, err))
		ret = blame(&device_field, err);
	if (!ret && mode_field.value && mode_parse(json_string_value(mode_field.value), &mode, err))
		ret = blame(&mode_field, err);
	config->network.device = (uint8_t)device;
	config->network.mode = (uint8_t)mode;
	return ret;
}

static int config_parse_flags(struct cni_config *config, const struct field *document,
			      struct error *err)
{
	int ret = field_get_bool(document, "isGateway", &config->is_gateway, err);

	if (!ret)
		ret = field_get_bool(document, "isDefaultGateway", &config->is_default_gateway,
				     err);
	config->is_gateway |= config->is_default_gateway;
	return ret;
}

static int config_parse_own(struct cni_config *config, const struct field *document,
			    struct error *err)
{
	int ret = config_parse_mtu(config, document, err);

	if (!ret)
		ret = config_parse_masquerade(config, document, err);
	if (!ret)
		ret = config_parse_metadata(config, document, err);
	if (!ret)
		ret = config_parse_device(config, document, err);
	if (!ret)
		ret = config_parse_flags(config, document, err);
	if (!ret)
		ret = field_get(document, "prevResult", JSON_OBJECT, &config->previous, err);
	return ret ? ret : cni_result_check(&config->previous, err);
}

static int config_parse_runtime(struct cni_config *config, const struct cni_request *request,
				const struct field *document, struct error *err)
{
	struct field runtime;
	int ret = field_get(document, "runtimeConfig", JSON_OBJECT, &runtime, err);

	if (!ret)
		ret = network_parse_subnets(config, document, &runtime, err);
	if (!ret)
		ret = config_parse_addresses(config, request, document, &runtime, err);
	if (!ret)
		ret = config_parse_mac(config, request, &runtime, err);
	if (!ret)
		ret = config_parse_ports(config, &runtime, err);
	if (!ret)
		ret = config_parse_bandwidth(config, document, &runtime, err);
	return ret ? ret : config_parse_dns(config, document, &runtime, err);
}

/*
 * DHCP needs an interface before there is an address, and a server in its broadcast domain: an
 * endpoint is a network of its own, and sends from nothing but its own addresses.
 */
static int ipam_type_check(const struct field *document, const char *type, struct error *err)
{
	struct field ipam, field;
	int ret;

	if (!type || strcmp(type, "dhcp") != 0)
		return 0;
	ret = field_get(document, "ipam", JSON_OBJECT, &ipam, err);
	if (!ret)
		ret = field_get(&ipam, "type", JSON_STRING, &field, err);
	return ret ? ret
		   : unsupported(&field, type,
				 "a container is routed to, and shares no Ethernet with a DHCP "
				 "server: use another IPAM plugin, or \"subnets\"",
				 err);
}

int cni_config_parse(const struct cni_request *request, struct cni_config *ret_config,
		     struct error *err)
{
	const struct field document = { .value = request->config };
	int ret;

	*ret_config = (struct cni_config){ 0 };
	ret = cni_config_parse_ipam(request, &ret_config->ipam_type, err);
	if (!ret)
		ret = ipam_type_check(&document, ret_config->ipam_type, err);
	if (!ret)
		ret = config_parse_own(ret_config, &document, err);
	return ret ? ret : config_parse_runtime(ret_config, request, &document, err);
}

void cni_config_free(struct cni_config *config)
{
	publish_list_free(&config->ports);
	json_decref(config->dns);
	config->dns = NULL;
}

/* An empty "ipam" asks for no plugin (the reference bridge, when it is to do without addresses). */
int cni_config_parse_ipam(const struct cni_request *request, const char **ret_type,
			  struct error *err)
{
	const struct field document = { .value = request->config };
	const char *type = NULL;
	struct field ipam;
	int ret = field_get(&document, "ipam", JSON_OBJECT, &ipam, err);

	if (!ret)
		ret = field_get_text(&ipam, "type", &type, err);
	if (ret)
		return ret;
	if (json_object_size(ipam.value) && (!type || !*type))
		return field_error(&ipam, err, "type is missing");
	/* A name of a file, found on CNI_PATH and nowhere else. */
	if (type && (strchr(type, '/') || !strcmp(type, ".") || !strcmp(type, "..")))
		return field_error(&ipam, err, "type '%s' is no plugin's name", type);
	*ret_type = type;
	return 0;
}

static int attachment_parse(const struct field *field, struct cni_attachment *ret_attachment,
			    struct error *err)
{
	struct cni_attachment attachment = { 0 };
	int ret = field_get_text(field, "containerID", &attachment.id, err);

	if (!ret)
		ret = field_get_text(field, "ifname", &attachment.ifname, err);
	if (ret)
		return ret;
	if (!attachment.id || !attachment.ifname)
		return field_error(field, err, "containerID or ifname is missing");
	*ret_attachment = attachment;
	return 0;
}

/* libcni writes a Go slice: null where nothing is valid any more (libcni/api.go, GCNetworkList). */
static int attachments_find(const struct field *document, struct field *ret_list, struct error *err)
{
	static const char *const keys[] = { "cni.dev/valid-attachments", "cni.dev/attachments" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (json_object_get(document->value, keys[i]))
			return field_get(document, keys[i], JSON_ARRAY, ret_list, err);
	return cni_error(err, CNI_INVALID_CONFIG,
			 "%s is missing: without it nobody knows which attachments are valid",
			 keys[0]);
}

int cni_config_parse_attachments(const struct cni_request *request,
				 struct cni_attachment **ret_list, size_t *ret_count,
				 struct error *err)
{
	const struct field document = { .value = request->config };
	_cleanup_free_ struct cni_attachment *attachments = NULL;
	struct field list, one;
	int ret = attachments_find(&document, &list, err);

	if (ret)
		return ret;
	attachments = calloc(field_count(&list) + 1, sizeof(*attachments));
	if (!attachments)
		return cni_error(err, CNI_FAILED, "out of memory");
	for (size_t i = 0; !ret && i < field_count(&list); i++) {
		ret = field_at(&list, i, JSON_OBJECT, &one, err);
		if (!ret)
			ret = attachment_parse(&one, &attachments[i], err);
	}
	if (ret)
		return ret;
	*ret_count = field_count(&list);
	*ret_list = TAKE_PTR(attachments);
	return 0;
}
