/* SPDX-License-Identifier: Apache-2.0
 * stream/field - canonical texts, and copying one field without touching others. */
#include "field.h"

#include "base/clock.h"
#include "base/value.h"
#include "jetstream/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* "placement.cluster": the object that holds it and the last name; NULL: there is no such object. */
static json_t *holder(json_t *config, const char *path, const char **ret_name)
{
    const char *dot = strchr(path, '.');
    char outer[32];

    *ret_name = dot ? dot + 1 : path;
    if (!dot)
        return config;
    snprintf(outer, sizeof(outer), "%.*s", (int)(dot - path), path);
    return json_object_get(config, outer);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Joins the texts in their order, and frees them. */
static void put_sorted(char **texts, size_t n, struct buf *out)
{
    if (texts)
        qsort(texts, n, sizeof(*texts), by_text);
    for (size_t i = 0; texts && i < n; i++) {
        buf_puts(out, i ? " " : "");
        buf_puts(out, texts[i]);
        free(texts[i]);
    }
    free(texts);
}

/* "ORDERS@sea-a"; another account's API prefix is shown as it is, so that it equals nothing of ours. */
static void put_origin(json_t *origin, const char *own_domain, struct buf *out)
{
    const char *name = json_string_value(json_object_get(origin, "name"));
    const char *api = json_string_value(json_object_get(json_object_get(origin, "external"), "api"));
    size_t len = api ? strlen(api) : 0;

    buf_puts(out, name ? name : "?");
    if (!len)
        return;
    const char *domain = api_prefix_domain(api, &len);
    if (domain && own_domain && strlen(own_domain) == len && strncmp(domain, own_domain, len) == 0)
        return;
    api = domain ? domain : api;
    buf_putc(out, '@');
    buf_append(out, api, len);
}

static void put_list(json_t *list, bool origins, const char *own_domain, struct buf *out)
{
    size_t n = json_array_size(list);
    char **texts = calloc(n + 1, sizeof(*texts));

    for (size_t i = 0; texts && i < n; i++) {
        struct buf one = {0};
        json_t *item = json_array_get(list, i);
        if (origins)
            put_origin(item, own_domain, &one);
        else
            buf_puts(&one, json_is_string(item) ? json_string_value(item) : "?");
        const char *text = buf_str(&one);
        texts[i] = strdup(text ? text : "?");
        out->failed = out->failed || !text || !texts[i];
        buf_finish(&one);
        if (!texts[i])
            n = i;
    }
    out->failed = out->failed || !texts;
    put_sorted(texts, n, out);
}

static void put_number(enum field_kind kind, int64_t n, struct buf *out)
{
    char text[64];
    if (kind == FIELD_DURATION)
        value_format_duration(n, text, sizeof(text));
    else if (kind == FIELD_SIZE)
        value_format_size(n, text, sizeof(text));
    else
        snprintf(text, sizeof(text), "%lld", (long long)n);
    buf_puts(out, text);
}

static void put_filters(json_t *config, struct buf *out)
{
    const char *one = json_string_value(json_object_get(config, "filter_subject"));
    if (one && *one)
        buf_puts(out, one);
    else
        put_list(json_object_get(config, "filter_subjects"), false, NULL, out);
}

/* The same moment has the same text, whatever zone and fraction it came with. */
static void put_time(const char *text, struct buf *out)
{
    int64_t ns = value_time_ns(text);
    time_t seconds = (time_t)(ns / NS_PER_SEC);
    struct tm tm;
    char shown[32];

    if (!ns || ns % NS_PER_SEC < 0 || !gmtime_r(&seconds, &tm)) {
        buf_puts(out, text ? text : "?");
        return;
    }
    strftime(shown, sizeof(shown), "%Y-%m-%dT%H:%M:%S", &tm);
    buf_puts(out, shown);
    if (ns % NS_PER_SEC)
        buf_printf(out, ".%09lld", (long long)(ns % NS_PER_SEC));
    buf_putc(out, 'Z');
}

/* As the configuration writes it. */
static void put_start(json_t *config, struct buf *out)
{
    const char *policy = json_string_value(json_object_get(config, "deliver_policy"));
    json_t *seq = json_object_get(config, "opt_start_seq");

    buf_puts(out, policy ? policy : "all");
    if (policy && strcmp(policy, "by_start_sequence") == 0)
        buf_printf(out, "=%lld", (long long)json_integer_value(seq));
    if (policy && strcmp(policy, "by_start_time") == 0) {
        buf_putc(out, '=');
        put_time(json_string_value(json_object_get(config, "opt_start_time")), out);
    }
}

void field_text(const struct field *f, json_t *config, const char *own_domain, struct buf *out)
{
    const char *name;
    json_t *object = holder(config, f->json, &name);
    json_t *value = json_object_get(object, name);
    size_t before = out->len;

    switch (f->kind) {
    case FIELD_WORD: buf_puts(out, json_is_string(value) ? json_string_value(value) : ""); break;
    case FIELD_COUNT:
    case FIELD_SIZE:
    case FIELD_DURATION:
        if (json_integer_value(value) > 0)
            put_number(f->kind, json_integer_value(value), out);
        break;
    case FIELD_LIST: put_list(value, false, NULL, out); break;
    case FIELD_ORIGINS: put_list(value, true, own_domain, out); break;
    case FIELD_FILTERS: put_filters(config, out); break;
    case FIELD_ORIGIN:
        if (json_is_object(value))
            put_origin(value, own_domain, out);
        break;
    case FIELD_START: put_start(config, out); break;
    }
    if (out->len == before)
        buf_puts(out, f->absent);
}

/* Sources that stay keep what the server has of them: a filter, a start. */
static json_t *merged_origins(json_t *wanted, json_t *found, const char *own_domain)
{
    json_t *merged = json_array();
    json_t *item;
    size_t i;

    json_array_foreach(wanted, i, item)
    {
        struct buf want = {0};
        put_origin(item, own_domain, &want);
        json_t *same = item;
        for (size_t k = 0; k < json_array_size(found) && same == item; k++) {
            struct buf have = {0};
            put_origin(json_array_get(found, k), own_domain, &have);
            if (!have.failed && !want.failed && have.len == want.len && memcmp(have.data, want.data, want.len) == 0)
                same = json_array_get(found, k);
            buf_finish(&have);
        }
        buf_finish(&want);
        json_array_append(merged, same);
    }
    return merged;
}

static int copy_key(json_t *to, json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);
    if (value)
        return json_object_set(to, name, value) < 0 ? -ENOMEM : 0;
    json_object_del(to, name);
    return 0;
}

