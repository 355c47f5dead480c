// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/code.h"

#include <errno.h>
#include <stdlib.h>

int cni_recode(struct error *err, int code)
{
	code = -(CNI_ERROR_BASE + code);
	if (err)
		err->code = code;
	return code;
}

/* What is wrong with the environment was found before anything was tried: the rest is the config.
 */
static int code_of_errno(int number)
{
	switch (number) {
	case EINVAL:
	case ERANGE:
	case E2BIG:
		return CNI_INVALID_CONFIG;
	case ENODEV:
		return CNI_UNKNOWN_CONTAINER;
	case EIO:
	case EPIPE:
		return CNI_IO_FAILURE;
	case EAGAIN:
	case EBUSY:
	case EINTR:
		return CNI_TRY_AGAIN;
	case EOPNOTSUPP:
	case ENOSYS:
	case EPROTO:
		return CNI_UNFIT;
	case EPERM:
	case EACCES:
		return CNI_PERMISSION;
	case ENOSPC:
		return CNI_EXHAUSTED;
	case EEXIST:
		return CNI_ATTACHED;
	case EADDRINUSE:
		return CNI_TAKEN;
	default:
		return CNI_FAILED;
	}
}

int cni_code(const struct error *err)
{
	int number = abs(err->code);

	return number > CNI_ERROR_BASE ? number - CNI_ERROR_BASE : code_of_errno(number);
}
