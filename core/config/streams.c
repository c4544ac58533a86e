/* SPDX-License-Identifier: Apache-2.0
 * streams - [stream.NAME] and [consumer.STREAM/NAME] as structs, and what must hold among them. */
#include "private.h"

#include "base/value.h"
#include "names.h"

#include <stdlib.h>
#include <string.h>

#define PLACE(s, key) key_place((s), (key), (char[256]){0}, 256)
#define QUOTE(text) value_quote((text), (char[100]){0}, 100)

static void stream_finish(struct config_stream *s)
{
    strv_finish(&s->subjects);
    strv_finish(&s->sources);
    strv_finish(&s->placement_tags);
    free(s->name);
    free(s->mirror);
    free(s->placement_cluster);
}

static void consumer_finish(struct config_consumer *s)
{
    strv_finish(&s->filter_subjects);
    free(s->stream);
    free(s->name);
    free(s->deliver_policy);
}

void streams_finish(struct config *c)
{
    for (size_t i = 0; i < c->n_streams; i++)
        stream_finish(&c->streams[i]);
    for (size_t i = 0; i < c->n_consumers; i++)
        consumer_finish(&c->consumers[i]);
    free(c->streams);
    free(c->consumers);
}

/* ---- one stream, one consumer ------------------------------------------------------ */

static void check_stream_section(struct config *c, const struct section *s, const struct config_stream *st)
{
    if (st->mirror && st->subjects.n)
        config_add_problem(c, "%s: a mirror has no subjects of its own (%s); remove one of them", PLACE(s, "mirror"),
                           PLACE(s, "subjects"));
    if (st->mirror && st->sources.n)
        config_add_problem(c, "%s: a mirror has no sources (%s); remove one of them", PLACE(s, "mirror"),
                           PLACE(s, "sources"));
    if ((st->mirror && strcmp(st->mirror, st->name) == 0) || strv_has(&st->sources, st->name))
        config_add_problem(c, "%s: %s cannot copy itself (STREAM@DOMAIN is one of another domain)",
                           PLACE(s, st->mirror ? "mirror" : "sources"), QUOTE(st->name));
    if (st->max_age_ns && st->duplicate_window_ns > st->max_age_ns)
        config_add_problem(c, "%s: longer than max_age (%s), which the server refuses", PLACE(s, "duplicate_window"),
                           PLACE(s, "max_age"));
    if (st->mirror && st->duplicate_window_ns)
        config_add_problem(c, "%s: a mirror has none (%s); remove it", PLACE(s, "duplicate_window"),
                           PLACE(s, "mirror"));
}

/* Two streams of one account never capture the same subject. */
static void check_overlap(struct config *c, const struct section *s, const struct config_stream *st,
                          const struct config_stream *other)
{
    for (size_t i = 0; i < st->subjects.n; i++)
        for (size_t k = st == other ? i + 1 : 0; k < other->subjects.n; k++) {
            const char *a = st->subjects.items[i];
            const char *b = other->subjects.items[k];
            if (!subjects_overlap(a, b))
                continue;
            config_add_problem(c, "%s: %s overlaps %s of stream %s, which the server refuses", PLACE(s, "subjects"),
                               QUOTE(a), QUOTE(b), other->name);
            return;
        }
}

static void check_consumer_section(struct config *c, const struct section *s, const struct config_consumer *co)
{
    const struct strv *filters = &co->filter_subjects;

    if (strcmp(co->deliver_policy, "last_per_subject") == 0 && filters->n == 0)
        config_add_problem(c, "%s: last_per_subject needs filter_subjects; set them (> is all)",
                           PLACE(s, "deliver_policy"));
    check_filters(c, s, filters);
}

/* ---- all of them ------------------------------------------------------------------------ */

static bool is_named(const struct section *s, enum section_kind kind)
{
    return s->kind == kind && strcmp(s->name, DEFAULTS_NAME) != 0;
}

static size_t count(const struct config *c, enum section_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < c->priv->n_sections; i++)
        n += is_named(&c->priv->sections[i], kind);
    return n;
}

static void resolve_stream(struct config *c, const struct section *s, const struct section *defaults)
{
    struct config_stream *st = &c->streams[c->n_streams++];
    st->name = config_strdup(c, s->name);
    size_t before = config_n_problems(c);
    section_resolve(c, s, defaults, st);
    if (!st->name)
        return;
    if (!st->subjects.n && !st->mirror && !st->sources.n && config_n_problems(c) == before)
        config_add_problem(c, "%s: a stream needs subjects, or a mirror or sources (try subjects = orders.>)",
                           PLACE(s, "subjects"));
    check_stream_section(c, s, st);
    for (size_t i = 0; i < c->n_streams; i++)
        check_overlap(c, s, st, &c->streams[i]);
}

static void resolve_consumer(struct config *c, const struct section *s, const struct section *defaults)
{
    struct config_consumer *co = &c->consumers[c->n_consumers++];
    co->stream = config_strdup(c, s->name);
    if (co->stream)
        co->stream[strcspn(co->stream, "/")] = '\0';
    co->name = config_strdup(c, strchr(s->name, '/') + 1);
    section_resolve(c, s, defaults, co);
    if (co->deliver_policy)
        check_consumer_section(c, s, co);
}

void streams_resolve(struct config *c)
{
    const struct section *provision = section_find(c, SECTION_PROVISION, "");
    const struct section *stream_defaults = section_find(c, SECTION_STREAM, DEFAULTS_NAME);
    const struct section *consumer_defaults = section_find(c, SECTION_CONSUMER, DEFAULTS_NAME);

    c->streams = calloc(count(c, SECTION_STREAM) + 1, sizeof(*c->streams));
    c->consumers = calloc(count(c, SECTION_CONSUMER) + 1, sizeof(*c->consumers));
    if (!c->streams || !c->consumers || !provision) {
        c->priv->oom = true;
        return;
    }
    section_resolve(c, provision, NULL, &c->provision);
    for (size_t i = 0; i < c->priv->n_sections; i++) {
        const struct section *s = &c->priv->sections[i];
        if (is_named(s, SECTION_STREAM))
            resolve_stream(c, s, stream_defaults);
        else if (is_named(s, SECTION_CONSUMER))
            resolve_consumer(c, s, consumer_defaults);
    }
}
