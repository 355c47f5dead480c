/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The numbers that a runtime learns of a failure by (CNI spec 1.1.0, section 2, "Error").
 *
 * Whatever knows a number sets it with cni_error(): it then stands in struct error in the place of
 * an errno, above all of those. What comes from below the plugin has an errno, and a number is
 * found for it in the end.
 */
#ifndef NKCTL_CNI_CODE_H
#define NKCTL_CNI_CODE_H

#include "core/error.h"

enum cni_code {
	CNI_INCOMPATIBLE_VERSION = 1,
	CNI_UNSUPPORTED_FIELD = 2,
	CNI_UNKNOWN_CONTAINER = 3,
	CNI_INVALID_ENVIRONMENT = 4,
	CNI_IO_FAILURE = 5,
	CNI_DECODE_FAILURE = 6,
	CNI_INVALID_CONFIG = 7,
	CNI_TRY_AGAIN = 11,
	CNI_NOT_AVAILABLE = 50,
	CNI_LIMITED_CONNECTIVITY = 51,
	/* From 100 on they are the plugin's own: listed in nkctl(8). */
	CNI_FAILED = 100,
	CNI_UNFIT = 101,
	CNI_PERMISSION = 102,
	CNI_EXHAUSTED = 103,
	CNI_ATTACHED = 104,
	CNI_TAKEN = 105,
	CNI_CHECK_FAILED = 106,
};

/* Above every errno (MAX_ERRNO, include/linux/err.h, is 4095). */
#define CNI_ERROR_BASE 0x10000

/* cni_error() - error_set() with an enum cni_code, or with the number of a delegated plugin. */
#define cni_error(err, code, ...) error_set(err, CNI_ERROR_BASE + (code), __VA_ARGS__)

/**
 * cni_recode() - give a failure from below the number that it has here.
 *
 * Return: the code, as cni_error() returns it.
 */
int cni_recode(struct error *err, int code);

/* cni_code() - the number of a failure: its own, or that of its errno. */
int cni_code(const struct error *err);

#endif
