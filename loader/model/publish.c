// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/publish.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PORT_MAX 65535

static const struct {
	const char *name;
	uint8_t protocol;
} protocols[] = {
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ "sctp", IPPROTO_SCTP },
};

const char *publish_protocol_name(uint8_t protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].protocol == protocol)
			return protocols[i].name;
	return "?";
}

int publish_protocol_parse(const char *name, size_t len, bool any_case, uint8_t *ret_protocol)
{
	int (*compare)(const char *, const char *, size_t) = any_case ? strncasecmp : strncmp;

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (strlen(protocols[i].name) != len || compare(protocols[i].name, name, len))
			continue;
		*ret_protocol = protocols[i].protocol;
		return 0;
	}
	return -EINVAL;
}

bool publish_addrs_overlap(const struct addr *a, const struct addr *b)
{
	if (!a->family || !b->family)
		return true;
	return a->family == b->family && (addr_is_any(a) || addr_is_any(b) || addr_equal(a, b));
}

/* What can be, whoever asks for it ------------------------------------------------------------- */

/* What every packet's destination has to be able to be: no group, nor an IPv4 address in disguise.
 */
static int host_check(const struct addr *host, struct error *err)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }; /* RFC 4291, 2.5.5.2 */
	static const uint8_t broadcast[4] = { 0xff, 0xff, 0xff, 0xff };

	if (host->family == AF_INET &&
	    ((host->bytes[0] & 0xf0) == 0xe0 || !memcmp(host->bytes, broadcast, sizeof(broadcast))))
		return error_set(err, EINVAL, "%s is no single host's address",
				 addr_format(host).text);
	if (host->family == AF_INET6 && host->bytes[0] == 0xff)
		return error_set(err, EINVAL, "%s is no single host's address",
				 addr_format(host).text);
	if (host->family == AF_INET6 && !memcmp(host->bytes, mapped, sizeof(mapped)))
		return error_set(err, EINVAL, "%s: write an IPv4 address as such",
				 addr_format(host).text);
	return 0;
}

static int spec_check(const struct publish_spec *spec, struct error *err)
{
	/* Its checksum covers the ports and can't be adjusted like TCP's: RFC 9260, 6.8. */
	if (spec->protocol == IPPROTO_SCTP && spec->host_port != spec->port)
		return error_set(err, EINVAL,
				 "sctp keeps its ports: the container's has to be the host's");
	return host_check(&spec->host, err);
}

/* Parsing -------------------------------------------------------------------------------------- */

/* Text that is being taken apart: from @start to before @end. */
struct span {
	const char *start, *end;
};

static size_t span_len(struct span span)
{
	return (size_t)(span.end - span.start);
}

/* Cut off what stands before the first @separator. Return: false where there is none. */
static bool span_cut(struct span *span, char separator, struct span *ret_before)
{
	const char *found = memchr(span->start, separator, span_len(*span));

	if (!found)
		return false;
	*ret_before = (struct span){ span->start, found };
	span->start = found + 1;
	return true;
}

static int port_parse(struct span span, uint16_t *ret_port, struct error *err)
{
	const char *digit = span.start;
	unsigned long port = 0;

	for (; digit < span.end && *digit >= '0' && *digit <= '9' && port <= PORT_MAX; digit++)
		port = port * 10 + (unsigned long)(*digit - '0');
	if (digit != span.end || port < 1 || port > PORT_MAX)
		return error_set(err, EINVAL, "port '%.*s' is no number from 1 to %d",
				 (int)span_len(span), span.start, PORT_MAX);
	*ret_port = (uint16_t)port;
	return 0;
}

/* "PORT" or "PORT-END". */
static int range_parse(struct span span, uint16_t *ret_first, uint32_t *ret_count,
		       struct error *err)
{
	struct span text = span, first_text;
	uint16_t first, last;
	int ret;

