/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text of foreign origin. */
#ifndef NKCTL_CORE_TEXT_H
#define NKCTL_CORE_TEXT_H

/**
 * text_sanitize() - replace whatever isn't printable ASCII by '?'.
 *
 * Names of files, devices and options may hold escape sequences, which must not reach a terminal,
 * and bytes that are no UTF-8, which JSON can't carry.
 */
static inline void text_sanitize(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

#endif
