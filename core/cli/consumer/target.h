/* SPDX-License-Identifier: Apache-2.0
 *
 * consumer/target - the consumer that a verb works on: STREAM/CONSUMER, or the name of a configured handler.
 */
#ifndef SEAMQ_CLI_CONSUMER_TARGET_H
#define SEAMQ_CLI_CONSUMER_TARGET_H

#include "cli/cli.h"

#include <jansson.h>

#define TARGET_NAME_MAX 256
#define TARGET_TIMEOUT_NS (INT64_C(10) * 1000000000)

struct target {
    struct session *session;
    char stream[TARGET_NAME_MAX];
    char consumer[TARGET_NAME_MAX];
    json_t *info; /* the server's answer to CONSUMER.INFO */
};

/* Parses cli->args[0], connects, and reads the consumer. 0, or the exit status after an error message; call
 * target_close() in any case. */
int target_open(struct cli *cli, struct target *ret);
void target_close(struct target *t);

/* Calls the API verb for the consumer; *ret_json (may be NULL) is the caller's. 0, or the exit status after an error
 * message. */
int target_call(struct target *t, enum api_verb verb, json_t *body, json_t **ret_json);

#endif
