/* SPDX-License-Identifier: Apache-2.0
 *
 * config_snapshot - one complete reading of the configuration and of the plugins that it names: what seamqd starts
 * with, and what each reload brings.
 *
 * Reference-counted: each handler instance and each cluster that uses it holds a reference.  Loading blocks, because it
 * starts the plugins in processes of their own; it may run on any thread, one at a time.
 */
#ifndef SEAMQ_DAEMON_CONFIG_SNAPSHOT_H
#define SEAMQ_DAEMON_CONFIG_SNAPSHOT_H

#include "base/error.h"
#include "config/config.h"
#include "ring/image.h"

#include <limits.h>

struct config_sources { /* where snapshots are read from; the same for each reload */
    const char *file;   /* NULL: none */
    char *const *env;
    char *const *plugin_dirs; /* --plugin-dir */
    size_t n_plugin_dirs;
    char *const *assignments; /* SECTION.KEY=VALUE of the command line */
    size_t n_assignments;
    const char *url; /* server of --dev, used for every cluster; NULL: as configured */
    bool trust_any;  /* load plugins whoever can change them, whatever plugin_trust says */
};

struct config_snapshot {
    struct config *config;      /* with its problems: see config_n_problems() */
    char worker[PATH_MAX + 64]; /* path of seamq-worker */
    bool trust_any;             /* load plugins whoever can change them */
    /* Arrays with one element for each handler of `config`: */
    struct plugin_info *plugins;
    struct image *images;
    struct error *refused; /* code != 0: the plugin does not load */
    unsigned refs;
};

/* 0, with one reference and all problems collected, or -ENOMEM.  When the descriptor `give_up` becomes readable
 * (-1: none), plugins that have not responded are refused, so that the caller can exit. */
int config_snapshot_load(struct config_snapshot **ret, const struct config_sources *sources, int give_up);
/* Replaces the servers of every cluster by `url`. 0 or -ENOMEM. */
int config_snapshot_use_server(struct config_snapshot *snapshot, const char *url);
/* Logs each deprecated key of the sources in a line. */
void config_snapshot_log_deprecations(const struct config_snapshot *snapshot);
/* True if `path` is a link in a plugin directory whose target does not exist; `err` then names the target. */
bool config_snapshot_has_dangling_link(const struct config_snapshot *snapshot, const char *path, struct error *err);
/* True if handler `i` is enabled and its plugin loads. */
bool config_snapshot_runs(const struct config_snapshot *snapshot, size_t i);
struct config_snapshot *config_snapshot_ref(struct config_snapshot *snapshot);
void config_snapshot_unref(struct config_snapshot *snapshot);

#endif