	if (!span_cut(&span, '-', &first_text))
		first_text = span;
	ret = port_parse(first_text, &first, err);
	if (!ret)
		ret = port_parse(span, &last, err);
	if (ret)
		return ret;
	if (last < first)
		return error_set(err, EINVAL, "the range %.*s ends before it begins",
				 (int)span_len(text), text.start);
	*ret_first = first;
	*ret_count = (uint32_t)(last - first) + 1;
	return 0;
}

static int host_parse(struct span span, uint8_t family, struct addr *ret_host, struct error *err)
{
	char text[ADDR_TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "%.*s", (int)span_len(span), span.start);
	if (span_len(span) >= sizeof(text) || addr_parse(text, ret_host) ||
	    ret_host->family != family)
		return error_set(err, EINVAL, "'%.*s' is no %s address of the host",
				 (int)span_len(span), span.start, family_name(family));
	return 0;
}

/* "[ADDR6]:" or "ADDR4:", and leave the ports. */
static int host_take(struct span *span, struct addr *ret_host, struct error *err)
{
	struct span host, between;

	if (*span->start == '[') {
		span->start++;
		if (!span_cut(span, ']', &host) || !span_cut(span, ':', &between) ||
		    span_len(between))
			return error_set(err, EINVAL, "an IPv6 address is written [ADDR]:");
		return host_parse(host, AF_INET6, ret_host, err);
	}
	if (!span_cut(span, ':', &host))
		return 0; /* the ports tell what is wrong */
	if (!memchr(span->start, ':', span_len(*span))) {
		span->start = host.start; /* two ports and no address */
		return 0;
	}
	if (!span_len(host))
		return error_set(err, EINVAL, "no address before the ':'");
	return host_parse(host, AF_INET, ret_host, err);
}

static int ports_parse(struct span span, struct publish_spec *spec, struct error *err)
{
	struct span host_ports;
	uint32_t count;
	int ret;

	if (!span_cut(&span, ':', &host_ports))
		return error_set(err, EINVAL,
				 "a port of the host and one of the container are needed: "
				 "HOSTPORT:PORT");
	if (memchr(span.start, ':', span_len(span)))
		return error_set(err, EINVAL,
				 "too many colons (an IPv6 address is written [ADDR]:)");
	ret = range_parse(host_ports, &spec->host_port, &spec->count, err);
	if (!ret)
		ret = range_parse(span, &spec->port, &count, err);
	if (!ret && count != spec->count)
		return error_set(err, EINVAL, "%u ports of the host can't lead to %u", spec->count,
				 count);
	return ret;
}

static int spec_parse(const char *text, struct publish_spec *spec, struct error *err)
{
	const char *slash = strrchr(text, '/');
	struct span span = { text, slash ? slash : text + strlen(text) };
	int ret;

	if (slash && publish_protocol_parse(slash + 1, strlen(slash + 1), false, &spec->protocol))
		return error_set(err, EINVAL, "protocol '%s' is none of tcp, udp and sctp",
				 slash + 1);
	ret = host_take(&span, &spec->host, err);
	if (!ret)
		ret = ports_parse(span, spec, err);
	return ret ? ret : spec_check(spec, err);
}

int publish_parse(const char *text, struct publish_spec *ret_spec, struct error *err)
{
	struct publish_spec spec = { .protocol = IPPROTO_TCP };
	int ret = spec_parse(text, &spec, err);

	if (!ret)
		*ret_spec = spec;
	else if (err)
		(void)error_prefix(err, "published port '%s'", text);
	return ret;
}

/* Formatting ----------------------------------------------------------------------------------- */

static size_t host_format(const struct addr *host, char *text, size_t size)
{
	if (!host->family)
		return 0;
	return (size_t)snprintf(text, size,
				host->family == AF_INET ? "%s:" : "[%s]:", addr_format(host).text);
}

static size_t range_format(uint16_t first, uint32_t count, char *text, size_t size)
{
	if (count == 1)
		return (size_t)snprintf(text, size, "%u", first);
	return (size_t)snprintf(text, size, "%u-%u", first, first + count - 1);
}

