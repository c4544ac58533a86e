/* SPDX-License-Identifier: Apache-2.0
 * stream/diff - compares by the field tables of core/jetstream; has the rules that refuse a change. */
#include "diff.h"

#include "base/clock.h"
#include "base/rfc3339.h"
#include "base/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DUPLICATE_WINDOW_NS (120 * NS_PER_SEC) /* the server's default */

struct change {
    const struct js_field *field;
    const char *from; /* the server's */
    const char *to;
    json_t *wanted;
    json_t *info;
    int64_t now_wall_ns;
    struct buf *problems;
};

/* Adds the reason to `problems` if the change must not be made. A field without a rule can always be changed. */
struct rule {
    const char *key;
    void (*check)(const struct change *c);
};

static void __attribute__((format(printf, 2, 3))) refuse(const struct change *c, const char *fmt, ...)
{
    va_list ap;

    buf_printf(c->problems, "%s%s is %s on the server, and %s is wanted: ", c->problems->len ? "; " : "", c->field->key,
               c->from, c->to);
    va_start(ap, fmt);
    buf_vprintf(c->problems, fmt, ap);
    va_end(ap);
}

static int64_t state_number(const struct change *c, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(c->info, "state"), key));
}

static int64_t wanted_number(const struct change *c)
{
    return json_integer_value(json_object_get(c->wanted, c->field->json));
}

/* ---- streams ------------------------------------------------------------------------- */

static void fixed_stream(const struct change *c)
{
    refuse(c, "it cannot be changed (set %s = %s, or make another stream)", c->field->key, c->from);
}

static void retention(const struct change *c)
{
    if (strcmp(c->from, "workqueue") == 0 || strcmp(c->to, "workqueue") == 0)
        fixed_stream(c);
    else if (strcmp(c->to, "interest") == 0 && state_number(c, "messages") > 0)
        refuse(c,
               "of %lld messages those that no consumer waits for would go (purge the stream first, or set "
               "retention = limits)",
               (long long)state_number(c, "messages"));
}

static void max_age(const struct change *c)
{
    const char *first = json_string_value(json_object_get(json_object_get(c->info, "state"), "first_ts"));
    int64_t age_ns = c->now_wall_ns - rfc3339_parse(first);
    int64_t wanted_ns = wanted_number(c);
    char text[32];

    if (wanted_ns <= 0 || state_number(c, "messages") == 0 || age_ns <= wanted_ns)
        return;
    value_format_duration(age_ns > NS_PER_SEC ? age_ns - age_ns % NS_PER_SEC : age_ns, text, sizeof(text));
    refuse(c, "the oldest message is %s old and would go (purge what is not needed first, or keep more)", text);
}

static void max_bytes(const struct change *c)
{
    char text[32];
    if (wanted_number(c) < 0 || state_number(c, "bytes") <= wanted_number(c))
        return;
    value_format_size(state_number(c, "bytes"), text, sizeof(text));
    refuse(c, "%s are stored, and the oldest messages would go (purge what is not needed first, or keep more)", text);
}

static void max_msgs(const struct change *c)
{
    if (wanted_number(c) < 0 || state_number(c, "messages") <= wanted_number(c))
        return;
    refuse(c, "%lld are stored, and the oldest would go (purge what is not needed first, or keep more)",
           (long long)state_number(c, "messages"));
}

/* Replicas are reduced only if the key is set. */
static void replicas(const struct change *c)
{
    json_t *config = json_object_get(c->info, "config");
    if (!json_object_get(c->wanted, c->field->json) && json_integer_value(json_object_get(config, c->field->json)) > 1)
        refuse(c, "fewer copies only where replicas is set (set replicas = %s or 1)", c->from);
}

/* The info contains the message counts of the subjects that would be removed. */
static void subjects(const struct change *c)
{
    json_t *held = json_object_get(json_object_get(c->info, "state"), "subjects");
    const char *subject;
    json_t *count;

    json_object_foreach(held, subject, count)
    {
        if (stream_captures(c->wanted, subject))
            continue;
        refuse(c, "%s holds %lld messages that would belong to no subject (purge them first, or keep the subject)",
               subject, (long long)json_integer_value(count));
        return;
    }
}

static const struct rule stream_rules[] = {
    {"subjects", subjects},   {"replicas", replicas},   {"storage", fixed_stream},
    {"retention", retention}, {"max_age", max_age},     {"max_bytes", max_bytes},
    {"max_msgs", max_msgs},   {"mirror", fixed_stream}, {NULL, NULL},
};

/* ---- consumers ------------------------------------------------------------------------- */

static void ack_policy(const struct change *c)
{
    refuse(c, "it cannot be changed (make another consumer; `ack` of the configuration is each for explicit, "
              "cumulative for all)");
}

static void push(const struct change *c)
{
    refuse(c, "it is a push consumer, and SeaMQ pulls (make another consumer)");
}

static const struct rule consumer_rules[] = {{"deliver_subject", push}, {"ack policy", ack_policy}, {NULL, NULL}};

/* ---- both ------------------------------------------------------------------------------- */

