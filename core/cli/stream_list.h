/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_list - reads all streams of a domain, page by page: 1,000 streams need four requests.
 */
#ifndef SEAMQ_CLI_STREAM_LIST_H
#define SEAMQ_CLI_STREAM_LIST_H

#include "cli/session.h"

#include <jansson.h>

/* An array of the server's stream infos (config, state, cluster...), sorted by name. `domain` NULL: the session's.
 * 0, or a negative errno with a sentence in `err`. */
int streams_list(struct session *s, const char *domain, int64_t deadline_ns, json_t **ret, struct error *err);

/* The names only: an object with one key for each stream. */
int streams_names(struct session *s, const char *domain, int64_t deadline_ns, json_t **ret, struct error *err);

#endif
