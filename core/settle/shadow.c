/* SPDX-License-Identifier: Apache-2.0
 *
 * shadow - logs and counts what a handler in shadow mode would have done.
 *
 * A shadow has a consumer of its own, so its acknowledgements affect no other handler. A failed run is a result like
 * any other and is not retried.
 */
#include "settle_private.h"

#include "base/log.h"

#include <string.h>

/* Limit of an output's payload in the log, which has it at level debug only. */
#define LOGGED_BYTES_MAX 256

const char *shadow_name(int result)
{
    switch (result) {
    case SHADOW_CRASH: return "crash";
    case SHADOW_TIMEOUT: return "timeout";
    default: return outcome_table[result].name;
    }
}

static size_t headers_count(const struct output *out)
{
    size_t ends = 0; /* NUL bytes: one for each name and each value */
    for (size_t i = 0; i < out->headers_size; i++)
        ends += out->bytes[out->headers + i] == '\0';
    return ends / 2;
}

static void outputs_log(const struct settle *s, const struct message *m, const struct settlement *t)
{
    char text[LOGGED_BYTES_MAX + 1];

    list_for_each(node, &t->outputs)
    {
        const struct output *out = container_of(node, struct output, node);
        size_t n = strnlen(out->bytes + out->data, out->size < LOGGED_BYTES_MAX ? out->size : LOGGED_BYTES_MAX);
        memcpy(text, out->bytes + out->data, n);
        text[n] = '\0';
        log_info("shadow-output", LOG_STR("handler", s->handler->name), LOG_UINT("seq", m->stream_seq),
                 LOG_STR("subject", out->bytes), LOG_UINT("bytes", out->size), LOG_UINT("headers", headers_count(out)),
                 log_enabled(LOG_LEVEL_DEBUG) ? LOG_STR("data", text) : LOG_NONE);
    }
}

void shadow_record(struct settle *s, struct message *m, int result, const char *text)
{
    const struct settlement *t = m->settlement;
    size_t n = t ? t->n_outputs : 0;

    log_info("shadow", LOG_STR("handler", s->handler->name), LOG_STR("cluster", consumer_cluster(m->consumer)->name),
             LOG_STR("stream", consumer_stream(m->consumer)), LOG_UINT("seq", m->stream_seq),
             LOG_STR("subject", natsMsg_GetSubject(m->msg)), LOG_STR("outcome", shadow_name(result)),
             LOG_UINT("outputs", n), text && *text ? LOG_STR("text", text) : LOG_NONE);
    if (t)
        outputs_log(s, m, t);
    s->stats.shadowed[result]++;
    s->stats.shadow_outputs += n;
    settlement_free(m);
    consumer_ack(m->consumer, m);
}
