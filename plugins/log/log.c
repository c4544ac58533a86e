/* SPDX-License-Identifier: Apache-2.0
 *
 * log - logs subject, sequence, attempt and size of each message, and its first bytes on request.
 */
#include <seamq/plugin.h>

#include <string.h>

enum { BYTES_MAX = 1024 };

struct log {
    int64_t bytes;
    int32_t headers;
    const char *level;
    int level_number;
};

static const struct seamq_option options[] = {
    SEAMQ_OPT_BYTES(struct log, bytes, 0, "0", 0, BYTES_MAX,
                    "how many bytes of the payload to log; they may be private"),
    SEAMQ_OPT_BOOL(struct log, headers, 0, "no", "log each header on a line of its own"),
    SEAMQ_OPT_STRING(struct log, level, 0, "info", "error, warn, info or debug"),
    SEAMQ_OPT_END,
};

static int on_open(void *self)
{
    static const struct {
        const char *name;
        int number;
    } levels[] = {
        {"error", SEAMQ_LOG_ERROR}, {"warn", SEAMQ_LOG_WARN}, {"info", SEAMQ_LOG_INFO}, {"debug", SEAMQ_LOG_DEBUG}};
    struct log *l = self;

    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(l->level, levels[i].name) == 0) {
            l->level_number = levels[i].number;
            return 0;
        }
    }
    return seamq_fail_config("option.level: \"%s\" is not one of error, warn, info, debug", l->level);
}

/* Writes printable ASCII unchanged and everything else as \xNN, so the log line stays one line. */
static const char *escape(const char *data, size_t size, char text[4 * BYTES_MAX + 1])
{
    static const char digits[] = "0123456789abcdef";
    char *p = text;

    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c >= ' ' && c < 0x7f && c != '\\' && c != '"') {
            *p++ = (char)c;
        } else {
            *p++ = '\\';
            *p++ = 'x';
            *p++ = digits[c >> 4];
            *p++ = digits[c & 15];
        }
    }
    *p = '\0';
    return text;
}

static int on_message(void *self, const seamq_msg *msg)
{
    const struct log *l = self;
    char text[4 * BYTES_MAX + 1];
    size_t shown = msg->size < (size_t)l->bytes ? msg->size : (size_t)l->bytes;

    if (l->bytes > 0)
        seamq_log(l->level_number, "subject=%s seq=%llu attempt=%llu size=%zu data=\"%s\"%s", msg->subject,
                  (unsigned long long)msg->stream_seq, (unsigned long long)msg->attempt, msg->size,
                  escape(msg->data, shown, text), shown < msg->size ? "..." : "");
    else
        seamq_log(l->level_number, "subject=%s seq=%llu attempt=%llu size=%zu", msg->subject,
                  (unsigned long long)msg->stream_seq, (unsigned long long)msg->attempt, msg->size);
    if (l->headers) {
        seamq_field field;
        for (size_t i = 0; seamq_header_at(msg, i, &field) == 0; i++) {
            size_t size = strlen(field.value);
            seamq_log(l->level_number, "seq=%llu header=%s value=\"%s\"", (unsigned long long)msg->stream_seq,
                      field.name, escape(field.value, size < BYTES_MAX ? size : BYTES_MAX, text));
        }
    }
    return SEAMQ_ACK;
}

SEAMQ_PLUGIN(.name = "log", .version = "1.0.0", .summary = "logs each message", .self_size = sizeof(struct log),
             .options = options, .open = on_open, .handle = on_message);
