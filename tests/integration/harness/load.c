/* SPDX-License-Identifier: Apache-2.0
 * load - publishes by a ledger, waits for marks, strikes. */
#include "load.h"

#include <inttypes.h>

uint32_t load_messages(void)
{
    return world_messages(20000);
}

double load_deadline_s(void)
{
    return 90 + load_messages() / 250.0;
}

struct ledger *load_start(struct scene *s, ledger_verb verb)
{
    struct ledger_options o = {.urls = s->urls, .subject = "work.test", .count = load_messages(), .verb = verb};
    return ledger_start(s->w, &o);
}

void load_wait_mark(struct scene *s, unsigned i, unsigned n)
{
    uint64_t step = load_messages() / (n + 1);
    uint64_t mark = step * (i + 1) - world_random(s->w) % (step / 2 + 1);
    if (!effects_wait(s->effects, mark, load_deadline_s()))
        fail_msg("stuck: the handler ran %" PRIu64 " times, waiting for %" PRIu64, effects_lines(s->effects), mark);
}

void load_interrupt(struct scene *s, unsigned n, void (*strike)(struct scene *s))
{
    for (unsigned i = 0; i < n; i++) {
        load_wait_mark(s, i, n);
        strike(s);
    }
}

struct ledger_count load_finish(struct scene *s, struct ledger *l)
{
    ledger_finish(l, load_deadline_s());
    scene_expect_settled(s, load_deadline_s());
    ledger_expect_complete(l, s->effects, s->client);
    return ledger_count(l, s->effects, s->client);
}

void load_kill_daemon(struct scene *s)
{
    daemon_kill(s->daemon);
    scene_start(s);
}

void load_kill_server(struct scene *s)
{
    server_kill(s->server);
    server_restart(s->server);
}
