/* SPDX-License-Identifier: Apache-2.0
 *
 * options - a cluster's configuration as natsOptions, and why nats.c could not connect, for a person.
 */
#ifndef SEAMQ_FEDERATION_NATS_OPTIONS_H
#define SEAMQ_FEDERATION_NATS_OPTIONS_H

#include "base/error.h"
#include "config/config.h"

#include <nats/nats.h>
#include <stddef.h>

/* Made anew for each connection, so that files are read again. `name` is what the server shows for it.
 * 0 or negative errno with a sentence. */
int nats_options_create(natsOptions **ret, const struct config_cluster *c, const char *name, struct error *err);

/* The cluster's URLs in the order in which to try them, urls.n of them, as natsOptions_SetServers takes them: shuffled,
 * but `last`, as nats_server_url() names the server that was lost, at the end. A frozen one accepts
 * connections, and costs the time-out of an attempt. "": none. */
void nats_server_order(const struct config_cluster *c, const char *last, unsigned *seed, const char **ret_urls);

/* Of the server that it is connected to, for people: without user and password. "": it is not. */
void nats_server_url(natsConnection *nc, char *out, size_t size);

/* "_INBOX.x7k...", which nobody else has. 0 or a negative errno. */
int nats_inbox_create(const struct config_cluster *c, char *out, size_t size);

/* Right after natsConnection_Connect() failed, on the same thread. */
void nats_failure_text(const struct config_cluster *c, natsStatus s, char *out, size_t size);

/* A message of nats.c's without its own source line in front; NULL stays NULL. */
const char *nats_text(const char *text);

#endif
