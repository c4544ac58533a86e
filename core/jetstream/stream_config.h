/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_config - the configuration of a stream: its field table, the document that creates it, and questions about the
 * subjects that a server's stream captures.
 *
 * Pure, any thread. `document` is the "config" of STREAM.INFO; NULL counts as empty.
 */
#ifndef SEAMQ_JETSTREAM_STREAM_CONFIG_H
#define SEAMQ_JETSTREAM_STREAM_CONFIG_H

#include "config/config.h"
#include "jetstream/field.h"

enum stream_storage { STORAGE_FILE, STORAGE_MEMORY };
enum stream_retention { RETENTION_LIMITS, RETENTION_INTEREST, RETENTION_WORKQUEUE };
enum stream_discard { DISCARD_OLD, DISCARD_NEW };

struct stream_config { /* a limit of 0: none */
    char *name;
    char *description; /* NULL: none */
    struct strv subjects;
    int64_t replicas; /* 0: not set */
    enum stream_storage storage;
    enum stream_retention retention;
    int64_t max_age_ns;
    int64_t max_bytes;
    int64_t max_msgs;
    int64_t max_msg_size;
    enum stream_discard discard;
    int64_t duplicate_window_ns; /* 0: the server's default */
    char *mirror;                /* STREAM or STREAM@DOMAIN; NULL: none */
    struct strv sources;         /* likewise */
    char *placement_cluster;     /* NULL: any */
    struct strv placement_tags;
};

extern const struct js_table stream_fields;

/* The "config" document; see js_table_write(). */
json_t *stream_config_write(const struct stream_config *s, const char *own_domain);

/* True: some subject of the stream matches every subject that `subject` matches. */
bool stream_captures(json_t *document, const char *subject);
/* A copy of the document with `subject` added; NULL: out of memory, or a subject that is not UTF-8. */
json_t *stream_with_subject(json_t *document, const char *subject);
/* True: no message of the stream can match a filter; `why` is then "captures SUBJECTS, and filter_subjects is FILTERS".
 * False without filters, and for a stream that gets messages from elsewhere: a mirror, sources, a transform. */
bool stream_matches_no_filter(json_t *document, const struct strv *filters, struct buf *why);

#endif