struct inputs {
    const struct js_table *table;
    const struct rule *rules; /* ends with a NULL key */
    json_t *wanted;
    json_t *info;
    const char *own_domain;
    int64_t now_wall_ns;
};

static void check_rule(const struct rule *rules, const struct change *c)
{
    for (const struct rule *r = rules; r->key; r++)
        if (strcmp(r->key, c->field->key) == 0)
            r->check(c);
}

static int add_change(struct diff *d, const struct js_field *f, const struct inputs *in, const char *from,
                      const char *to)
{
    struct change c = {.field = f,
                       .from = from,
                       .to = to,
                       .wanted = in->wanted,
                       .info = in->info,
                       .now_wall_ns = in->now_wall_ns,
                       .problems = &d->problems};

    if (f->apply == JS_AT_CREATION) {
        buf_printf(&d->notes, "it began at %s, and %s = %s is for a new one (seamq seek moves it)", from, f->key, to);
        return 0;
    }
    json_t *entry = json_pack("{s:s, s:s, s:s}", "field", f->key, "from", from, "to", to);
    if (!entry || json_array_append_new(d->changes, entry) < 0)
        return -ENOMEM;
    check_rule(in->rules, &c);
    if (!d->update)
        d->update = json_deep_copy(json_object_get(in->info, "config"));
    return d->update ? js_field_copy(f, d->update, in->wanted, in->own_domain) : -ENOMEM;
}

static int compare(struct diff *d, const struct js_field *f, const struct inputs *in)
{
    struct buf from = {0};
    struct buf to = {0};

    js_field_text(f, json_object_get(in->info, "config"), in->own_domain, &from);
    js_field_text(f, in->wanted, in->own_domain, &to);
    const char *a = buf_str(&from);
    const char *b = buf_str(&to);
    int rc = !a || !b ? -ENOMEM : strcmp(a, b) == 0 ? 0 : add_change(d, f, in, a, b);
    buf_finish(&from);
    buf_finish(&to);
    return rc;
}

static int compare_all(struct diff *ret, const struct inputs *in)
{
    *ret = (struct diff){.changes = json_array()};
    int rc = ret->changes ? 0 : -ENOMEM;
    for (size_t i = 0; i < in->table->n && rc == 0; i++)
        if (in->table->fields[i].apply != JS_IGNORED)
            rc = compare(ret, &in->table->fields[i], in);
    if (rc == 0 && (ret->problems.failed || ret->notes.failed))
        rc = -ENOMEM;
    if (rc)
        diff_finish(ret);
    return rc;
}

int diff_stream(struct diff *ret, json_t *wanted, json_t *info, const char *own_domain, int64_t now_wall_ns)
{
    return compare_all(ret, &(struct inputs){&stream_fields, stream_rules, wanted, info, own_domain, now_wall_ns});
}

int diff_consumer(struct diff *ret, json_t *wanted, json_t *info)
{
    return compare_all(ret, &(struct inputs){&consumer_fields, consumer_rules, wanted, info, NULL, 0});
}

void diff_finish(struct diff *d)
{
    json_decref(d->changes);
    json_decref(d->update);
    buf_finish(&d->notes);
    buf_finish(&d->problems);
    *d = (struct diff){0};
}

json_t *diff_removed_subjects(json_t *wanted, json_t *info)
{
    json_t *removed = NULL;
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(json_object_get(info, "config"), "subjects"), i, item)
    {
        if (!json_is_string(item) || stream_captures(wanted, json_string_value(item)))
            continue;
        if (!removed)
            removed = json_array();
        json_array_append(removed, item);
    }
    return removed;
}

static void describe(const struct js_table *table, json_t *wanted, const char *own_domain, struct buf *out)
{
    for (size_t i = 0; i < table->n; i++) {
        const struct js_field *f = &table->fields[i];
        struct buf text = {0};
        if (f->apply == JS_IGNORED)
            continue;
        js_field_text(f, wanted, own_domain, &text);
        const char *s = buf_str(&text);
        if (s && strcmp(s, f->absent) != 0)
            buf_printf(out, "%s%s %s", out->len ? "; " : "", f->key, s);
        out->failed = out->failed || !s;
        buf_finish(&text);
    }
}

void diff_describe_stream(json_t *wanted, const char *own_domain, struct buf *out)
{
    describe(&stream_fields, wanted, own_domain, out);
}

void diff_describe_consumer(json_t *wanted, struct buf *out)
{
    describe(&consumer_fields, wanted, NULL, out);
}

/* Without a value, the server takes 2 minutes, but refuses them if max_age is shorter. */
json_t *diff_wanted_stream(const struct stream_config *s, const char *own_domain)
{
    struct stream_config explicit = *s;

    if (!s->duplicate_window_ns && !s->mirror)
        explicit.duplicate_window_ns =
            s->max_age_ns && s->max_age_ns < DUPLICATE_WINDOW_NS ? s->max_age_ns : DUPLICATE_WINDOW_NS;
    return stream_config_write(&explicit, own_domain);
}
