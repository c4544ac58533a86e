/* SPDX-License-Identifier: Apache-2.0
 *
 * http - GET for seamqd's admin port and nats-server's monitoring port. Any thread.
 */
#ifndef SEAMQ_IT_HTTP_H
#define SEAMQ_IT_HTTP_H

/* Returns the status, or -1 if there is no response within `seconds`. *ret_body (may be NULL) is the body, which the
 * caller frees; NULL after -1. */
int http_get(int port, const char *path, double seconds, char **ret_body);
/* The same from another address, for a program that runs in a network namespace. */
int http_get_at(const char *address, int port, const char *path, double seconds, char **ret_body);
/* Sends `request` unchanged; *ret_answer is all input until the other side has closed the connection. */
int http_raw(int port, const char *request, double seconds, char **ret_answer);

#endif
