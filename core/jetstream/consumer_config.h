/* SPDX-License-Identifier: Apache-2.0
 *
 * consumer_config - the configuration of a durable pull consumer: its field table, the document that creates it, and
 * the comparison with the consumer that a server has.
 *
 * Pure, any thread.
 */
#ifndef SEAMQ_JETSTREAM_CONSUMER_CONFIG_H
#define SEAMQ_JETSTREAM_CONSUMER_CONFIG_H

#include "jetstream/api.h"
#include "jetstream/field.h"

struct consumer_config {
    char *stream;
    char *name;
    struct strv filter_subjects; /* empty: all subjects */
    char *deliver_policy;        /* as config_handler.deliver_policy */
    enum ack_mode ack;
    int64_t ack_wait_ns;
    int64_t max_ack_pending;
    int64_t replicas;              /* 0: the stream's */
    int64_t inactive_threshold_ns; /* the server deletes the consumer after this time without a pull; 0: never */
};

extern const struct js_table consumer_fields;

/* The consumer that `handler` needs on `stream` of `cluster`, with {cluster} replaced in its filter subjects.
 * The caller frees it with consumer_config_finish(). 0 or -ENOMEM. */
int consumer_config_for_handler(struct consumer_config *ret, const struct config_handler *handler,
                                const struct config_cluster *cluster, const char *stream);
/* Frees the texts. */
void consumer_config_finish(struct consumer_config *c);

/* The "config" document; NULL: see js_table_write(). */
json_t *consumer_config_write(const struct consumer_config *c);
/* Body of CONSUMER.CREATE; to be freed. `action`: "create", "update", NULL for either. NULL: out of memory. */
char *consumer_config_request(const char *stream, json_t *document, const char *action);
/* Subject of that request: a single filter is part of it. */
struct api_path consumer_config_path(const struct consumer_config *c);

/* A server's consumer against the configuration of a handler. */
struct consumer_comparison {
    struct buf drift;        /* differences, "; " between them; empty: none */
    struct buf refusal;      /* why the consumer cannot be used; empty: it can */
    int64_t ack_wait_ns;     /* of the server; 0: not in the document */
    int64_t max_ack_pending; /* of the server; INT32_MAX: no limit */
};

/* `document`: the "config" of CONSUMER.INFO. 0 or -ENOMEM. */
int consumer_config_compare(const struct consumer_config *c, json_t *document, struct consumer_comparison *ret);
void consumer_comparison_finish(struct consumer_comparison *d);

#endif
