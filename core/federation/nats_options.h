/* SPDX-License-Identifier: Apache-2.0
 *
 * nats_options - a cluster's configuration as natsOptions, and the reason of a failed connect as a sentence.
 */
#ifndef SEAMQ_FEDERATION_NATS_OPTIONS_H
#define SEAMQ_FEDERATION_NATS_OPTIONS_H

#include "base/error.h"
#include "config/config.h"

#include <nats/nats.h>
#include <stddef.h>

/* Options of one connection: files are read again each time. `name`: the server shows it for the connection.
 * 0 or negative errno with a sentence. */
int nats_options_create(natsOptions **ret, const struct config_cluster *c, const char *name, struct error *err);

/* The cluster's URLs in the order of attempts, urls.n of them: shuffled, with `last` (the lost server, as by
 * nats_server_url(); "": none) at the end, because a frozen server accepts connections and costs a time-out. */
void nats_server_order(const struct config_cluster *c, const char *last, unsigned *seed, const char **ret_urls);

/* URL of the server that `nc` is connected to, without user and password. "": not connected. */
void nats_server_url(natsConnection *nc, char *out, size_t size);

/* A unique prefix, "_INBOX.x7k...". 0 or a negative errno. */
int nats_inbox_create(const struct config_cluster *c, char *out, size_t size);

/* The reason why natsConnection_Connect() failed; to be called right after it, on the same thread. */
void nats_failure_text(const struct config_cluster *c, natsStatus s, char *out, size_t size);

/* A message of nats.c's without its own source line in front; NULL stays NULL. */
const char *nats_text(const char *text);

#endif
