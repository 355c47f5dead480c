// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/document.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"

/* Puts behind an integer that jansson has no type for: it has one for fractions. */
#define FRACTION ".0"

/* The shortest integer that needs it, 9223372036854775808, is so long. */
#define DIGITS_MIN 19

/* Where a string ends that begins at @text: behind its quotation mark, or at @end. */
static const char *string_end(const char *text, const char *end)
{
	for (text++; text < end && *text != '"'; text++)
		if (*text == '\\')
			text++;
	return text < end ? text + 1 : end;
}

/* The same for a number. */
static const char *number_end(const char *text, const char *end)
{
	while (text < end && *text && strchr("+-.0123456789Ee", *text))
		text++;
	return text;
}

static bool is_large_integer(const char *text, const char *end)
{
	char *digits_end;

	if (end - text < DIGITS_MIN)
		return false;
	errno = 0;
	(void)strtoll(text, &digits_end, 10); /* a document ends with a zero, here */
	return errno == ERANGE && digits_end == end;
}

/* Return: the length of what is written to @to, which has room for as many fractions as fit. */
static size_t fractions_add(const char *from, size_t len, char *to)
{
	const char *end = from + len, *behind;
	char *start = to;

	for (; from < end; from = behind) {
		bool is_number = *from == '-' || (*from >= '0' && *from <= '9');

		behind = from + 1;
		if (*from == '"')
			behind = string_end(from, end);
		else if (is_number)
			behind = number_end(from, end);
		memcpy(to, from, (size_t)(behind - from));
		to += behind - from;
		if (is_number && is_large_integer(from, behind)) {
			memcpy(to, FRACTION, strlen(FRACTION));
			to += strlen(FRACTION);
		}
	}
	return (size_t)(to - start);
}

/* With integers beyond 64 bits as fractions; JSON_DECODE_INT_AS_REAL would make all of them such.
 */
static json_t *document_load_large(const char *input, size_t len, json_error_t *error)
{
	_cleanup_free_ char *copy = malloc(len + 1);
	_cleanup_free_ char *changed = malloc(len + len / DIGITS_MIN * strlen(FRACTION));

	*error = (json_error_t){ 0 };
	if (!copy || !changed)
		return NULL;
	memcpy(copy, input, len);
	copy[len] = '\0';
	return json_loadb(changed, fractions_add(copy, len, changed), JSON_ALLOW_NUL, error);
}

json_t *document_load(const char *input, size_t len, json_error_t *ret_error)
{
	json_error_t error = { 0 }; /* out of memory, jansson leaves the number as it was */
	json_t *document = json_loadb(input, len, JSON_ALLOW_NUL, &error);

	if (!document && json_error_code(&error) == json_error_numeric_overflow)
		document = document_load_large(input, len, &error);
	if (!document && ret_error)
		*ret_error = error;
	return document;
}
