/* SPDX-License-Identifier: Apache-2.0
 * field - writing, canonical texts, and copying one field without changing others. */
#include "field.h"

#include "base/clock.h"
#include "base/rfc3339.h"
#include "base/value.h"
#include "config/config.h"
#include "jetstream/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 512

/* The object that contains the field, and the field's name in it: of "placement.cluster" the object "placement" and
 * "cluster". NULL: the document has no such object. */
static json_t *containing_object(json_t *document, const char *path, const char **ret_name)
{
    const char *dot = strchr(path, '.');
    char outer[32];

    *ret_name = dot ? dot + 1 : path;
    if (!dot)
        return document;
    snprintf(outer, sizeof(outer), "%.*s", (int)(dot - path), path);
    return json_object_get(document, outer);
}

/* Sets the value at a path. 0 or -ENOMEM. */
static int set_value(json_t *document, const char *path, json_t *value)
{
    const char *name;
    char outer[32];
    json_t *object = containing_object(document, path, &name);

    if (!json_is_object(object)) {
        snprintf(outer, sizeof(outer), "%.*s", (int)strcspn(path, "."), path);
        object = json_object();
        if (json_object_set_new(document, outer, object) < 0) {
            json_decref(value);
            return -ENOMEM;
        }
    }
    return json_object_set_new(object, name, value) < 0 ? -ENOMEM : 0;
}

/* ---- writing ------------------------------------------------------------------------- */

