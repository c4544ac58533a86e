/* SPDX-License-Identifier: Apache-2.0
 *
 * dev - `seamqd --dev`: starts a private nats-server with JetStream in a temporary directory and creates the streams
 * that the handlers consume.  For trying out handlers; the data is deleted at the end.  Thread: the main thread, before
 * the loop.
 */
#ifndef SEAMQ_DAEMON_DEV_H
#define SEAMQ_DAEMON_DEV_H

#include "base/error.h"
#include "config/config.h"

struct dev;

/* Starts the server on 127.0.0.1:4222, or on a free port if 4222 is in use, and waits until it responds.
 * The kernel kills the server when this process ends. */
int dev_start(struct dev **ret, struct error *err);
const char *dev_url(const struct dev *d);
/* Creates the stream of each handler (memory storage, the handler's filter subjects) unless it exists. `refused` has
 * one element for each handler: those with a code are skipped. */
int dev_create_streams(struct dev *d, const struct config *config, const struct error *refused, struct error *err);
/* Stops the server and deletes its directory. Takes NULL. */
void dev_stop(struct dev *d);

#endif
