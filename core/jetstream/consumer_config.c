/* SPDX-License-Identifier: Apache-2.0
 * consumer_config - the field table of consumers and its use by the daemon. */
#include "consumer_config.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHADOW_KEPT_NS (24 * 3600 * NS_PER_SEC) /* a shadow consumer that nobody uses is deleted after a day */
#define FILTER_MAX 512

#define OTHER_NAME "delete the consumer, or set durable = another name"

static const char *const ack_policies[] = {
    [ACK_EACH] = "explicit", [ACK_CONFIRMED] = "explicit", [ACK_CUMULATIVE] = "all"};
static const char *const replay_policies[] = {"instant"};

#define AT(f) offsetof(struct consumer_config, f)

/* clang-format off: one row is one field */
static const struct js_field fields[] = {
    /* key, path, kind, absent, in the struct, seamqd, seamq stream apply */
    JS_FIELD("durable_name", "durable_name", JS_WORD, "none", AT(name), JS_IGNORED, JS_IGNORED),
    JS_FIELD("name", "name", JS_WORD, "none", AT(name), JS_IGNORED, JS_IGNORED),
    JS_FIELD("filter_subjects", "filter_subject", JS_FILTERS, "all", AT(filter_subjects), JS_USED, JS_USED),
    JS_FIELD("deliver_policy", "deliver_policy", JS_START, "all", AT(deliver_policy), JS_AT_CREATION, JS_AT_CREATION),
    JS_FIELD("deliver_subject", "deliver_subject", JS_WORD, "none", JS_NOT_CONFIGURED, JS_REFUSED, JS_USED,
             .why = "it is a push consumer; SeaMQ needs a pull consumer (" OTHER_NAME ")"),
    JS_FIELD("ack policy", "ack_policy", JS_CHOICE, "none", AT(ack), JS_REFUSED, JS_USED, .choices = ack_policies,
             .why = "it cannot be changed (" OTHER_NAME ")"),
    JS_FIELD("ack_wait", "ack_wait", JS_DURATION, "none", AT(ack_wait_ns), JS_USED, JS_USED),
    JS_FIELD("max_ack_pending", "max_ack_pending", JS_COUNT, "none", AT(max_ack_pending), JS_USED, JS_USED),
    /* Workers count the attempts. A message that exhausts the server's limit is never delivered again. */
    JS_FIELD("max_deliver", "max_deliver", JS_COUNT, "none", JS_NOT_CONFIGURED, JS_WARNED, JS_USED, .none = -1,
             .why = "messages that exhaust it are stranded (set -1)"),
    JS_FIELD("replay_policy", "replay_policy", JS_CHOICE, "instant", JS_NOT_CONFIGURED, JS_IGNORED, JS_IGNORED,
             .choices = replay_policies),
    JS_FIELD("replicas", "num_replicas", JS_COUNT, "the stream's", AT(replicas), JS_IGNORED, JS_USED),
    JS_FIELD("inactive_threshold", "inactive_threshold", JS_DURATION, "none", AT(inactive_threshold_ns), JS_IGNORED,
             JS_IGNORED),
    JS_FIELD("priority groups", "priority_groups", JS_LIST, "none", JS_NOT_CONFIGURED, JS_REFUSED, JS_IGNORED,
             .why = "a consumer with priority groups refuses plain pull requests (" OTHER_NAME ")"),
};
/* clang-format on */

const struct js_table consumer_fields = {fields, sizeof(fields) / sizeof(fields[0])};

/* ---- of a handler --------------------------------------------------------------------- */

int consumer_config_for_handler(struct consumer_config *ret, const struct config_handler *handler,
                                const struct config_cluster *cluster, const char *stream)
{
    const struct strv *filters = &handler->filter_subjects;
    char filter[FILTER_MAX];
    struct consumer_config c = {
        .stream = strdup(stream),
        .name = strdup(handler->durable),
        .filter_subjects = {.items = calloc(filters->n + 1, sizeof(char *)), .n = filters->n},
        .deliver_policy = strdup(handler->deliver_policy),
        .ack = handler->ack,
        .ack_wait_ns = handler->ack_wait_ns,
        .max_ack_pending = handler->max_ack_pending,
        .inactive_threshold_ns = handler->shadow ? SHADOW_KEPT_NS : 0,
    };
    bool complete = c.stream && c.name && c.deliver_policy && c.filter_subjects.items;

    for (size_t i = 0; i < filters->n && c.filter_subjects.items; i++) {
        config_cluster_name(filters->items[i], cluster->name, filter, sizeof(filter));
        c.filter_subjects.items[i] = strdup(filter);
        complete = complete && c.filter_subjects.items[i];
    }
    if (!complete) {
        consumer_config_finish(&c);
        return -ENOMEM;
    }
    *ret = c;
    return 0;
}

