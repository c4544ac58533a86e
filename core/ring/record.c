/* SPDX-License-Identifier: Apache-2.0
 * record - writes and reads bodies, and checks every length. */
#include "record.h"

#include <errno.h>
#include <string.h>

uint64_t record_body_size(const struct record_body *b)
{
    if (b->data_len > RECORD_BODY_MAX || b->headers_len > RECORD_BODY_MAX || b->subject_len > RECORD_BODY_MAX ||
        b->msg_id_len > RECORD_BODY_MAX)
        return UINT64_MAX;
    uint64_t size = (uint64_t)b->subject_len + 1 + (b->msg_id_len ? (uint64_t)b->msg_id_len + 1 : 0) + b->headers_len +
                    b->data_len + 1;
    return size > RECORD_BODY_MAX ? UINT64_MAX : size;
}

static char *text_put(char *out, const char *text, size_t len, bool end)
{
    if (len)
        memcpy(out, text, len);
    if (end)
        out[len++] = '\0';
    return out + len;
}

void record_body_write(const struct record_body *b, char *out)
{
    out = text_put(out, b->subject, b->subject_len, true);
    if (b->msg_id_len)
        out = text_put(out, b->msg_id, b->msg_id_len, true);
    out = text_put(out, b->headers, b->headers_len, false);
    text_put(out, b->data, b->data_len, true);
}

/* True: a text of exactly `len` bytes, with a NUL only behind it. */
static bool text_ok(const char *at, size_t len)
{
    return at[len] == '\0' && memchr(at, '\0', len) == NULL;
}

static bool headers_ok(const char *at, size_t len)
{
    size_t texts = 0;

    if (len && at[len - 1] != '\0')
        return false;
    for (const char *end = at + len; at < end; at += strlen(at) + 1)
        texts++;
    return texts % 2 == 0;
}

int record_body_read(struct record_body *b, const char *at, uint64_t size)
{
    if (record_body_size(b) != size)
        return -EBADMSG;
    b->subject = at;
    at += b->subject_len + 1;
    b->msg_id = b->msg_id_len ? at : NULL;
    at += b->msg_id_len ? b->msg_id_len + 1 : 0;
    b->headers = b->headers_len ? at : NULL;
    at += b->headers_len;
    b->data = at;

    if (!text_ok(b->subject, b->subject_len) || (b->msg_id && !text_ok(b->msg_id, b->msg_id_len)) ||
        (b->headers && !headers_ok(b->headers, b->headers_len)) || b->data[b->data_len] != '\0')
        return -EBADMSG;
    return 0;
}

bool record_subject_ok(const char *subject)
{
    size_t token = 0;
    for (const char *s = subject;; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '.' || c == '\0') {
            if (token == 0 || (token == 1 && (s[-1] == '*' || s[-1] == '>')))
                return false;
            if (c == '\0')
                return true;
            token = 0;
        } else if (c <= ' ' || c == 0x7f) {
            return false;
        } else {
            token++;
        }
    }
}

static bool is_line(const char *s)
{
    return !strpbrk(s, "\r\n");
}

bool record_msg_id_ok(const char *id)
{
    return *id && is_line(id);
}

bool record_header_ok(const char *name, const char *value)
{
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        if (*c <= ' ' || *c >= 0x7f || *c == ':')
            return false;
    return *name && is_line(value);
}

bool record_header_next(const char *headers, size_t len, size_t *pos, const char **ret_name, const char **ret_value)
{
    if (*pos >= len)
        return false;
    const char *name = headers + *pos;
    const char *value = name + strlen(name) + 1;
    *pos = (size_t)(value + strlen(value) + 1 - headers);
    *ret_name = name;
    *ret_value = value;
    return true;
}
