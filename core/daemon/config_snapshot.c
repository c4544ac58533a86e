/* SPDX-License-Identifier: Apache-2.0
 * generation - configuration and plugins, read once. */
#include "config_snapshot.h"

#include "base/clock.h"
#include "worker/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBE_NS (10 * NS_PER_SEC)

/* seamq-worker: as configured, else beside seamqd, else ../libexec/seamq, else the installed one. */
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
    return error_set(err, -ENOENT,
                     "seamq-worker is neither beside seamqd (%s) nor in %s (set seamqd.worker to its path)", self,
                     SEAMQ_LIBEXECDIR);
}

/* What is asked of the plugins, packed: handlers without a plugin are left out. */
struct questions {
    const char **paths;
    size_t *handlers;
    struct plugin_info *plugins;
    struct image *images;
    struct error *refused;
    size_t n;
};

static int ask_plugins(struct config_snapshot *g, struct questions *q, int give_up)
{
    struct config *c = g->config;
    size_t most = c->n_handlers + 1;

    *q = (struct questions){calloc(most, sizeof(*q->paths)),   calloc(most, sizeof(*q->handlers)),
                            calloc(most, sizeof(*q->plugins)), calloc(most, sizeof(*q->images)),
                            calloc(most, sizeof(*q->refused)), 0};
    g->plugins = calloc(most, sizeof(*g->plugins));
    g->images = calloc(most, sizeof(*g->images));
    g->refused = calloc(most, sizeof(*g->refused));
    for (size_t i = 0; g->images && i < most; i++)
        g->images[i] = IMAGE_NONE;
    if (!q->paths || !q->handlers || !q->plugins || !q->images || !q->refused || !g->plugins || !g->images ||
        !g->refused)
        return -ENOMEM;
    for (size_t i = 0; i < c->n_handlers; i++) {
        if (!c->handlers[i].enabled || !c->handlers[i].plugin_path)
            continue;
        q->paths[q->n] = c->handlers[i].plugin_path;
        q->handlers[q->n++] = i;
    }
    struct worker_probe how = {
        .program = g->worker, .timeout_ns = PROBE_NS, .trust_any = g->trust_any, .cancel_fd = give_up};
    worker_probe(&how, q->paths, q->n, q->plugins, q->images, q->refused);
    return 0;
}

/* Asks each plugin what it is, in a process of its own, and takes its defaults. */
static int load_plugins(struct config_snapshot *g, int give_up)
{
    struct questions q;
    int rc = ask_plugins(g, &q, give_up);

    for (size_t k = 0; rc == 0 && k < q.n; k++) {
        size_t i = q.handlers[k];
        g->plugins[i] = q.plugins[k];
        g->images[i] = q.images[k];
        g->refused[i] = q.refused[k];
        if (q.refused[k].code == 0)
            config_apply_plugin(g->config, &g->config->handlers[i], &g->plugins[i]);
    }
    free(q.paths);
    free(q.handlers);
    free(q.plugins);
    free(q.images);
    free(q.refused);
    return rc;
}

int config_snapshot_use_server(struct config_snapshot *g, const char *server)
{
    struct config *c = g->config;
    for (size_t i = 0; i < c->n_clusters; i++) {
        struct config_cluster *k = &c->clusters[i];
        if (k->urls.n == 0)
            continue; /* a problem of the configuration's, which says so itself */
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
    struct config_snapshot *g = calloc(1, sizeof(*g));
    if (!g)
        return -ENOMEM;
    g->refs = 1;
    int rc = config_create(&g->config);
    if (rc == 0) {
        read_sources(g->config, sources);
        rc = sources->url ? config_snapshot_use_server(g, sources->url) : 0;
    }
    if (rc == 0) {
        g->trust_any = sources->trust_any || g->config->plugin_trust == TRUST_ANY;
        config_discover(g->config);
        if (find_worker(g->config, g->worker, sizeof(g->worker), &err))
            config_add_problem(g->config, "%s", err.text);
        else
            rc = load_plugins(g, give_up);
    }
    if (rc) {
        config_snapshot_unref(g);
        return rc;
    }
    config_check_bindings(g->config);
    *ret = g;
    return 0;
}

void config_snapshot_log_deprecations(const struct config_snapshot *g)
{
    for (size_t i = 0; i < config_n_deprecations(g->config); i++)
        log_warn("config-deprecated", LOG_STR("msg", config_deprecation(g->config, i)));
}

bool config_snapshot_dangling(const struct config_snapshot *g, const char *path, struct error *err)
{
    const struct strv *v = &g->config->dangling;
    size_t i = 0;

    while (i < v->n && strcmp(v->items[i], path) != 0)
        i++;
    return i < v->n && worker_dangling_link(path, err);
}

struct config_snapshot *config_snapshot_ref(struct config_snapshot *g)
{
    g->refs++;
    return g;
}

void config_snapshot_unref(struct config_snapshot *g)
{
    if (!g || --g->refs)
        return;
    for (size_t i = 0; g->config && i < g->config->n_handlers; i++) {
        if (g->plugins)
            plugin_info_finish(&g->plugins[i]);
        if (g->images)
            image_close(&g->images[i]);
    }
    free(g->plugins);
    free(g->images);
    free(g->refused);
    config_destroy(g->config);
    free(g);
}
