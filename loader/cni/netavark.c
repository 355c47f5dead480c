// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Theory of operation
 *
 * podman keeps the network's configuration and hands it over with each request, so it is to the
 * attach what a CNI configuration is. Addresses come from podman ("host-local", its own), and are
 * claimed like others; where it names none, the next free ones are taken.
 */
#include "cni/netavark.h"

#include <errno.h>
#include <jansson.h>
#include <linux/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cni/answer.h"
#include "cni/attachment.h"
#include "cni/document.h"
#include "cni/field.h"
#include "cni/netavark_network.h"
#include "cni/request.h"
#include "core/cleanup.h"
#include "model/publish.h"
#include "ops/attach.h"

#define API_VERSION "1.0.0"

/* create: what podman will keep ---------------------------------------------------------------- */

static void gateways_fill(json_t *document, const struct nk_network *network)
{
	json_t *subnets = json_object_get(document, "subnets");

	for (size_t i = 0; i < network->subnet_count; i++) {
		struct addr gateway = subnet_gateway(&network->subnets[i]);

		(void)json_object_set_new(json_array_get(subnets, i), "gateway",
					  json_string(addr_format(&gateway).text));
	}
}

/* podman's bridge chooses a subnet then; a plugin is to refuse what it can't do. */
static int ipv6_check(const struct field *field, const struct nk_network *network,
		      struct error *err)
{
	bool wanted = false;
	struct field enabled;
	int ret = field_get_bool(field, "ipv6_enabled", &wanted, err);

	if (ret || !wanted || network_has_family(network, AF_INET6))
		return ret;
	ret = field_get(field, "ipv6_enabled", JSON_TRUE, &enabled, err);
	return ret ? ret
		   : field_error(&enabled, err,
				 "the network has no IPv6 subnet: give one with --subnet");
}

/* Names of containers are nobody's business here: podman's resolver listens on its own bridges. */
static int create_run(json_t *document, json_t **ret_answer, struct error *err)
{
	const struct field field = { .value = document };
	struct netavark_network network;
	struct field ipam;
	int ret = netavark_network_parse(&field, &network, err);

	if (!ret && identity_network_check(network.name, err))
		ret = error_prefix(err, "name");
	if (!ret)
		ret = ipv6_check(&field, &network.network, err);
	if (!ret)
		ret = field_get(&field, "ipam_options", JSON_OBJECT, &ipam, err);
	if (ret)
		return ret;
	gateways_fill(document, &network.network);
	if (!json_object_get(ipam.value, "driver"))
		(void)json_object_set_new(document, "ipam_options",
					  json_pack("{ss}", "driver", "host-local"));
	(void)json_object_set_new(document, "dns_enabled", json_false());
	(void)json_object_set_new(document, "ipv6_enabled",
				  json_boolean(network_has_family(&network.network, AF_INET6)));
	*ret_answer = json_incref(document);
	return 0;
}

/* setup ---------------------------------------------------------------------------------------- */

/* "some combination of these separated by commas" */
static int protocols_add(const struct field *mapping, struct publish_spec spec,
			 struct publish_list *ports, struct error *err)
{
	const char *names = NULL;
	int ret = field_get_text(mapping, "protocol", &names, err);

	if (!names || !*names)
		names = "tcp";
	while (!ret && *names) {
		size_t len = strcspn(names, ",");

		if (publish_protocol_parse(names, len, false, &spec.protocol))
			return field_error(mapping, err, "'%.*s' is none of tcp, udp and sctp",
					   (int)len, names);
		ret = publish_list_merge(ports, &spec, err);
		names += len + (names[len] == ',');
	}
	return ret;
}

static int mapping_parse(const struct field *mapping, struct publish_list *ports, struct error *err)
{
	struct publish_spec spec = { 0 };
	uint64_t host_port = 0, port = 0, range = 1;
	int ret = field_get_number(mapping, "host_port", UINT16_MAX, &host_port, err);

	if (!ret)
		ret = field_get_number(mapping, "container_port", UINT16_MAX, &port, err);
	if (!ret)
		ret = field_get_number(mapping, "range", UINT16_MAX, &range, err);
	if (!ret)
		ret = field_get_addr(mapping, "host_ip", &spec.host, err);
	if (ret || !host_port)
		return ret;
	spec.count = (uint32_t)(range ? range : 1);
	if (!port || host_port + spec.count > UINT16_MAX + 1 || port + spec.count > UINT16_MAX + 1)
		return field_error(mapping, err, "ports are 1 to 65535");
	spec.host_port = (uint16_t)host_port;
	spec.port = (uint16_t)port;
	return protocols_add(mapping, spec, ports, err);
}

