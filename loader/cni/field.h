/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Values of JSON objects that others wrote. An absent key and null are the same, as for Go's
 * decoder, which runtimes and reference plugins use; a value of the wrong type is refused by the
 * name of its key.
 */
#ifndef NKCTL_CNI_FIELD_H
#define NKCTL_CNI_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/error.h"

/* Long enough for any "runtimeConfig.ipRanges[12][3].rangeStart". */
#define FIELD_PATH_SIZE 96

/**
 * struct field - an object, or an element of an array, and where it stands.
 * @value: borrowed; NULL: it isn't there
 * @path: for messages; empty for the document itself
 */
struct field {
	const json_t *value;
	char path[FIELD_PATH_SIZE];
};

/**
 * field_get() - a member of an object.
 * @object: its value may be NULL: then nothing is in it
 * @type: which it must have
 * @ret_field: with a NULL value where it is absent
 *
 * Return: 0; CNI_INVALID_CONFIG where its type is another one.
 */
int field_get(const struct field *object, const char *key, json_type type, struct field *ret_field,
	      struct error *err);

/*
 * field_get_any_case() - the same for a key in whatever case, as Go's decoder matches them. What
 * stands in "runtimeConfig" go-cni makes of Go structures that name no JSON keys, so they are the
 * fields' own: IngressRate, Servers, Subnet (containerd/go-cni, types.go).
 */
int field_get_any_case(const struct field *object, const char *key, json_type type,
		       struct field *ret_field, struct error *err);

/* field_at() - an element of an array. */
int field_at(const struct field *array, size_t index, json_type type, struct field *ret_field,
	     struct error *err);

/* Elements of an array; 0 where it isn't there. */
size_t field_count(const struct field *array);

/*
 * field_error() - refuse a value: "PATH: REASON", or "REASON" of the document itself. Return:
 * CNI_INVALID_CONFIG.
 */
__attribute__((format(printf, 3, 4))) int field_error(const struct field *field, struct error *err,
						      const char *format, ...);

/*
 * field_blame() - say which value is at fault for what the layers below refused. Return:
 * CNI_INVALID_CONFIG.
 */
int field_blame(const struct field *field, struct error *err);

/*
 * field_unsupported() - refuse a value that others support. "The error message must contain the key
 * and value of the unsupported field" (CNI). Return: CNI_UNSUPPORTED_FIELD.
 */
int field_unsupported(const struct field *field, const char *value, const char *reason,
		      struct error *err);

/* field_get_text() - a string member. @ret_text: borrowed; NULL where it is absent. */
int field_get_text(const struct field *object, const char *key, const char **ret_text,
		   struct error *err);

/* field_number() - a whole number of 0 to @max; @ret_number: as it was where it isn't there. */
int field_number(const struct field *field, uint64_t max, uint64_t *ret_number, struct error *err);

/* field_get_number() - an integer member of 0 to @max. @ret_number: as it was where it is absent.
 */
int field_get_number(const struct field *object, const char *key, uint64_t max,
		     uint64_t *ret_number, struct error *err);

/* field_get_number_any_case() - the same for a key in whatever case. */
int field_get_number_any_case(const struct field *object, const char *key, uint64_t max,
			      uint64_t *ret_number, struct error *err);

/* field_get_bool() - @ret_bool: as it was where it is absent. */
int field_get_bool(const struct field *object, const char *key, bool *ret_bool, struct error *err);

/* field_addr() - a string that is an address; family 0 where it isn't there, or "". */
int field_addr(const struct field *field, struct addr *ret_addr, struct error *err);

/* field_get_addr() - an address member; family 0 where it is absent or "". */
int field_get_addr(const struct field *object, const char *key, struct addr *ret_addr,
		   struct error *err);

/* field_get_addr_any_case() - the same for a key in whatever case. */
int field_get_addr_any_case(const struct field *object, const char *key, struct addr *ret_addr,
			    struct error *err);

/* field_prefix() - a string that is an address with or without a prefix length. */
int field_prefix(const struct field *field, struct prefix *ret_prefix, struct error *err);

/* mac_parse() - six pairs of hexadecimal digits with colons. Return: 0; -EINVAL. */
int mac_parse(const char *text, uint8_t ret_mac[6]);

/*
 * mac_parse_interface() - the same of an address that an interface can have: no multicast, and not
 * none at all (the kernel's is_valid_ether_addr()). Return: 0; -EINVAL.
 */
int mac_parse_interface(const char *text, uint8_t ret_mac[6]);

#endif
