/* SPDX-License-Identifier: Apache-2.0
 * config - storage of sections, assignments and problems, and look-ups in them. */
#include "config.h"

#include "base/buf.h"
#include "private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void config_out_of_memory(struct config *c)
{
    c->priv->oom = true;
}

char *config_strdup(struct config *c, const char *s)
{
    char *copy = strdup(s);
    if (!copy)
        config_out_of_memory(c);
    return copy;
}

int strv_push(struct config *c, struct strv *v, const char *s)
{
    char *copy = config_strdup(c, s);
    char **items = copy ? realloc(v->items, (v->n + 1) * sizeof(*items)) : NULL;
    if (!items) {
        free(copy);
        config_out_of_memory(c);
        return -ENOMEM;
    }
    v->items = items;
    v->items[v->n++] = copy;
    return 0;
}

void strv_finish(struct strv *v)
{
    for (size_t i = 0; i < v->n; i++)
        free(v->items[i]);
    free(v->items);
    *v = (struct strv){0};
}

bool strv_has(const struct strv *v, const char *s)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->items[i], s) == 0)
            return true;
    return false;
}

int config_create(struct config **ret)
{
    struct config *c = calloc(1, sizeof(*c));
    struct config_private *priv = calloc(1, sizeof(*priv));

    if (!c || !priv) {
        free(c);
        free(priv);
        return -ENOMEM;
    }
    c->priv = priv;
    c->log_level = LOG_LEVEL_INFO;
    *ret = c;
    return 0;
}

void config_register(struct config *c, const struct config_schema *schema)
{
    c->priv->schema = schema;
}

static void entry_finish(struct entry *e)
{
    free(e->sub);
    free(e->value);
    free(e->origin);
}

static void section_finish(struct section *s)
{
    for (size_t i = 0; i < s->n_entries; i++)
        entry_finish(&s->entries[i]);
    free(s->entries);
    free(s->name);
    free(s->origin);
    free(s->heading);
    strv_finish(&s->open_options);
}

static void cluster_finish(struct config_cluster *cl)
{
    strv_finish(&cl->urls);
    free(cl->name);
    free(cl->domain);
    free(cl->user);
    free(cl->password);
    free(cl->token);
    free(cl->creds);
    free(cl->nkey);
    free(cl->system_user);
    free(cl->system_password);
    free(cl->system_creds);
    free(cl->tls_ca);
    free(cl->tls_cert);
    free(cl->tls_key);
    free(cl->inbox_prefix);
}

static void handler_finish(struct config_handler *h)
{
    strv_finish(&h->clusters);
    strv_finish(&h->stream_for_cluster);
    strv_finish(&h->filter_subjects);
    free(h->name);
    free(h->plugin);
    free(h->plugin_path);
    free(h->stream);
    free(h->durable);
    free(h->deliver_policy);
    free(h->backoff_ns);
    free(h->dead_letter);
    free(h->ordering_header);
    for (size_t i = 0; i < h->n_options; i++) {
        free(h->options[i].name);
        free(h->options[i].value);
        free(h->options[i].origin);
    }
    free(h->options);
}

void config_destroy(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_clusters; i++)
        cluster_finish(&c->clusters[i]);
    for (size_t i = 0; i < c->n_handlers; i++)
        handler_finish(&c->handlers[i]);
    for (size_t i = 0; i < c->priv->n_sections; i++)
        section_finish(&c->priv->sections[i]);
    free(c->clusters);
    free(c->handlers);
    free(c->priv->sections);
    strv_finish(&c->priv->env);
    strv_finish(&c->priv->problems);
    strv_finish(&c->priv->deprecations);
    strv_finish(&c->plugin_dirs);
    strv_finish(&c->dangling);
    free(c->admin);
    free(c->name);
    free(c->worker);
    free(c->priv);
    free(c);
}

const struct section_type *section_type_find(const struct config *c, const char *name, size_t len)
{
    const struct section_type *t;

    for (size_t i = 0; (t = section_type_at(c, i)) != NULL; i++)
        if (strlen(t->name) == len && strncmp(t->name, name, len) == 0)
            return t;
    return NULL;
}

const struct section_type *section_type_at(const struct config *c, size_t i)
{
    static const struct section_type *const own[] = {&section_seamqd, &section_cluster, &section_handler};
    const size_t n = sizeof(own) / sizeof(own[0]);

    if (i < n)
        return own[i];
    const struct config_schema *schema = c->priv->schema;
    for (size_t k = 0; schema && schema->types[k]; k++)
        if (i == n + k)
            return schema->types[k];
    return NULL;
}

/* Sections that seamq registers. A program that does not know them skips them, so one file serves both. */
static const char *const foreign_sections[] = {"provision", "stream.NAME", "consumer.STREAM/NAME", NULL};

