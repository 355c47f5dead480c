// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/field.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cni/code.h"

static const char *const type_names[] = {
	[JSON_OBJECT] = "an object",
	[JSON_ARRAY] = "a list",
	[JSON_STRING] = "a string",
	[JSON_INTEGER] = "a whole number",
	[JSON_REAL] = "a fraction or too large",
	[JSON_TRUE] = "a truth value",
	[JSON_FALSE] = "a truth value",
	[JSON_NULL] = "null",
};

/* 8080.0 is a whole number to JSON, which knows only one kind. */
#define WHOLE_REAL_MAX 9007199254740992.0 /* 2^53: up to there a double holds every one */

static bool real_is_whole(double real)
{
	return real >= -WHOLE_REAL_MAX && real <= WHOLE_REAL_MAX && real == (double)(long long)real;
}

static bool type_matches(const json_t *value, json_type type)
{
	if (type == JSON_TRUE)
		return json_is_boolean(value);
	return json_typeof(value) == type || (type == JSON_INTEGER && json_is_real(value) &&
					      real_is_whole(json_real_value(value)));
}

/* To everybody who takes it for a text it would be another, shorter one. */
static bool has_zero_byte(const json_t *value)
{
	return json_is_string(value) &&
	       strlen(json_string_value(value)) != json_string_length(value);
}

int field_error(const struct field *field, struct error *err, const char *format, ...)
{
	char reason[ERROR_MESSAGE_SIZE / 2];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(reason, sizeof(reason), format, args); /* cut if too long */
	va_end(args);
	return cni_error(err, CNI_INVALID_CONFIG, "%s%s%s", field->path, *field->path ? ": " : "",
			 reason);
}

static int field_check(const struct field *field, json_type type, struct error *err)
{
	if (type == JSON_STRING && has_zero_byte(field->value))
		return field_error(field, err, "has a zero byte");
	if (!field->value || type_matches(field->value, type))
		return 0;
	return field_error(field, err, "must be %s, and is %s", type_names[type],
			   type_names[json_typeof(field->value)]);
}

/* The path may be cut: it is for people. */
static struct field member_of(const struct field *object, const char *key, const json_t *value)
{
	struct field field = { .value = json_is_null(value) ? NULL : value };
	size_t used = strlen(object->path);

	memcpy(field.path, object->path, used);
	(void)snprintf(field.path + used, sizeof(field.path) - used, "%s%s", used ? "." : "", key);
	return field;
}

int field_get(const struct field *object, const char *key, json_type type, struct field *ret_field,
	      struct error *err)
{
	struct field field = member_of(object, key, json_object_get(object->value, key));
	int ret = field_check(&field, type, err);

	if (!ret)
		*ret_field = field;
	return ret;
}

int field_get_any_case(const struct field *object, const char *key, json_type type,
		       struct field *ret_field, struct error *err)
{
	const json_t *value = NULL;
	struct field field;
	void *iter;
	int ret;

	/* jansson's iterator only reads, and yet wants the object unqualified */
	for (iter = json_object_iter((json_t *)object->value); iter;
	     iter = json_object_iter_next((json_t *)object->value, iter))
		if (!strcasecmp(json_object_iter_key(iter), key))
			value = json_object_iter_value(iter);
	field = member_of(object, key, value);
	ret = field_check(&field, type, err);
	if (!ret)
		*ret_field = field;
	return ret;
}

int field_at(const struct field *array, size_t index, json_type type, struct field *ret_field,
	     struct error *err)
{
	struct field field = { .value = json_array_get(array->value, index) };
	size_t used = strlen(array->path);
	int ret;

	memcpy(field.path, array->path, used);
	(void)snprintf(field.path + used, sizeof(field.path) - used, "[%zu]", index);
	ret = field_check(&field, type, err);
	if (!ret)
		*ret_field = field;
	return ret;
}

size_t field_count(const struct field *array)
{
	return json_array_size(array->value);
}

int field_blame(const struct field *field, struct error *err)
{
	(void)error_prefix(err, "%s", field->path);
	return cni_recode(err, CNI_INVALID_CONFIG);
}

