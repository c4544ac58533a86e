/* SPDX-License-Identifier: Apache-2.0
 * stream/provision_env - streams and consumers by environment alone.
 *
 * SEAMQ_STREAMS names them exactly; in SEAMQ_STREAM_<NAME>_<KEY> the name stands in any case, with _ for what a
 * variable's name cannot hold.  So names are matched against those that are declared, never guessed. */
#include "provision_config_private.h"

#include "base/value.h"
#include "config/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define VARIABLE_MAX 640

static const struct family {
    const struct section_type *type;
    const char *list; /* names the members; NULL: there is one, without a name */
    const char *prefix;
} families[] = {
    {&section_provision, NULL, "SEAMQ_PROVISION_"},
    {&section_stream, "SEAMQ_STREAMS", "SEAMQ_STREAM_"},
    {&section_consumer, "SEAMQ_CONSUMERS", "SEAMQ_CONSUMER_"},
};

/* A character of a name as it stands in a variable's name: "orders-eu" is "ORDERS_EU" there. */
static char folded(char c)
{
    return isalnum((unsigned char)c) ? (char)toupper((unsigned char)c) : '_';
}

static void declare(struct config *c, const struct family *f)
{
    const char *list = env_value(c, f->list);
    char name[2 * NATS_NAME_MAX + 3];
    struct error err = {0};

    while (list && value_list_next(&list, name, sizeof(name))) {
        if (strcmp(name, DEFAULTS_NAME) == 0)
            config_add_problem(c, "%s: %s is the section of defaults and cannot be a name here", f->list, name);
        else if (section_check_name(f->type, name, &err) < 0)
            config_add_problem(c, "%s: %s", f->list, err.text);
        else
            section_get(c, f->type, name, f->list);
    }
}

/* The key that `rest` (behind the prefix) means in section `s`; NULL: it means another. */
static const struct opt *key_in(const struct section_type *type, const struct section *s, const char *rest)
{
    char key[64];
    size_t n = 0;
    const char *at = rest;

    for (const char *name = section_name(s); *name; name++, at++)
        if (folded(*name) != (char)toupper((unsigned char)*at))
            return NULL;
    if (*section_name(s) && *at++ != '_')
        return NULL;
    for (; at[n] && n < sizeof(key) - 1; n++) {
        if (islower((unsigned char)at[n]))
            return NULL;
        key[n] = (char)tolower((unsigned char)at[n]);
    }
    key[n] = '\0';
    return opt_find(type, key, NULL);
}

/* "SEAMQ_STREAM_ORDERS_EU_MAX_AGE" */
static void variable_name(const struct family *f, const struct section *s, const struct opt *o, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "%s%s%s%s", f->prefix, section_name(s), *section_name(s) ? "_" : "", o->key);
    for (size_t i = strlen(f->prefix); i < n && i < size - 1; i++)
        out[i] = folded(out[i]);
}

/* Of all names that would have been right, the nearest. */
static void unknown(struct config *c, const struct family *f, const char *variable)
{
    char name[VARIABLE_MAX];
    char near[VARIABLE_MAX] = "";
    unsigned distance = near_limit(variable);

    for (const struct section *s = NULL; (s = section_next(c, f->type, s)) != NULL;) {
        for (const struct opt *o = f->type->options; o->key; o++) {
            const char *best = NULL;
            variable_name(f, s, o, name, sizeof(name));
            near_try(variable, name, &best, &distance);
            if (best)
                snprintf(near, sizeof(near), "%s", name);
        }
    }
    if (*near)
        config_add_problem(c, "%s: unknown variable (did you mean %s?)", variable, near);
    else if (f->list)
        config_add_problem(c, "%s: unknown variable (the form is %sNAME_KEY, with a NAME of %s)", variable, f->prefix,
                           f->list);
    else
        config_add_problem(c, "%s: unknown variable (seamq stream apply --help lists the keys)", variable);
}

static void resolve_variable(struct config *c, const char *variable, const char *value, void *data)
{
    const struct family *f = data;
    const char *rest = variable + strlen(f->prefix);
    struct section *found = NULL;
    const struct opt *key = NULL;

    if (strlen(variable) >= VARIABLE_MAX) {
        config_add_problem(c, "%.40s...: the variable's name is longer than %d characters", variable, VARIABLE_MAX);
        return;
    }
    for (struct section *s = NULL; (s = section_next(c, f->type, s)) != NULL;) {
        const struct opt *o = key_in(f->type, s, rest);
        if (o && found) {
            config_add_problem(c, "%s: it could belong to %s and %s; set the keys in a file", variable,
                               section_name(found), section_name(s));
            return;
        }
        found = o ? s : found;
        key = o ? o : key;
    }
    if (!found && !env_is_service(variable, value))
        unknown(c, f, variable);
    else if (found && *value) /* empty: what compose files pass for "not given" */
        section_set_from_env(c, found, variable, key->key, value);
}

static void resolve_family(struct config *c, const struct family *f)
{
    if (f->list)
        declare(c, f);
    section_get(c, f->type, f->list ? DEFAULTS_NAME : "", f->list ? f->list : f->prefix);
    env_for_each(c, f->prefix, resolve_variable, (void *)(uintptr_t)f);
}

void provision_env_resolve(struct config *c)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        resolve_family(c, &families[i]);
}
