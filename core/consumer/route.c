/* SPDX-License-Identifier: Apache-2.0
 *
 * route - by which connection a consumer's stream is reached.
 *
 * Normally its own cluster's.  When that one is down for a moment longer than a reconnect takes, and
 * the cluster is a JetStream domain, the servers of another cluster of the mesh are asked for
 * `$JS.<domain>.API`: the gateways may live although we cannot reach the servers behind them.  The own
 * connection is used again as soon as it is up.  Every route keeps its inbox, so what a request on
 * the old one still brings is not lost.
 */
#include "consumer_private.h"

#include <errno.h>
#include <stdio.h>

#define DETOUR_AFTER_NS (500 * NS_PER_MS)

int consumer_add_route(struct consumer *c, struct requests *requests)
{
    if (c->n_routes == ROUTES_MAX)
        return 0;
    struct route *r = &c->routes[c->n_routes];
    *r = (struct route){
        .consumer = c, .requests = requests, .up = connection_state(requests_connection(requests)) == CONNECTION_UP};
    int rc = pull_listen(r);
    if (rc == 0)
        c->n_routes++;
    return rc;
}

void route_finish(struct consumer *c)
{
    loop_disarm(c->loop, &c->detour);
    for (size_t i = 0; i < c->n_routes; i++)
        connection_unsubscribe(c->routes[i].inbox);
    c->n_routes = 0;
}

/* As after a lost connection: what was sent on the old route may be lost, and the new one has to show
 * that it leads to the same stream. */
static void leave(struct consumer *c, const char *why)
{
    setup_stop(c);
    lease_connection_down(c);
    pull_reset(c, 0);
    c->stage = STAGE_CONNECTION;
    c->verified = false;
    c->route = 0;
    c->requests = c->routes[0].requests;
    setup_reason(c, "%s", why);
}

static void take(struct consumer *c, size_t i)
{
    char why[CONSUMER_REASON_MAX];

    snprintf(why, sizeof(why), "cluster %s: its own servers answer again: leaving those of cluster %s",
             c->cluster->name, consumer_via(c));
    if (c->stage != STAGE_CONNECTION)
        leave(c, why);
    c->route = i;
    c->requests = c->routes[i].requests;
    setup_start(c);
}

static void choose(struct consumer *c)
{
    int64_t now = loop_now_ns(c->loop);

    if (c->routes[0].up) {
        if (c->route != 0 || c->stage == STAGE_CONNECTION)
            take(c, 0);
        return;
    }
    if (c->stage != STAGE_CONNECTION || c->n_routes == 1)
        return;
    if (now < c->detour_from_ns) {
        loop_arm(c->loop, &c->detour, c->detour_from_ns);
        return;
    }
    for (size_t i = 1; i < c->n_routes; i++) {
        if (c->routes[i].up) {
            take(c, i);
            return;
        }
    }
}

static void on_detour(struct loop_timer *t)
{
    struct consumer *c = t->data;
    if (c->stage != STAGE_STOPPED)
        choose(c);
}

void route_retry(struct consumer *c)
{
    for (size_t k = 1; c->route != 0 && k < c->n_routes; k++) {
        size_t i = 1 + (c->route - 1 + k) % (c->n_routes - 1);
        if (c->routes[i].up) {
            if (i != c->route) { /* what was sent by the other may be lost: the setup leads to lease_resume() */
                lease_connection_down(c);
                c->verified = false;
            }
            c->route = i;
            c->requests = c->routes[i].requests;
            break;
        }
    }
    setup_start(c);
}

void route_start(struct consumer *c)
{
    c->detour = (struct loop_timer){.fire = on_detour, .data = c};
    c->detour_from_ns = loop_now_ns(c->loop) + DETOUR_AFTER_NS;
    loop_arm(c->loop, &c->detour, loop_now_ns(c->loop));
}

void consumer_connection_state(struct consumer *c, const struct connection *connection, enum connection_state state,
                               const char *text)
{
    size_t i = 0;
    while (i < c->n_routes && requests_connection(c->routes[i].requests) != connection)
        i++;
    if (i == c->n_routes || c->stage == STAGE_STOPPED)
        return;
    bool was_up = c->routes[i].up;
    c->routes[i].up = state == CONNECTION_UP;
    if (i == 0 && state != CONNECTION_UP) {
        snprintf(c->own_trouble, sizeof(c->own_trouble), "cluster %s: not connected: %s", c->cluster->name, text);
        if (was_up)
            c->detour_from_ns = loop_now_ns(c->loop) + DETOUR_AFTER_NS;
    }
    if (i == c->route && state != CONNECTION_UP)
        leave(c, c->own_trouble);
    choose(c);
}

bool consumer_uses(const struct consumer *c, const struct connection *connection)
{
    for (size_t i = 0; i < c->n_routes; i++)
        if (requests_connection(c->routes[i].requests) == connection)
            return true;
    return false;
}

const char *consumer_via(const struct consumer *c)
{
    return connection_cluster(requests_connection(c->requests));
}
