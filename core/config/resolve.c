/* SPDX-License-Identifier: Apache-2.0
 * resolve - config_finish: precedence, secret files, conversion of every key. */
#include "private.h"

#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Items given by flags are taken whole: a directory's name may hold a space. */
static void collect_items(struct config *c, const struct section *s, const struct entry *winner, struct strv *list)
{
    strv_finish(list);
    for (size_t i = 0; i < s->n_entries; i++) {
        const struct entry *e = &s->entries[i];
        if (e->o == winner->o && e->source == winner->source && e->append && !strv_has(list, e->value))
            strv_push(c, list, e->value);
    }
}

/* KEY and KEY_FILE of one source: nobody can say which was meant. */
static void check_both_forms(struct config *c, const struct section *s, const struct entry *winner)
{
    char here[256];
    char there[256];

    for (size_t i = 0; i < s->n_entries; i++) {
        const struct entry *e = &s->entries[i];
        if (e->o != winner->o || e->source != winner->source || e->from_file == winner->from_file)
            continue;
        entry_place(s, e, there, sizeof(there));
        entry_place(s, winner, here, sizeof(here));
        config_add_problem(c, "%s: %s is set as well; keep one of them", here, there);
        return;
    }
}

/* Does a file's ${NAME} mean something here? */
static bool is_expanded(const struct config *c, const struct section *s, const struct entry *e)
{
    return c->priv->use_streams && s->kind >= SECTION_PROVISION && e->source == SOURCE_FILE;
}

static void entry_convert(struct config *c, const struct section *s, const struct entry *e, void *target)
{
    struct error err = {0};
    char place[256];
    struct buf expanded = {0};
    char *secret = NULL;
    int r = 0;

    if (e->append && e->o->type == OPT_LIST && *e->value) {
        collect_items(c, s, e, (struct strv *)(void *)((char *)target + e->o->offset));
        return;
    }
    if (e->from_file)
        r = read_secret_file(e->value, &secret, &err);
    else if ((e->o->flags & OPT_SECRET) && strcmp(e->value, SECRET_MASK) == 0)
        r = error_set(&err, -EINVAL, "the value is the mask that --print-config writes; put the secret there");
    const char *value = secret ? secret : e->value;
    entry_place(s, e, place, sizeof(place));
    if (is_expanded(c, s, e))
        value = expand(c, place, value, &expanded) ? buf_str(&expanded) : NULL;
    if (r == 0 && value)
        r = opt_convert(c, e->o, value, target, &err);
    if (r < 0)
        config_add_problem(c, "%s: %s", place, err.text);
    buf_finish(&expanded);
    free(secret);
}

void section_resolve(struct config *c, const struct section *s, const struct section *defaults, void *target)
{
    for (size_t i = 0; i < opt_count; i++) {
        const struct opt *o = &opt_table[i];
        if (o->section != s->kind)
            continue;
        /* The default first, so that a bad value leaves a usable one behind. A default is
         * always right: the unit tests convert each. */
        if (*o->preset)
            opt_convert(c, o, o->preset, target, NULL);
        const struct section *from = s;
        const struct entry *e = section_winner(s, o, NULL);
        if (!e && defaults)
            e = section_winner(from = defaults, o, NULL);
        if (!e)
            continue;
        check_both_forms(c, from, e);
        entry_convert(c, from, e, target);
    }
}

static void default_text(struct config *c, char **field, const char *text)
{
    if (!*field)
        *field = config_strdup(c, text);
}

static void resolve_seamqd(struct config *c)
{
    struct section *s = section_get(c, SECTION_SEAMQD, "", "default");
    char host[256] = "";

    if (!s)
        return;
    section_resolve(c, s, NULL, c);
    if (gethostname(host, sizeof(host) - 1) < 0 || !*host)
        strcpy(host, "seamqd");
    default_text(c, &c->name, host);
}

