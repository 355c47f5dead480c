// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/error.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

static void message_format(struct error *err, const char *format, va_list args)
{
	(void)vsnprintf(err->message, sizeof(err->message), format, args); /* cut if too long */
	text_sanitize(err->message);
}

int error_set(struct error *err, int code, const char *format, ...)
{
	va_list args;

	code = -abs(code);
	if (!err)
		return code;
	va_start(args, format);
	message_format(err, format, args);
	va_end(args);
	err->code = code;
	return code;
}

int error_sys(struct error *err, int code, const char *format, ...)
{
	va_list args;
	size_t used;

	code = -abs(code);
	if (!err)
		return code;
	va_start(args, format);
	message_format(err, format, args);
	va_end(args);
	used = strlen(err->message);
	(void)snprintf(err->message + used, sizeof(err->message) - used, ": %s", strerror(-code));
	err->code = code;
	return code;
}

int error_prefix(struct error *err, const char *format, ...)
{
	char rest[ERROR_MESSAGE_SIZE];
	va_list args;
	size_t used;

	if (!err)
		return -EIO; /* a failure like any: nobody wants to know more */
	memcpy(rest, err->message, sizeof(rest));
	va_start(args, format);
	message_format(err, format, args);
	va_end(args);
	used = strlen(err->message);
	(void)snprintf(err->message + used, sizeof(err->message) - used, ": %s", rest);
	return err->code;
}

void error_keep(int *ret, struct error *err, int one, const struct error *one_err)
{
	if (one && !*ret) {
		*ret = one;
		*err = *one_err;
	}
}

int error_exit_status(int code)
{
	switch (abs(code)) {
	case 0:
		return EXIT_STATUS_OK;
	case EINVAL:
	case ERANGE:
	case E2BIG:
		return EXIT_STATUS_USAGE;
	case ENOENT:
	case ENODEV:
		return EXIT_STATUS_NOT_FOUND;
	case EEXIST:
	case EADDRINUSE:
		return EXIT_STATUS_EXISTS;
	case EOPNOTSUPP:
	case ENOSYS:
	case EPROTO:
		return EXIT_STATUS_UNFIT;
	case EPERM:
	case EACCES:
		return EXIT_STATUS_PERMISSION;
	case EBUSY:
	case EAGAIN:
		return EXIT_STATUS_BUSY;
	case ENOSPC:
		return EXIT_STATUS_EXHAUSTED;
	default:
		return EXIT_STATUS_FAILURE;
	}
}

const char *error_symbol(int code)
{
	const char *symbol = strerrorname_np(abs(code)); /* glibc 2.32 */

	return symbol ? symbol : "EUNKNOWN";
}