/* A key in an object of its own, which goes when nothing is left in it. */
static int copy_nested(const struct field *f, json_t *config, json_t *wanted)
{
    const char *name;
    char outer[32];
    json_t *from = holder(wanted, f->json, &name);
    json_t *to = holder(config, f->json, &name);

    snprintf(outer, sizeof(outer), "%.*s", (int)strcspn(f->json, "."), f->json);
    if (!json_is_object(to)) {
        to = json_object();
        if (!to || json_object_set_new(config, outer, to) < 0)
            return -ENOMEM;
    }
    int rc = copy_key(to, from, name);
    if (json_object_size(to) == 0)
        json_object_del(config, outer);
    return rc;
}

int field_copy(const struct field *f, json_t *config, json_t *wanted, const char *own_domain)
{
    int rc;

    switch (f->kind) {
    case FIELD_FILTERS:
        rc = copy_key(config, wanted, "filter_subject");
        return rc ? rc : copy_key(config, wanted, "filter_subjects");
    case FIELD_ORIGINS: {
        json_t *list = merged_origins(json_object_get(wanted, f->json), json_object_get(config, f->json), own_domain);
        return list && json_object_set_new(config, f->json, list) == 0 ? 0 : -ENOMEM;
    }
    default: return strchr(f->json, '.') ? copy_nested(f, config, wanted) : copy_key(config, wanted, f->json);
    }
}
