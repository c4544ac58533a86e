/* SPDX-License-Identifier: Apache-2.0
 * buf - growing byte buffer. */
#include "buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_BYTES (256u * 1024) /* memory that buf_reuse() keeps in any case */

void buf_finish(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

void buf_reuse(struct buf *b)
{
    if (b->cap > KEEP_BYTES && b->len < b->cap / 4)
        buf_finish(b);
    buf_clear(b);
}

void *buf_reserve(struct buf *b, size_t more)
{
    if (b->failed)
        return NULL;
    if (more < b->cap - b->len)
        return b->data + b->len;

    size_t cap = b->cap ? b->cap : 256;
    while (cap - b->len <= more) {
        if (cap > SIZE_MAX / 2) {
            b->failed = true;
            return NULL;
        }
        cap *= 2;
    }
    char *data = realloc(b->data, cap);
    if (!data) {
        b->failed = true;
        return NULL;
    }
    b->data = data;
    b->cap = cap;
    return b->data + b->len;
}

void buf_append(struct buf *b, const void *data, size_t len)
{
    char *at = buf_reserve(b, len);
    if (!at || !len)
        return;
    memcpy(at, data, len);
    b->len += len;
}

void buf_puts(struct buf *b, const char *s)
{
    buf_append(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
    buf_append(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *at = n < 0 ? NULL : buf_reserve(b, (size_t)n + 1);
    b->failed |= n < 0;
    if (at) {
        vsnprintf(at, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

const char *buf_str(struct buf *b)
{
    char *at = buf_reserve(b, 1);
    if (!at)
        return NULL;
    *at = '\0';
    return b->data;
}

size_t buf_utf8_len(const char *text, size_t left)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n;
    uint32_t c;
    uint32_t least;

    if (left == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        n = 2, c = s[0] & 0x1fu, least = 0x80;
    else if ((s[0] & 0xf0) == 0xe0)
        n = 3, c = s[0] & 0x0fu, least = 0x800;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        n = 4, c = s[0] & 0x07u, least = 0x10000;
    else
        return 0;
    if (left < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    return c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

bool buf_is_control(const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;
    return len == 1 ? *u < 0x20 || *u == 0x7f : len == 2 && u[0] == 0xc2 && u[1] < 0xa0;
}

static void put_json_control(struct buf *b, unsigned char c)
{
    if (c == '\n' || c == '\t' || c == '\r')
        buf_puts(b, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
    else
        buf_printf(b, "\\u%04x", c);
}

void buf_put_json(struct buf *b, const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;

    buf_putc(b, '"');
    for (size_t i = 0; i < len;) {
        size_t n = buf_utf8_len(s + i, len - i);
        if (n == 0 || buf_is_control(s + i, n)) {
            put_json_control(b, n == 2 ? u[i + 1] : u[i]);
            i += n ? n : 1;
            continue;
        }
        if (u[i] == '"' || u[i] == '\\')
            buf_putc(b, '\\');
        buf_append(b, u + i, n);
        i += n;
    }
    buf_putc(b, '"');
}
