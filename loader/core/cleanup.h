/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Resources that free themselves at the end of their scope, as systemd's and bpfilter's do.
 * A file descriptor is -1 and a pointer NULL while empty; TAKE_*() hands one over.
 */
#ifndef NKCTL_CORE_CLEANUP_H
#define NKCTL_CORE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing was written through it: no error that matters */
	*fd = -1;
}

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _cleanup_close_     _cleanup_(cleanup_close)
#define _cleanup_free_      _cleanup_(cleanup_free)

#define TAKE_FD(fd)                   \
	({                            \
		int taken_fd_ = (fd); \
		(fd) = -1;            \
		taken_fd_;            \
	})

#define TAKE_PTR(pointer)                                   \
	({                                                  \
		__typeof__(pointer) taken_ptr_ = (pointer); \
		(pointer) = NULL;                           \
		taken_ptr_;                                 \
	})

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
