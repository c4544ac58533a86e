/* SPDX-License-Identifier: Apache-2.0
 *
 * log - one line per event, as text for a terminal or JSON otherwise, on standard error.
 *
 *     log_info("ready", LOG_INT("handlers", n), LOG_STR("admin", addr));
 *     text:  2026-01-31T12:00:00.123Z info  event=ready handlers=3 admin=127.0.0.1:9222
 *     json:  {"time":"2026-01-31T12:00:00.123Z","level":"info","event":"ready","handlers":3,"admin":"127.0.0.1:9222"}
 *
 * Event names are stable, lower case, with dashes (log_events.h); at least one field follows.  The field "msg" has the
 * sentence for people.  A line has at most 4096 bytes: a longer string is cut and ends in "...".  Any thread.
 * A reader that does not read (full pipe) never blocks the caller: the line is dropped and counted, see log_dropped().
 * Programs ignore SIGPIPE.
 */
#ifndef SEAMQ_BASE_LOG_H
#define SEAMQ_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum log_kind { LOG_KIND_END, LOG_KIND_STR, LOG_KIND_INT, LOG_KIND_UINT, LOG_KIND_DURATION };

struct log_field {
    const char *key;
    enum log_kind kind;
    const char *s;
    int64_t i;
};

#define LOG_STR(k, v) ((struct log_field){(k), LOG_KIND_STR, (v), 0})
#define LOG_INT(k, v) ((struct log_field){(k), LOG_KIND_INT, NULL, (int64_t)(v)})
#define LOG_UINT(k, v) ((struct log_field){(k), LOG_KIND_UINT, NULL, (int64_t)(v)})
/* nanoseconds; written as 1.5s, 20ms ... in text and as seconds in JSON */
#define LOG_NS(k, v) ((struct log_field){(k), LOG_KIND_DURATION, NULL, (int64_t)(v)})
/* not written; for optional fields: cond ? LOG_STR(..) : LOG_NONE */
#define LOG_NONE ((struct log_field){NULL, LOG_KIND_INT, NULL, 0})

/* `fd` is the descriptor for lines (2 for programs).  Before the first call: info, text, fd 2. */
void log_setup(int fd, enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *event, const struct log_field *fields);
/* Number of lines dropped so far because the reader did not keep up. */
uint64_t log_dropped(void);

#define LOG_AT(level, event, ...)                                                                            \
    do {                                                                                                     \
        if (log_enabled(level))                                                                              \
            log_write(level, event, (const struct log_field[]){__VA_ARGS__, {NULL, LOG_KIND_END, NULL, 0}}); \
    } while (0)
#define log_error(event, ...) LOG_AT(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...) LOG_AT(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_info(event, ...) LOG_AT(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

#endif
