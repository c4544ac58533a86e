/* SPDX-License-Identifier: Apache-2.0
 * section - resolves one section into its struct: precedence, secret files, conversion of each key. */
#include "private.h"

#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Items of flags are not split: the name of a directory may contain a space. */
static void collect_items(struct config *c, const struct section *s, const struct entry *winner, struct strv *list)
{
    strv_finish(list);
    for (size_t i = 0; i < s->n_entries; i++) {
        const struct entry *e = &s->entries[i];
        if (e->o == winner->o && e->source == winner->source && e->append && !strv_has(list, e->value))
            strv_push(c, list, e->value);
    }
}

/* KEY and KEY_file from one source are a problem: neither has precedence. */
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

/* Records the use of a deprecated key. A key and its alias together are a problem, from any sources. */
static void check_alias(struct config *c, const struct section *s, const struct opt *o)
{
    const struct entry *by_alias = NULL;
    const struct entry *by_key = NULL;
    struct error text;
    char here[256];
    char there[256];

    for (size_t i = 0; i < s->n_entries; i++) {
        const struct entry *e = &s->entries[i];
        if (e->o != o)
            continue;
        if (!e->by_alias) {
            by_key = e;
            continue;
        }
        by_alias = e;
        error_set(&text, 0, "%s: this key is deprecated; use %s", entry_place(s, e, here, sizeof(here)), o->key);
        if (!strv_has(&c->priv->deprecations, text.text))
            strv_push(c, &c->priv->deprecations, text.text);
    }
    if (by_alias && by_key)
        config_add_problem(c, "%s: set together with its deprecated name %s (%s); keep %s",
                           entry_place(s, by_key, here, sizeof(here)), o->alias,
                           entry_place(s, by_alias, there, sizeof(there)), o->key);
}

static bool is_expanded(const struct section *s, const struct entry *e)
{
    return s->type->expands && e->source == SOURCE_FILE;
}

bool section_expand(struct config *c, const char *place, const char *text, struct buf *out)
{
    const struct config_schema *schema = c->priv->schema;
    return schema->expand(schema->data, c, place, text, out);
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
        r = error_set(&err, -EINVAL, "the value is the mask that --print-config prints; write the secret instead");
    const char *value = secret ? secret : e->value;
    entry_place(s, e, place, sizeof(place));
    if (is_expanded(s, e))
        value = section_expand(c, place, value, &expanded) ? buf_str(&expanded) : NULL;
    if (r == 0 && value)
        r = opt_convert(c, e->o, value, target, &err);
    if (r < 0)
        config_add_problem(c, "%s: %s", place, err.text);
    buf_finish(&expanded);
    free(secret);
}

void section_resolve(struct config *c, const struct section *s, const struct section *defaults, void *target)
{
    for (const struct opt *o = s->type->options; o->key; o++) {
        /* The default is stored first, so that a bad value leaves a usable one. Defaults always convert: the unit tests
         * try each. */
        if (*o->preset)
            opt_convert(c, o, o->preset, target, NULL);
        if (o->alias) {
            check_alias(c, s, o);
            if (defaults)
                check_alias(c, defaults, o);
        }
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
