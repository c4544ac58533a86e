/* SPDX-License-Identifier: Apache-2.0
 *
 * error - one sentence for the user, with the errno for the program.
 *
 * Functions whose failure the user must understand take a `struct error *` and return 0 or a negative errno.
 * The sentence says what failed, on what, with which value, and what to do.
 */
#ifndef SEAMQ_BASE_ERROR_H
#define SEAMQ_BASE_ERROR_H

#define ERROR_TEXT_MAX 768

struct error {
    int code; /* negative errno, 0: none */
    char text[ERROR_TEXT_MAX];
};

/* Writes the sentence and returns `code`, so that a failing function can end with
 * `return error_set(err, -EINVAL, "...")`.  `err` may be NULL.  Any thread. */
int error_set(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the sentence and returns err->code.  With `err` NULL it returns -EINVAL, so such a caller
 * keeps the code itself. */
int error_prefix(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
