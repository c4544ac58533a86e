/* SPDX-License-Identifier: Apache-2.0
 * convert - checks the text of a value and stores it in the field of its struct. */
#include "private.h"

#include "base/value.h"
#include "names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define QUOTED 100
#define QUOTE(text) value_quote((text), (char[QUOTED]){0}, QUOTED)
#define MAX_BACKOFFS 32

_Static_assert(sizeof(enum log_level) == sizeof(int) && sizeof(enum tls_mode) == sizeof(int) &&
                   sizeof(enum ack_mode) == sizeof(int),
               "words are stored as int");

static int set_text(struct config *c, const struct opt *o, const char *text, void *field, struct error *err)
{
    char **at = field;
    char *copy = NULL;

    if (*text) {
        int r = o->check ? o->check(text, err) : 0;
        if (r == 0 && o->type == OPT_PATH)
            r = check_readable(text, err);
        if (r < 0)
            return r;
        copy = config_strdup(c, text);
        if (!copy)
            return 0; /* config_strdup() remembered it */
    }
    free(*at);
    *at = copy;
    return 0;
}

static int set_list(struct config *c, const struct opt *o, const char *text, struct strv *list, struct error *err)
{
    struct strv items = {0};
    char *item = malloc(strlen(text) + 1);
    int r = 0;

    if (!item) {
        c->priv->oom = true;
        return 0;
    }
    for (const char *pos = text; r == 0 && value_list_next(&pos, item, strlen(text) + 1);) {
        r = o->check ? o->check(item, err) : 0;
        if (r == 0 && strv_has(&items, item))
            r = error_set(err, -EINVAL, "%s is listed twice", QUOTE(item));
        if (r == 0 && strv_push(c, &items, item) < 0)
            break;
    }
    free(item);
    if (r == 0 && items.n == 0 && !(o->flags & OPT_MAY_BE_EMPTY))
        r = error_set(err, -EINVAL, "the list is empty");
    if (r < 0) {
        strv_finish(&items);
        return r;
    }
    strv_finish(list);
    *list = items;
    return 0;
}

static int set_word(const struct opt *o, const char *text, void *field, struct error *err)
{
    char words[128];
    const char *near = NULL;
    unsigned distance = near_limit(text);

    for (const struct opt_word *w = o->words; w->word; w++) {
        if (strcmp(w->word, text) == 0) {
            memcpy(field, &w->value, sizeof(int));
            return 0;
        }
        near_try(text, w->word, &near, &distance);
    }
    opt_shown_type(o, words, sizeof(words));
    if (near)
        return error_set(err, -EINVAL, "%s is not one of %s (did you mean %s?)", QUOTE(text), words, near);
    return error_set(err, -EINVAL, "%s is not one of %s", QUOTE(text), words);
}

static void format_number(const struct opt *o, int64_t n, char *out, size_t size)
{
    if (o->type == OPT_SIZE)
        value_format_size(n, out, size);
    else if (o->type == OPT_INT)
        snprintf(out, size, "%lld", (long long)n);
    else
        value_format_duration(n, out, size);
}

static int check_bounds(const struct opt *o, const char *text, int64_t n, struct error *err)
{
    char low[32];
    char high[32];
    const char *none = o->flags & OPT_NONE ? ", or none" : "";

    if (n >= o->min && n <= o->max)
        return 0;
    format_number(o, o->min, low, sizeof(low));
    format_number(o, o->max, high, sizeof(high));
    if (n < o->min)
        return error_set(err, -ERANGE, "%s is too small (at least %s%s)", QUOTE(text), low, none);
    return error_set(err, -ERANGE, "%s is too large (at most %s%s)", QUOTE(text), high, none);
}

static int set_number(const struct opt *o, const char *text, int64_t *field, struct error *err)
{
    int64_t n = 0;

    if ((o->flags & OPT_NONE) && strcmp(text, "none") == 0) {
        *field = 0;
        return 0;
    }
    int r = o->type == OPT_INT    ? value_parse_int(text, &n, err)
            : o->type == OPT_SIZE ? value_parse_size(text, &n, err)
                                  : value_parse_duration(text, &n, err);
    if (r == 0)
        r = check_bounds(o, text, n, err);
    if (r == 0)
        *field = n;
    return r;
}

