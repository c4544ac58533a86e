/* SPDX-License-Identifier: Apache-2.0
 *
 * field - rows of the field tables of consumers and streams (consumer_config.c, stream_config.c): how a field of a
 * "config" document of the JetStream API is written, compared and shown, and what SeaMQ does about a difference.
 *
 * The text of a field is canonical: two documents have the same value exactly if their texts are equal, however a
 * server writes a default. Pure, any thread.
 */
#ifndef SEAMQ_JETSTREAM_FIELD_H
#define SEAMQ_JETSTREAM_FIELD_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each kind has one row in field.c: what it is in the struct, in the document and as a text. */
enum js_kind {
    JS_WORD,     /* char *; NULL: left out */
    JS_CHOICE,   /* an enum; written as choices[value] */
    JS_COUNT,    /* int64_t; 0: written as `none`; below 1 is shown as `absent` */
    JS_SIZE,     /* likewise, bytes */
    JS_DURATION, /* likewise, ns */
    JS_LIST,     /* struct strv; in any order */
    JS_FILTERS,  /* struct strv; filter_subject and filter_subjects together */
    JS_ORIGIN,   /* char *, STREAM or STREAM@DOMAIN; a mirror */
    JS_ORIGINS,  /* struct strv of these, in any order; sources */
    JS_START,    /* char *; deliver_policy with its start, as config_handler.deliver_policy */
};

/* Reaction to a server's value that differs from the configured one. */
enum js_use {
    JS_IGNORED,     /* the server's value stays, and nothing is reported */
    JS_USED,        /* daemon: the server's value is used, and reported as drift; `seamq stream apply`: is changed */
    JS_AT_CREATION, /* the value matters for a new consumer only; reported */
    JS_WARNED,      /* reported with `why` */
    JS_REFUSED,     /* the daemon does not use the consumer; `why` says the reason */
};

#define JS_NOT_CONFIGURED SIZE_MAX

struct js_field {
    const char *key;  /* as the configuration names it */
    const char *json; /* path in the document: "max_age", "placement.cluster" */
    enum js_kind kind;
    const char *absent; /* text of a field that is not in the document */
    size_t offset;      /* in the struct; JS_NOT_CONFIGURED: written as if it were 0 or NULL */
    enum js_use daemon; /* when seamqd binds to it */
    enum js_use apply;  /* in `seamq stream plan` and `apply` */
    const char *const *choices;
    int64_t none;
    const char *why;
};

/* One row of a table; `...` are designated initializers of the fields after `apply`. */
#define JS_FIELD(key_, json_, kind_, absent_, offset_, daemon_, apply_, ...)                       \
    {                                                                                              \
        .key = (key_), .json = (json_), .kind = (kind_), .absent = (absent_), .offset = (offset_), \
        .daemon = (daemon_), .apply = (apply_), __VA_ARGS__                                        \
    }

struct js_table {
    const struct js_field *fields;
    size_t n;
};

/* The document of a struct. `own_domain` (may be NULL): STREAM@DOMAIN of that domain is a local stream. NULL: out of
 * memory, or a text that is not UTF-8. */
json_t *js_table_write(const struct js_table *table, const void *config, const char *own_domain);

/* The row of a key of the table. */
const struct js_field *js_table_find(const struct js_table *table, const char *key);

/* Appends the canonical text. `document` is a server's or js_table_write()'s. */
void js_field_text(const struct js_field *f, json_t *document, const char *own_domain, struct buf *out);

/* Sets the field in `document` to its value in `wanted`, and no other. 0 or -ENOMEM. */
int js_field_copy(const struct js_field *f, json_t *document, json_t *wanted, const char *own_domain);

#endif
