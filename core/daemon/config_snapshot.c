/* SPDX-License-Identifier: Apache-2.0
 * config_snapshot - reads the configuration and the description of each plugin. */
#include "config_snapshot.h"

#include "base/clock.h"
#include "worker/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBE_NS (10 * NS_PER_SEC)

/* The path of seamq-worker: as configured, or beside seamqd, or in ../libexec/seamq, or where it was installed. */
static int find_worker(const struct config *c, char *out, size_t size, struct error *err)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (strcmp(c->worker, "auto") != 0) {
        snprintf(out, size, "%s", c->worker);
        return access(out, X_OK) == 0 ? 0 : error_set(err, -errno, "seamqd.worker: %s: %s", out, strerror(errno));
    }
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    static const char *const places[] = {"", "../libexec/seamq/"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(out, size, "%s/%sseamq-worker", self, places[i]);
        if (access(out, X_OK) == 0)
            return 0;
    }
    snprintf(out, size, "%s/seamq-worker", SEAMQ_LIBEXECDIR);
    if (access(out, X_OK) == 0)
        return 0;
    return error_set(err, -ENOENT, "seamq-worker not found beside seamqd (%s) or in %s (set seamqd.worker to its path)",
                     self, SEAMQ_LIBEXECDIR);
}

struct probes { /* arrays for worker_probe(): one element for each handler that is enabled and has a plugin */
    const char **paths;
    size_t *handlers;
    struct plugin_info *plugins;
    struct image *images;
    struct error *refused;
    size_t n;
};

static int probe_plugins(struct config_snapshot *snapshot, struct probes *q, int give_up)
{
    struct config *c = snapshot->config;
    size_t most = c->n_handlers + 1;

    *q = (struct probes){calloc(most, sizeof(*q->paths)),   calloc(most, sizeof(*q->handlers)),
                         calloc(most, sizeof(*q->plugins)), calloc(most, sizeof(*q->images)),
                         calloc(most, sizeof(*q->refused)), 0};
    snapshot->plugins = calloc(most, sizeof(*snapshot->plugins));
    snapshot->images = calloc(most, sizeof(*snapshot->images));
    snapshot->refused = calloc(most, sizeof(*snapshot->refused));
    for (size_t i = 0; snapshot->images && i < most; i++)
        snapshot->images[i] = IMAGE_NONE;
    if (!q->paths || !q->handlers || !q->plugins || !q->images || !q->refused || !snapshot->plugins ||
        !snapshot->images || !snapshot->refused)
        return -ENOMEM;
    for (size_t i = 0; i < c->n_handlers; i++) {
        if (!c->handlers[i].enabled || !c->handlers[i].plugin_path)
            continue;
        q->paths[q->n] = c->handlers[i].plugin_path;
        q->handlers[q->n++] = i;
    }
    struct worker_probe how = {
        .program = snapshot->worker, .timeout_ns = PROBE_NS, .trust_any = snapshot->trust_any, .cancel_fd = give_up};
    worker_probe(&how, q->paths, q->n, q->plugins, q->images, q->refused);
    return 0;
}

/* Reads the description of each plugin, in a process of its own, and applies the defaults that it declares. */
static int load_plugins(struct config_snapshot *snapshot, int give_up)
{
    struct probes q;
    int rc = probe_plugins(snapshot, &q, give_up);

    for (size_t k = 0; rc == 0 && k < q.n; k++) {
        size_t i = q.handlers[k];
        snapshot->plugins[i] = q.plugins[k];
        snapshot->images[i] = q.images[k];
        snapshot->refused[i] = q.refused[k];
        if (q.refused[k].code == 0)
            config_apply_plugin(snapshot->config, &snapshot->config->handlers[i], &snapshot->plugins[i]);
    }
    free(q.paths);
    free(q.handlers);
    free(q.plugins);
    free(q.images);
    free(q.refused);
    return rc;
}

int config_snapshot_use_server(struct config_snapshot *snapshot, const char *server)
{
    struct config *c = snapshot->config;
    for (size_t i = 0; i < c->n_clusters; i++) {
        struct config_cluster *k = &c->clusters[i];
        if (k->urls.n == 0)
            continue; /* config_finish() reports a cluster without URLs */
        char *url = strdup(server);
        if (!url)
            return -ENOMEM;
        for (size_t n = 0; n < k->urls.n; n++)
            free(k->urls.items[n]);
        k->urls.items[0] = url;
        k->urls.n = 1;
    }
    return 0;
}

static void read_sources(struct config *c, const struct config_sources *s)
{
    for (size_t i = 0; i < s->n_plugin_dirs; i++)
        config_set_flag(c, "--plugin-dir", "seamqd", "plugin_dir", s->plugin_dirs[i]);
    for (size_t i = 0; i < s->n_assignments; i++)
        config_set(c, s->assignments[i]);
    if (s->file)
        config_load_file(c, s->file);
    config_load_env(c, s->env);
    config_finish(c);
}

int config_snapshot_load(struct config_snapshot **ret, const struct config_sources *sources, int give_up)
{
    struct error err = {0};
    struct config_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (!snapshot)
        return -ENOMEM;
    snapshot->refs = 1;
    int rc = config_create(&snapshot->config);
    if (rc == 0) {
        read_sources(snapshot->config, sources);
        rc = sources->url ? config_snapshot_use_server(snapshot, sources->url) : 0;
    }
    if (rc == 0) {
        snapshot->trust_any = sources->trust_any || snapshot->config->plugin_trust == TRUST_ANY;
        config_discover(snapshot->config);
        if (find_worker(snapshot->config, snapshot->worker, sizeof(snapshot->worker), &err))
            config_add_problem(snapshot->config, "%s", err.text);
        else
            rc = load_plugins(snapshot, give_up);
    }
    if (rc) {
        config_snapshot_unref(snapshot);
        return rc;
    }
    config_check_bindings(snapshot->config);
    *ret = snapshot;
    return 0;
}

void config_snapshot_log_deprecations(const struct config_snapshot *snapshot)
{
    for (size_t i = 0; i < config_n_deprecations(snapshot->config); i++)
        log_warn("config-deprecated", LOG_STR("msg", config_deprecation(snapshot->config, i)));
}

bool config_snapshot_has_dangling_link(const struct config_snapshot *snapshot, const char *path, struct error *err)
{
    const struct strv *v = &snapshot->config->dangling;
    size_t i = 0;

    while (i < v->n && strcmp(v->items[i], path) != 0)
        i++;
    return i < v->n && worker_dangling_link(path, err);
}

bool config_snapshot_runs(const struct config_snapshot *snapshot, size_t i)
{
    return snapshot->config->handlers[i].enabled && !snapshot->refused[i].code;
}

struct config_snapshot *config_snapshot_ref(struct config_snapshot *snapshot)
{
    snapshot->refs++;
    return snapshot;
}

void config_snapshot_unref(struct config_snapshot *snapshot)
{
    if (!snapshot || --snapshot->refs)
        return;
    for (size_t i = 0; snapshot->config && i < snapshot->config->n_handlers; i++) {
        if (snapshot->plugins)
            plugin_info_finish(&snapshot->plugins[i]);
        if (snapshot->images)
            image_close(&snapshot->images[i]);
    }
    free(snapshot->plugins);
    free(snapshot->images);
    free(snapshot->refused);
    config_destroy(snapshot->config);
    free(snapshot);
}
