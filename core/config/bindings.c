/* SPDX-License-Identifier: Apache-2.0
 * bindings - the stream and consumer of each handler on each cluster, and the checks across handlers. */
#include "private.h"

#include "base/value.h"
#include "names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define PLACE(s, key) key_place((s), (key), (char[256]){0}, 256)
#define QUOTE(text) value_quote((text), (char[80]){0}, 80)
#define STREAM_SIZE (NATS_NAME_MAX + 1)

/* ---- keys of one handler ------------------------------------------------------- */

/* A batch larger than `most` (the value of `key`, 0: no limit) can never fill. */
static void check_batch_fits(struct config *c, const struct section *s, const struct config_handler *h, const char *key,
                             int64_t most)
{
    if (h->batch_max > 1 && most > 0 && h->batch_max > most)
        config_add_problem(c,
                           "%s: a batch of %lld can never fill, because %s is %lld; set that to at least twice as much",
                           PLACE(s, "batch_max"), (long long)h->batch_max, key, (long long)most);
}

static void check_batch(struct config *c, const struct section *s, const struct config_handler *h)
{
    if (h->batch_linger_ns > 0 && h->batch_max == 1)
        config_add_problem(c, "%s: batch_linger has no effect with batch_max = 1; set batch_max",
                           PLACE(s, "batch_linger"));
    check_batch_fits(c, s, h, "max_ack_pending", h->max_ack_pending);
    check_batch_fits(c, s, h, "max_in_flight", h->max_in_flight);
}

static void check_cumulative(struct config *c, const struct section *s, const struct config_handler *h)
{
    if (h->ack != ACK_CUMULATIVE)
        return;
    if (!h->exclusive)
        config_add_problem(c,
                           "%s: cumulative needs exclusive = yes: one acknowledgement is for all earlier messages, "
                           "also for those of another process; set it if no other process uses this consumer",
                           PLACE(s, "ack"));
    if (h->ordering != ORDERING_NONE)
        config_add_problem(c, "%s: cumulative cannot be combined with ordering; set ack = each, or ordering = none",
                           PLACE(s, "ack"));
}

/* ---- names ------------------------------------------------------------------ */

/* The template for `cluster`: its stream.NAME, else stream; NULL: none. */
static const char *stream_template(const struct config_handler *h, const char *cluster)
{
    size_t len = strlen(cluster);
    for (size_t i = 0; i < h->stream_for_cluster.n; i++) {
        const char *item = h->stream_for_cluster.items[i];
        if (strncmp(item, cluster, len) == 0 && item[len] == '=')
            return item + len + 1;
    }
    return h->stream;
}

void config_stream_name(const struct config_handler *h, const char *cluster, char *out, size_t size)
{
    config_cluster_name(stream_template(h, cluster), cluster, out, size);
}

void config_cluster_name(const char *s, const char *cluster, char *out, size_t size)
{
    size_t n = 0;

    if (size == 0)
        return;
    while (s && *s && n < size - 1) {
        bool low = strncmp(s, "{cluster}", 9) == 0;
        if (!low && strncmp(s, "{CLUSTER}", 9) != 0) {
            out[n++] = *s++;
            continue;
        }
        for (const char *k = cluster; *k && n < size - 1; k++)
            out[n++] = low ? *k : *k == '-' ? '_' : (char)toupper((unsigned char)*k);
        s += 9;
    }
    out[n] = '\0';
}

static void report_unknown_cluster(struct config *c, const struct section *s, const char *key, const char *name)
{
    const char *near = NULL;
    unsigned distance = near_limit(name);

    for (size_t i = 0; i < c->n_clusters; i++)
        near_try(name, c->clusters[i].name, &near, &distance);
    if (near)
        config_add_problem(c, "%s: cluster %s is not configured (did you mean %s?)", PLACE(s, key), QUOTE(name), near);
    else
        config_add_problem(c, "%s: cluster %s is not configured; add [cluster.%s], or use %s", PLACE(s, key),
                           QUOTE(name), name, c->n_clusters ? c->clusters[0].name : "default");
}

static void check_clusters(struct config *c, const struct section *s, const struct config_handler *h)
{
    char sub[64];
    char stream[STREAM_SIZE + 1];

    for (size_t i = 0; i < h->clusters.n; i++) {
        const char *name = h->clusters.items[i];
        if (!config_find_cluster(c, name)) {
            report_unknown_cluster(c, s, "clusters", name);
            continue;
        }
        config_stream_name(h, name, stream, sizeof(stream));
        if (strlen(stream) > NATS_NAME_MAX)
            config_add_problem(c, "%s: the stream's name on cluster %s is longer than %d characters",
                               PLACE(s, "stream"), name, NATS_NAME_MAX);
        if (!stream_template(h, name) && h->stream_for_cluster.n > 0)
            config_add_problem(c, "%s: no stream on cluster %s; set stream, or stream.%s", PLACE(s, "stream"), name,
                               name);
    }
    for (size_t i = 0; i < h->stream_for_cluster.n; i++) {
        const char *item = h->stream_for_cluster.items[i];
        char name[SECTION_NAME_MAX + 1];
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(item, "="), item);
        snprintf(sub, sizeof(sub), "stream.%s", name);
        if (!config_find_cluster(c, name))
            report_unknown_cluster(c, s, sub, name);
    }
}

