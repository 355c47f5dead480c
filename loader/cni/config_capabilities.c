// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Published ports and bandwidth, as runtimes ask for them. */
#include <linux/in.h>
#include <string.h>

#include "cni/config_step.h"

/* Published ports ------------------------------------------------------------------------------ */

static int port_get(const struct field *mapping, const char *key, uint16_t *ret_port,
		    struct error *err)
{
	uint64_t number = 0;
	int ret = field_get_number_any_case(mapping, key, UINT16_MAX, &number, err);

	if (!ret)
		*ret_port = (uint16_t)number;
	return ret;
}

static int protocol_get(const struct field *mapping, uint8_t *ret_protocol, struct error *err)
{
	struct field field;
	const char *text;
	int ret = field_get_any_case(mapping, "protocol", JSON_STRING, &field, err);

	if (ret)
		return ret;
	text = json_string_value(field.value);
	*ret_protocol = IPPROTO_TCP;
	if (text && *text && publish_protocol_parse(text, strlen(text), true, ret_protocol))
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
		ret = field_get_addr_any_case(mapping, "hostIP", &spec.host, err);
	if (ret || !spec.host_port)
		return ret; /* none of the host's is asked for */
	if (!spec.port)
		return field_error(mapping, err, "containerPort is missing");
	return publish_list_merge(&config->ports, &spec, err) ? field_blame(mapping, err) : 0;
}

int config_parse_ports(struct cni_config *config, const struct field *runtime, struct error *err)
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
		return field_get_number_any_case(object, key, INT64_MAX, ret_bits, err);
	*ret_bits = BURST_WITHOUT_WISH;
	return 0;
}

static int limit_parse_keys(const struct field *object, const char *rate_key, const char *burst_key,
			    struct bandwidth_limit *limit, struct error *err)
{
	uint64_t rate_bps = 0, burst_bits = 0;
	struct field field = { 0 };
	int ret = field_get_number_any_case(object, rate_key, INT64_MAX, &rate_bps, err);

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
	return field_blame(&field, err);
}

static int limits_parse(const struct field *object, struct bandwidth *bandwidth, struct error *err)
{
	int ret = limit_parse_keys(object, "ingressRate", "ingressBurst", &bandwidth->ingress, err);

	return ret ? ret
		   : limit_parse_keys(object, "egressRate", "egressBurst", &bandwidth->egress, err);
}

int config_parse_bandwidth(struct cni_config *config, const struct field *document,
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
