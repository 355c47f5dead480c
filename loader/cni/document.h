/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* JSON documents that others wrote: configurations, requests, and what other plugins print. */
#ifndef NKCTL_CNI_DOCUMENT_H
#define NKCTL_CNI_DOCUMENT_H

#include <jansson.h>
#include <stddef.h>

/**
 * document_load() - parse a document.
 * @ret_error: why it is none, and where, without words where there is no memory; NULL: nobody wants
 *	to know
 *
 * What Go's decoder takes, which runtimes and reference plugins use, is taken: of two equal keys
 * the last one counts, an integer beyond 64 bits is the double next to it, and a string may have
 * zero bytes, which field_get() refuses where it is asked for.
 *
 * Return: a new reference; NULL.
 */
json_t *document_load(const char *input, size_t len, json_error_t *ret_error);

#endif
