/* SPDX-License-Identifier: Apache-2.0
 *
 * loader - loads a plugin file and checks its descriptor; the only caller of dlopen().
 *
 * Every error names the file, what is wrong, what this program expects, and what to do.
 * A plugin is never unloaded: its threads, exit handlers and thread-local destructors may outlive close().
 * Main thread only.
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
    struct seamq_plugin plugin;   /* copy; fields that the plugin does not know are zero */
    struct seamq_option *options; /* copies, too; NULL: none */
    size_t n_options;
};

/* Loads the plugin, calls its entry point with `host`, checks what it returns.  With an `image` (NULL:
 * none), loads the file at `path` while it is equal to the image, else the image itself.
 * With `pin`, the loaded code is made independent of the file (pin.h); if the kernel forbids that,
 * *ret_note has the sentence (code 0: none).
 * 0; -EAGAIN: the file changed meanwhile, try again; any other negative errno: the plugin is refused. */
int loader_load(struct loaded *ret, const char *path, const struct image *image, const struct seamq_host *host, int pin,
                struct error *err, struct error *ret_note);

#endif
