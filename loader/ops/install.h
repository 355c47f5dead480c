/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files that are put in their place whole, or not at all. */
#ifndef NKCTL_OPS_INSTALL_H
#define NKCTL_OPS_INSTALL_H

#include <limits.h>
#include <stdbool.h>

#include "core/error.h"

/* X(identifier, text): what became of a file. */
#define INSTALL_OUTCOMES(X)       \
	X(WRITTEN, "written")     \
	X(UNCHANGED, "unchanged") \
	X(KEPT, "kept")           \
	X(REMOVED, "removed")     \
	X(ABSENT, "absent")

enum install_outcome {
#define X(identifier, text) INSTALL_##identifier,
	INSTALL_OUTCOMES(X)
#undef X
};

const char *install_outcome_text(enum install_outcome outcome);

/* struct install_file - a file, and what became of it. */
struct install_file {
	char path[PATH_MAX];
	enum install_outcome outcome;
};

/**
 * install_program() - put a copy of this program into a directory, which is made if it isn't there.
 * Whoever starts it meanwhile gets the old one or the new one.
 */
int install_program(const char *dir, const char *name, struct install_file *ret_file,
		    struct error *err);

/* install_text() - the same for a file of text. @keep: leave one that is there as it is. */
int install_text(const char *dir, const char *name, const char *text, bool keep,
		 struct install_file *ret_file, struct error *err);

/* install_remove() - remove a file. Return: 0, also where there is none. */
int install_remove(const char *dir, const char *name, struct install_file *ret_file,
		   struct error *err);

#endif
