/* SPDX-License-Identifier: Apache-2.0
 * stream/provision_config - [stream.NAME] and [consumer.STREAM/NAME] as structs, and what must hold among them. */
#include "provision_config_private.h"

#include "base/value.h"
#include "config/names.h"

#include <stdlib.h>
#include <string.h>

#define PLACE(s, key) key_place((s), (key), (char[256]){0}, 256)
#define QUOTE(text) value_quote((text), (char[100]){0}, 100)

static void stream_finish(struct stream_config *s)
{
    strv_finish(&s->subjects);
    strv_finish(&s->sources);
    strv_finish(&s->placement_tags);
    free(s->name);
    free(s->mirror);
    free(s->placement_cluster);
}

void provision_config_finish(struct provision_config *p)
{
    for (size_t i = 0; i < p->n_streams; i++)
        stream_finish(&p->streams[i]);
    for (size_t i = 0; i < p->n_consumers; i++)
        consumer_config_finish(&p->consumers[i]);
    free(p->streams);
    free(p->consumers);
}

/* ---- one stream, one consumer ------------------------------------------------------ */

static void check_stream_section(struct config *c, const struct section *s, const struct stream_config *st)
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
        config_add_problem(c, "%s: a mirror has no duplicate window (%s); remove it", PLACE(s, "duplicate_window"),
                           PLACE(s, "mirror"));
}

/* Two streams of one account never capture the same subject. */
static void check_overlap(struct config *c, const struct section *s, const struct stream_config *st,
                          const struct stream_config *other)
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

static void check_consumer_section(struct config *c, const struct section *s, const struct consumer_config *co)
{
    const struct strv *filters = &co->filter_subjects;

    if (strcmp(co->deliver_policy, "last_per_subject") == 0 && filters->n == 0)
        config_add_problem(c, "%s: last_per_subject needs filter_subjects; set them (> is all)",
                           PLACE(s, "deliver_policy"));
    check_filters(c, s, filters);
}

/* ---- all of them ------------------------------------------------------------------------ */

static bool is_defaults(const struct section *s)
{
    return strcmp(section_name(s), DEFAULTS_NAME) == 0;
}

static size_t count(const struct config *c, const struct section_type *type)
{
    size_t n = 0;
    for (struct section *s = NULL; (s = section_next(c, type, s)) != NULL;)
        n += !is_defaults(s);
    return n;
}

static void resolve_stream(struct provision_config *p, struct config *c, const struct section *s,
                           const struct section *defaults)
{
    struct stream_config *st = &p->streams[p->n_streams++];
    st->name = config_strdup(c, section_name(s));
    size_t before = config_n_problems(c);
    section_resolve(c, s, defaults, st);
    if (!st->name)
        return;
    if (!st->subjects.n && !st->mirror && !st->sources.n && config_n_problems(c) == before)
        config_add_problem(c, "%s: a stream needs subjects, or a mirror or sources (try subjects = orders.>)",
                           PLACE(s, "subjects"));
    check_stream_section(c, s, st);
    for (size_t i = 0; i < p->n_streams; i++)
        check_overlap(c, s, st, &p->streams[i]);
}

static void resolve_consumer(struct provision_config *p, struct config *c, const struct section *s,
                             const struct section *defaults)
{
    struct consumer_config *co = &p->consumers[p->n_consumers++];
    co->stream = config_strdup(c, section_name(s));
    if (co->stream)
        co->stream[strcspn(co->stream, "/")] = '\0';
    co->name = config_strdup(c, strchr(section_name(s), '/') + 1);
    section_resolve(c, s, defaults, co);
    if (co->deliver_policy)
        check_consumer_section(c, s, co);
}

/* config_schema.resolve */
static void resolve_sections(void *data, struct config *c)
{
    struct provision_config *p = data;

    if (!p->used)
        return;
    provision_env_resolve(c);
    const struct section *provision = section_find(c, &section_provision, "");
    p->streams = calloc(count(c, &section_stream) + 1, sizeof(*p->streams));
    p->consumers = calloc(count(c, &section_consumer) + 1, sizeof(*p->consumers));
    if (!p->streams || !p->consumers || !provision) {
        config_out_of_memory(c);
        return;
    }
    section_resolve(c, provision, NULL, p);
    const struct section *defaults = section_find(c, &section_stream, DEFAULTS_NAME);
    for (struct section *s = NULL; (s = section_next(c, &section_stream, s)) != NULL;)
        if (!is_defaults(s))
            resolve_stream(p, c, s, defaults);
    defaults = section_find(c, &section_consumer, DEFAULTS_NAME);
    for (struct section *s = NULL; (s = section_next(c, &section_consumer, s)) != NULL;)
        if (!is_defaults(s))
            resolve_consumer(p, c, s, defaults);
}

/* config_schema.expand */
static bool expand_if_used(void *data, struct config *c, const char *place, const char *text, struct buf *out)
{
    struct provision_config *p = data;

    if (p->used)
        return provision_expand(c, p->env, place, text, out);
    buf_puts(out, text);
    if (!buf_str(out))
        config_out_of_memory(c);
    return !out->failed;
}

void provision_config_register(struct provision_config *p, struct config *c)
{
    *p = (struct provision_config){0};
    p->schema = (struct config_schema){provision_sections, expand_if_used, resolve_sections, p};
    config_register(c, &p->schema);
}

void provision_config_use(struct provision_config *p, char *const *env)
{
    p->used = true;
    p->env = env;
}
