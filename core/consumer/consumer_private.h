/* SPDX-License-Identifier: Apache-2.0
 *
 * consumer_private - struct consumer, one object in several files.  Each part has a struct and functions in a header of
 * its own; its fields are written by the part's file only.  Short getters for other parts are at the end.
 */
#ifndef SEAMQ_CONSUMER_CONSUMER_PRIVATE_H
#define SEAMQ_CONSUMER_CONSUMER_PRIVATE_H

#include "consumer.h"

#include "ack_ops.h"
#include "binding.h"
#include "confirmation.h"
#include "cumulative.h"
#include "dead_letter_stream.h"
#include "delivery.h"
#include "info.h"
#include "lease.h"
#include "path.h"
#include "pull.h"
#include "readiness.h"
#include "redelivery_sync.h"
#include "stop.h"

#include "base/clock.h"

struct consumer {
    struct loop *loop;
    struct requests *requests; /* of the path in use; path.c sets it */
    const struct config_handler *handler;
    const struct config_cluster *cluster;
    struct consumer_callbacks callbacks;
    void *data;
    char *stream;      /* name, owned */
    char *dead_letter; /* name of the dead-letter stream, or "off"; owned */
    unsigned index;    /* part of the reply subject of pulls */
    struct message_table messages;
    struct consumer_stats stats;

    /* Facts about the stream and the consumer, by the server's responses; binding.c sets them. */
    int64_t stream_created_ns; /* Unix time */
    int64_t consumer_created_ns;
    int64_t stream_replicas;
    uint64_t stream_last_seq; /* highest sequence seen */
    bool keeps_acked;         /* the stream has limits retention */
    int64_t ack_wait_ns;      /* the server's value, not the configured one */
    int64_t max_ack_pending;  /* likewise */

    struct paths paths;
    struct binding binding;
    struct readiness readiness;
    struct dead_letter_stream dead_letter_stream;
    struct pull pull;
    struct leases leases;
    struct confirmation confirmation;
    struct consumer_info info;
    struct redelivery_sync sync;
    const struct ack_ops *ack;
    struct cumulative cumulative; /* used by ack_ops_cumulative only */
    struct stop stop;
};

/* Publishes `body` to the reply subject of `m`: an empty body acknowledges. 0 or a negative errno. */
int consumer_reply(const struct consumer *c, const struct message *m, const char *body);
/* Calls on_left() for a message that has a key queue. */
void consumer_message_left(struct consumer *c, struct message *m, bool for_good);

/* ---- getters ----------------------------------------------------------------------- */

static inline struct connection *consumer_connection(const struct consumer *c)
{
    return requests_connection(c->requests);
}

static inline bool binding_active(const struct consumer *c)
{
    return c->binding.stage == BINDING_ACTIVE;
}

static inline bool consumer_stopping(const struct consumer *c)
{
    return c->stop.phase != STOP_NONE;
}

static inline bool path_is_alternate(const struct consumer *c)
{
    return c->paths.current != 0;
}

#endif
