/* SPDX-License-Identifier: Apache-2.0
 * snapshot - the sums and states behind the admin server's pages. */
#include "snapshot.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int counts_alloc(struct snapshot_counts *c, size_t most)
{
    c->items = calloc(most + 1, sizeof(*c->items));
    return c->items ? 0 : -ENOMEM;
}

static void counts_add(struct snapshot_counts *c, const char *name, uint64_t n)
{
    c->items[c->n++] = (struct snapshot_count){name, n};
}

static void connection_take(struct snapshot_connection *s, const struct connection *c)
{
    *s = (struct snapshot_connection){.cluster = connection_cluster(c),
                                      .up = connection_state(c) == CONNECTION_UP,
                                      .text = connection_state_text(c),
                                      .reconnects = connection_reconnects(c)};
}

static int consumer_take(struct snapshot_consumer *s, const struct handler *h, size_t i)
{
    struct consumer *c = handler_consumer(h, i);
    const size_t *n_by_state = consumer_messages(c)->n_by_state;

    *s = (struct snapshot_consumer){.handler = handler_config(h)->name,
                                    .cluster = consumer_cluster(c)->name,
                                    .via = consumer_via(c),
                                    .stream = consumer_stream(c),
                                    .durable = consumer_durable(c),
                                    .reason = consumer_reason(c),
                                    .ready = consumer_ready(c),
                                    .in_use = handler_pulls_from(h, i),
                                    .paused = consumer_paused_until_ns(c) != 0,
                                    .paused_until_ns = consumer_paused_until_ns(c),
                                    .stats = *consumer_stats(c),
                                    .ordered = handler_config(h)->ordering != ORDERING_NONE,
                                    .key_queues = handler_key_queues(h, i)};
    s->via_alternate = strcmp(s->cluster, s->via) != 0;
    if (counts_alloc(&s->in_flight, MESSAGE_SETTLED + 1))
        return -ENOMEM;
    for (enum message_state state = MESSAGE_READY; state <= MESSAGE_SETTLED; state++)
        if (message_state_name(state))
            counts_add(&s->in_flight, message_state_name(state), n_by_state[state]);
    return 0;
}

static void handler_sum_consumers(struct snapshot_handler *s, const struct handler *h)
{
    for (size_t i = 0; i < handler_n_consumers(h); i++) {
        struct consumer *c = handler_consumer(h, i);
        const size_t *n_by_state = consumer_messages(c)->n_by_state;
        s->pending += consumer_stats(c)->num_pending;
        s->in_flight += n_by_state[MESSAGE_RUNNING] + n_by_state[MESSAGE_READY];
    }
}

/* Messages with that outcome; ACK, DEAD and TERM count when they are settled. */
static uint64_t outcome_count(const struct snapshot_handler *s, const struct handler_stats *stats, enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_ACK: return s->settle.acked;
    case OUTCOME_DEAD: return s->dead;
    case OUTCOME_TERM: return s->settle.dropped;
    case OUTCOME_NAK:
    case OUTCOME_UNAVAILABLE: break;
    }
    return stats->outcomes[outcome];
}

static int handler_take_counts(struct snapshot_handler *s, const struct handler_stats *stats)
{
    if (counts_alloc(&s->outcomes, OUTCOMES) || counts_alloc(&s->dead_letters, DEAD_TIMEOUT + 1) ||
        counts_alloc(&s->shadowed, SHADOW_RESULTS) || counts_alloc(&s->exits, HANDLER_EXIT_REASONS) ||
        counts_alloc(&s->counters, stats->n_counters))
        return -ENOMEM;
    for (int k = 0; k < OUTCOMES; k++)
        counts_add(&s->outcomes, outcome_table[k].name, outcome_count(s, stats, (enum outcome)k));
    for (int k = 0; k <= DEAD_TIMEOUT; k++)
        counts_add(&s->dead_letters, dead_reason_name((enum dead_reason)k), s->settle.dead[k]);
    for (int k = 0; s->shadow && k < SHADOW_RESULTS; k++)
        counts_add(&s->shadowed, shadow_name(k), s->settle.shadowed[k]);
    for (int k = 0; k < HANDLER_EXIT_REASONS; k++)
        counts_add(&s->exits, handler_exit_name((enum worker_exit_reason)k), stats->exits[k]);
    for (size_t k = 0; k < stats->n_counters; k++)
        counts_add(&s->counters, stats->counters[k].name, stats->counters[k].value);
    return 0;
}