int field_unsupported(const struct field *field, const char *value, const char *reason,
		      struct error *err)
{
	return cni_error(err, CNI_UNSUPPORTED_FIELD, "%s: '%s' isn't supported: %s", field->path,
			 value, reason);
}

int field_get_text(const struct field *object, const char *key, const char **ret_text,
		   struct error *err)
{
	struct field field;
	int ret = field_get(object, key, JSON_STRING, &field, err);

	if (!ret)
		*ret_text = json_string_value(field.value);
	return ret;
}

int field_number(const struct field *field, uint64_t max, uint64_t *ret_number, struct error *err)
{
	long long number;

	if (!field->value)
		return 0;
	number = json_is_real(field->value) ? (long long)json_real_value(field->value)
					    : json_integer_value(field->value);
	if (number < 0 || (uint64_t)number > max)
		return field_error(field, err, "%lld is out of range: 0 to %llu", number,
				   (unsigned long long)max);
	*ret_number = (uint64_t)number;
	return 0;
}

int field_get_number(const struct field *object, const char *key, uint64_t max,
		     uint64_t *ret_number, struct error *err)
{
	struct field field;
	int ret = field_get(object, key, JSON_INTEGER, &field, err);

	return ret ? ret : field_number(&field, max, ret_number, err);
}

int field_get_number_any_case(const struct field *object, const char *key, uint64_t max,
			      uint64_t *ret_number, struct error *err)
{
	struct field field;
	int ret = field_get_any_case(object, key, JSON_INTEGER, &field, err);

	return ret ? ret : field_number(&field, max, ret_number, err);
}

int field_get_bool(const struct field *object, const char *key, bool *ret_bool, struct error *err)
{
	struct field field;
	int ret = field_get(object, key, JSON_TRUE, &field, err);

	if (!ret && field.value)
		*ret_bool = json_is_true(field.value);
	return ret;
}

int field_addr(const struct field *field, struct addr *ret_addr, struct error *err)
{
	const char *text = json_string_value(field->value);
	struct addr addr = { 0 };

	if (text && *text && addr_parse(text, &addr))
		return field_error(field, err, "'%s' is no address", text);
	*ret_addr = addr;
	return 0;
}

int field_get_addr(const struct field *object, const char *key, struct addr *ret_addr,
		   struct error *err)
{
	struct field field;
	int ret = field_get(object, key, JSON_STRING, &field, err);

	return ret ? ret : field_addr(&field, ret_addr, err);
}

int field_get_addr_any_case(const struct field *object, const char *key, struct addr *ret_addr,
			    struct error *err)
{
	struct field field;
	int ret = field_get_any_case(object, key, JSON_STRING, &field, err);

	return ret ? ret : field_addr(&field, ret_addr, err);
}

int field_prefix(const struct field *field, struct prefix *ret_prefix, struct error *err)
{
	const char *text = json_string_value(field->value);

	if (!text)
		return field_error(field, err, "is missing");
	if (prefix_parse(text, ret_prefix))
		return field_error(field, err, "'%s' is neither an address nor ADDRESS/LENGTH",
				   text);
	return 0;
}

int mac_parse(const char *text, uint8_t ret_mac[6])
{
	uint8_t mac[6];

	if (strlen(text) != 17)
		return -EINVAL;
	for (size_t i = 0; i < 6; i++) {
		const char *pair = text + 3 * i;

		if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]) ||
		    (i < 5 && pair[2] != ':'))
			return -EINVAL;
		mac[i] = (uint8_t)strtoul(pair, NULL, 16); /* up to the colon */
	}
	memcpy(ret_mac, mac, sizeof(mac));
	return 0;
}

int mac_parse_interface(const char *text, uint8_t ret_mac[6])
{
	static const uint8_t none[6];
	uint8_t mac[6];

	if (mac_parse(text, mac) || mac[0] & 1 || !memcmp(mac, none, sizeof(mac)))
		return -EINVAL;
	memcpy(ret_mac, mac, sizeof(mac));
	return 0;
}
