/* SPDX-License-Identifier: Apache-2.0
 *
 * stream/provision_config_private - the parts of provision_config: option tables (provision_options.c), environment
 * (provision_env.c), ${NAME} (provision_expand.c), values and what must hold among them (provision_config.c).
 */
#ifndef SEAMQ_CLI_STREAM_PROVISION_CONFIG_PRIVATE_H
#define SEAMQ_CLI_STREAM_PROVISION_CONFIG_PRIVATE_H

#include "cli/stream/provision_config.h"

#define DEFAULTS_NAME "DEFAULT" /* [stream.DEFAULT]: for all streams */

extern const struct section_type section_provision;
extern const struct section_type section_stream;
extern const struct section_type section_consumer;

/* SEAMQ_STREAMS and its family into sections and their values. */
void provision_env_resolve(struct config *c);
/* `text` with each ${NAME} replaced from `env`, into `out`; false after a problem at `place`. */
bool provision_expand(struct config *c, char *const *env, const char *place, const char *text, struct buf *out);

#endif
