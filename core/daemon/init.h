/* SPDX-License-Identifier: Apache-2.0
 *
 * init - seamqd as process 1 of a container: reaps orphaned processes, which would stay as zombies otherwise, so that
 * an image needs no tini.
 */
#ifndef SEAMQ_DAEMON_INIT_H
#define SEAMQ_DAEMON_INIT_H

/* If this is process 1, forks and returns in the child, which becomes the daemon.  Process 1 itself never returns: it
 * reaps orphans, forwards signals to the child and exits with its status (128 + N if signal N ended it).  In any other
 * process, or if fork() fails, it only returns.  Must be called before any thread is started. */
void init_as_process_1(void);

#endif
