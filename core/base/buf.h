/* SPDX-License-Identifier: Apache-2.0
 *
 * buf - a growing byte buffer.  `data` stays valid until the next append,
 * so an append must not read from its own buffer.
 * Memory is owned by the buffer; buf_finish() frees it.  Not thread-safe.
 *
 * A failed allocation sets `failed`, and later appends do nothing, so that a writer checks once, at its end.
 */
#ifndef SEAMQ_BASE_BUF_H
#define SEAMQ_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data;
    size_t len;
    size_t cap;
    bool failed;
};

void buf_finish(struct buf *b);
/* Empties the buffer for the next use, and frees memory that is far more than the last use needed. */
void buf_reuse(struct buf *b);
/* Makes room for `more` bytes behind len and returns their start; NULL: failed. len does not change. */
void *buf_reserve(struct buf *b, size_t more);
void buf_append(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* The content as a NUL-terminated string; "" when empty; NULL only when failed. */
const char *buf_str(struct buf *b);
/* Length (1 to 4) of the UTF-8 sequence at `s` in `left` bytes; 0: invalid. */
size_t buf_utf8_len(const char *s, size_t left);
/* True: the character of `len` bytes is a control character for a terminal (C0, DEL, C1). */
bool buf_is_control(const char *s, size_t len);
/* JSON string with quotes; invalid UTF-8 and control bytes are escaped. `len` bytes of `s`. */
void buf_put_json(struct buf *b, const char *s, size_t len);

static inline void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

#endif
