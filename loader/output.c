// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "output.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/text.h"
#include "nkctl/nat.h"

int output_json(json_t *value, struct error *err)
{
	if (!value)
		return error_set(err, EIO, "print the result: no memory, or no UTF-8");
	(void)json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
	(void)putchar('\n');
	json_decref(value);
	return 0;
}

struct mac_text mac_format(const uint8_t mac[NK_ETH_ALEN])
{
	struct mac_text ret;

	(void)snprintf(ret.text, sizeof(ret.text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
		       mac[2], mac[3], mac[4], mac[5]);
	return ret;
}

json_t *addr_to_json(const struct addr *addr)
{
	return addr ? json_string(addr_format(addr).text) : json_null();
}

json_t *device_to_json(const char *name)
{
	char text[IF_NAMESIZE];

	(void)snprintf(text, sizeof(text), "%s", name);
	text_sanitize(text);
	return json_string(text);
}

static json_t *addresses_to_json(const struct endpoint *endpoint)
{
	json_t *array = json_array();

	for (size_t i = 0; i < endpoint->address_count; i++) {
		struct prefix prefix = { endpoint->addresses[i], endpoint->prefix_lens[i] };

		if (!prefix.len) /* by that one it is routed to */
			prefix.len = addr_bits(prefix.addr.family);

		(void)json_array_append_new(array, json_string(prefix_format(&prefix).text));
	}
	return array;
}

static json_t *gateways_to_json(const struct endpoint *endpoint)
{
	json_t *array = json_array();

	for (size_t i = 0; i < endpoint->gateway_count; i++)
		(void)json_array_append_new(array, addr_to_json(&endpoint->gateways[i]));
	return array;
}

json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *mac_or_null(const uint8_t mac[NK_ETH_ALEN])
{
	static const uint8_t none[NK_ETH_ALEN];

	return memcmp(mac, none, NK_ETH_ALEN) ? json_string(mac_format(mac).text) : json_null();
}

static json_t *spec_to_json(const struct publish_spec *spec)
{
	return json_pack("{so si si si si ss}", "host_ip",
			 addr_to_json(spec->host.family ? &spec->host : NULL), "host_port",
			 (int)spec->host_port, "host_port_end",
			 (int)(spec->host_port + spec->count - 1), "port", (int)spec->port,
			 "port_end", (int)(spec->port + spec->count - 1), "protocol",
			 publish_protocol_name(spec->protocol));
}

json_t *published_to_json(const struct publish_list *published)
{
	json_t *array = json_array();

	for (size_t i = 0; i < published->count; i++)
		(void)json_array_append_new(array, spec_to_json(&published->specs[i]));
	return array;
}

char *published_text(const struct publish_list *published)
{
	size_t size = published->count * PUBLISH_TEXT_SIZE + 1, used = 0;
	char *text = calloc(size, 1);

	for (size_t i = 0; text && i < published->count; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " " : "",
					 publish_format(&published->specs[i]).text);
	return text;
}

void publish_report_print(const struct publish_report *report, const char *id)
{
	if (report->sockets.code)
		log_warning("%s: nobody knows whether a process of this host has its published "
			    "ports: %s",
			    id, report->sockets.message);
	if (report->host.code)
		log_warning("%s: other hosts reach its published ports, this host itself doesn't: "
			    "%s",
			    id, report->host.message);
	if (report->absent.family)
		log_warning("%s: %s is no address of this host: its ports there are reached once "
			    "it is",
			    id, addr_format(&report->absent).text);
}

static json_t *bits_or_null(uint64_t bits)
{
	return bits ? json_integer((json_int_t)bits) : json_null();
}

static json_t *bandwidth_to_json(const struct bandwidth *bandwidth)
{
	return json_pack("{so so so so}", "ingress_rate", bits_or_null(bandwidth->ingress.rate_bps),
			 "ingress_burst", bits_or_null(bandwidth->ingress.burst_bits),
			 "egress_rate", bits_or_null(bandwidth->egress.rate_bps), "egress_burst",
			 bits_or_null(bandwidth->egress.burst_bits));
}

/* What the maps tell of an endpoint, where they do. */
static json_t *known_or_null(const struct endpoint *endpoint, json_t *value)
{
	if (!endpoint->pins_lost)
		return value;
	json_decref(value);
	return json_null();
}

json_t *endpoint_to_json(const struct endpoint *endpoint)
{
	json_t *masquerade = json_boolean(endpoint->flags & NK_ENDPOINT_MASQUERADE);
	json_t *metadata = json_boolean(!(endpoint->flags & NK_ENDPOINT_NO_METADATA));

	return json_pack(
		"{so so so so ss ss so si si so so so so so so so si ss}", "network",
		text_or_null(endpoint->identity.network), "id", text_or_null(endpoint->identity.id),
		"ifname", text_or_null(endpoint->identity.ifname), "netns",
		text_or_null(endpoint->netns), "device", device_name(endpoint->kind), "mode",
		mode_name(endpoint->mode), "host_device", device_to_json(endpoint->link.name),
		"host_ifindex", endpoint->link.ifindex, "mtu", (int)endpoint->link.mtu, "mac",
		mac_or_null(endpoint->mac), "addresses",
		known_or_null(endpoint, addresses_to_json(endpoint)), "gateways",
		known_or_null(endpoint, gateways_to_json(endpoint)), "masquerade",
		known_or_null(endpoint, masquerade), "metadata", known_or_null(endpoint, metadata),
		"published", known_or_null(endpoint, published_to_json(&endpoint->published)),
		"bandwidth", known_or_null(endpoint, bandwidth_to_json(&endpoint->bandwidth)),
		"program_id", (int)endpoint->program_id, "state",
		endpoint_state_name(endpoint->state));
}

void endpoint_addresses_text(const struct endpoint *endpoint, char text[ADDRESSES_TEXT_SIZE])
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < endpoint->address_count; i++)
		used += (size_t)snprintf(text + used, ADDRESSES_TEXT_SIZE - used, "%s%s",
					 i ? " " : "", addr_format(&endpoint->addresses[i]).text);
}

