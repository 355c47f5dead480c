/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Results of ADD, of all versions that are spoken: what the plugin answers, what a delegated one
 * answered, and what an earlier one of a chain did (CNI spec 1.1.0, section 5).
 */
#ifndef NKCTL_CNI_RESULT_H
#define NKCTL_CNI_RESULT_H

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cni/field.h"
#include "cni/request.h"
#include "core/addr.h"
#include "core/error.h"
#include "nkctl/maps.h"
#include "ops/setup.h"

#define CNI_INTERFACES_MAX 32
#define CNI_IPS_MAX        64

/**
 * struct cni_interface - an interface of a result.
 * @name, @sandbox: borrowed; @sandbox is NULL for one of the host
 * @has_mac: @mac is known
 * @mtu: in bytes; 0: unknown
 */
struct cni_interface {
	const char *name, *sandbox;
	bool has_mac;
	uint8_t mac[NK_ETH_ALEN];
	uint32_t mtu;
};

/**
 * struct cni_ip - an address of a result.
 * @gateway: family 0: none
 * @interface: index into the interfaces; -1: none
 */
struct cni_ip {
	struct prefix address;
	struct addr gateway;
	int interface;
};

/* struct cni_result - @dns: borrowed; NULL: none */
struct cni_result {
	struct cni_interface interfaces[CNI_INTERFACES_MAX];
	size_t interface_count;
	struct cni_ip ips[CNI_IPS_MAX];
	size_t ip_count;
	struct endpoint_routes routes;
	const json_t *dns;
};

/**
 * cni_result_parse() - read a result.
 * @field: an object
 * @ret_result: borrows from it
 *
 * Return: 0; CNI_INVALID_CONFIG.
 */
int cni_result_parse(const struct field *field, struct cni_result *ret_result, struct error *err);

/**
 * cni_result_check() - whether a result is one by its shape, however much is in it.
 *
 * Return: 0; CNI_INVALID_CONFIG.
 */
int cni_result_check(const struct field *field, struct error *err);

/**
 * cni_result_to_json() - write one, as a version of the spec has it.
 * @previous: what an earlier plugin of the chain answered, checked, which stays in front; NULL:
 *	there was none
 *
 * Return: a new reference; NULL where there is no memory.
 */
json_t *cni_result_to_json(const struct cni_result *result, enum cni_version version,
			   const json_t *previous);

/* cni_error_to_json() - a failure, as every version has it. Return: a new reference. */
json_t *cni_error_to_json(const struct error *err, const char *version_text);

/* cni_versions_to_json() - the answer to VERSION. Return: a new reference. */
json_t *cni_versions_to_json(const char *version_text);

#endif
