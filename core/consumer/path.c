/* SPDX-License-Identifier: Apache-2.0
 *
 * path - chooses the connection by which a consumer's stream is reached.
 *
 * Normally that is the cluster's own connection.  If it is down for longer than a reconnect takes, and the cluster is a
 * JetStream domain, requests to `$JS.<domain>.API` are sent through the servers of another cluster: its gateways may
 * still reach servers that this process cannot.  The cluster's own connection is used again as soon as it is up.  Every
 * path keeps its inbox, so messages that a request on the former path still brings are not lost.
 */
#include "consumer_private.h"

#include <errno.h>
#include <stdio.h>

#define ALTERNATE_AFTER_NS (500 * NS_PER_MS)

int consumer_add_path(struct consumer *c, struct requests *requests)
{
    if (c->paths.n == PATHS_MAX)
        return 0;
    struct path *p = &c->paths.all[c->paths.n];
    *p = (struct path){
        .consumer = c, .requests = requests, .up = connection_state(requests_connection(requests)) == CONNECTION_UP};
    p->inbox = pull_subscribe(p, &p->prefix_len);
    if (!p->inbox)
        return -ENOMEM;
    c->paths.n++;
    return 0;
}

void path_finish(struct consumer *c)
{
    loop_disarm(c->loop, &c->paths.timer);
    for (size_t i = 0; i < c->paths.n; i++)
        connection_unsubscribe(c->paths.all[i].inbox);
    c->paths.n = 0;
}

void path_drain_inboxes(struct consumer *c)
{
    for (size_t i = 0; i < c->paths.n; i++)
        connection_drain_sub(c->paths.all[i].inbox);
}

static void path_set_current(struct consumer *c, size_t i)
{
    c->paths.current = i;
    c->requests = c->paths.all[i].requests;
}

/* Messages published on this path may be lost, and the next path must be verified to lead to the same stream. */
static void path_leave(struct consumer *c, const char *why)
{
    binding_disconnect(c);
    lease_connection_down(c);
    pull_reset(c, 0);
    path_set_current(c, 0);
    readiness_lose(c, "%s", why);
}

static void path_take(struct consumer *c, size_t i)
{
    char why[CONSUMER_REASON_MAX];

    snprintf(why, sizeof(why),
             "cluster %s: its own servers respond again; the servers of cluster %s are no longer used",
             c->cluster->name, consumer_via(c));
    if (c->binding.stage != BINDING_DISCONNECTED)
        path_leave(c, why);
    path_set_current(c, i);
    binding_start(c);
}

static void path_choose(struct consumer *c)
{
    struct paths *p = &c->paths;

    if (p->all[0].up) {
        if (p->current != 0 || c->binding.stage == BINDING_DISCONNECTED)
            path_take(c, 0);
        return;
    }
    if (c->binding.stage != BINDING_DISCONNECTED || p->n == 1)
        return;
    if (loop_now_ns(c->loop) < p->alternate_from_ns) {
        loop_arm(c->loop, &p->timer, p->alternate_from_ns);
        return;
    }
    for (size_t i = 1; i < p->n; i++) {
        if (p->all[i].up) {
            path_take(c, i);
            return;
        }
    }
}

static void on_timer(struct loop_timer *t)
{
    struct consumer *c = t->data;
    if (c->binding.stage != BINDING_STOPPED)
        path_choose(c);
}

void path_retry(struct consumer *c)
{
    struct paths *p = &c->paths;

    for (size_t k = 1; p->current != 0 && k < p->n; k++) {
        size_t i = 1 + (p->current - 1 + k) % (p->n - 1);
        if (!p->all[i].up)
            continue;
        if (i != p->current) { /* what was published on the former path may be lost */
            lease_connection_down(c);
            binding_unverify(c);
        }
        path_set_current(c, i);
        break;
    }
    binding_start(c);
}

void path_start(struct consumer *c)
{
    c->paths.timer = (struct loop_timer){.fire = on_timer, .data = c};
    c->paths.alternate_from_ns = loop_now_ns(c->loop) + ALTERNATE_AFTER_NS;
    loop_arm(c->loop, &c->paths.timer, loop_now_ns(c->loop));
}

void consumer_connection_state(struct consumer *c, const struct connection *connection, enum connection_state state,
                               const char *text)
{
    struct paths *p = &c->paths;
    size_t i = 0;

    while (i < p->n && requests_connection(p->all[i].requests) != connection)
        i++;
    if (i == p->n || c->binding.stage == BINDING_STOPPED)
        return;
    bool was_up = p->all[i].up;
    p->all[i].up = state == CONNECTION_UP;
    if (i == 0 && state != CONNECTION_UP) {
        snprintf(p->own_down_reason, sizeof(p->own_down_reason), "cluster %s: not connected: %s", c->cluster->name,
                 text);
        if (was_up)
            p->alternate_from_ns = loop_now_ns(c->loop) + ALTERNATE_AFTER_NS;
    }
    if (i == p->current && state != CONNECTION_UP)
        path_leave(c, p->own_down_reason);
    path_choose(c);
}

bool consumer_uses(const struct consumer *c, const struct connection *connection)
{
    for (size_t i = 0; i < c->paths.n; i++)
        if (requests_connection(c->paths.all[i].requests) == connection)
            return true;
    return false;
}

const char *consumer_via(const struct consumer *c)
{
    return connection_cluster(consumer_connection(c));
}