void endpoint_limits_text(const struct endpoint *endpoint, char text[LIMITS_TEXT_SIZE])
{
	const uint64_t in = endpoint->bandwidth.ingress.rate_bps;
	const uint64_t out = endpoint->bandwidth.egress.rate_bps;

	(void)snprintf(text, LIMITS_TEXT_SIZE, "%s%s%s%s%s", in ? "in " : "",
		       in ? bandwidth_format(in).text : "", in && out ? ", " : "",
		       out ? "out " : "", out ? bandwidth_format(out).text : "");
}

const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

const char *or_dash(const char *text)
{
	return *text ? text : "-";
}

const char *known_or_dash(const struct endpoint *endpoint, const char *text)
{
	return endpoint->pins_lost ? "?" : or_dash(text);
}

static char *cell_copy(const char *text)
{
	char *copy = strdup(text);

	if (copy)
		text_sanitize(copy);
	return copy;
}

void table_add_row(struct table *table, const char *const *texts)
{
	char **grown = reallocarray(table->texts, table->cells + table->columns, sizeof(*grown));

	if (!grown)
		return;
	table->texts = grown;
	for (size_t i = 0; i < table->columns; i++)
		grown[table->cells++] = cell_copy(texts[i]);
}

static size_t column_width(const struct table *table, size_t column)
{
	size_t width = 0;

	for (size_t i = column; i < table->cells; i += table->columns)
		if (table->texts[i] && strlen(table->texts[i]) > width)
			width = strlen(table->texts[i]);
	return width;
}

static void table_free(struct table *table)
{
	for (size_t i = 0; i < table->cells; i++)
		free(table->texts[i]);
	free(table->texts);
}

#define TABLE_COLUMNS_MAX 16

void table_print(struct table *table)
{
	size_t widths[TABLE_COLUMNS_MAX];

	assert(table->columns > 0 && table->columns <= TABLE_COLUMNS_MAX);
	for (size_t i = 0; i < table->columns; i++)
		widths[i] = column_width(table, i);
	for (size_t i = 0; i < table->cells; i++) {
		size_t column = i % table->columns;
		const char *text = table->texts[i] ? table->texts[i] : "";

		if (column == table->columns - 1)
			(void)printf("%s\n", text);
		else
			(void)printf("%-*s  ", (int)widths[column], text);
	}
	table_free(table);
}
