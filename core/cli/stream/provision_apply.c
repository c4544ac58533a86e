/* SPDX-License-Identifier: Apache-2.0
 * stream/provision_apply - carries a plan out. */
#include "provision_private.h"

#include "base/clock.h"
#include "diff.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROUNDS 10 /* limit if somebody else keeps changing the same item */
#define PAUSE_MS 200

/* Origins before their copies, streams before their consumers. */
enum phase { PHASE_STREAMS, PHASE_COPIES, PHASE_CONSUMERS, N_PHASES };

static enum phase phase_of(const struct item *it)
{
    if (it->consumer)
        return PHASE_CONSUMERS;
    return it->stream->mirror || it->stream->sources.n ? PHASE_COPIES : PHASE_STREAMS;
}

static void add_stream(struct batch *b, struct provision *p, struct item *it)
{
    json_t *config = it->action == ACTION_CREATE ? it->wanted : it->update;
    char *body = json_dumps(config, JSON_COMPACT);
    p->oom = p->oom || !body;
    enum api_verb verb = it->action == ACTION_CREATE ? API_STREAM_CREATE : API_STREAM_UPDATE;
    batch_add(b, it, body, (struct api_path){verb, .stream = it->stream->name});
}

static void add_consumer(struct batch *b, struct provision *p, struct item *it)
{
    bool create = it->action == ACTION_CREATE;
    char *body =
        consumer_config_request(it->consumer->stream, create ? it->wanted : it->update, create ? "create" : "update");
    p->oom = p->oom || !body;
    batch_add(b, it, body, consumer_config_path(it->consumer));
}

/* A server drops an unknown field silently, so its answer is compared with the configuration. */
static void verify(struct provision *p, struct item *it, json_t *answer)
{
    struct diff d;
    int rc = it->stream ? diff_stream(&d, it->wanted, answer, own_domain(p), clock_wall_ns())
                        : diff_consumer(&d, it->wanted, answer);
    if (rc < 0) {
        p->oom = true;
        return;
    }
    json_t *left = json_array_get(d.changes, 0);
    if (left)
        item_fail(p, it, ACTION_FAILED, "the server took it and yet %s is %s, not %s (a newer server may do it)",
                  json_string_value(json_object_get(left, "field")), json_string_value(json_object_get(left, "from")),
                  json_string_value(json_object_get(left, "to")));
    it->open = false;
    diff_finish(&d);
}

/* True: somebody else has created or deleted the item since the plan. */
static bool lost_race(const struct item *it, const struct answer *a)
{
    if (it->action == ACTION_CREATE)
        return a->err_code == JS_STREAM_NAME_EXISTS || a->err_code == JS_CONSUMER_NAME_EXISTS ||
               a->err_code == JS_CONSUMER_ALREADY_EXISTS;
    return a->err_code == JS_STREAM_NOT_FOUND || a->err_code == JS_CONSUMER_NOT_FOUND;
}

static void take_answer(struct provision *p, struct item *it, const struct call *call)
{
    struct error why;

    if (call->answer.rc == 0) {
        verify(p, it, call->answer.json);
    } else if (lost_race(it, &call->answer)) {
        it->stale = true;
    } else {
        session_explain(p->session, call, &why);
        item_fail(p, it, ACTION_FAILED, "%s", why.text);
    }
}

static void apply_phase(struct provision *p, enum phase phase)
{
    static const char *const what[N_PHASES] = {"streams", "mirrors and sources", "consumers"};
    struct batch b;

    if (batch_init(&b, p) < 0) {
        p->oom = true;
        return;
    }
    for (size_t i = 0; i < p->n; i++) {
        struct item *it = &p->items[i];
        if (!it->open || phase_of(it) != phase)
            continue;
        if (it->stream)
            add_stream(&b, p, it);
        else
            add_consumer(&b, p, it);
    }
    if (b.n)
        batch_run(&b, p, what[phase]);
    for (size_t i = 0; !p->oom && i < b.n; i++)
        take_answer(p, b.items[i], &b.calls[i]);
    batch_finish(&b);
}

static bool any_stale(const struct provision *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].stale)
            return true;
    return false;
}

/* Another process may change an item after the plan: stale items are read and planned again. */
static void look_again(struct provision *p, int round)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].stale && round == MAX_ROUNDS)
            item_fail(p, &p->items[i], ACTION_FAILED, "somebody else keeps changing it at the same time");
    poll(NULL, 0, PAUSE_MS);
    read_stale(p);
    plan_stale(p);
}

int provision_apply(struct provision *p)
{
    if (provision_count(p, ACTION_REFUSED) || provision_count(p, ACTION_FAILED))
        return -EPERM;
    for (int round = 0; !p->oom; round++) {
        for (enum phase phase = PHASE_STREAMS; phase < N_PHASES && !p->oom; phase++)
            apply_phase(p, phase);
        if (p->oom || !any_stale(p))
            break;
        look_again(p, round);
    }
    return p->oom ? -ENOMEM : 0;
}
