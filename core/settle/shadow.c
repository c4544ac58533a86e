/* SPDX-License-Identifier: Apache-2.0
 *
 * shadow - what a handler in shadow mode did: told and counted, and nothing of it done.
 *
 * The consumer is the shadow's own, so acknowledging there moves nobody else; a failed run is an answer
 * like any other and is not repeated.
 */
#include "settle_private.h"

#include "base/log.h"

#include <string.h>

/* How much of an output's payload is shown, at debug only. */
#define SHOWN 256

const char *shadow_name(int result)
{
    switch (result) {
    case SHADOW_CRASH: return "crash";
    case SHADOW_TIMEOUT: return "timeout";
    default: return outcome_table[result].name;
    }
}

static size_t n_headers(const struct output *out)
{
    size_t ends = 0; /* of names and of values */
    for (size_t i = 0; i < out->headers_size; i++)
        ends += out->bytes[out->headers + i] == '\0';
    return ends / 2;
}

static void tell_outputs(const struct settle *s, const struct message *h, const struct settlement *t)
{
    char text[SHOWN + 1];

    list_for_each(node, &t->outputs)
    {
        const struct output *out = container_of(node, struct output, node);
        size_t n = strnlen(out->bytes + out->data, out->size < SHOWN ? out->size : SHOWN);
        memcpy(text, out->bytes + out->data, n);
        text[n] = '\0';
        log_info("shadow-output", LOG_STR("handler", s->handler->name), LOG_UINT("seq", h->stream_seq),
                 LOG_STR("subject", out->bytes), LOG_UINT("bytes", out->size), LOG_UINT("headers", n_headers(out)),
                 log_enabled(LOG_LEVEL_DEBUG) ? LOG_STR("data", text) : LOG_NONE);
    }
}

void shadow_record(struct settle *s, struct message *h, int result, const char *text)
{
    const struct settlement *t = h->settlement;
    size_t n = t ? t->n_outputs : 0;

    log_info("shadow", LOG_STR("handler", s->handler->name), LOG_STR("cluster", consumer_cluster(h->consumer)->name),
             LOG_STR("stream", consumer_stream(h->consumer)), LOG_UINT("seq", h->stream_seq),
             LOG_STR("subject", natsMsg_GetSubject(h->msg)), LOG_STR("outcome", shadow_name(result)),
             LOG_UINT("outputs", n), text && *text ? LOG_STR("text", text) : LOG_NONE);
    if (t)
        tell_outputs(s, h, t);
    s->stats.shadowed[result]++;
    s->stats.shadow_outputs += n;
    settlement_free(h);
    consumer_ack(h->consumer, h);
}