/* ---- pairs of bindings -------------------------------------------------------- */

static bool text_equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Two (handler, cluster) pairs must not use the same consumer. */
static void check_pair(struct config *c, const struct config_handler *a, const char *on_a,
                       const struct config_handler *b, const char *on_b)
{
    char stream_a[STREAM_SIZE + 1];
    char stream_b[STREAM_SIZE + 1];
    const struct config_cluster *ca = config_find_cluster(c, on_a);
    const struct config_cluster *cb = config_find_cluster(c, on_b);
    const struct section *s = section_find(c, &section_handler, b->name);

    if (!s || !ca || !cb || !a->durable || !b->durable || strcmp(a->durable, b->durable) != 0)
        return;
    config_stream_name(a, on_a, stream_a, sizeof(stream_a));
    config_stream_name(b, on_b, stream_b, sizeof(stream_b));
    if (!*stream_a || strcmp(stream_a, stream_b) != 0)
        return;
    if (ca == cb)
        config_add_problem(
            c, "%s: handlers %s and %s both use the consumer %s of stream %s; give one of them another durable",
            PLACE(s, "durable"), a->name, b->name, a->durable, stream_a);
    else if (!text_equal(ca->domain, cb->domain))
        /* Acknowledgements cross the bridge between the domains, so one ack settles both messages: measured loss. */
        config_add_problem(
            c,
            "%s: consumer %s of stream %s is used on both %s and %s, which are two JetStream domains: one ack "
            "would settle both; name the streams apart (stream = {CLUSTER}_...)",
            PLACE(s, "durable"), a->durable, stream_a, on_a, on_b);
}

static void check_pairs(struct config *c, size_t first)
{
    const struct config_handler *a = &c->handlers[first];

    for (size_t k = first; k < c->n_handlers; k++) {
        const struct config_handler *b = &c->handlers[k];
        if (!b->enabled)
            continue;
        for (size_t i = 0; i < a->clusters.n; i++)
            for (size_t j = a == b ? i + 1 : 0; j < b->clusters.n; j++)
                check_pair(c, a, a->clusters.items[i], b, b->clusters.items[j]);
    }
}

/* True: the handler's filters match the subjects of its own dead letters. */
static bool matches_own_dead_letters(const struct config_handler *h, const char *cluster, const char *stream)
{
    char own[2 * STREAM_SIZE + 8];
    char filter[1024];

    snprintf(own, sizeof(own), "dlq.%s.%s.>", stream, h->durable ? h->durable : "*");
    for (size_t i = 0; i < h->filter_subjects.n; i++) {
        config_cluster_name(h->filter_subjects.items[i], cluster, filter, sizeof(filter));
        if (subjects_overlap(filter, own))
            return true;
    }
    return h->filter_subjects.n == 0;
}

/* A handler must not store its dead letters in its own stream: each would be delivered to it as a new message. */
static void check_dead_letter_loop(struct config *c, const struct section *s, const struct config_handler *h)
{
    char stream[STREAM_SIZE + 1];
    char dead_letter[STREAM_SIZE + 1];

    if (h->dead_letter && strcmp(h->dead_letter, "off") == 0)
        return;
    for (size_t i = 0; i < h->clusters.n; i++) {
        const char *name = h->clusters.items[i];
        config_stream_name(h, name, stream, sizeof(stream));
        config_cluster_name(h->dead_letter, name, dead_letter, sizeof(dead_letter));
        if (!*stream || strcmp(stream, dead_letter) != 0 || !matches_own_dead_letters(h, name, stream))
            continue;
        config_add_problem(
            c,
            "%s: %s is the handler's own stream: its dead letters would be delivered to it again and again; "
            "set dead_letter = off or another stream, or filter_subjects without them",
            PLACE(s, "dead_letter"), dead_letter);
        return;
    }
}

void config_check_bindings(struct config *c)
{
    for (size_t i = 0; i < c->n_handlers; i++) {
        const struct config_handler *h = &c->handlers[i];
        const struct section *s = section_find(c, &section_handler, h->name);
        if (!h->enabled || !s)
            continue;
        check_batch(c, s, h);
        check_clusters(c, s, h);
        check_cumulative(c, s, h);
        check_dead_letter_loop(c, s, h);
        if (h->deliver_policy && strcmp(h->deliver_policy, "last_per_subject") == 0 && h->filter_subjects.n == 0)
            config_add_problem(c, "%s: last_per_subject needs filter_subjects; set them (> is all)",
                               PLACE(s, "deliver_policy"));
        check_pairs(c, i);
    }
}