static void resolve_cluster(struct config *c, const struct section *s)
{
    struct config_cluster *all = realloc(c->clusters, (c->n_clusters + 1) * sizeof(*all));
    char *name = all ? config_strdup(c, s->name) : NULL;

    if (all)
        c->clusters = all;
    if (!name) {
        c->priv->oom = true;
        return;
    }
    struct config_cluster *cl = &all[c->n_clusters++];
    *cl = (struct config_cluster){.name = name};
    section_resolve(c, s, NULL, cl);
    cluster_check(c, s, cl);
}

int handler_add_option(struct config *c, struct config_handler *h, const char *name, const char *value,
                       const char *origin)
{
    struct config_option *all = realloc(h->options, (h->n_options + 1) * sizeof(*all));
    if (!all) {
        c->priv->oom = true;
        return -ENOMEM;
    }
    h->options = all;

    struct config_option *o = &all[h->n_options];
    *o = (struct config_option){config_strdup(c, name), config_strdup(c, value), config_strdup(c, origin)};
    if (!o->name || !o->value || !o->origin) {
        free(o->name);
        free(o->value);
        free(o->origin);
        return -ENOMEM;
    }
    h->n_options++;
    return 0;
}

/* The options and stream.NAME of a handler, each once, in the order in which they were named. */
static void resolve_sub_keys(struct config *c, const struct section *s, struct config_handler *h)
{
    for (size_t i = 0; i < s->n_entries; i++) {
        const struct entry *e = &s->entries[i];
        if (e->o || section_winner(s, NULL, e->sub) != e)
            continue;
        if (strncmp(e->sub, "stream.", 7) == 0) {
            struct buf b = {0};
            buf_printf(&b, "%s=%s", e->sub + 7, e->value);
            const char *text = buf_str(&b);
            if (text)
                strv_push(c, &h->stream_for_cluster, text);
            else
                c->priv->oom = true;
            buf_finish(&b);
            continue;
        }
        if (handler_add_option(c, h, e->sub + 7, e->value, e->origin) < 0)
            return;
    }
}

/* Apart from production in everything that it could touch there. */
static void resolve_shadow(struct config *c, struct config_handler *h)
{
    struct buf durable = {0};

    if (!h->shadow || !h->durable)
        return;
    buf_printf(&durable, "%s-shadow", h->durable);
    free(h->durable);
    free(h->dead_letter);
    h->durable = config_strdup(c, buf_str(&durable));
    h->dead_letter = config_strdup(c, "off");
    buf_finish(&durable);
}

int handler_resolve(struct config *c, struct section *s, struct config_handler *h)
{
    *h = (struct config_handler){.name = config_strdup(c, s->name)};
    if (!h->name)
        return -ENOMEM;
    section_resolve(c, s, NULL, h);
    default_text(c, &h->plugin, s->name);
    default_text(c, &h->durable, s->name);
    resolve_shadow(c, h);
    resolve_sub_keys(c, s, h);
    handler_check(c, s, h);
    return 0;
}

static void resolve_handlers(struct config *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->priv->n_sections; i++)
        n += c->priv->sections[i].kind == SECTION_HANDLER;
    c->handlers = n ? calloc(n, sizeof(*c->handlers)) : NULL;
    if (n && !c->handlers) {
        c->priv->oom = true;
        return;
    }
    for (size_t i = 0; i < c->priv->n_sections; i++) {
        struct section *s = &c->priv->sections[i];
        if (s->kind == SECTION_HANDLER && handler_resolve(c, s, &c->handlers[c->n_handlers]) == 0)
            c->n_handlers++;
    }
}

void config_finish(struct config *c)
{
    bool any = false;

    env_resolve(c);
    resolve_seamqd(c);
    for (size_t i = 0; i < c->priv->n_sections; i++)
        any = any || c->priv->sections[i].kind == SECTION_CLUSTER;
    /* Who names other clusters only does not get one on loopback beside them. */
    if (!any)
        section_get(c, SECTION_CLUSTER, "default", "default");
    for (size_t i = 0; i < c->priv->n_sections; i++)
        if (c->priv->sections[i].kind == SECTION_CLUSTER)
            resolve_cluster(c, &c->priv->sections[i]);
    resolve_handlers(c);
    if (c->priv->use_streams)
        streams_resolve(c);
}
