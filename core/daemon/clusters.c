/* SPDX-License-Identifier: Apache-2.0
 * clusters - opens the connections that handlers use, and closes those that none uses any more. */
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
    else if (!c->logged_reason || strcmp(c->logged_reason, text) != 0)
        log_warn("disconnected", LOG_STR("cluster", c->config->name), LOG_STR("msg", text),
                 LOG_STR("then", "retrying until a server responds"));
    free(c->logged_reason);
    c->logged_reason = state == CONNECTION_UP ? NULL : strdup(text);
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
        config_snapshot_unref(c->snapshot); /* a thread that hangs in nats.c still uses the configuration: leak it */
    free(c->logged_reason);
    free(c);
}

struct cluster *clusters_find(const struct daemon *d, const struct config_snapshot *snapshot, const char *name)
{
    const struct config_cluster *wanted = config_find_cluster(snapshot->config, name);

    list_for_each(node, &d->clusters)
    {
        struct cluster *c = container_of(node, struct cluster, node);
        if (strcmp(c->config->name, name) == 0 && config_cluster_same(c->config, wanted))
            return c;
    }
    return NULL;
}

static int open_cluster(struct daemon *d, struct config_snapshot *snapshot, const char *name, struct error *err)
{
    static const struct connection_callbacks callbacks = {.on_state = on_connection_state,
                                                          .on_error = on_connection_error};
    char title[256];

    if (clusters_find(d, snapshot, name))
        return 0;
    struct cluster *c = calloc(1, sizeof(*c));
    if (!c)
        return error_set(err, -ENOMEM, "cluster %s: out of memory", name);
    *c = (struct cluster){
        .daemon = d, .snapshot = config_snapshot_ref(snapshot), .config = config_find_cluster(snapshot->config, name)};
    list_push_back(&d->clusters, &c->node);
    snprintf(title, sizeof(title), "seamqd %s", snapshot->config->name);
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

static bool uses_cluster(const struct config_snapshot *snapshot, const char *name, bool *ret_mesh)
{
    bool used = false;
    for (size_t i = 0; i < snapshot->config->n_handlers; i++) {
        const struct config_handler *h = &snapshot->config->handlers[i];
        for (size_t k = 0; config_snapshot_runs(snapshot, i) && k < h->clusters.n; k++) {
            used = used || strcmp(h->clusters.items[k], name) == 0;
            *ret_mesh = *ret_mesh || config_find_cluster(snapshot->config, h->clusters.items[k])->domain;
        }
    }
    return used;
}

/* Clusters with a JetStream domain form a mesh, and each of them may be an alternate path to the others. So if handlers
 * use one of them, all are opened. */
static bool wants_cluster(const struct config_snapshot *snapshot, const struct config_cluster *c)
{
    bool mesh = false;
    return uses_cluster(snapshot, c->name, &mesh) || (mesh && c->domain);
}

int clusters_open(struct daemon *d, struct config_snapshot *snapshot, struct error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < snapshot->config->n_clusters; i++)
        if (wants_cluster(snapshot, &snapshot->config->clusters[i]))
            rc = open_cluster(d, snapshot, snapshot->config->clusters[i].name, err);
    return rc;
}

void clusters_close_unused(struct daemon *d)
{
    list_for_each_safe(node, &d->clusters)
    {
        struct cluster *c = container_of(node, struct cluster, node);
        const struct config_cluster *now = config_find_cluster(d->snapshot->config, c->config->name);
        bool wanted = now && config_cluster_same(now, c->config) && wants_cluster(d->snapshot, now);
        if (!wanted && !instances_use_cluster(d, c))
            close_cluster(c);
    }
}

void clusters_close_all(struct daemon *d)
{
    while (!list_empty(&d->clusters))
        close_cluster(container_of(d->clusters.next, struct cluster, node));
}
