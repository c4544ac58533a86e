/* SPDX-License-Identifier: Apache-2.0
 * api - one table of verbs, and the prefix in front of them. */
#include "api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROOT "$JS."
#define API ".API"

static const struct {
    const char *name;
    int n_names; /* stream, consumer */
} verbs[N_API_VERBS] = {
    [API_INFO] = {"INFO", 0},
    [API_STREAM_NAMES] = {"STREAM.NAMES", 0},
    [API_STREAM_LIST] = {"STREAM.LIST", 0},
    [API_STREAM_INFO] = {"STREAM.INFO", 1},
    [API_STREAM_CREATE] = {"STREAM.CREATE", 1},
    [API_STREAM_UPDATE] = {"STREAM.UPDATE", 1},
    [API_STREAM_DELETE] = {"STREAM.DELETE", 1},
    [API_STREAM_SNAPSHOT] = {"STREAM.SNAPSHOT", 1},
    [API_STREAM_RESTORE] = {"STREAM.RESTORE", 1},
    [API_MESSAGE_GET] = {"STREAM.MSG.GET", 1},
    [API_MESSAGE_DELETE] = {"STREAM.MSG.DELETE", 1},
    [API_CONSUMER_LIST] = {"CONSUMER.LIST", 1},
    [API_CONSUMER_INFO] = {"CONSUMER.INFO", 2},
    [API_CONSUMER_CREATE] = {"CONSUMER.CREATE", 2},
    [API_CONSUMER_CREATE_DURABLE] = {"CONSUMER.DURABLE.CREATE", 2},
    [API_CONSUMER_DELETE] = {"CONSUMER.DELETE", 2},
    [API_CONSUMER_PAUSE] = {"CONSUMER.PAUSE", 2},
    [API_CONSUMER_NEXT] = {"CONSUMER.MSG.NEXT", 2},
};

static int check_length(int length, size_t size)
{
    return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

const char *api_verb_name(enum api_verb verb)
{
    return verbs[verb].name;
}

int api_path_text(const struct api_path *path, char *out, size_t size)
{
    int n_names = verbs[path->verb].n_names;
    const char *filter = path->verb == API_CONSUMER_CREATE && path->filter ? path->filter : "";

    return check_length(snprintf(out, size, "%s%s%s%s%s%s%s", verbs[path->verb].name, n_names > 0 ? "." : "",
                                 n_names > 0 ? path->stream : "", n_names > 1 ? "." : "",
                                 n_names > 1 ? path->consumer : "", *filter ? "." : "", filter),
                        size);
}

int api_domain_prefix(const char *domain, char *out, size_t size)
{
    return check_length(snprintf(out, size, ROOT "%s" API, domain), size);
}

int api_prefix(const struct config_cluster *cluster, const char *domain, char *out, size_t size)
{
    if (!domain)
        domain = cluster->domain;
    return domain ? api_domain_prefix(domain, out, size) : check_length(snprintf(out, size, "$JS.API"), size);
}

int api_subject(const struct config_cluster *cluster, const char *domain, const struct api_path *path, char *out,
                size_t size)
{
    int rc = api_prefix(cluster, domain, out, size);
    size_t len = rc ? 0 : strlen(out);

    if (rc || len + 1 >= size)
        return -ENAMETOOLONG;
    out[len++] = '.';
    return api_path_text(path, out + len, size - len);
}

const char *api_prefix_domain(const char *prefix, size_t *ret_len)
{
    size_t len = strlen(prefix);

    if (len <= strlen(ROOT) + strlen(API) || strncmp(prefix, ROOT, strlen(ROOT)) != 0 ||
        strcmp(prefix + len - strlen(API), API) != 0)
        return NULL;
    *ret_len = len - strlen(ROOT) - strlen(API);
    return prefix + strlen(ROOT);
}

bool api_subject_names_stream(const char *subject, const char *stream)
{
    size_t len = strlen(stream);

    if (strncmp(subject, ROOT, strlen(ROOT)) != 0)
        return false;
    for (const char *at = subject + 1; (at = strstr(at, stream)); at++)
        if (at[-1] == '.' && (at[len] == '.' || at[len] == '\0' || at[len] == '"'))
            return true;
    return false;
}
