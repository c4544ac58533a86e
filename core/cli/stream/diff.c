/* SPDX-License-Identifier: Apache-2.0
 * stream/diff - one table of fields for streams, one for consumers, and a rule for each that is not free to change. */
#include "diff.h"

#include "base/clock.h"
#include "base/value.h"
#include "config/names.h"
#include "field.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct change {
    const struct field *field;
    const char *from; /* the server's */
    const char *to;
    json_t *wanted;
    json_t *info;
    int64_t now_wall_ns;
    struct buf *notes;
    struct buf *problems;
};

/* Says why this change must not be; nothing when it may. */
typedef void (*rule_fn)(const struct change *c);

struct row {
    struct field field;
    rule_fn rule; /* NULL: always may */
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
    int64_t age_ns = c->now_wall_ns - value_time_ns(first);
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

/* What nobody asked for is no reason to keep fewer copies. */
static void replicas(const struct change *c)
{
    json_t *config = json_object_get(c->info, "config");
    if (!json_object_get(c->wanted, c->field->json) && json_integer_value(json_object_get(config, c->field->json)) > 1)
        refuse(c, "fewer copies only where replicas is set (set replicas = %s or 1)", c->from);
}

static bool is_covered(json_t *wanted, const char *subject)
{
    json_t *list = json_object_get(wanted, "subjects");
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        if (subject_covers(json_string_value(item), subject))
            return true;
    }
    return false;
}

/* The server tells how many messages each subject holds that is asked for: of subjects that go. */
static void subjects(const struct change *c)
{
    json_t *held = json_object_get(json_object_get(c->info, "state"), "subjects");
    const char *subject;
    json_t *count;

    json_object_foreach(held, subject, count)
    {
        if (is_covered(c->wanted, subject))
            continue;
        refuse(c, "%s holds %lld messages that would belong to no subject (purge them first, or keep the subject)",
               subject, (long long)json_integer_value(count));
        return;
    }
}

static const struct row stream_rows[] = {
    {{"subjects", "subjects", FIELD_LIST, "none"}, subjects},
    {{"replicas", "num_replicas", FIELD_COUNT, "1"}, replicas},
    {{"storage", "storage", FIELD_WORD, "file"}, fixed_stream},
    {{"retention", "retention", FIELD_WORD, "limits"}, retention},
    {{"max_age", "max_age", FIELD_DURATION, "none"}, max_age},
    {{"max_bytes", "max_bytes", FIELD_SIZE, "none"}, max_bytes},
    {{"max_msgs", "max_msgs", FIELD_COUNT, "none"}, max_msgs},
    {{"max_msg_size", "max_msg_size", FIELD_SIZE, "none"}, NULL},
    {{"discard", "discard", FIELD_WORD, "old"}, NULL},
    {{"duplicate_window", "duplicate_window", FIELD_DURATION, "none"}, NULL},
    {{"mirror", "mirror", FIELD_ORIGIN, "none"}, fixed_stream},
    {{"sources", "sources", FIELD_ORIGINS, "none"}, NULL},
    {{"placement_cluster", "placement.cluster", FIELD_WORD, "any"}, NULL},
    {{"placement_tags", "placement.tags", FIELD_LIST, "none"}, NULL},
};

/* ---- consumers ------------------------------------------------------------------------- */

/* Where it begins: one that is there is somewhere else by now. */
static void of_new_ones(const struct change *c)
{
    buf_printf(c->notes, "it began at %s, and %s = %s is for a new one (seamq seek moves it)", c->from, c->field->key,
               c->to);
}

static void ack_policy(const struct change *c)
{
    refuse(c, "it cannot be changed (make another consumer; `ack` of the configuration is each for explicit, "
              "cumulative for all)");
}

static void push(const struct change *c)
{
    refuse(c, "it is a push consumer, and SeaMQ pulls (make another consumer)");
}

