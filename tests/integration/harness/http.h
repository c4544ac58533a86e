/* SPDX-License-Identifier: Apache-2.0
 *
 * http - GET, mostly over loopback, for seamqd's admin port and nats-server's monitor.  Any thread.
 */
#ifndef SEAMQ_IT_HTTP_H
#define SEAMQ_IT_HTTP_H

/* The status, or -1 when nothing answers within `seconds`.  *ret_body (may be NULL) is the
 * body, which the caller frees; NULL after -1. */
int http_get(int port, const char *path, double seconds, char **ret_body);
/* The same from another address, for a program that runs in a network namespace. */
int http_get_at(const char *address, int port, const char *path, double seconds, char **ret_body);
/* Sends `request` as it is; *ret_answer is all that came back until the other side closed. */
int http_raw(int port, const char *request, double seconds, char **ret_answer);

#endif
