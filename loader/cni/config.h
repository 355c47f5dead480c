/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The network configuration: what an administrator wrote, and what a runtime added to it. */
#ifndef NKCTL_CNI_CONFIG_H
#define NKCTL_CNI_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cni/request.h"
#include "cni/result.h"
#include "core/addr.h"
#include "core/error.h"
#include "model/bandwidth.h"
#include "model/network.h"
#include "model/pool.h"
#include "model/publish.h"

/* Exclusions of all ranges together. */
#define CNI_EXCLUDED_MAX 64

/**
 * struct cni_config - a checked configuration; it borrows from its request.
 * @network: mode, device, masquerading, metadata and MTU, and without @ipam_type the subnets
 * @ranges: of the subnets; they point into @excluded
 * @excluded: of all ranges, one after the other
 * @is_gateway: the host has the gateway's address
 * @is_default_gateway: the container has a default route, whatever the IPAM plugin says
 * @ipam_type: of the delegated plugin; NULL: addresses are the built-in allocation's
 * @addresses: that were asked for
 * @mac: all zero: none was asked for
 * @dns: a new reference; NULL: the configuration has none
 * @previous: prevResult; its value is NULL where there is none
 */
struct cni_config {
	struct nk_network network;
	struct pool_ranges ranges;
	struct prefix excluded[CNI_EXCLUDED_MAX];
	size_t excluded_count;
	bool is_gateway, is_default_gateway;
	const char *ipam_type;
	struct prefix addresses[NK_ENDPOINT_ADDRESSES_MAX];
	size_t address_count;
	uint8_t mac[NK_ETH_ALEN];
	struct publish_list ports;
	struct bandwidth bandwidth;
	json_t *dns;
	struct field previous;
};

/**
 * cni_config_parse() - check the configuration of a request.
 * @ret_config: to be freed by cni_config_free(), also where it fails
 *
 * Return: 0; CNI_INVALID_CONFIG; CNI_UNSUPPORTED_FIELD.
 */
int cni_config_parse(const struct cni_request *request, struct cni_config *ret_config,
		     struct error *err);
void cni_config_free(struct cni_config *config);

/**
 * cni_config_parse_ipam() - the delegated plugin alone: all that DEL and GC need to know, so that
 * they work where ADD would refuse the rest.
 * @ret_type: borrowed; NULL: none
 *
 * Return: 0; CNI_INVALID_CONFIG, CNI_UNSUPPORTED_FIELD where ADD can never have asked a plugin.
 */
int cni_config_parse_ipam(const struct cni_request *request, const char **ret_type,
			  struct error *err);

/* struct cni_attachment - what is valid still, as GC is told; borrowed */
struct cni_attachment {
	const char *id, *ifname;
};

/**
 * cni_config_parse_attachments() - the list that GC comes with.
 * @ret_list: to be freed
 *
 * Return: 0; CNI_INVALID_CONFIG, also where there is no list: it might mean anything.
 */
int cni_config_parse_attachments(const struct cni_request *request,
				 struct cni_attachment **ret_list, size_t *ret_count,
				 struct error *err);

#endif
