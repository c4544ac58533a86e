/* SPDX-License-Identifier: Apache-2.0
 *
 * loader - a plugin file becomes a checked descriptor; the only caller of dlopen().
 *
 * Every sentence names the file, what it is, what this program wants, and what to do.
 * A plugin is never unloaded: threads, exit handlers and thread-locals of its libraries may outlive its close.
 * Call from the main thread.
 */
#ifndef SEAMQ_HOST_LOADER_H
#define SEAMQ_HOST_LOADER_H

#include "base/error.h"
#include "ring/image.h"

#include <seamq/plugin.h>

#define LOADER_OPTIONS_MAX 1024

struct pin_copy;

struct loaded {
    const char *path;             /* the caller's */
    struct seamq_plugin plugin;   /* copied, zero where the plugin is older than this host */
    struct seamq_option *options; /* copied likewise; NULL: none */
    size_t n_options;
};

/* `image` (NULL: none) is what is to run: the file is loaded while it is that, else the image itself.
 * Loads, calls the entry point with `host`, checks.  0; -EAGAIN: the file changed meanwhile, try
 * again; other negative errnos: refused for good.  With `pin` the code is made independent of
 * the file (pin.h); if the kernel forbids that, *ret_note holds the sentence (code 0: none). */
int loader_load(struct loaded *ret, const char *path, const struct image *image, const struct seamq_host *host, int pin,
                struct error *err, struct error *ret_note);

#endif
