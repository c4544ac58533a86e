/* SPDX-License-Identifier: Apache-2.0
 * clusters - the connections: opened for the handlers that use them, closed when none does. */
#include "daemon_private.h"
#include "config_snapshot.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLUSH_NS NS_PER_SEC

static void on_connection_state(void *data, enum connection_state state, const char *text)
{
    struct cluster *c = data;

    if (state != CONNECTION_UP)
        requests_connection_down(c->requests);
    if (state == CONNECTION_UP)
        log_info("connected", LOG_STR("cluster", c->config->name), LOG_STR("server", text));
    else if (!c->said || strcmp(c->said, text) != 0)
        log_warn("disconnected", LOG_STR("cluster", c->config->name), LOG_STR("msg", text),
                 LOG_STR("then", "trying again until it answers"));
    free(c->said);
    c->said = state == CONNECTION_UP ? NULL : strdup(text);
    list_for_each(node, &c->daemon->instances)
        handler_connection_state(container_of(node, struct instance, node)->handler, c->connection, state, text);
}

static void on_connection_error(void *data, const char *text)
{
    struct cluster *c = data;
    log_warn("server-error", LOG_STR("cluster", c->config->name), LOG_STR("msg", text));
    list_for_each(node, &c->daemon->instances)
        handler_connection_error(container_of(node, struct instance, node)->handler, c->connection, text);
}

static void close_cluster(struct cluster *c)
{
    list_remove(&c->node);
    discovery_destroy(c->discovery);
    requests_destroy(c->requests);
    if (connection_destroy(c->connection, FLUSH_NS))
        config_snapshot_unref(c->snapshot); /* else its thread still reads it */
    free(c->said);
    free(c);
}

struct cluster *clusters_find(const struct daemon *d, const struct config_snapshot *g, const char *name)
{
    const struct config_cluster *wanted = config_find_cluster(g->config, name);

    list_for_each(node, &d->clusters)
    {
        struct cluster *c = container_of(node, struct cluster, node);
        if (strcmp(c->config->name, name) == 0 && config_cluster_same(c->config, wanted))
            return c;
    }
    return NULL;
}

static int open_cluster(struct daemon *d, struct config_snapshot *g, const char *name, struct error *err)
{
    static const struct connection_callbacks callbacks = {.on_state = on_connection_state,
                                                          .on_error = on_connection_error};
    char title[256];

    if (clusters_find(d, g, name))
        return 0;
    struct cluster *c = calloc(1, sizeof(*c));
    if (!c)
        return error_set(err, -ENOMEM, "cluster %s: out of memory", name);
    *c = (struct cluster){
        .daemon = d, .snapshot = config_snapshot_ref(g), .config = config_find_cluster(g->config, name)};
    list_push_back(&d->clusters, &c->node);
    snprintf(title, sizeof(title), "seamqd %s", g->config->name);
    int rc = connection_create(&c->connection, d->loop, c->config, title, &callbacks, c, err);
    if (rc == 0) {
        rc = requests_create(&c->requests, d->loop, c->connection);
        if (rc == 0)
            rc = discovery_create(&c->discovery, c->connection, &d->report);
        if (rc)
            error_set(err, rc, "cluster %s: %s", name, strerror(-rc));
    }
    if (rc)
        close_cluster(c);
    return rc;
}

static bool uses(const struct config_snapshot *g, const char *name, bool *ret_mesh)
{
    bool used = false;
    for (size_t i = 0; i < g->config->n_handlers; i++) {
        const struct config_handler *h = &g->config->handlers[i];
        for (size_t k = 0; instance_wanted(g, i) && k < h->clusters.n; k++) {
            used = used || strcmp(h->clusters.items[k], name) == 0;
            *ret_mesh = *ret_mesh || config_find_cluster(g->config, h->clusters.items[k])->domain;
        }
    }
    return used;
}

/* A mesh is what has JetStream domains: each of its clusters may be the way to another one. */
static bool wants(const struct config_snapshot *g, const struct config_cluster *c)
{
    bool mesh = false;
    return uses(g, c->name, &mesh) || (mesh && c->domain);
}

int clusters_open(struct daemon *d, struct config_snapshot *g, struct error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < g->config->n_clusters; i++)
        if (wants(g, &g->config->clusters[i]))
            rc = open_cluster(d, g, g->config->clusters[i].name, err);
    return rc;
}

void clusters_close_unused(struct daemon *d)
{
    list_for_each_safe(node, &d->clusters)
    {
        struct cluster *c = container_of(node, struct cluster, node);
        const struct config_cluster *now = config_find_cluster(d->snapshot->config, c->config->name);
        bool wanted = now && config_cluster_same(now, c->config) && wants(d->snapshot, now);
        if (!wanted && !instances_use(d, c))
            close_cluster(c);
    }
}

void clusters_close_all(struct daemon *d)
{
    while (!list_empty(&d->clusters))
        close_cluster(container_of(d->clusters.next, struct cluster, node));
}