/*
 * podman binds the ports itself, to keep others from them: version 5 before it calls netavark,
 * version 4 after it (bindPorts() in libpod).
 */
static int ports_parse(const struct field *document, struct publish_list *ports, struct error *err)
{
	struct field list, one;
	int ret = field_get(document, "port_mappings", JSON_ARRAY, &list, err);

	ports->reserved = true;
	for (size_t i = 0; !ret && i < field_count(&list); i++) {
		ret = field_at(&list, i, JSON_OBJECT, &one, err);
		if (!ret)
			ret = mapping_parse(&one, ports, err);
	}
	return ret;
}

static int addresses_parse(const struct field *options, struct attach_request *request,
			   struct error *err)
{
	struct field list, one;
	int ret = field_get(options, "static_ips", JSON_ARRAY, &list, err);

	if (!ret && field_count(&list) > NK_ENDPOINT_ADDRESSES_MAX)
		return field_error(&list, err, "more than %d addresses", NK_ENDPOINT_ADDRESSES_MAX);
	for (size_t i = 0; !ret && i < field_count(&list); i++) {
		ret = field_at(&list, i, JSON_STRING, &one, err);
		if (!ret)
			ret = field_prefix(&one, &request->addresses[i], err);
	}
	if (ret)
		return ret;
	request->address_count = field_count(&list);
	request->auto_addresses = !request->address_count;
	return 0;
}

static int mac_take(const struct field *options, struct attach_request *request, struct error *err)
{
	const char *text = NULL;
	int ret = field_get_text(options, "static_mac", &text, err);

	if (ret || !text || !*text)
		return ret;
	if (request->network->mode != NK_MODE_L2)
		return field_error(options, err,
				   "static_mac %s: MAC addresses are for the option mode=l2", text);
	if (mac_parse_interface(text, request->mac))
		return field_error(options, err, "static_mac '%s' is no interface's MAC address",
				   text);
	return 0;
}

/* Who it is: what teardown needs, too. */
static int identity_parse(const struct field *document, struct identity *ret_identity,
			  struct error *err)
{
	const char *id = NULL, *ifname = NULL, *name = NULL;
	struct field network, options;
	int ret = field_get_text(document, "container_id", &id, err);

	if (!ret)
		ret = field_get(document, "network", JSON_OBJECT, &network, err);
	if (!ret)
		ret = field_get(document, "network_options", JSON_OBJECT, &options, err);
	if (!ret)
		ret = field_get_text(&network, "name", &name, err);
	if (!ret)
		ret = field_get_text(&options, "interface_name", &ifname, err);
	if (ret)
		return ret;
	return identity_init(ret_identity, name ? name : "", id ? id : "", ifname ? ifname : "",
			     err);
}

/* Of one container alone: podman run --network NAME:OPTION=VALUE. */
static int container_options_check(const struct field *network_options, struct error *err)
{
	struct field options;
	int ret = field_get(network_options, "options", JSON_OBJECT, &options, err);
	void *first = ret ? NULL : json_object_iter((json_t *)options.value);

	if (first)
		return field_error(&options, err, "'%s': there are none of a single container",
				   json_object_iter_key(first));
	return ret;
}

static int request_parse(const struct field *document, struct netavark_network *network,
			 struct attach_request *request, struct error *err)
{
	struct field network_field, options;
	int ret = identity_parse(document, &request->identity, err);

	if (!ret)
		ret = field_get(document, "network", JSON_OBJECT, &network_field, err);
	if (!ret)
		ret = netavark_network_parse(&network_field, network, err);
	if (!ret)
		ret = field_get(document, "network_options", JSON_OBJECT, &options, err);
	if (!ret)
		ret = container_options_check(&options, err);
	if (!ret)
		ret = addresses_parse(&options, request, err);
	if (!ret)
		ret = mac_take(&options, request, err);
	return ret ? ret : ports_parse(document, &request->ports, err);
}

/* "this is a subnet but it has to contain the actual ip of the network interface" */
static json_t *address_to_json(const struct nk_network *network, const struct prefix *address)
{
	const struct nk_subnet *subnet = network_subnet_of(network, &address->addr);
	struct prefix shown = { address->addr, subnet->prefix_len };
	struct addr gateway = subnet_gateway(subnet);

	return json_pack("{ss ss}", "ipnet", prefix_format(&shown).text, "gateway",
			 addr_format(&gateway).text);
}

