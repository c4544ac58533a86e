/* SPDX-License-Identifier: Apache-2.0
 * config - storage of assignments and problems; look-ups. */
#include "config.h"

#include "base/buf.h"
#include "private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void oom(struct config *c)
{
    c->priv->oom = true;
}

char *config_strdup(struct config *c, const char *s)
{
    char *copy = strdup(s);
    if (!copy)
        oom(c);
    return copy;
}

int strv_push(struct config *c, struct strv *v, const char *s)
{
    char *copy = config_strdup(c, s);
    char **items = copy ? realloc(v->items, (v->n + 1) * sizeof(*items)) : NULL;
    if (!items) {
        free(copy);
        oom(c);
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

void config_use_streams(struct config *c, char *const *env)
{
    c->priv->use_streams = true;
    c->priv->expand_env = env;
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
    streams_finish(c);
    free(c->clusters);
    free(c->handlers);
    free(c->priv->sections);
    strv_finish(&c->priv->env);
    strv_finish(&c->priv->problems);
    strv_finish(&c->plugin_dirs);
    strv_finish(&c->dangling);
    free(c->admin);
    free(c->name);
    free(c->worker);
    free(c->priv);
    free(c);
}

struct section *section_find(const struct config *c, enum section_kind kind, const char *name)
{
    for (size_t i = 0; i < c->priv->n_sections; i++) {
        struct section *s = &c->priv->sections[i];
        if (s->kind == kind && strcmp(s->name, name) == 0)
            return s;
    }
    return NULL;
}

struct section *section_get(struct config *c, enum section_kind kind, const char *name, const char *origin)
{
    struct config_private *p = c->priv;
    struct section *s = section_find(c, kind, name);
    if (s)
        return s;
    if (p->n_sections >= MAX_SECTIONS) {
        config_add_problem(c, "%s: more than %d sections", origin, MAX_SECTIONS);
        return NULL;
    }

    struct section *all = realloc(p->sections, (p->n_sections + 1) * sizeof(*all));
    if (!all) {
        oom(c);
        return NULL;
    }
    p->sections = all;
    s = &all[p->n_sections];
    *s = (struct section){.kind = kind, .name = config_strdup(c, name), .origin = config_strdup(c, origin)};
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
        oom(c);
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
        /* Of one source the last assignment counts. */
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

void config_add_problem(struct config *c, const char *fmt, ...)
{
    struct strv *problems = &c->priv->problems;
    struct buf b = {0};
    va_list ap;

    if (problems->n > MAX_PROBLEMS)
        return;
    if (problems->n == MAX_PROBLEMS) {
        strv_push(c, problems, "there are more problems; these come first");
        return;
    }
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);

    /* One line each, whatever stood in the file. */
    for (size_t i = 0; i < b.len; i++)
        if ((unsigned char)b.data[i] < 0x20 || b.data[i] == 0x7f)
            b.data[i] = '?';
    const char *text = buf_str(&b);
    if (!text)
        oom(c);
    else if (!strv_has(problems, text)) /* some checks run at two stages */
        strv_push(c, problems, text);
    buf_finish(&b);
}

/* "seamqd", "cluster.NAME", "handler.NAME" */
static struct section *section_by_title(const struct config *c, const char *title)
{
    const char *dot = strchr(title, '.');
    size_t len = dot ? (size_t)(dot - title) : strlen(title);

    for (int k = 0; k < N_SECTION_KINDS; k++) {
        const char *kind = section_kind_name((enum section_kind)k);
        if (strlen(kind) == len && strncmp(kind, title, len) == 0)
            return section_find(c, (enum section_kind)k, dot ? dot + 1 : "");
    }
    return NULL;
}

const char *config_origin(const struct config *c, const char *section, const char *key)
{
    const struct section *s = section_by_title(c, section);
    if (!s)
        return "default";
    const struct entry *e = section_winner(s, opt_find(s->kind, key, NULL), key);
    return e ? e->origin : "default";
}
