/* SPDX-License-Identifier: Apache-2.0
 *
 * generation - one reading of the configuration and of the plugins that it names: what seamqd starts
 * with, and what each reload brings.
 *
 * Counted: each handler and cluster that runs by it holds one reference.  Loading blocks (it starts the
 * plugins in processes of their own) and may be done on any thread, one at a time.
 */
#ifndef SEAMQ_DAEMON_GENERATION_H
#define SEAMQ_DAEMON_GENERATION_H

#include "base/error.h"
#include "config/config.h"
#include "ring/image.h"

#include <limits.h>

struct generation_sources { /* where configurations come from, the same at each reload */
    const char *file;       /* NULL: none */
    char *const *env;
    char *const *plugin_dirs; /* of the command line, n_plugin_dirs */
    size_t n_plugin_dirs;
    char *const *assignments; /* SECTION.KEY=VALUE of the command line, n_assignments */
    size_t n_assignments;
    const char *url; /* the server that --dev started stands for every cluster; NULL: as configured */
    bool trust_any;  /* whatever plugin_trust says */
};

struct generation {
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
int generation_load(struct generation **ret, const struct generation_sources *sources, int give_up);
/* Every cluster of it is the one server at `url`. 0 or -ENOMEM. */
int generation_use_server(struct generation *g, const char *url);
/* Whether `path` is among the links to nothing, and then a sentence that says whereto. */
bool generation_dangling(const struct generation *g, const char *path, struct error *err);
struct generation *generation_ref(struct generation *g);
void generation_unref(struct generation *g);

#endif
