/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon_log - the reader thread behind a daemon's log; for daemon.c.
 */
#ifndef SEAMQ_IT_DAEMON_LOG_H
#define SEAMQ_IT_DAEMON_LOG_H

#include "daemon.h"

void daemon_log_init(struct daemon *d);
/* Takes ownership of `fd` and reads it in a thread until its end. */
void daemon_log_read(struct daemon *d, int fd);
/* Waits for the thread of the last run, whose process has ended. */
void daemon_log_finish_run(struct daemon *d);
void daemon_log_finish(struct daemon *d);

#endif
