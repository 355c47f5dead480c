/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the fuzzing targets share: text out of the input, and what holds of every answer. */
#ifndef NKCTL_TESTS_FUZZ_H
#define NKCTL_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

/* The entry point that libFuzzer calls with each input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold, whatever the input: otherwise it is kept as a crash. */
#define fuzz_assert(condition)                                                                 \
	do {                                                                                   \
		if (!(condition)) {                                                            \
			(void)fprintf(stderr, "%s:%d: '%s' should hold\n", __FILE__, __LINE__, \
				      #condition);                                             \
			abort();                                                               \
		}                                                                              \
	} while (0)

/* struct fuzz_input - what is left of the input. */
struct fuzz_input {
	const char *data;
	size_t size;
};

/* A copy of its own for each text, so that a byte read too many is seen. Freed by the caller. */
static inline char *fuzz_text(const char *data, size_t size)
{
	char *text = malloc(size + 1);

	fuzz_assert(text);
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* What stands before the next @end, which is passed over; without one, all that is left. */
static inline struct fuzz_input fuzz_cut(struct fuzz_input *input, const char *end)
{
	const char *found = memmem(input->data, input->size, end, strlen(end));
	struct fuzz_input before = *input;

	if (found)
		before.size = (size_t)(found - input->data);
	input->data += before.size + (found ? strlen(end) : 0);
	input->size -= before.size + (found ? strlen(end) : 0);
	return before;
}

/* The same, copied. */
static inline char *fuzz_cut_text(struct fuzz_input *input, const char *end)
{
	struct fuzz_input before = fuzz_cut(input, end);

	return fuzz_text(before.data, before.size);
}

/* A failure has a number, and words that a terminal may be given. */
static inline void fuzz_check_error(int ret, const struct error *err)
{
	if (!ret)
		return;
	fuzz_assert(ret < 0 && ret == err->code);
	fuzz_assert(*err->message && memchr(err->message, '\0', sizeof(err->message)));
	for (const char *c = err->message; *c; c++)
		fuzz_assert(*c >= ' ' && *c <= '~');
}

#endif