struct publish_text publish_format(const struct publish_spec *spec)
{
	struct publish_text ret;
	size_t used = host_format(&spec->host, ret.text, sizeof(ret.text));

	used += range_format(spec->host_port, spec->count, ret.text + used,
			     sizeof(ret.text) - used);
	used += (size_t)snprintf(ret.text + used, sizeof(ret.text) - used, ":");
	used += range_format(spec->port, spec->count, ret.text + used, sizeof(ret.text) - used);
	if (spec->protocol != IPPROTO_TCP)
		(void)snprintf(ret.text + used, sizeof(ret.text) - used, "/%s",
			       publish_protocol_name(spec->protocol));
	return ret;
}

struct publish_text publish_port_format(const struct addr *host, uint16_t port, uint8_t protocol)
{
	struct publish_text ret;
	size_t used = addr_is_any(host) ? 0 : host_format(host, ret.text, sizeof(ret.text));

	(void)snprintf(ret.text + used, sizeof(ret.text) - used, "%u/%s", port,
		       publish_protocol_name(protocol));
	return ret;
}

/* Lists ---------------------------------------------------------------------------------------- */

static bool specs_overlap(const struct publish_spec *a, const struct publish_spec *b)
{
	return a->protocol == b->protocol && a->host_port < b->host_port + b->count &&
	       b->host_port < a->host_port + a->count && publish_addrs_overlap(&a->host, &b->host);
}

int publish_list_add(struct publish_list *list, const struct publish_spec *spec, struct error *err)
{
	struct publish_spec *grown;
	int ret = spec_check(spec, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < list->count; i++)
		if (specs_overlap(&list->specs[i], spec))
			return error_set(err, EINVAL, "published ports %s and %s overlap",
					 publish_format(&list->specs[i]).text,
					 publish_format(spec).text);
	grown = reallocarray(list->specs, list->count + 1, sizeof(*grown));
	if (!grown)
		return error_sys(err, ENOMEM, "keep the published ports");
	list->specs = grown;
	grown[list->count++] = *spec;
	return 0;
}

/* Whether all ports of @part are of @whole, and lead to the same. */
static bool spec_covers_ports(const struct publish_spec *whole, const struct publish_spec *part)
{
	return whole->protocol == part->protocol && whole->host_port <= part->host_port &&
	       part->host_port + part->count <= whole->host_port + whole->count &&
	       part->host_port - whole->host_port == part->port - whole->port;
}

/* Whether what @part asks for @whole asks for, too. */
static bool spec_covers(const struct publish_spec *whole, const struct publish_spec *part)
{
	if (!spec_covers_ports(whole, part))
		return false;
	return !whole->host.family || addr_equal(&whole->host, &part->host) ||
	       (whole->host.family == part->host.family && addr_is_any(&whole->host));
}

int publish_list_merge(struct publish_list *list, const struct publish_spec *spec,
		       struct error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if (spec_covers(&list->specs[i], spec))
			return 0;
	for (size_t i = 0; i < list->count; i++)
		if (!spec_covers(spec, &list->specs[i]))
			list->specs[kept++] = list->specs[i];
	list->count = kept;
	return publish_list_add(list, spec, err);
}

static bool list_serves_otherwise(const struct publish_list *list, const struct publish_spec *spec)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->specs[i].host.family != spec->host.family &&
		    spec_covers_ports(&list->specs[i], spec))
			return true;
	return false;
}

void publish_list_without_family(struct publish_list *list, uint8_t family)
{
	size_t kept = 0;

	/* All of the other family is kept, and so is found, before or behind. */
	for (size_t i = 0; i < list->count; i++)
		if (list->specs[i].host.family != family ||
		    !list_serves_otherwise(list, &list->specs[i]))
			list->specs[kept++] = list->specs[i];
	list->count = kept;
}

