/* SPDX-License-Identifier: Apache-2.0
 * env_streams - streams and consumers by environment alone.
 *
 * SEAMQ_STREAMS names them exactly; in SEAMQ_STREAM_<NAME>_<KEY> the name stands in any case, with _ for what a
 * variable's name cannot hold.  So names are matched against those that are declared, never guessed. */
#include "private.h"

#include "base/value.h"
#include "names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define VARIABLE_MAX 640

static const struct family {
    enum section_kind kind;
    const char *list; /* names the members; NULL: there is one, without a name */
    const char *prefix;
} families[] = {
    {SECTION_PROVISION, NULL, "SEAMQ_PROVISION_"},
    {SECTION_STREAM, "SEAMQ_STREAMS", "SEAMQ_STREAM_"},
    {SECTION_CONSUMER, "SEAMQ_CONSUMERS", "SEAMQ_CONSUMER_"},
};

static char folded(char c)
{
    return isalnum((unsigned char)c) ? (char)toupper((unsigned char)c) : '_';
}

/* "orders-eu" as it stands in a variable's name: "ORDERS_EU". */
static void fold(const char *name, char *out, size_t size)
{
    size_t n = 0;
    for (; name[n] && n < size - 1; n++)
        out[n] = folded(name[n]);
    out[n] = '\0';
}

static void declare(struct config *c, const struct family *f)
{
    const char *list = env_value(c, f->list);
    char name[2 * NATS_NAME_MAX + 3];
    struct error err = {0};

    while (list && value_list_next(&list, name, sizeof(name))) {
        if (strcmp(name, DEFAULTS_NAME) == 0)
            config_add_problem(c, "%s: %s stands for the defaults of all and cannot be a name here", f->list, name);
        else if (section_check_name(f->kind, name, &err) < 0)
            config_add_problem(c, "%s: %s", f->list, err.text);
        else
            section_get(c, f->kind, name, f->list);
    }
}

/* The key that `rest` (behind the prefix) means in section `s`; NULL: it means another. */
static const struct opt *key_in(const struct section *s, const char *rest)
{
    char key[64];
    size_t n = 0;
    const char *at = rest;

    for (const char *name = s->name; *name; name++, at++)
        if (folded(*name) != (char)toupper((unsigned char)*at))
            return NULL;
    if (*s->name && *at++ != '_')
        return NULL;
    for (; at[n] && n < sizeof(key) - 1; n++) {
        if (islower((unsigned char)at[n]))
            return NULL;
        key[n] = (char)tolower((unsigned char)at[n]);
    }
    key[n] = '\0';
    return opt_find(s->kind, key, NULL);
}

/* Of all names that would have been right, the nearest. */
static void unknown(struct config *c, const struct family *f, const char *variable)
{
    char name[VARIABLE_MAX];
    char near[VARIABLE_MAX] = "";
    unsigned distance = near_limit(variable);

    for (size_t i = 0; i < c->priv->n_sections; i++) {
        const struct section *s = &c->priv->sections[i];
        for (size_t k = 0; s->kind == f->kind && k < opt_count; k++) {
            const char *best = NULL;
            if (opt_table[k].section != f->kind)
                continue;
            int n = snprintf(name, sizeof(name), "%s", f->prefix);
            fold(s->name, name + n, sizeof(name) - (size_t)n);
            n = (int)strlen(name);
            snprintf(name + n, sizeof(name) - (size_t)n, "%s", *s->name ? "_" : "");
            n = (int)strlen(name);
            fold(opt_table[k].key, name + n, sizeof(name) - (size_t)n);
            near_try(variable, name, &best, &distance);
            if (best)
                snprintf(near, sizeof(near), "%s", name);
        }
    }
    if (*near)
        config_add_problem(c, "%s: unknown variable (did you mean %s?)", variable, near);
    else if (f->list)
        config_add_problem(c, "%s: unknown variable (it is %sNAME_KEY, with a name that stands in %s)", variable,
                           f->prefix, f->list);
    else
        config_add_problem(c, "%s: unknown variable (seamq stream apply --help lists the keys)", variable);
}

static void resolve_variable(struct config *c, const struct family *f, const char *variable, const char *value)
{
    const char *rest = variable + strlen(f->prefix);
    struct section *found = NULL;
    const struct opt *key = NULL;

    for (size_t i = 0; i < c->priv->n_sections; i++) {
        struct section *s = &c->priv->sections[i];
        const struct opt *o = s->kind == f->kind ? key_in(s, rest) : NULL;
        if (o && found) {
            config_add_problem(c, "%s: it could mean %s and %s; put them into a file", variable, found->name, s->name);
            return;
        }
        found = o ? s : found;
        key = o ? o : key;
    }
    if (!found && !env_is_service(variable, value))
        unknown(c, f, variable);
    else if (found && *value) /* empty: what compose files pass for "not given" */
        assign(c, found, &(struct assignment){variable, key->key, value, SOURCE_ENV, variable, false});
}

static void resolve_family(struct config *c, const struct family *f)
{
    if (f->list)
        declare(c, f);
    section_get(c, f->kind, f->list ? DEFAULTS_NAME : "", f->list ? f->list : f->prefix);
    for (size_t i = 0; i < c->priv->env.n; i++) {
        char *name = c->priv->env.items[i];
        char *eq = strchr(name, '=');
        if (!eq || strncmp(name, f->prefix, strlen(f->prefix)) != 0)
            continue;
        *eq = '\0';
        if (strlen(name) < VARIABLE_MAX)
            resolve_variable(c, f, name, eq + 1);
        else
            config_add_problem(c, "%.40s...: the variable's name is longer than %d characters", name, VARIABLE_MAX);
        *eq = '=';
    }
}

void env_resolve_streams(struct config *c)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        resolve_family(c, &families[i]);
}
