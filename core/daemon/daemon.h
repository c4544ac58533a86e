/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon - the life of seamqd: connections, handlers, admin server and signals on one loop, from the start to the end
 * of the drain.  Thread: the one that calls daemon_run().
 */
#ifndef SEAMQ_DAEMON_DAEMON_H
#define SEAMQ_DAEMON_DAEMON_H

#include "base/error.h"
#include "config/config.h"

struct daemon;

struct config_snapshot;
struct config_sources;

/* Blocks SIGTERM, SIGINT and SIGHUP, which the daemon's loop reads, and ignores SIGPIPE. Must be called before any
 * thread is started: a thread inherits the mask. */
void daemon_block_signals(void);

/* Starts with `snapshot`; each reload reads `sources`. Both and `version` outlive the daemon. */
int daemon_create(struct daemon **ret, struct config_snapshot *snapshot, const struct config_sources *sources,
                  const char *version, struct error *err);
/* Runs until the drain has ended. Returns the exit status: 0, or 1 if messages were unsettled at the deadline. */
int daemon_run(struct daemon *d);
void daemon_destroy(struct daemon *d);

#endif
