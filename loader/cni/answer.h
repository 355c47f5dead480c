/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a plugin says: one JSON value on stdout. */
#ifndef NKCTL_CNI_ANSWER_H
#define NKCTL_CNI_ANSWER_H

#include <jansson.h>
#include <stdint.h>

#include "core/error.h"
#include "nkctl/maps.h"

/**
 * answer_print() - print a value and drop the reference to it.
 *
 * Return: 0; CNI_IO_FAILURE where not all of it could be printed, or @answer is NULL.
 */
int answer_print(json_t *answer, struct error *err);

/* mac_to_json() - "06:00:00:00:00:01". Return: a new reference. */
json_t *mac_to_json(const uint8_t mac[NK_ETH_ALEN]);

#endif
