/* SPDX-License-Identifier: Apache-2.0
 *
 * init - the duties of process 1, which seamqd is in a container: a handler's grandchildren become orphans of
 * process 1 and stay as zombies unless it reaps them.  With this an image needs no tini.
 */
#ifndef SEAMQ_DAEMON_INIT_H
#define SEAMQ_DAEMON_INIT_H

/* Where this is process 1: returns in a child that does the work; process 1 itself reaps orphans, hands signals on to
 * the child and exits as it does (128 + N when signal N ended it).  Anywhere else, and where there can be no child:
 * returns at once.  Before any thread is started. */
void init_as_process_1(void);

#endif
