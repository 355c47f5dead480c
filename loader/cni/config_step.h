/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Parts of a configuration. Only cni/config*.c include it.
 *
 * Each function reads what it is about from the document, from runtimeConfig, or from the request,
 * and returns 0, CNI_INVALID_CONFIG, CNI_UNSUPPORTED_FIELD or, of CNI_ARGS,
 * CNI_INVALID_ENVIRONMENT.
 */
#ifndef NKCTL_CNI_CONFIG_STEP_H
#define NKCTL_CNI_CONFIG_STEP_H

#include "cni/config.h"
#include "cni/field.h"

/* config_parse_subnets() - of the built-in allocation: subnets, or the ipRanges of a runtime. */
int config_parse_subnets(struct cni_config *config, const struct field *document,
			 const struct field *runtime, struct error *err);

/*
 * config_parse_addresses() - the capability "ips", or its elder sisters: args.cni.ips, and IP in
 * CNI_ARGS (CONVENTIONS.md). A delegated plugin finds them by itself.
 */
int config_parse_addresses(struct cni_config *config, const struct cni_request *request,
			   const struct field *document, const struct field *runtime,
			   struct error *err);

/* config_parse_mac() - the capability "mac", or MAC in CNI_ARGS. */
int config_parse_mac(struct cni_config *config, const struct cni_request *request,
		     const struct field *runtime, struct error *err);

/* config_parse_ports() - the capability "portMappings". */
int config_parse_ports(struct cni_config *config, const struct field *runtime, struct error *err);

/*
 * config_parse_bandwidth() - the keys of the reference plugin: its configuration's own come before
 * the capability's (getBandwidth() of plugins/meta/bandwidth/main.go). Here that is by direction.
 */
int config_parse_bandwidth(struct cni_config *config, const struct field *document,
			   const struct field *runtime, struct error *err);

#endif
