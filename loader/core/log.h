/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a run tells beside its result: warnings, and with -v or NKCTL_TIMING=1 each step's time. */
#ifndef NKCTL_CORE_LOG_H
#define NKCTL_CORE_LOG_H

#include <stdbool.h>

/* Print each step's time from here on. */
void log_timing_enable(void);

/* A line on stderr, of printable ASCII: "nkctl: warning: ..." */
__attribute__((format(printf, 1, 2))) void log_warning(const char *format, ...);

/**
 * log_step() - a step has ended: print the microseconds since the previous one, if asked for.
 * @name: what was done, as subject_verb
 */
void log_step(const char *name);

#endif
