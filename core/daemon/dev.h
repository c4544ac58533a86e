/* SPDX-License-Identifier: Apache-2.0
 *
 * dev - `seamqd --dev`: a private nats-server with JetStream in a temporary directory, and the
 * streams that the handlers ask for.  For a handler author's first five minutes; never for data.
 */
#ifndef SEAMQ_DAEMON_DEV_H
#define SEAMQ_DAEMON_DEV_H

#include "base/error.h"
#include "config/config.h"

struct dev;

/* Starts it on 127.0.0.1:4222 or, if that is taken, on a free port; waits until it answers.
 * It dies with this process, however that ends. */
int dev_start(struct dev **ret, struct error *err);
const char *dev_url(const struct dev *d);
/* Creates each handler's stream (memory storage, its filter subjects), unless it is there. */
int dev_create_streams(struct dev *d, const struct config *config, const struct error *refused, struct error *err);
/* Ends the server and removes its directory. */
void dev_stop(struct dev *d);

#endif
