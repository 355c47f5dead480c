/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How results are shown: JSON for programs, tables for people. */
#ifndef NKCTL_OUTPUT_H
#define NKCTL_OUTPUT_H

#include <jansson.h>
#include <stddef.h>

#include "core/addr.h"
#include "core/error.h"
#include "ops/endpoint.h"
#include "ops/publish.h"

/*
 * output_json() - print a value and a newline, and drop the reference to it. Whether it's written
 * is looked at when all is, as with text: see main.c.
 *
 * Return: 0; -EIO: there is no value.
 */
int output_json(json_t *value, struct error *err);

/* An endpoint as every verb shows it; a new reference. */
json_t *endpoint_to_json(const struct endpoint *endpoint);

/* An address, or null for a NULL pointer; a new reference. */
json_t *addr_to_json(const struct addr *addr);

/* A text, or null for an empty one; a new reference. */
json_t *text_or_null(const char *text);

/* The name of a device, which may hold any bytes, sanitized; a new reference. */
json_t *device_to_json(const char *name);

/* "aa:bb:cc:dd:ee:ff". */
#define MAC_TEXT_SIZE 18
struct mac_text {
	char text[MAC_TEXT_SIZE];
};
struct mac_text mac_format(const uint8_t mac[NK_ETH_ALEN]);

/* endpoint_addresses_text() - the addresses of an endpoint, separated by spaces. */
#define ADDRESSES_TEXT_SIZE ((size_t)NK_ENDPOINT_ADDRESSES_MAX * ADDR_TEXT_SIZE)
void endpoint_addresses_text(const struct endpoint *endpoint, char text[ADDRESSES_TEXT_SIZE]);

/* endpoint_limits_text() - "in RATE, out RATE", or what of it there is. */
#define LIMITS_TEXT_SIZE 64
void endpoint_limits_text(const struct endpoint *endpoint, char text[LIMITS_TEXT_SIZE]);

/* published_to_json() - an array of ranges; a new reference. */
json_t *published_to_json(const struct publish_list *published);

/* published_text() - as they are written, separated by spaces. Return: to be freed; NULL: ENOMEM.
 */
char *published_text(const struct publish_list *published);

/* publish_report_print() - warn of what the published ports of an endpoint lack. */
void publish_report_print(const struct publish_report *report, const char *id);

/* What a noun ends with behind a number: "1 endpoint", "2 endpoints". */
const char *plural(size_t count);

/* Empty text shown as a dash. */
const char *or_dash(const char *text);

/* The same of what the maps tell of an endpoint: a question mark where they don't. */
const char *known_or_dash(const struct endpoint *endpoint, const char *text);

/**
 * struct table - rows of text, printed with columns as wide as their widest cell.
 *
 * Cells are copied, and sanitized.
 */
struct table {
	size_t columns, cells;
	char **texts;
};

/* table_add_row() - @columns strings. Out of memory, the row is left out of what's printed. */
void table_add_row(struct table *table, const char *const *texts);

/* table_print() - print and free all. */
void table_print(struct table *table);

#endif
