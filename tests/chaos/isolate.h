/* SPDX-License-Identifier: Apache-2.0
 *
 * isolate - namespaces of the run's own for network and mounts, as root or as a user with the permission.
 *
 * Hosts and file systems that are created in them are invisible to other processes, and disappear with the run.
 */
#ifndef SEAMQ_CHAOS_ISOLATE_H
#define SEAMQ_CHAOS_ISOLATE_H

/* Call it before any thread starts. 0, or a negative errno, and then nothing has changed. */
int isolate_enter(void);

#endif
