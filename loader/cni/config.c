// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/config.h"

#include <stdlib.h>
#include <string.h>

#include "cni/code.h"
#include "cni/config_step.h"
#include "core/cleanup.h"

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
	if (!ret && domain && *domain && json_object_set_new(dns, "domain", json_string(domain)))
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
		ret = field_blame(&field, err);
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
		ret = field_blame(&device_field, err);
	if (!ret && mode_field.value && mode_parse(json_string_value(mode_field.value), &mode, err))
		ret = field_blame(&mode_field, err);
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
		ret = config_parse_subnets(config, document, &runtime, err);
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

int cni_config_parse(const struct cni_request *request, struct cni_config *ret_config,
		     struct error *err)
{
	const struct field document = { .value = request->config };
	int ret;

	*ret_config = (struct cni_config){ 0 };
	ret = cni_config_parse_ipam(request, &ret_config->ipam_type, err);
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

/*
 * The type is the name of a file, found on CNI_PATH and nowhere else. DHCP needs an interface
 * before there is an address, and a server in its broadcast domain: an endpoint is a network of its
 * own, and sends from nothing but its own addresses.
 */
static int ipam_type_check(const struct field *ipam, const char *type, struct error *err)
{
	struct field field;
	int ret;

	if (strchr(type, '/') || !strcmp(type, ".") || !strcmp(type, ".."))
		return field_error(ipam, err, "type '%s' is no plugin's name", type);
	if (strcmp(type, "dhcp") != 0)
		return 0;
	ret = field_get(ipam, "type", JSON_STRING, &field, err);
	return ret ? ret
		   : field_unsupported(
			     &field, type,
			     "a container is routed to, and shares no Ethernet with a DHCP "
			     "server: use another IPAM plugin, or \"subnets\"",
			     err);
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
	ret = type ? ipam_type_check(&ipam, type, err) : 0;
	if (!ret)
		*ret_type = type;
	return ret;
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
