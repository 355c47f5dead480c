/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One error object travels up: the layer that fails sets it, each layer above may add what it was
 * doing, and the command prints it once. Functions return a negative errno beside it.
 */
#ifndef NKCTL_CORE_ERROR_H
#define NKCTL_CORE_ERROR_H

#include <stdarg.h>

#define ERROR_MESSAGE_SIZE 1024

/**
 * struct error - why something failed.
 * @code: negative errno; 0 while nothing has failed
 * @message: one line for a person, of printable ASCII
 */
struct error {
	int code;
	char message[ERROR_MESSAGE_SIZE];
};

/**
 * error_set() - describe a failure, replacing what @err held.
 * @err: may be NULL: nobody wants the words
 * @code: errno, of either sign
 * @format: what was tried, on what, why it failed and what to do
 *
 * Return: @code as a negative errno, to be returned by the caller.
 */
__attribute__((format(printf, 3, 4))) int error_set(struct error *err, int code, const char *format,
						    ...);

/**
 * error_sys() - error_set() with ": " and the words for @code at the end.
 */
__attribute__((format(printf, 3, 4))) int error_sys(struct error *err, int code, const char *format,
						    ...);

/**
 * error_prefix() - put context before the message: "context: message".
 *
 * Return: the code that @err holds; -EIO where @err is NULL.
 */
__attribute__((format(printf, 2, 3))) int error_prefix(struct error *err, const char *format, ...);

/**
 * error_keep() - the first of several errors, and its words.
 * @ret, @err: the first so far; 0 while there is none
 * @one, @one_err: another one, or 0
 */
void error_keep(int *ret, struct error *err, int one, const struct error *one_err);

/**
 * error_exit_status() - the exit status that a failure of @code gives the command.
 * @code: errno, of either sign
 *
 * The table is in nkctl(8), EXIT STATUS.
 */
int error_exit_status(int code);

/* The symbol of an errno, "EEXIST"; "EUNKNOWN" for a number that has none. */
const char *error_symbol(int code);

enum exit_status {
	EXIT_STATUS_OK = 0,
	EXIT_STATUS_FAILURE = 1,
	EXIT_STATUS_USAGE = 2,
	EXIT_STATUS_NOT_FOUND = 3,
	EXIT_STATUS_EXISTS = 4,
	EXIT_STATUS_UNFIT = 5,
	EXIT_STATUS_PERMISSION = 6,
	EXIT_STATUS_BUSY = 7,
	EXIT_STATUS_EXHAUSTED = 8,
};

#endif
