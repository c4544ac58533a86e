/* SPDX-License-Identifier: Apache-2.0
 *
 * api - subjects of the JetStream API. This file and api.c are the only place that builds or parses them.
 *
 *     $JS.API.STREAM.INFO.ORDERS, $JS.sea-a.API.CONSUMER.INFO.ORDERS.billing
 *     `- prefix -' `--- path ---'
 *
 * Source: nats-server's server/jetstream_api.go. Pure, any thread.
 */
#ifndef SEAMQ_JETSTREAM_API_H
#define SEAMQ_JETSTREAM_API_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

#define API_SUBJECT_MAX 512

enum api_verb {
    API_INFO,
    API_STREAM_NAMES,
    API_STREAM_LIST,
    API_STREAM_INFO,
    API_STREAM_CREATE,
    API_STREAM_UPDATE,
    API_STREAM_DELETE,
    API_STREAM_SNAPSHOT,
    API_STREAM_RESTORE,
    API_MESSAGE_GET,
    API_MESSAGE_DELETE,
    API_CONSUMER_LIST,
    API_CONSUMER_INFO,
    API_CONSUMER_CREATE,
    API_CONSUMER_CREATE_DURABLE, /* for servers before 2.9 */
    API_CONSUMER_DELETE,
    API_CONSUMER_PAUSE,
    API_CONSUMER_NEXT, /* a pull request */
    N_API_VERBS
};

/* A request of the API. Strings that the verb does not need are ignored. */
struct api_path {
    enum api_verb verb;
    const char *stream;
    const char *consumer;
    /* API_CONSUMER_CREATE: the only filter subject, or NULL. It is part of the subject, because a server may restrict
     * users by it. */
    const char *filter;
};

/* "STREAM.INFO" */
const char *api_verb_name(enum api_verb verb);

/* "STREAM.INFO.ORDERS", for logs and errors too. 0, or -ENAMETOOLONG with a cut text. */
int api_path_text(const struct api_path *path, char *out, size_t size);

/* Prefix of all requests to `cluster`, without the last dot. `domain`: of another cluster that is reached through this
 * one; NULL: the cluster's own. 0 or -ENAMETOOLONG. */
int api_prefix(const struct config_cluster *cluster, const char *domain, char *out, size_t size);

/* Prefix and path. 0 or -ENAMETOOLONG. */
int api_subject(const struct config_cluster *cluster, const char *domain, const struct api_path *path, char *out,
                size_t size);

/* The prefix of a domain, as the `external` of a mirror or source names it. 0 or -ENAMETOOLONG. */
int api_domain_prefix(const char *domain, char *out, size_t size);
/* "$JS.sea-a.API" -> "sea-a", `ret_len` bytes of it; NULL: not the prefix of a domain. */
const char *api_prefix_domain(const char *prefix, size_t *ret_len);

/* True for a subject of the API or of acknowledgements that contains `stream` as a token. A quotation mark ends a
 * subject: error texts of a server quote it. */
bool api_subject_names_stream(const char *subject, const char *stream);

#endif
