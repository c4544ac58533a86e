/* SPDX-License-Identifier: Apache-2.0
 *
 * disk - a small file system of the run's own that can be made full. Requires isolate_enter().
 */
#ifndef SEAMQ_CHAOS_DISK_H
#define SEAMQ_CHAOS_DISK_H

#include "world.h"

/* Creates the directory `path` and mounts on it; unmounted with the world. 0, or a negative errno. */
int disk_mount(struct world *w, const char *path);
int disk_fill(const char *path); /* shrinks it to its present content */
int disk_grow(const char *path); /* restores the original size */

#endif
