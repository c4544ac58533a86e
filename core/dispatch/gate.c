/* SPDX-License-Identifier: Apache-2.0
 * gate - whether a message may start, and how many are worth pulling. */
#include "handler_private.h"

static void on_again(struct loop_timer *t)
{
    (void)t; /* the hook runs at the end of this iteration */
}

void gate_init(struct handler *h)
{
    const struct config_handler *c = h->config;

    h->gate = (struct gate){.closable = c->rate_limit > 0 || c->max_in_flight > 0, .again = {.fire = on_again}};
    if (c->rate_limit > 0)
        rate_init(&h->gate.rate, c->rate_limit);
}

void gate_finish(struct handler *h)
{
    loop_disarm(h->loop, &h->gate.again);
}

/* Messages that workers have. */
static size_t running(const struct handler *h)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n_slots; i++)
        n += h->slots[i].n;
    return n;
}

bool gate_open(struct handler *h)
{
    const struct config_handler *c = h->config;

    if (!h->gate.closable)
        return true;
    if (c->max_in_flight > 0 && running(h) >= (size_t)c->max_in_flight)
        return false; /* the next outcome opens it */
    if (c->rate_limit > 0 && rate_due_ns(&h->gate.rate) > loop_now_ns(h->loop)) {
        loop_arm(h->loop, &h->gate.again, rate_due_ns(&h->gate.rate));
        return false;
    }
    return true;
}

void gate_pass(struct handler *h)
{
    if (h->gate.closable && h->config->rate_limit > 0)
        rate_start(&h->gate.rate, loop_now_ns(h->loop));
}

/* What the workers have, and no more of slow messages; of fast ones as many on their way. */
static size_t in_flight_window(const struct handler *h)
{
    size_t max = (size_t)h->config->max_in_flight;
    return h->duration_ns < HANDLER_SLOW_NS ? max * 2 : max;
}

/* What may start soon. */
static size_t rate_window(struct handler *h)
{
    int64_t now = loop_now_ns(h->loop);
    size_t room = rate_room(&h->gate.rate, now, now + GATE_AHEAD_NS);
    if (room == 0 && list_empty(&h->ready)) /* else gate_open() has armed it */
        loop_arm(h->loop, &h->gate.again, rate_due_ns(&h->gate.rate) - GATE_AHEAD_NS);
    return room;
}

size_t gate_window(struct handler *h, struct consumer *c, size_t window)
{
    const size_t *n = consumer_held(c)->n_by_state;

    if (!h->gate.closable || window == 0)
        return window;
    if (h->config->max_in_flight > 0) {
        size_t most = n[HELD_SETTLING] + in_flight_window(h);
        window = window < most ? window : most;
    }
    if (h->config->rate_limit > 0) {
        size_t most = n[HELD_RUNNING] + n[HELD_SETTLING] + rate_window(h);
        window = window < most ? window : most;
    }
    return window;
}
