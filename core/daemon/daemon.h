/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon - seamqd at work: links, handlers, admin server and signals on one loop, from start
 * to drained.
 */
#ifndef SEAMQ_DAEMON_DAEMON_H
#define SEAMQ_DAEMON_DAEMON_H

#include "base/error.h"
#include "config/config.h"

struct daemon;

struct daemon_setup {
    const struct config *config; /* checked; outlives the daemon */
    const char *program;         /* path of seamq-worker */
    const char *version;
    const struct plugin_info *plugins; /* by handler: plugins[i] belongs to config->handlers[i] */
    const struct error *refused;       /* by handler: code != 0: its plugin did not load */
};

/* SIGTERM, SIGINT and SIGHUP are for the daemon's loop: to be called before any thread is started,
 * which would take them otherwise.  SIGPIPE is ignored. */
void daemon_block_signals(void);

int daemon_create(struct daemon **ret, const struct daemon_setup *setup, struct error *err);
/* Runs until drained. The exit status: 0, or 1 when something was left unsettled at the deadline. */
int daemon_run(struct daemon *d);
void daemon_destroy(struct daemon *d);

#endif
