/* SPDX-License-Identifier: Apache-2.0
 *
 * disk - a small file system of the run's own, which can be full.  Needs isolate_enter().
 */
#ifndef SEAMQ_CHAOS_DISK_H
#define SEAMQ_CHAOS_DISK_H

#include "world.h"

/* Makes the directory `path` and mounts on it; unmounted with the world. 0, or a negative errno. */
int disk_mount(struct world *w, const char *path);
int disk_fill(const char *path); /* not a byte more */
int disk_grow(const char *path); /* as it was */

#endif