void consumer_config_finish(struct consumer_config *c)
{
    for (size_t i = 0; i < c->filter_subjects.n && c->filter_subjects.items; i++)
        free(c->filter_subjects.items[i]);
    free(c->filter_subjects.items);
    free(c->stream);
    free(c->name);
    free(c->deliver_policy);
    *c = (struct consumer_config){0};
}

/* ---- requests --------------------------------------------------------------------------- */

json_t *consumer_config_write(const struct consumer_config *c)
{
    return js_table_write(&consumer_fields, c, NULL);
}

char *consumer_config_request(const char *stream, json_t *document, const char *action)
{
    json_t *request = json_pack("{s:s, s:O, s:s*}", "stream_name", stream, "config", document, "action", action);
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    return text;
}

struct api_path consumer_config_path(const struct consumer_config *c)
{
    return (struct api_path){API_CONSUMER_CREATE, .stream = c->stream, .consumer = c->name,
                             .filter = c->filter_subjects.n == 1 ? c->filter_subjects.items[0] : NULL};
}

/* ---- comparison --------------------------------------------------------------------------- */

/* A start at a sequence or time is the result of `seamq seek`. The default policy fits every existing consumer. */
static bool start_matters(const char *server, const char *ours)
{
    return strcmp(ours, "all") != 0 && strncmp(server, "by_", 3) != 0;
}

static void report_difference(const struct js_field *f, const char *server, const char *ours,
                              struct consumer_comparison *ret)
{
    struct buf *out = f->daemon == JS_REFUSED ? &ret->refusal : &ret->drift;

    if (f->daemon == JS_IGNORED || (f->daemon == JS_AT_CREATION && !start_matters(server, ours)))
        return;
    buf_printf(out, "%s%s ", out->len ? "; " : "", f->key);
    switch (f->daemon) {
    case JS_IGNORED: break;
    case JS_USED: buf_printf(out, "is %s on the server, %s in the configuration", server, ours); break;
    case JS_AT_CREATION:
        buf_printf(out, "was %s when it was created, and is %s in the configuration", server, ours);
        break;
    case JS_WARNED: buf_printf(out, "is %s on the server: %s", server, f->why); break;
    case JS_REFUSED: buf_printf(out, "is %s on the server, and %s is needed: %s", server, ours, f->why); break;
    }
}

static void compare_field(const struct js_field *f, json_t *server, json_t *wanted, struct consumer_comparison *ret)
{
    struct buf theirs = {0};
    struct buf ours = {0};

    js_field_text(f, server, NULL, &theirs);
    js_field_text(f, wanted, NULL, &ours);
    const char *a = buf_str(&theirs);
    const char *b = buf_str(&ours);
    if (!a || !b)
        ret->drift.failed = true;
    else if (strcmp(a, b) != 0)
        report_difference(f, a, b, ret);
    buf_finish(&theirs);
    buf_finish(&ours);
}

static bool has_filter(json_t *server)
{
    const char *one = json_string_value(json_object_get(server, "filter_subject"));
    return (one && *one) || json_array_size(json_object_get(server, "filter_subjects"));
}

int consumer_config_compare(const struct consumer_config *c, json_t *document, struct consumer_comparison *ret)
{
    int64_t ack_wait_ns = json_integer_value(json_object_get(document, "ack_wait"));
    int64_t pending = json_integer_value(json_object_get(document, "max_ack_pending"));
    json_t *wanted = consumer_config_write(c);

    *ret = (struct consumer_comparison){.ack_wait_ns = ack_wait_ns > 0 ? ack_wait_ns : 0,
                                        .max_ack_pending = pending > 0 ? pending : INT32_MAX};
    for (size_t i = 0; i < consumer_fields.n && wanted; i++)
        compare_field(&consumer_fields.fields[i], document, wanted, ret);
    if (c->filter_subjects.n > 1 && !has_filter(document))
        buf_printf(&ret->refusal,
                   "%sit has no filter and would deliver every subject: servers before 2.10 know one filter only",
                   ret->refusal.len ? "; " : "");
    bool failed = !wanted || !buf_str(&ret->drift) || !buf_str(&ret->refusal);
    json_decref(wanted);
    if (failed)
        consumer_comparison_finish(ret);
    return failed ? -ENOMEM : 0;
}

void consumer_comparison_finish(struct consumer_comparison *d)
{
    buf_finish(&d->drift);
    buf_finish(&d->refusal);
}