static json_t *list_to_json(const struct strv *v, json_t *(*item)(const char *text, const char *own_domain),
                            const char *own_domain)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < v->n; i++) {
        if (json_array_append_new(list, item(v->items[i], own_domain)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *text_to_json(const char *text, const char *own_domain)
{
    (void)own_domain;
    return json_string(text);
}

/* STREAM or STREAM@DOMAIN: {"name": ..., "external": {"api": prefix of the domain}} */
static json_t *origin_to_json(const char *text, const char *own_domain)
{
    char name[NAME_SIZE];
    char api[API_SUBJECT_MAX];
    const char *at = strchr(text, '@');

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, "@"), text);
    if (!at || (own_domain && strcmp(at + 1, own_domain) == 0))
        return json_pack("{s:s}", "name", name);
    return api_domain_prefix(at + 1, api, sizeof(api))
               ? NULL
               : json_pack("{s:s, s:{s:s, s:s}}", "name", name, "external", "api", api, "deliver", "");
}

static int write_text(const struct js_field *f, const void *value, const char *own_domain, json_t *document)
{
    const char *text = value ? *(char *const *)value : NULL;
    return !text ? 0
                 : set_value(document, f->json,
                             f->kind == JS_ORIGIN ? origin_to_json(text, own_domain) : json_string(text));
}

static int write_choice(const struct js_field *f, const void *value, const char *own_domain, json_t *document)
{
    (void)own_domain;
    return set_value(document, f->json, json_string(f->choices[value ? *(const int *)value : 0]));
}

static int write_number(const struct js_field *f, const void *value, const char *own_domain, json_t *document)
{
    int64_t n = value ? *(const int64_t *)value : 0;
    (void)own_domain;
    if (n == 0)
        n = f->none;
    return n == 0 ? 0 : set_value(document, f->json, json_integer(n));
}

static int write_list(const struct js_field *f, const void *value, const char *own_domain, json_t *document)
{
    const struct strv *v = value;
    if (!v || !v->n)
        return 0;
    return set_value(document, f->json,
                     list_to_json(v, f->kind == JS_ORIGINS ? origin_to_json : text_to_json, own_domain));
}

/* Servers before 2.10 know filter_subject only. */
static int write_filters(const struct js_field *f, const void *value, const char *own_domain, json_t *document)
{
    const struct strv *v = value;
    (void)f;
    if (v->n == 1)
        return set_value(document, "filter_subject", json_string(v->items[0]));
    return v->n ? set_value(document, "filter_subjects", list_to_json(v, text_to_json, own_domain)) : 0;
}

/* all, new, last, last_per_subject, by_start_sequence=N, by_start_time=TIME */
static int write_start(const struct js_field *f, const void *value, const char *own_domain, json_t *document)
{
    const char *policy = *(char *const *)value;
    size_t len = strcspn(policy, "=");
    const char *start = policy[len] ? policy + len + 1 : NULL;
    int rc = set_value(document, f->json, json_stringn(policy, len));

    (void)own_domain;
    if (rc || !start)
        return rc;
    if (strncmp(policy, "by_start_sequence", len) == 0)
        return set_value(document, "opt_start_seq", json_integer(strtoll(start, NULL, 10)));
    return set_value(document, "opt_start_time", json_string(start));
}

typedef int (*write_fn)(const struct js_field *f, const void *value, const char *own_domain, json_t *document);

static const write_fn writers[] = {
    [JS_WORD] = write_text,       [JS_CHOICE] = write_choice, [JS_COUNT] = write_number, [JS_SIZE] = write_number,
    [JS_DURATION] = write_number, [JS_LIST] = write_list,     [JS_ORIGINS] = write_list, [JS_FILTERS] = write_filters,
    [JS_ORIGIN] = write_text,     [JS_START] = write_start,
};

json_t *js_table_write(const struct js_table *table, const void *config, const char *own_domain)
{
    json_t *document = json_object();
    int rc = document ? 0 : -ENOMEM;

    for (size_t i = 0; i < table->n && rc == 0; i++) {
        const struct js_field *f = &table->fields[i];
        rc = writers[f->kind](f, f->offset == JS_NOT_CONFIGURED ? NULL : (const char *)config + f->offset, own_domain,
                              document);
    }
    if (rc == 0)
        return document;
    json_decref(document);
    return NULL;
}

const struct js_field *js_table_find(const struct js_table *table, const char *key)
{
    const struct js_field *f = table->fields;
    while (strcmp(f->key, key) != 0)
        f++;
    return f;
}

/* ---- texts ----------------------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Joins the texts in their order, and frees them. */
static void put_sorted(char **texts, size_t n, struct buf *out)
{
    if (texts)
        qsort(texts, n, sizeof(*texts), compare_texts);
    for (size_t i = 0; texts && i < n; i++) {
        buf_puts(out, i ? " " : "");
        buf_puts(out, texts[i]);
        free(texts[i]);
    }
    free(texts);
}

/* "ORDERS@sea-a"; the API prefix of another account is shown unchanged, so that it equals no configured origin. */
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

static void put_number(enum js_kind kind, int64_t n, struct buf *out)
{
    char text[64];
    if (kind == JS_DURATION)
        value_format_duration(n, text, sizeof(text));
    else if (kind == JS_SIZE)
        value_format_size(n, text, sizeof(text));
    else
        snprintf(text, sizeof(text), "%lld", (long long)n);
    buf_puts(out, text);
}

static void put_filters(json_t *document, struct buf *out)
{
    const char *one = json_string_value(json_object_get(document, "filter_subject"));
    if (one && *one)
        buf_puts(out, one);
    else
        put_list(json_object_get(document, "filter_subjects"), false, NULL, out);
}

/* The same moment has the same text, whatever its zone and fraction. */
static void put_time(const char *text, struct buf *out)
{
    int64_t ns = rfc3339_parse(text);
    char shown[RFC3339_SIZE];

    if (ns)
        rfc3339_format(ns, ns % NS_PER_SEC ? RFC3339_NS : RFC3339_SECONDS, shown);
    buf_puts(out, ns ? shown : text ? text : "?");
}

/* The text of deliver_policy in the configuration. */
static void put_start(json_t *document, struct buf *out)
{
    const char *policy = json_string_value(json_object_get(document, "deliver_policy"));
    json_t *seq = json_object_get(document, "opt_start_seq");

    buf_puts(out, policy ? policy : "all");
    if (policy && strcmp(policy, "by_start_sequence") == 0)
        buf_printf(out, "=%lld", (long long)json_integer_value(seq));
    if (policy && strcmp(policy, "by_start_time") == 0) {
        buf_putc(out, '=');
        put_time(json_string_value(json_object_get(document, "opt_start_time")), out);
    }
}

void js_field_text(const struct js_field *f, json_t *document, const char *own_domain, struct buf *out)
{
    const char *name;
    json_t *object = containing_object(document, f->json, &name);
    json_t *value = json_object_get(object, name);
    size_t before = out->len;

    switch (f->kind) {
    case JS_WORD:
    case JS_CHOICE: buf_puts(out, json_is_string(value) ? json_string_value(value) : ""); break;
    case JS_COUNT:
    case JS_SIZE:
    case JS_DURATION:
        if (json_integer_value(value) > 0)
            put_number(f->kind, json_integer_value(value), out);
        break;
    case JS_LIST:
    case JS_ORIGINS: put_list(value, f->kind == JS_ORIGINS, own_domain, out); break;
    case JS_FILTERS: put_filters(document, out); break;
    case JS_ORIGIN:
        if (json_is_object(value))
            put_origin(value, own_domain, out);
        break;
    case JS_START: put_start(document, out); break;
    }
    if (out->len == before)
        buf_puts(out, f->absent);
}

/* ---- copying --------------------------------------------------------------------------- */

/* A source that stays keeps the server's settings for it: a filter, a start. */
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

/* Copies a key of a nested object. The object is deleted if no key is left in it. */
static int copy_nested(const struct js_field *f, json_t *document, json_t *wanted)
{
    const char *name;
    char outer[32];
    json_t *from = containing_object(wanted, f->json, &name);
    json_t *to = containing_object(document, f->json, &name);

    snprintf(outer, sizeof(outer), "%.*s", (int)strcspn(f->json, "."), f->json);
    if (!json_is_object(to)) {
        to = json_object();
        if (!to || json_object_set_new(document, outer, to) < 0)
            return -ENOMEM;
    }
    int rc = copy_key(to, from, name);
    if (json_object_size(to) == 0)
        json_object_del(document, outer);
    return rc;
}

int js_field_copy(const struct js_field *f, json_t *document, json_t *wanted, const char *own_domain)
{
    int rc;

    switch (f->kind) {
    case JS_FILTERS:
        rc = copy_key(document, wanted, "filter_subject");
        return rc ? rc : copy_key(document, wanted, "filter_subjects");
    case JS_ORIGINS: {
        json_t *list = merged_origins(json_object_get(wanted, f->json), json_object_get(document, f->json), own_domain);
        return list && json_object_set_new(document, f->json, list) == 0 ? 0 : -ENOMEM;
    }
    default: return strchr(f->json, '.') ? copy_nested(f, document, wanted) : copy_key(document, wanted, f->json);
    }
}