int publish_list_copy(const struct publish_list *list, struct publish_list *ret_list,
		      struct error *err)
{
	struct publish_list copy = { .specs = calloc(list->count + 1, sizeof(*copy.specs)),
				     .count = list->count };

	*ret_list = (struct publish_list){ 0 };
	if (!copy.specs)
		return error_sys(err, ENOMEM, "keep the published ports");
	for (size_t i = 0; i < list->count; i++)
		copy.specs[i] = list->specs[i];
	*ret_list = copy;
	return 0;
}

void publish_list_free(struct publish_list *list)
{
	free(list->specs);
	*list = (struct publish_list){ 0 };
}

static int number_order(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int host_order(const struct addr *a, const struct addr *b)
{
	return a->family != b->family ? number_order(a->family, b->family)
				      : memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* Ports of one address behind each other, to be joined to ranges. */
static int order_by_host(const void *a, const void *b)
{
	const struct publish_spec *left = a, *right = b;
	int order = number_order(left->protocol, right->protocol);

	if (!order)
		order = host_order(&left->host, &right->host);
	return order ? order : number_order(left->host_port, right->host_port);
}

/* Addresses of one port behind each other; any of IPv4 and any of IPv6 next to each other. */
static int order_by_port(const void *a, const void *b)
{
	const struct publish_spec *left = a, *right = b;
	int order = number_order(left->protocol, right->protocol);

	if (!order)
		order = number_order(left->host_port, right->host_port);
	if (!order)
		order = number_order(!addr_is_any(&left->host), !addr_is_any(&right->host));
	return order ? order : host_order(&left->host, &right->host);
}

static void list_sort(struct publish_list *list, int (*order)(const void *, const void *))
{
	if (list->count) /* qsort(3) takes no NULL */
		qsort(list->specs, list->count, sizeof(*list->specs), order);
}

/* Any of IPv4 and any of IPv6 to the same port. */
static bool specs_are_both(const struct publish_spec *a, const struct publish_spec *b)
{
	return a->protocol == b->protocol && a->host_port == b->host_port && a->port == b->port &&
	       a->count == b->count && a->host.family != b->host.family && addr_is_any(&a->host) &&
	       addr_is_any(&b->host);
}

static bool specs_are_consecutive(const struct publish_spec *a, const struct publish_spec *b)
{
	return a->protocol == b->protocol && addr_equal(&a->host, &b->host) &&
	       a->host_port + a->count == b->host_port && a->port + a->count == b->port;
}

/* Make one of each two neighbours that @join joins. */
static void list_join(struct publish_list *list,
		      bool (*join)(struct publish_spec *, const struct publish_spec *))
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if (!kept || !join(&list->specs[kept - 1], &list->specs[i]))
			list->specs[kept++] = list->specs[i];
	list->count = kept;
}

static bool join_families(struct publish_spec *spec, const struct publish_spec *next)
{
	if (!specs_are_both(spec, next))
		return false;
	spec->host = (struct addr){ 0 };
	return true;
}

static bool join_ports(struct publish_spec *spec, const struct publish_spec *next)
{
	if (!specs_are_consecutive(spec, next))
		return false;
	spec->count += next->count;
	return true;
}

static void list_drop_family(struct publish_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (addr_is_any(&list->specs[i].host))
			list->specs[i].host = (struct addr){ 0 };
}

static bool list_has_any_of(const struct publish_list *list, uint8_t family)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->specs[i].host.family == family && addr_is_any(&list->specs[i].host))
			return true;
	return false;
}

void publish_list_compress(struct publish_list *list, bool dual)
{
	dual |= list_has_any_of(list, AF_INET) && list_has_any_of(list, AF_INET6);
	list_sort(list, order_by_port);
	if (dual)
		list_join(list, join_families);
	else
		list_drop_family(list);
	list_sort(list, order_by_host);
	list_join(list, join_ports);
	list_sort(list, order_by_port);
}
