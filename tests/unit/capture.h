/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What was written to a descriptor: to check output, a descriptor is pointed at a file in memory.
 */
#ifndef NKCTL_TESTS_CAPTURE_H
#define NKCTL_TESTS_CAPTURE_H

#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CAPTURE_SIZE 16384

static inline int capture_open(void)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);

	if (fd < 0)
		err(1, "memfd_create");
	return fd;
}

/* All that was written to @fd, which is closed. */
static inline void capture_close(int fd, char ret_text[CAPTURE_SIZE])
{
	ssize_t len = pread(fd, ret_text, CAPTURE_SIZE - 1, 0);

	if (len < 0)
		err(1, "read what was written");
	ret_text[len] = '\0';
	(void)close(fd);
}

/* capture() - run @function with a standard stream going to @ret_text. */
static inline void capture(FILE *stream, void (*function)(void *data), void *data,
			   char ret_text[CAPTURE_SIZE])
{
	int fd = capture_open(), saved = dup(fileno(stream));

	(void)fflush(stream);
	if (saved < 0 || dup2(fd, fileno(stream)) < 0)
		err(1, "redirect a stream");
	function(data);
	(void)fflush(stream);
	if (dup2(saved, fileno(stream)) < 0)
		err(1, "restore a stream");
	(void)close(saved);
	capture_close(fd, ret_text);
}

#endif