static const struct row consumer_rows[] = {
    {{"filter_subjects", "filter_subject", FIELD_FILTERS, "all"}, NULL},
    {{"deliver_policy", "deliver_policy", FIELD_START, "all"}, of_new_ones},
    {{"deliver_subject", "deliver_subject", FIELD_WORD, "none"}, push},
    {{"ack policy", "ack_policy", FIELD_WORD, "none"}, ack_policy},
    {{"ack_wait", "ack_wait", FIELD_DURATION, "none"}, NULL},
    {{"max_ack_pending", "max_ack_pending", FIELD_COUNT, "none"}, NULL},
    {{"max_deliver", "max_deliver", FIELD_COUNT, "none"}, NULL},
    {{"replicas", "num_replicas", FIELD_COUNT, "the stream's"}, NULL},
};

/* ---- both ------------------------------------------------------------------------------- */

struct inputs {
    json_t *wanted;
    json_t *info;
    const char *own_domain;
    int64_t now_wall_ns;
};

static int add_change(struct diff *d, const struct row *row, const struct inputs *in, const char *from, const char *to)
{
    struct change c = {.field = &row->field,
                       .from = from,
                       .to = to,
                       .wanted = in->wanted,
                       .info = in->info,
                       .now_wall_ns = in->now_wall_ns,
                       .notes = &d->notes,
                       .problems = &d->problems};

    if (row->rule == of_new_ones) {
        row->rule(&c);
        return 0;
    }
    json_t *entry = json_pack("{s:s, s:s, s:s}", "field", row->field.key, "from", from, "to", to);
    if (!entry || json_array_append_new(d->changes, entry) < 0)
        return -ENOMEM;
    if (row->rule)
        row->rule(&c);
    if (!d->update)
        d->update = json_deep_copy(json_object_get(in->info, "config"));
    return d->update ? field_copy(&row->field, d->update, in->wanted, in->own_domain) : -ENOMEM;
}

static int compare(struct diff *d, const struct row *row, const struct inputs *in)
{
    struct buf from = {0};
    struct buf to = {0};

    field_text(&row->field, json_object_get(in->info, "config"), in->own_domain, &from);
    field_text(&row->field, in->wanted, in->own_domain, &to);
    const char *a = buf_str(&from);
    const char *b = buf_str(&to);
    int rc = !a || !b ? -ENOMEM : strcmp(a, b) == 0 ? 0 : add_change(d, row, in, a, b);
    buf_finish(&from);
    buf_finish(&to);
    return rc;
}

static int compare_all(struct diff *ret, const struct row *rows, size_t n, const struct inputs *in)
{
    *ret = (struct diff){.changes = json_array()};
    int rc = ret->changes ? 0 : -ENOMEM;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = compare(ret, &rows[i], in);
    if (rc == 0 && (ret->problems.failed || ret->notes.failed))
        rc = -ENOMEM;
    if (rc)
        diff_finish(ret);
    return rc;
}

int diff_stream(struct diff *ret, json_t *wanted, json_t *info, const char *own_domain, int64_t now_wall_ns)
{
    return compare_all(ret, stream_rows, sizeof(stream_rows) / sizeof(stream_rows[0]),
                       &(struct inputs){wanted, info, own_domain, now_wall_ns});
}

int diff_consumer(struct diff *ret, json_t *wanted, json_t *info)
{
    return compare_all(ret, consumer_rows, sizeof(consumer_rows) / sizeof(consumer_rows[0]),
                       &(struct inputs){wanted, info, NULL, 0});
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
        if (!json_is_string(item) || is_covered(wanted, json_string_value(item)))
            continue;
        if (!removed)
            removed = json_array();
        json_array_append(removed, item);
    }
    return removed;
}

static void describe(const struct row *rows, size_t n, json_t *wanted, const char *own_domain, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        struct buf text = {0};
        field_text(&rows[i].field, wanted, own_domain, &text);
        const char *s = buf_str(&text);
        if (s && strcmp(s, rows[i].field.absent) != 0)
            buf_printf(out, "%s%s %s", out->len ? "; " : "", rows[i].field.key, s);
        out->failed = out->failed || !s;
        buf_finish(&text);
    }
}

void diff_describe_stream(json_t *wanted, const char *own_domain, struct buf *out)
{
    describe(stream_rows, sizeof(stream_rows) / sizeof(stream_rows[0]), wanted, own_domain, out);
}

void diff_describe_consumer(json_t *wanted, struct buf *out)
{
    describe(consumer_rows, sizeof(consumer_rows) / sizeof(consumer_rows[0]), wanted, NULL, out);
}
