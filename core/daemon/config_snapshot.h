/* SPDX-License-Identifier: Apache-2.0
 *
 * generation - one reading of the configuration and of the plugins that it names: what seamqd starts
 * with, and what each reload brings.
 *
 * Counted: each handler and cluster that runs by it holds one reference.  Loading blocks (it starts the
 * plugins in processes of their own) and may be done on any thread, one at a time.
 */
#ifndef SEAMQ_DAEMON_CONFIG_SNAPSHOT_H
#define SEAMQ_DAEMON_CONFIG_SNAPSHOT_H

#include "base/error.h"
#include "config/config.h"
#include "ring/image.h"

#include <limits.h>

struct config_sources { /* where configurations come from, the same at each reload */
    const char *file;   /* NULL: none */
    char *const *env;
    char *const *plugin_dirs; /* of the command line, n_plugin_dirs */
    size_t n_plugin_dirs;
    char *const *assignments; /* SECTION.KEY=VALUE of the command line, n_assignments */
    size_t n_assignments;
    const char *url; /* the server that --dev started stands for every cluster; NULL: as configured */
    bool trust_any;  /* whatever plugin_trust says */
};

struct config_snapshot {
    struct config *config;      /* with its problems: see config_n_problems() */
    char worker[PATH_MAX + 64]; /* of seamq-worker */
    bool trust_any;             /* plugins are loaded whoever can change them */
    /* by handler of the config */
    struct plugin_info *plugins;
    struct image *images;
    struct error *refused; /* code != 0: the plugin does not load */
    unsigned refs;
};

/* 0, with one reference and the problems collected, or -ENOMEM.  When `give_up` is readable (-1: none),
 * plugins that have not answered are refused: nobody needs the result any more. */
int config_snapshot_load(struct config_snapshot **ret, const struct config_sources *sources, int give_up);
/* Every cluster of it is the one server at `url`. 0 or -ENOMEM. */
int config_snapshot_use_server(struct config_snapshot *g, const char *url);
/* Logs the deprecated keys of its sources, a line each. */
void config_snapshot_log_deprecations(const struct config_snapshot *g);
/* Whether `path` is among the links to nothing, and then a sentence that says whereto. */
bool config_snapshot_dangling(const struct config_snapshot *g, const char *path, struct error *err);
struct config_snapshot *config_snapshot_ref(struct config_snapshot *g);
void config_snapshot_unref(struct config_snapshot *g);

#endif
