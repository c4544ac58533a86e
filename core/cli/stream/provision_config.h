/* SPDX-License-Identifier: Apache-2.0
 *
 * stream/provision_config - the configuration of `seamq stream plan` and `apply`: the sections [provision],
 * [stream.NAME] and [consumer.STREAM/NAME], registered with the option table of core/config.
 */
#ifndef SEAMQ_CLI_STREAM_PROVISION_CONFIG_H
#define SEAMQ_CLI_STREAM_PROVISION_CONFIG_H

#include "config/schema.h"
#include "jetstream/consumer_config.h"
#include "jetstream/stream_config.h"

struct provision_config {
    int64_t timeout_ns; /* [provision] */
    bool dry_run;
    struct stream_config *streams;
    size_t n_streams;
    struct consumer_config *consumers;
    size_t n_consumers;
    bool used;        /* provision_config_use() was called */
    char *const *env; /* where ${NAME} is looked up; borrowed */
    struct config_schema schema;
};

/* The section types, for --help and docs/configuration.md; ends with NULL. */
extern const struct section_type *const provision_sections[];

/* Registers the sections with `c`, before any source is read: their names and keys are checked, their values are not.
 * `p` must outlive `c`. */
void provision_config_register(struct provision_config *p, struct config *c);
/* Before any source is read: config_finish() reads SEAMQ_STREAMS, SEAMQ_STREAM_NAME_KEY ... as well and fills `p`, and
 * ${NAME} in a file is replaced from `env`, which must outlive config_finish(). */
void provision_config_use(struct provision_config *p, char *const *env);
/* Frees the streams and consumers. */
void provision_config_finish(struct provision_config *p);

/* For --help: the environment in words, then the keys of all three. */
void provision_config_print_help(FILE *out);

#endif
