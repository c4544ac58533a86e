/* SPDX-License-Identifier: Apache-2.0
 * compare - the differences of two configurations, found through the option table. */
#include "private.h"

#include <string.h>

static bool text_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool list_same(const struct strv *a, const struct strv *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = strcmp(a->items[i], b->items[i]) == 0;
    return same;
}

static bool handler_field_same(enum opt_type type, const struct config_handler *a, const struct config_handler *b)
{
    if (type == OPT_ORDERING)
        return a->ordering == b->ordering && a->ordering_token == b->ordering_token &&
               text_same(a->ordering_header, b->ordering_header);
    return a->n_backoff == b->n_backoff && memcmp(a->backoff_ns, b->backoff_ns, a->n_backoff * sizeof(int64_t)) == 0;
}

static bool field_same(const struct opt *o, const void *a, const void *b)
{
    const void *x = (const char *)a + o->offset;
    const void *y = (const char *)b + o->offset;

    switch (o->type) {
    case OPT_TEXT:
    case OPT_PATH: return text_same(*(char *const *)x, *(char *const *)y);
    case OPT_LIST: return list_same(x, y);
    case OPT_WORD: return *(const int *)x == *(const int *)y;
    case OPT_BOOL: return *(const bool *)x == *(const bool *)y;
    case OPT_INT:
    case OPT_SIZE:
    case OPT_DURATION: return *(const int64_t *)x == *(const int64_t *)y;
    case OPT_RATE: return memcmp(x, y, sizeof(double)) == 0;
    case OPT_DURATIONS:
    case OPT_ORDERING: break;
    }
    return handler_field_same(o->type, a, b);
}

/* The first key that differs, without the keys that have a flag of `skip`; NULL: none. */
static const char *first_difference(const struct section_type *type, const void *a, const void *b, unsigned skip)
{
    for (const struct opt *o = type->options; o->key; o++)
        if (!(o->flags & skip) && !field_same(o, a, b))
            return o->key;
    return NULL;
}

bool config_cluster_same(const struct config_cluster *a, const struct config_cluster *b)
{
    return !first_difference(&section_cluster, a, b, 0);
}

const char *config_needs_restart(const struct config *a, const struct config *b)
{
    return first_difference(&section_seamqd, a, b, OPT_LIVE);
}

static bool options_same(const struct config_handler *a, const struct config_handler *b)
{
    bool same = a->n_options == b->n_options;
    for (size_t i = 0; same && i < a->n_options; i++)
        same = strcmp(a->options[i].name, b->options[i].name) == 0 &&
               strcmp(a->options[i].value, b->options[i].value) == 0;
    return same;
}

enum config_change config_handler_change(const struct config_handler *a, const struct config_handler *b)
{
    if (first_difference(&section_handler, a, b, OPT_LIVE) ||
        !list_same(&a->stream_for_cluster, &b->stream_for_cluster))
        return CHANGE_CONSUMER;
    if (first_difference(&section_handler, a, b, 0) || !text_same(a->plugin_path, b->plugin_path) ||
        !options_same(a, b))
        return CHANGE_WORKERS;
    return CHANGE_NONE;
}