const char *section_foreign_at(size_t i)
{
    return i < sizeof(foreign_sections) / sizeof(foreign_sections[0]) ? foreign_sections[i] : NULL;
}

bool section_is_foreign(const struct config *c, const char *name, size_t len)
{
    const char *heading;

    for (size_t i = 0; (heading = section_foreign_at(i)) != NULL; i++)
        if (strcspn(heading, ".") == len && strncmp(heading, name, len) == 0)
            return !section_type_find(c, name, len);
    return false;
}

const char *section_name(const struct section *s)
{
    return s->name;
}

struct section *section_next(const struct config *c, const struct section_type *type, const struct section *previous)
{
    struct section *end = c->priv->sections + c->priv->n_sections;

    for (struct section *s = c->priv->sections + (previous ? previous - c->priv->sections + 1 : 0); s < end; s++)
        if (s->type == type)
            return s;
    return NULL;
}

struct section *section_find(const struct config *c, const struct section_type *type, const char *name)
{
    for (size_t i = 0; i < c->priv->n_sections; i++) {
        struct section *s = &c->priv->sections[i];
        if (s->type == type && strcmp(s->name, name) == 0)
            return s;
    }
    return NULL;
}

struct section *section_get(struct config *c, const struct section_type *type, const char *name, const char *origin)
{
    struct config_private *p = c->priv;
    struct section *s = section_find(c, type, name);
    if (s)
        return s;
    if (p->n_sections >= MAX_SECTIONS) {
        config_add_problem(c, "%s: more than %d sections", origin, MAX_SECTIONS);
        return NULL;
    }

    struct section *all = realloc(p->sections, (p->n_sections + 1) * sizeof(*all));
    if (!all) {
        config_out_of_memory(c);
        return NULL;
    }
    p->sections = all;
    s = &all[p->n_sections];
    *s = (struct section){.type = type, .name = config_strdup(c, name), .origin = config_strdup(c, origin)};
    if (!s->name || !s->origin) {
        section_finish(s);
        return NULL;
    }
    p->n_sections++;
    return s;
}

struct entry *section_add(struct config *c, struct section *s, const struct entry *e)
{
    struct entry *all = realloc(s->entries, (s->n_entries + 1) * sizeof(*all));
    if (!all) {
        config_out_of_memory(c);
        return NULL;
    }
    s->entries = all;

    struct entry *copy = &all[s->n_entries];
    *copy = *e;
    copy->sub = e->sub ? config_strdup(c, e->sub) : NULL;
    copy->value = config_strdup(c, e->value);
    copy->origin = config_strdup(c, e->origin);
    if ((e->sub && !copy->sub) || !copy->value || !copy->origin) {
        entry_finish(copy);
        return NULL;
    }
    s->n_entries++;
    return copy;
}

const struct entry *section_winner(const struct section *s, const struct opt *o, const char *sub)
{
    const struct entry *best = NULL;

    for (size_t i = 0; i < s->n_entries; i++) {
        const struct entry *e = &s->entries[i];
        if (o ? e->o != o : e->o || strcmp(e->sub, sub) != 0)
            continue;
        /* The last assignment of one source counts. */
        if (!best || e->source >= best->source)
            best = e;
    }
    return best;
}

struct config_cluster *config_find_cluster(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_clusters; i++)
        if (strcmp(c->clusters[i].name, name) == 0)
            return &c->clusters[i];
    return NULL;
}

size_t config_n_problems(const struct config *c)
{
    return c->priv->problems.n + (c->priv->oom ? 1 : 0);
}

const char *config_problem(const struct config *c, size_t i)
{
    if (i < c->priv->problems.n)
        return c->priv->problems.items[i];
    return i == c->priv->problems.n && c->priv->oom ? "out of memory while reading the configuration" : NULL;
}

size_t config_n_deprecations(const struct config *c)
{
    return c->priv->deprecations.n;
}

const char *config_deprecation(const struct config *c, size_t i)
{
    return i < c->priv->deprecations.n ? c->priv->deprecations.items[i] : NULL;
}

void config_add_problem(struct config *c, const char *fmt, ...)
{
    struct strv *problems = &c->priv->problems;
    struct buf b = {0};
    va_list ap;

    if (problems->n > MAX_PROBLEMS)
        return;
    if (problems->n == MAX_PROBLEMS) {
        strv_push(c, problems, "too many problems: the others are not shown");
        return;
    }
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);

    /* A problem is one line, also if it quotes control characters of the file. */
    for (size_t i = 0; i < b.len; i++)
        if ((unsigned char)b.data[i] < 0x20 || b.data[i] == 0x7f)
            b.data[i] = '?';
    const char *text = buf_str(&b);
    if (!text)
        config_out_of_memory(c);
    else if (!strv_has(problems, text)) /* some checks run twice: by config_finish() and config_apply_plugin() */
        strv_push(c, problems, text);
    buf_finish(&b);
}