static int handler_take(struct snapshot_handler *s, const struct handler *h)
{
    const struct config_handler *c = handler_config(h);

    *s = (struct snapshot_handler){.name = c->name,
                                   .ready = handler_ready(h),
                                   .shadow = c->shadow,
                                   .state = handler_ready(h) ? "ready" : "not ready",
                                   .plugin = handler_plugin(h)->name,
                                   .version = handler_plugin(h)->version,
                                   .durable = c->durable,
                                   .filter_subject = c->filter_subjects.n ? c->filter_subjects.items[0] : ">",
                                   .only_cluster = handler_n_consumers(h) > 1 ? NULL : c->clusters.items[0],
                                   .reason = handler_reason(h),
                                   .workers = handler_n_workers(h),
                                   .breaker_open = handler_breaker(h)->open,
                                   .breaker_opened = handler_breaker(h)->opened,
                                   .handled = handler_stats(h)->handled,
                                   .restarts = handler_stats(h)->restarts,
                                   .failovers = handler_stats(h)->failovers,
                                   .settle = *handler_settle_stats(h),
                                   .duration = &handler_stats(h)->duration};
    s->note = s->ready ? s->note_text : s->reason;
    handler_note(h, s->note_text, sizeof(s->note_text));
    for (size_t i = 0; i < handler_n_workers(h); i++)
        s->workers_ready += worker_ready(handler_worker(h, i));
    for (int k = 0; k <= DEAD_TIMEOUT; k++)
        s->dead += s->settle.dead[k];
    for (int k = 0; k < OUTCOMES; k++)
        s->failed += outcome_table[k].error ? handler_stats(h)->outcomes[k] : 0;
    if (s->handled)
        s->average_duration_ns = (int64_t)(s->duration->sum_ns / s->handled);
    handler_sum_consumers(s, h);
    return handler_take_counts(s, handler_stats(h));
}

static int handlers_take(struct admin_snapshot *s, const struct report *r)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->n_handlers; i++) {
        struct snapshot_handler *to = &s->handlers[s->n_handlers++];
        rc = handler_take(to, r->handlers[i]);
        to->consumers = &s->consumers[s->n_consumers];
        for (size_t k = 0; rc == 0 && k < handler_n_consumers(r->handlers[i]); k++, to->n_consumers++)
            rc = consumer_take(&s->consumers[s->n_consumers++], r->handlers[i], k);
        s->ready = s->ready && to->ready;
    }
    s->n_running = s->n_handlers;
    for (size_t i = 0; rc == 0 && i < r->n_refused; i++) {
        struct snapshot_handler *to = &s->handlers[s->n_handlers++];
        *to = (struct snapshot_handler){
            .name = r->refused[i].handler, .refused = true, .state = "refused", .note = r->refused[i].text};
    }
    return rc;
}

int admin_snapshot_take(struct admin_snapshot *ret, const struct report *r)
{
    size_t n_consumers = 0;
    for (size_t i = 0; i < r->n_handlers; i++)
        n_consumers += handler_n_consumers(r->handlers[i]);
    struct admin_snapshot s = {.version = r->version,
                               .name = r->name,
                               .started_ns = r->started_ns,
                               .up_seconds = (clock_wall_ns() - r->started_ns) / NS_PER_SEC,
                               .ready = !r->draining && r->n_refused == 0,
                               .last_reload_complete = !r->reload->last_refused,
                               .last_reload_ns = r->reload->last_ns,
                               .log_lines_dropped = log_dropped(),
                               .connections = calloc(r->n_connections + 1, sizeof(*s.connections)),
                               .handlers = calloc(r->n_handlers + r->n_refused + 1, sizeof(*s.handlers)),
                               .consumers = calloc(n_consumers + 1, sizeof(*s.consumers))};
    int rc = s.connections && s.handlers && s.consumers ? handlers_take(&s, r) : -ENOMEM;
    if (rc) {
        admin_snapshot_finish(&s);
        return rc;
    }
    for (size_t i = 0; i < r->n_connections; i++)
        connection_take(&s.connections[s.n_connections++], r->connections[i]);
    s.state = r->draining ? "draining" : s.ready ? "ready" : "not ready";
    *ret = s;
    return 0;
}

void admin_snapshot_finish(struct admin_snapshot *s)
{
    for (size_t i = 0; i < s->n_handlers; i++) {
        free(s->handlers[i].outcomes.items);
        free(s->handlers[i].dead_letters.items);
        free(s->handlers[i].shadowed.items);
        free(s->handlers[i].exits.items);
        free(s->handlers[i].counters.items);
    }
    for (size_t i = 0; i < s->n_consumers; i++)
        free(s->consumers[i].in_flight.items);
    free(s->connections);
    free(s->handlers);
    free(s->consumers);
    *s = (struct admin_snapshot){0};
}