static json_t *status_to_json(const struct field *document, const struct nk_network *network,
			      const struct attach_result *attached)
{
	const struct endpoint *endpoint = &attached->endpoint;
	const json_t *servers =
		json_object_get(json_object_get(document->value, "network"), "network_dns_servers");
	json_t *subnets = json_array();

	for (size_t i = 0; i < endpoint->address_count; i++)
		(void)json_array_append_new(subnets,
					    address_to_json(network, &attached->prefixes[i]));
	return json_pack("{s[] so s{s{so so}}}", "dns_search_domains", "dns_server_ips",
			 json_is_array(servers) ? json_deep_copy(servers) : json_array(),
			 "interfaces", endpoint->identity.ifname, "mac_address",
			 mac_to_json(endpoint->mac), "subnets", subnets);
}

static int setup_run(const struct field *document, const char *ns, json_t **ret_answer,
		     struct error *err)
{
	struct netavark_network network = { 0 };
	struct attach_request request = { .ns = ns,
					  .network = &network.network,
					  .ranges = &network.ranges,
					  .mode = ATTACH_UNSET,
					  .device = ATTACH_UNSET,
					  .masquerade = ATTACH_UNSET };
	struct attach_result attached = { 0 };
	int ret = request_parse(document, &network, &request, err);

	/* netavark itself leaves out what is of no family of the container's (firewall/nft.rs) */
	if (!ret)
		attachment_fit_ports(&request, &request.ports);
	if (!ret)
		ret = attachment_make(&request, &attached, err);
	if (!ret)
		*ret_answer = status_to_json(document, &network.network, &attached);
	endpoint_free(&attached.endpoint);
	publish_list_free(&request.ports);
	return ret;
}

static int teardown_run(const struct field *document, const char *ns, struct error *err)
{
	struct identity identity;
	int ret = identity_parse(document, &identity, err);

	return ret ? ret : attachment_remove(&identity, ns, err);
}

/* The verbs ------------------------------------------------------------------------------------ */

enum verb { VERB_CREATE, VERB_SETUP, VERB_TEARDOWN, VERB_INFO };

static const struct {
	const char *name;
	int arguments;
	bool has_input;
} verbs[] = {
	[VERB_CREATE] = { "create", 0, true },
	[VERB_SETUP] = { "setup", 1, true },
	[VERB_TEARDOWN] = { "teardown", 1, true },
	[VERB_INFO] = { "info", 0, false },
};

/* Return: enum verb; -1: none of them. */
static int verb_find(int argc, char *const *argv)
{
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(argv[1], verbs[i].name) && argc == 2 + verbs[i].arguments)
			return (int)i;
	return -1;
}

/* A person who types a verb that there isn't gets nkctl's own answer. */
bool netavark_is_wanted(int argc, char *const *argv)
{
	int verb = verb_find(argc, argv);

	return verb >= 0 && (!verbs[verb].has_input || !isatty(STDIN_FILENO));
}

static int document_run(enum verb verb, json_t *document, const char *ns, json_t **ret_answer,
			struct error *err)
{
	const struct field field = { .value = document };

	switch (verb) {
	case VERB_CREATE:
		return create_run(document, ret_answer, err);
	case VERB_SETUP:
		return setup_run(&field, ns, ret_answer, err);
	default:
		return teardown_run(&field, ns, err);
	}
}

/* A container that podman doesn't learn of must not stay. */
static int document_answer(enum verb verb, json_t *document, const char *ns, struct error *err)
{
	const struct field field = { .value = document };
	json_t *answer = NULL;
	int ret = document_run(verb, document, ns, &answer, err);

	if (ret || verb == VERB_TEARDOWN)
		return ret;
	ret = answer_print(answer, err);
	if (ret && verb == VERB_SETUP)
		(void)teardown_run(&field, ns, NULL); /* @ret tells more */
	return ret;
}

static int input_run(enum verb verb, const char *ns, struct error *err)
{
	_cleanup_free_ char *input = NULL;
	json_t *document;
	size_t len = 0;
	int ret = cni_input_read(STDIN_FILENO, CNI_INPUT_MAX, &input, &len, err);

	if (ret)
		return error_prefix(err, "stdin");
	document = document_load(input, len, NULL);
	if (json_is_object(document))
		ret = document_answer(verb, document, ns, err);
	else
		ret = error_set(err, EINVAL, "what came on stdin is no JSON object");
	json_decref(document);
	return ret;
}

static int info_print(struct error *err)
{
	return answer_print(
		json_pack("{ss ss}", "version", NKCTL_VERSION, "api_version", API_VERSION), err);
}

int netavark_run(int argc, char *const *argv)
{
	int verb = verb_find(argc, argv), ret;
	struct error err = { 0 };

	ret = verb == VERB_INFO ? info_print(&err) : input_run((enum verb)verb, argv[2], &err);
	if (ret)
		(void)answer_print(json_pack("{ss}", "error", err.message),
				   NULL); /* where it can't be told, the status still tells */
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
