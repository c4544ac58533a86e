/* SPDX-License-Identifier: Apache-2.0
 *
 * isolate - namespaces of the run's own for network and mounts, as root or as a user who may.
 *
 * What is made in them (hosts, small file systems) is seen by nobody else, and is gone with the run.
 */
#ifndef SEAMQ_CHAOS_ISOLATE_H
#define SEAMQ_CHAOS_ISOLATE_H

/* Before any thread starts.  0, or a negative errno: then nothing has changed. */
int isolate_enter(void);

#endif
