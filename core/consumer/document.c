/* SPDX-License-Identifier: Apache-2.0
 * document - the JSON documents of the JetStream API: what we send, what we compare. */
#include "consumer_private.h"

#include "base/value.h"
#include "config/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 160 /* of subjects, in a sentence */
#define SHADOW_STAYS_NS (24 * 3600 * NS_PER_SEC)

static char *dump(json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

/* deliver_policy as in the configuration: all, new, last, last_per_subject, by_start_sequence=N, by_start_time=T */
static void put_deliver_policy(json_t *config, const char *policy)
{
    const char *value = strchr(policy, '=');
    size_t len = value ? (size_t)(value - policy) : strlen(policy);

    json_object_set_new(config, "deliver_policy", json_stringn(policy, len));
    if (!value)
        return;
    if (strncmp(policy, "by_start_sequence", len) == 0)
        json_object_set_new(config, "opt_start_seq", json_integer(strtoll(value + 1, NULL, 10)));
    else
        json_object_set_new(config, "opt_start_time", json_string(value + 1));
}

const char *document_filter(const struct consumer *c, size_t i, char out[FILTER_MAX])
{
    config_cluster_name(c->handler->filter_subjects.items[i], c->cluster->name, out, FILTER_MAX);
    return out;
}

static const char *ack_policy(const struct consumer *c)
{
    return c->handler->ack == ACK_CUMULATIVE ? "all" : "explicit";
}

char *document_consumer_create(const struct consumer *c)
{
    const struct config_handler *h = c->handler;
    json_t *config = json_object();
    char filter[FILTER_MAX];

    json_object_set_new(config, "durable_name", json_string(h->durable));
    json_object_set_new(config, "name", json_string(h->durable));
    put_deliver_policy(config, h->deliver_policy);
    json_object_set_new(config, "ack_policy", json_string(ack_policy(c)));
    json_object_set_new(config, "ack_wait", json_integer(h->ack_wait_ns));
    /* Attempts are counted here: with the server's limit a message that exhausts it is stranded. */
    json_object_set_new(config, "max_deliver", json_integer(-1));
    json_object_set_new(config, "max_ack_pending", json_integer(h->max_ack_pending));
    json_object_set_new(config, "replay_policy", json_string("instant"));
    if (h->shadow) /* a trial that is over leaves nothing behind */
        json_object_set_new(config, "inactive_threshold", json_integer(SHADOW_STAYS_NS));
    if (h->filter_subjects.n == 1) {
        json_object_set_new(config, "filter_subject", json_string(document_filter(c, 0, filter)));
    } else if (h->filter_subjects.n > 1) {
        json_t *list = json_array();
        for (size_t i = 0; i < h->filter_subjects.n; i++)
            json_array_append_new(list, json_string(document_filter(c, i, filter)));
        json_object_set_new(config, "filter_subjects", list);
    }
    return dump(json_pack("{s:s, s:o, s:s}", "stream_name", c->stream, "config", config, "action", "create"));
}

static bool has_filter(json_t *config, const char *subject)
{
    const char *one = json_string_value(json_object_get(config, "filter_subject"));
    json_t *item;
    size_t i;

    if (one && strcmp(one, subject) == 0)
        return true;
    json_array_foreach(json_object_get(config, "filter_subjects"), i,
                       item) if (json_is_string(item) && strcmp(json_string_value(item), subject) == 0) return true;
    return false;
}

static size_t count_filters(json_t *config)
{
    const char *one = json_string_value(json_object_get(config, "filter_subject"));
    return json_array_size(json_object_get(config, "filter_subjects")) + (one && *one ? 1 : 0);
}

static void __attribute__((format(printf, 3, 4))) add_text(char *text, size_t size, const char *fmt, ...)
{
    size_t len = strlen(text);
    va_list ap;

    len += (size_t)snprintf(text + len, size - len, "%s", len ? "; " : "");
    va_start(ap, fmt);
    if (len < size)
        vsnprintf(text + len, size - len, fmt, ap);
    va_end(ap);
}

static void compare_duration(const char *key, int64_t server, int64_t ours, char *drift, size_t size)
{
    char a[32];
    char b[32];
    if (server == ours)
        return;
    value_format_duration(server, a, sizeof(a));
    value_format_duration(ours, b, sizeof(b));
    add_text(drift, size, "%s is %s on the server, %s in the configuration", key, a, b);
}

static void put_filter(char list[LIST_MAX], const char *subject)
{
    if (*list)
        strncat(list, " ", LIST_MAX - 1 - strlen(list));
    strncat(list, subject, LIST_MAX - 1 - strlen(list));
}

static void compare_filters(const struct consumer *c, json_t *config, char *drift, size_t size)
{
    const struct strv *filters = &c->handler->filter_subjects;
    const char *one = json_string_value(json_object_get(config, "filter_subject"));
    char filter[FILTER_MAX];
    char theirs[LIST_MAX] = "";
    char ours[LIST_MAX] = "";
    json_t *item;
    size_t k;
    bool same = count_filters(config) == filters->n;

    for (size_t i = 0; i < filters->n; i++) {
        same = same && has_filter(config, document_filter(c, i, filter));
        put_filter(ours, document_filter(c, i, filter));
    }
    if (same)
        return;
    if (one)
        put_filter(theirs, one);
    json_array_foreach(json_object_get(config, "filter_subjects"), k, item)
    {
        if (json_is_string(item))
            put_filter(theirs, json_string_value(item));
    }
    add_text(drift, size, "filter_subjects is %s on the server, %s in the configuration", *theirs ? theirs : "all",
             *ours ? ours : "all");
}

/* Who leaves the default does not mind, and a start by sequence or time is what `seamq seek` leaves behind. */
static void compare_start(const struct consumer *c, json_t *config, char *drift, size_t size)
{
    const char *ours = c->handler->deliver_policy;
    const char *theirs = json_string_value(json_object_get(config, "deliver_policy"));

    if (theirs && strcmp(ours, "all") != 0 && strcmp(ours, theirs) != 0 && strncmp(theirs, "by_", 3) != 0)
        add_text(drift, size, "deliver_policy was %s when it was created, and is %s in the configuration", theirs,
                 ours);
}

static void check_usable(const struct consumer *c, json_t *config, char *refusal, size_t size)
{
    const char *ack = json_string_value(json_object_get(config, "ack_policy"));
    if (json_object_get(config, "deliver_subject"))
        add_text(refusal, size,
                 "it is a push consumer; SeaMQ needs a pull consumer (delete it, or set durable = another name)");
    if (ack && strcmp(ack, ack_policy(c)) != 0)
        add_text(refusal, size,
                 "its ack policy is \"%s\" and cannot be changed; %s needs \"%s\" (delete it, or set durable = another "
                 "name)",
                 ack, c->handler->ack == ACK_CUMULATIVE ? "ack = cumulative" : "SeaMQ", ack_policy(c));
    if (c->handler->filter_subjects.n > 1 && count_filters(config) == 0)
        add_text(refusal, size,
                 "it has no filter, and would bring every subject: servers before 2.10 know one filter only");
    if (json_object_get(config, "priority_policy") && json_array_size(json_object_get(config, "priority_groups")))
        add_text(refusal, size, "it has priority groups, with which every plain pull is refused");
}

void document_consumer_check(struct consumer *c, json_t *config, char *drift, size_t drift_size, char *refusal,
                             size_t refusal_size)
{
    const struct config_handler *h = c->handler;

    drift[0] = refusal[0] = '\0';
    check_usable(c, config, refusal, refusal_size);
    int64_t ack_wait = json_integer_value(json_object_get(config, "ack_wait"));
    if (ack_wait > 0) {
        compare_duration("ack_wait", ack_wait, h->ack_wait_ns, drift, drift_size);
        c->ack_wait_ns = ack_wait;
    }
    int64_t pending = json_integer_value(json_object_get(config, "max_ack_pending"));
    if (pending != h->max_ack_pending)
        add_text(drift, drift_size, "max_ack_pending is %lld on the server, %lld in the configuration",
                 (long long)pending, (long long)h->max_ack_pending);
    c->max_ack_pending = pending > 0 ? pending : INT32_MAX;
    int64_t max_deliver = json_integer_value(json_object_get(config, "max_deliver"));
    if (max_deliver > 0)
        add_text(drift, drift_size, "max_deliver is %lld on the server: messages that exhaust it are stranded (set -1)",
                 (long long)max_deliver);
    compare_start(c, config, drift, drift_size);
    compare_filters(c, config, drift, drift_size);
}

bool document_stream_lacks(const struct consumer *c, json_t *config, char *out, size_t size)
{
    static const char *const others[] = {"mirror", "sources", "subject_transform"}; /* where else messages come from */
    json_t *subjects = json_object_get(config, "subjects");
    const struct strv *filters = &c->handler->filter_subjects;
    char captured[LIST_MAX] = "", wanted[LIST_MAX] = "";
    char filter[FILTER_MAX];
    json_t *item;
    size_t k;

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (json_object_get(config, others[i]))
            return false;
    if (!json_array_size(subjects) || !filters->n)
        return false;
    json_array_foreach(subjects, k, item) put_filter(captured, json_is_string(item) ? json_string_value(item) : ">");
    for (size_t i = 0; i < filters->n; i++) {
        document_filter(c, i, filter);
        put_filter(wanted, filter);
        json_array_foreach(subjects, k, item)
        {
            if (subjects_overlap(json_is_string(item) ? json_string_value(item) : ">", filter))
                return false;
        }
    }
    snprintf(out, size,
             "stream %s captures %s, and filter_subjects takes %s of it: nothing will come (set "
             "handler.%s.filter_subjects, or give the stream that subject)",
             c->stream, captured, wanted, c->handler->name);
    return true;
}

char *document_dead_letter_create(const struct consumer *c, const char *subject)
{
    return dump(json_pack("{s:s, s:s, s:[s], s:s, s:s, s:s, s:I}", "name", c->dead_letter, "description",
                          "Dead letters of SeaMQ handlers", "subjects", subject, "retention", "limits", "storage",
                          "file", "discard", "old", "num_replicas", (json_int_t)c->stream_replicas));
}

char *document_dead_letter_update(json_t *config, const char *subject)
{
    json_t *copy = json_deep_copy(config);
    json_t *subjects = json_object_get(copy, "subjects");
    if (!json_is_array(subjects)) {
        subjects = json_array();
        json_object_set_new(copy, "subjects", subjects);
    }
    json_array_append_new(subjects, json_string(subject));
    return dump(copy);
}

bool document_stream_captures(json_t *config, const char *subject)
{
    json_t *item;
    size_t i;
    json_array_foreach(json_object_get(config, "subjects"), i,
                       item) if (json_is_string(item) && subject_covers(json_string_value(item), subject)) return true;
    return false;
}
