/* SPDX-License-Identifier: Apache-2.0
 *
 * stream/diff - compares the configuration with a server's stream or consumer: the fields that differ, the changes that
 * are refused, and the document that changes only those fields. Pure.
 *
 * Only fields that SeaMQ configures are looked at.  Everything else that a server has, known to us or not, is kept.
 */
#ifndef SEAMQ_CLI_STREAM_DIFF_H
#define SEAMQ_CLI_STREAM_DIFF_H

#include "base/buf.h"
#include "jetstream/consumer_config.h"
#include "jetstream/stream_config.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct diff {
    json_t *changes;  /* [{"field": "max_age", "from": "none", "to": "30d"}] */
    json_t *update;   /* the server's config with those fields changed; NULL: nothing differs */
    struct buf notes; /* differences that are not changed; empty: none */
    struct buf
        problems; /* changes that would lose data or are impossible, "; " between them; empty: the update is allowed */
};

/* The document of a stream, with the server's default of duplicate_window, so that it can be compared. NULL: out of
 * memory. */
json_t *diff_wanted_stream(const struct stream_config *s, const char *own_domain);

/* `wanted` as of diff_wanted_stream() or consumer_config_write(), `info` the server's answer to STREAM.INFO or
 * CONSUMER.INFO, with the message counts of diff_removed_subjects(). `own_domain` may be NULL. 0 or
 * -ENOMEM. */
int diff_stream(struct diff *ret, json_t *wanted, json_t *info, const char *own_domain, int64_t now_wall_ns);
int diff_consumer(struct diff *ret, json_t *wanted, json_t *info);
void diff_finish(struct diff *d);

/* Subjects of the server's stream that `wanted` does not cover: a new array; NULL: none. */
json_t *diff_removed_subjects(json_t *wanted, json_t *info);

/* "subjects orders.>; replicas 3; max_age 30d": the fields of a new one that differ from the defaults. */
void diff_describe_stream(json_t *wanted, const char *own_domain, struct buf *out);
void diff_describe_consumer(json_t *wanted, struct buf *out);

#endif
