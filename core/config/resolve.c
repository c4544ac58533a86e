/* SPDX-License-Identifier: Apache-2.0
 * resolve - config_finish(): fills the structs of clusters and handlers from the sections. */
#include "private.h"

#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void set_if_unset(struct config *c, char **field, const char *text)
{
    if (!*field)
        *field = config_strdup(c, text);
}

static void resolve_seamqd(struct config *c)
{
    struct section *s = section_get(c, &section_seamqd, "", "default");
    char host[256] = "";

    if (!s)
        return;
    section_resolve(c, s, NULL, c);
    if (gethostname(host, sizeof(host) - 1) < 0 || !*host)
        strcpy(host, "seamqd");
    set_if_unset(c, &c->name, host);
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

/* Adds the option.KEY and stream.CLUSTER keys of a handler, each once, in the order of the sources. */
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

/* A shadow handler has a consumer of its own and stores no dead letters, so that production is not affected. */
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
    set_if_unset(c, &h->plugin, s->name);
    set_if_unset(c, &h->durable, s->name);
    resolve_shadow(c, h);
    resolve_sub_keys(c, s, h);
    handler_check(c, s, h);
    return 0;
}

static void resolve_handlers(struct config *c)
{
    size_t n = 0;

    for (struct section *s = NULL; (s = section_next(c, &section_handler, s)) != NULL;)
        n++;
    c->handlers = n ? calloc(n, sizeof(*c->handlers)) : NULL;
    if (n && !c->handlers) {
        c->priv->oom = true;
        return;
    }
    for (struct section *s = NULL; (s = section_next(c, &section_handler, s)) != NULL;)
        if (handler_resolve(c, s, &c->handlers[c->n_handlers]) == 0)
            c->n_handlers++;
}

void config_finish(struct config *c)
{
    const struct config_schema *schema = c->priv->schema;

    env_resolve(c);
    resolve_seamqd(c);
    /* Add the implicit cluster `default` only if no cluster is configured. */
    if (!section_next(c, &section_cluster, NULL))
        section_get(c, &section_cluster, "default", "default");
    for (struct section *s = NULL; (s = section_next(c, &section_cluster, s)) != NULL;)
        resolve_cluster(c, s);
    resolve_handlers(c);
    if (schema)
        schema->resolve(schema->data, c);
}
