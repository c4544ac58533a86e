/* SPDX-License-Identifier: Apache-2.0
 *
 * probe - reads name, stream and options of plugin files, each in a short-lived process.
 *
 * A plugin's constructors run in that process, so a plugin that crashes or hangs while it is
 * loaded affects neither the daemon nor the other plugins.
 */
#ifndef SEAMQ_WORKER_PROBE_H
#define SEAMQ_WORKER_PROBE_H

#include "base/error.h"
#include "config/plugin_info.h"
#include "ring/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker_probe {
    const char *program; /* path of seamq-worker */
    int64_t timeout_ns;  /* for each plugin */
    bool trust_any;      /* as in worker_config */
    int cancel_fd;       /* once it is readable, plugins that have not answered fail; -1: none */
};

/* Probes `n` plugin files at the same time; blocks for at most `timeout_ns` for each 64 of them.
 * For each i either infos[i] is filled (the caller frees it with plugin_info_finish()) or
 * errs[i].code is negative and errs[i].text names the file and the cause: missing symbol, wrong
 * major, newer minor, wrong architecture, truncated, not an ELF file, constructor crashed or
 * hung, no permission.  images[i] is the copy of the file that was probed; the caller closes it.
 * Any thread; the thread must live until the call returns. */
void worker_probe(const struct worker_probe *how, const char *const *plugins, size_t n, struct plugin_info *infos,
                  struct image *images, struct error *errs);

/* True, with a sentence that names the target: `path` is a symbolic link.  Call it after a file
 * was not found: then the link's target does not exist. */
bool worker_dangling_link(const char *path, struct error *err);

#endif
