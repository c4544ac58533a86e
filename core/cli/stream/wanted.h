/* SPDX-License-Identifier: Apache-2.0
 *
 * stream/wanted - streams and consumers of the configuration as the JSON of the JetStream API.  Pure.
 *
 * What holds by default and is the server's own default as well is left out, so that a document says what was asked.
 */
#ifndef SEAMQ_CLI_STREAM_WANTED_H
#define SEAMQ_CLI_STREAM_WANTED_H

#include "cli/stream/provision_config.h"

#include <jansson.h>

/* The "config" of STREAM.CREATE. `own_domain` (may be NULL): an origin STREAM@DOMAIN of that domain is a local one.
 * NULL: out of memory. */
json_t *wanted_stream(const struct config_stream *s, const char *own_domain);
/* The "config" of CONSUMER.CREATE. */
json_t *wanted_consumer(const struct config_consumer *c);

#endif
