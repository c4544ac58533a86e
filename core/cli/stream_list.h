/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_list - what a domain has, read in pages: 1,000 streams are four requests, not a thousand.
 */
#ifndef SEAMQ_CLI_STREAM_LIST_H
#define SEAMQ_CLI_STREAM_LIST_H

#include "cli/session.h"

#include <jansson.h>

/* An array of the server's stream infos (config, state, cluster...) in the order of their names. `domain` NULL: the
 * session's. 0, or a negative errno with a sentence. */
int streams_list(struct session *s, const char *domain, int64_t deadline_ns, json_t **ret, struct error *err);

/* Only the names: an object with a key for each. */
int streams_names(struct session *s, const char *domain, int64_t deadline_ns, json_t **ret, struct error *err);

#endif
