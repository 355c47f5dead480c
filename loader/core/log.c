// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "core/error.h"
#include "core/text.h"

static bool timing_enabled;
static int64_t step_start_ns;

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* can't fail for this clock */
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void log_timing_enable(void)
{
	timing_enabled = true;
	step_start_ns = now_ns();
}

void log_warning(const char *format, ...)
{
	char text[ERROR_MESSAGE_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args); /* cut if too long */
	va_end(args);
	text_sanitize(text);
	(void)fprintf(stderr, "nkctl: warning: %s\n", text);
}

void log_step(const char *name)
{
	int64_t now;

	if (!timing_enabled)
		return;
	now = now_ns();
	(void)fprintf(stderr, "timing: %-20s %6lld us\n", name,
		      (long long)(now - step_start_ns) / 1000);
	step_start_ns = now;
}