static int set_durations(struct config *c, const struct opt *o, const char *text, struct config_handler *h,
                         struct error *err)
{
    int64_t list[MAX_BACKOFFS];
    char item[64];
    size_t n = 0;

    for (const char *pos = text; value_list_next(&pos, item, sizeof(item)); n++) {
        if (n == MAX_BACKOFFS)
            return error_set(err, -EINVAL, "more than %d pauses; the last one repeats anyway", MAX_BACKOFFS);
        int r = set_number(o, item, &list[n], err);
        if (r < 0)
            return r;
    }
    if (n == 0)
        return error_set(err, -EINVAL, "the list is empty (try 1s 5s 30s)");
    int64_t *copy = malloc(n * sizeof(*copy));
    if (!copy) {
        c->priv->oom = true;
        return 0;
    }
    memcpy(copy, list, n * sizeof(*copy));
    free(h->backoff_ns);
    h->backoff_ns = copy;
    h->n_backoff = n;
    return 0;
}

/* The characters of a header name: a token of RFC 9110. */
static bool is_header_name(const char *s)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
    return *s && !s[strspn(s, allowed)] && strlen(s) <= 128;
}

static int set_ordering(struct config *c, const char *text, struct config_handler *h, struct error *err)
{
    enum ordering_mode mode = ORDERING_NONE;
    int64_t token = 0;
    char *header = NULL;

    if (strcmp(text, "subject") == 0) {
        mode = ORDERING_SUBJECT;
    } else if (strncmp(text, "token:", 6) == 0) {
        if (value_parse_int(text + 6, &token, NULL) < 0 || token < 1 || token > 64)
            return error_set(err, -EINVAL, "%s: N of token:N is a number from 1 to 64 (try token:2)", QUOTE(text));
        mode = ORDERING_TOKEN;
    } else if (strncmp(text, "header:", 7) == 0) {
        if (!is_header_name(text + 7))
            return error_set(err, -EINVAL, "%s: NAME of header:NAME is a header's name (try header:Customer-Id)",
                             QUOTE(text));
        mode = ORDERING_HEADER;
        header = config_strdup(c, text + 7);
        if (!header)
            return 0;
    } else if (strcmp(text, "none") != 0) {
        return error_set(err, -EINVAL, "%s is not one of none, subject, token:N, header:NAME", QUOTE(text));
    }
    free(h->ordering_header);
    h->ordering = mode;
    h->ordering_token = token;
    h->ordering_header = header;
    return 0;
}

static int set_rate(const char *text, double *field, struct error *err)
{
    double rate;
    int r = value_parse_rate(text, &rate, err);
    /* A rate of 0 would mean "no limit", the opposite of what its author expects: it is refused. */
    if (r == 0 && !(rate > 0) && strcasecmp(text, "none") != 0)
        r = error_set(err, -ERANGE, "%s lets nothing through: none is no limit, `seamq pause` stops a handler",
                      QUOTE(text));
    if (r == 0 && rate > 1e9)
        r = error_set(err, -ERANGE, "%s is too large (at most 1000000000/s)", QUOTE(text));
    if (r == 0)
        *field = rate;
    return r;
}

int opt_convert(struct config *c, const struct opt *o, const char *text, void *target, struct error *err)
{
    void *field = (char *)target + o->offset;

    if (!*text && !(o->flags & OPT_MAY_BE_EMPTY))
        return error_set(err, -EINVAL, "the value is empty (the default is %s)", opt_shown_preset(o));
    switch (o->type) {
    case OPT_TEXT:
    case OPT_PATH: return set_text(c, o, text, field, err);
    case OPT_LIST: return set_list(c, o, text, field, err);
    case OPT_WORD: return set_word(o, text, field, err);
    case OPT_BOOL: return value_parse_bool(text, field, err);
    case OPT_INT:
    case OPT_SIZE:
    case OPT_DURATION: return set_number(o, text, field, err);
    case OPT_DURATIONS: return set_durations(c, o, text, target, err);
    case OPT_RATE: return set_rate(text, field, err);
    case OPT_ORDERING: return set_ordering(c, text, target, err);
    }
    return error_set(err, -EINVAL, "%s has no type", o->key);
}
