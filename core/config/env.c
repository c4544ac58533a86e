/* SPDX-License-Identifier: Apache-2.0
 * env - assigns SEAMQ_* variables to sections and keys, and NATS_* variables as fallbacks.
 *
 * SEAMQ_HANDLER_ORDERS_EU_ACK_WAIT can be split into section and key in several places. Of the splits with a known key,
 * one whose section exists (in the file, on the command line) wins, then the one with the longest key. Variables are
 * therefore assigned in config_finish(), when all other sources are known. */
#include "private.h"

#include "names.h"

#include <ctype.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 256

void config_load_env(struct config *c, char *const *env)
{
    for (; env && *env; env++)
        if (env_has_prefix(*env, "SEAMQ_") || env_has_prefix(*env, "NATS_"))
            strv_push(c, &c->priv->env, *env);
}

/* Variables of other programs: seamq, the test harness, the build and the compose files. */
static const char *const foreign_names[] = {"SEAMQ_CONFIG",    "SEAMQ_STREAMS",     "SEAMQ_CONSUMERS", "SEAMQ_BIN",
                                            "SEAMQ_NATS_ROOT", "SEAMQ_NATS_SERVER", "SEAMQ_IMAGE",     "SEAMQ_SITE"};

static bool belongs_to_other_program(const char *name, const char *value)
{
    static const char *const prefixes[] = {"SEAMQ_STREAM_", "SEAMQ_CONSUMER_", "SEAMQ_PROVISION_"};

    for (size_t i = 0; i < sizeof(foreign_names) / sizeof(foreign_names[0]); i++)
        if (strcmp(name, foreign_names[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (env_has_prefix(name, prefixes[i]))
            return true;
    return env_is_service(name, value);
}

/* ---- section and key in a name --------------------------------------------- */

struct split {
    bool found;
    bool declared; /* the section exists */
    bool unlikely; /* stream.CLUSTER of a cluster without a section */
    size_t key_len;
    char section[NAME_MAX_LEN];
    char key[NAME_MAX_LEN];
};

static void keep_better(struct split *best, const struct split *split)
{
    if (!best->found || (split->declared && !best->declared) ||
        (split->declared == best->declared && !split->unlikely && best->unlikely) ||
        (split->declared == best->declared && split->unlikely == best->unlikely && split->key_len > best->key_len))
        *best = *split;
}

/* Considers the split of `rest` (NAME_KEY) at `at`, where "_KEY" begins. */
static void consider_split(const struct config *c, const struct section_type *type, const char *rest, const char *at,
                           const char *key, struct split *best)
{
    struct split split = {.found = true, .key_len = strlen(at + 1)};

    if (at == rest)
        return;
    env_name_to_key(split.section, sizeof(split.section), rest, (size_t)(at - rest), true);
    split.declared = section_find(c, type, split.section) != NULL;
    snprintf(split.key, sizeof(split.key), "%s", key);
    split.unlikely = env_has_prefix(key, "stream.") && strcmp(key + 7, "default") != 0 &&
                     !section_find(c, &section_cluster, key + 7);
    keep_better(best, &split);
}

static void consider_sub_keys(const struct config *c, const char *rest, struct split *best)
{
    static const struct {
        const char *infix;
        const char *prefix;
        bool dashes;
    } subs[] = {{"_OPTION_", "option.", false}, {"_STREAM_", "stream.", true}};
    char key[NAME_MAX_LEN];

    for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]); i++) {
        for (const char *at = rest; (at = strstr(at, subs[i].infix)) != NULL; at++) {
            const char *name = at + strlen(subs[i].infix);
            if (!*name)
                continue;
            snprintf(key, sizeof(key), "%s", subs[i].prefix);
            env_name_to_key(key + 7, sizeof(key) - 7, name, strlen(name), subs[i].dashes);
            consider_split(c, &section_handler, rest, at, key, best);
        }
    }
}

/* Considers the split of `rest` before the key `name` + `file` ("", "_file"), if `rest` ends in it. */
static void consider_key(const struct config *c, const struct section_type *type, const char *rest, const char *name,
                         const char *file, struct split *best)
{
    char key[64];
    char suffix[64] = "_";

    snprintf(key, sizeof(key), "%s%s", name, file);
    env_key_to_name(suffix + 1, sizeof(suffix) - 1, key);
    if (env_has_suffix(rest, suffix))
        consider_split(c, type, rest, rest + strlen(rest) - strlen(suffix), key, best);
}

static void find_best_split(const struct config *c, const struct section_type *type, const char *rest,
                            struct split *best)
{
    for (const struct opt *o = type->options; o->key; o++) {
        consider_key(c, type, rest, o->key, "", best);
        if (o->alias)
            consider_key(c, type, rest, o->alias, "", best);
        if (o->flags & OPT_FROM_FILE)
            consider_key(c, type, rest, o->key, "_file", best);
        if ((o->flags & OPT_FROM_FILE) && o->alias)
            consider_key(c, type, rest, o->alias, "_file", best);
    }
    if (type == &section_handler)
        consider_sub_keys(c, rest, best);
}

/* ---- unknown names ----------------------------------------------------------- */

/* Writes the variable with the known key that is nearest to the last words of `rest`; false: no key is near. */
static bool nearest_variable(const char *name, const struct section_type *type, const char *rest, char *out,
                             size_t size)
{
    const char *best = NULL;
    const char *best_at = NULL;
    unsigned distance = 4;
    char key[64];

    for (const char *at = strchr(rest, '_'); at; at = strchr(at + 1, '_')) {
        if (at == rest)
            continue;
        unsigned d = near_limit(at + 1) < distance ? near_limit(at + 1) : distance;
        const char *near = NULL;
        env_name_to_key(key, sizeof(key), at + 1, strlen(at + 1), false);
        for (const struct opt *o = type->options; o->key; o++)
            near_try(key, o->key, &near, &d);
        if (near && (d < distance || !best)) {
            best = near;
            best_at = at;
            distance = d;
        }
    }
    if (!best)
        return false;
    env_key_to_name(key, sizeof(key), best);
    snprintf(out, size, "%.*s_%s", (int)(best_at - name), name, key);
    return true;
}

static void report_unknown_variable(struct config *c, const char *name, const struct section_type *type,
                                    const char *rest)
{
    char near[NAME_MAX_LEN];
    char key[NAME_MAX_LEN];

    if (type == &section_seamqd) {
        env_name_to_key(key, sizeof(key), rest, strlen(rest), false);
        const char *best = opt_nearest(type, key);
        if (best) {
            env_key_to_name(key, sizeof(key), best);
            config_add_problem(c, "%s: unknown variable (did you mean SEAMQ_%s?)", name, key);
            return;
        }
        unsigned distance = near_limit(key);
        for (size_t i = 0; i < sizeof(foreign_names) / sizeof(foreign_names[0]); i++)
            near_try(name, foreign_names[i], &best, &distance);
        if (best) {
            config_add_problem(c, "%s: unknown variable (did you mean %s?)", name, best);
            return;
        }
    } else if (nearest_variable(name, type, rest, near, sizeof(near))) {
        config_add_problem(c, "%s: unknown variable (did you mean %s?)", name, near);
        return;
    } else {
        env_name_to_key(key, sizeof(key), rest, strlen(rest), false);
        if (opt_find(type, key, NULL)) {
            config_add_problem(c, "%s: the %s's name is missing (try SEAMQ_%s_%s_%s)", name, type->name,
                               type == &section_cluster ? "CLUSTER" : "HANDLER",
                               type == &section_cluster ? "DEFAULT" : "ORDERS", rest);
            return;
        }
    }
    config_add_problem(c,
                       "%s: unknown variable (there are SEAMQ_KEY, SEAMQ_CLUSTER_NAME_KEY and SEAMQ_HANDLER_NAME_KEY; "
                       "seamqd --help lists the keys)",
                       name);
}

/* ---- resolving ------------------------------------------------------------- */

static const struct section_type *variable_section(const char *name, const char **ret_rest)
{
    if (env_has_prefix(name, "SEAMQ_CLUSTER_")) {
        *ret_rest = name + strlen("SEAMQ_CLUSTER_");
        return &section_cluster;
    }
    if (env_has_prefix(name, "SEAMQ_HANDLER_")) {
        *ret_rest = name + strlen("SEAMQ_HANDLER_");
        return &section_handler;
    }
    *ret_rest = name + strlen("SEAMQ_");
    return &section_seamqd;
}

static void resolve_variable(struct config *c, const char *name, const char *value, const struct section_type *type,
                             const char *rest)
{
    struct error err = {0};
    struct split split = {0};

    if (strlen(name) >= NAME_MAX_LEN - 8) {
        config_add_problem(c, "%.40s...: the variable's name is longer than %d characters", name, NAME_MAX_LEN - 8);
        return;
    }
    if (type == &section_seamqd) {
        env_name_to_key(split.key, sizeof(split.key), rest, strlen(rest), false);
        char again[NAME_MAX_LEN];
        env_key_to_name(again, sizeof(again), split.key);
        split.found = opt_find(type, split.key, NULL) && strcmp(again, rest) == 0;
    } else {
        find_best_split(c, type, rest, &split);
    }
    if (!split.found) {
        if (!belongs_to_other_program(name, value))
            report_unknown_variable(c, name, type, rest);
        return;
    }
    if (type != &section_seamqd && check_section_name(split.section, &err) < 0) {
        config_add_problem(c, "%s: %s", name, err.text);
        return;
    }
    /* Compose files and charts pass an empty variable for "not set". */
    if (!*value)
        return;
    struct section *s = section_get(c, type, split.section, name);
    if (s)
        assign(c, s, &(struct assignment){name, split.key, value, SOURCE_ENV, name, false});
}

static void resolve_if_of_type(struct config *c, const char *name, const char *value, void *data)
{
    const struct section_type *type = data;
    const char *rest;

    if (variable_section(name, &rest) == type)
        resolve_variable(c, name, value, type, rest);
}

static void resolve_section_variables(struct config *c, const struct section_type *type)
{
    env_for_each(c, "SEAMQ_", resolve_if_of_type, (void *)(uintptr_t)type);
}

/* Numbers the ways to log in; user and password are one. 0: the key is not part of a login. */
static int login_kind(const struct opt *o)
{
    static const char *const keys[] = {"password", "user", "token", "creds", "nkey"};
    for (int i = 0; o && i < 5; i++)
        if (strcmp(o->key, keys[i]) == 0)
            return i > 0 ? i : 1;
    return 0;
}

/* NATS_* variables are set in many shells and images for other tools. They therefore only fill gaps, and are not used
 * for a second way to log in. */
static void resolve_nats(struct config *c)
{
    struct section *s = section_find(c, &section_cluster, "default");
    bool others = section_next(c, &section_cluster, NULL) != NULL;
    int own = 0;

    if (!s && others && !env_value(c, "NATS_URL"))
        return;
    if (!s)
        s = section_get(c, &section_cluster, "default", others ? "NATS_URL" : "default");
    for (size_t i = 0; s && i < s->n_entries; i++)
        own = own ? own : login_kind(s->entries[i].o);
    for (const struct opt *o = section_cluster.options; s && o->key; o++) {
        const char *value = o->nats_env ? env_value(c, o->nats_env) : NULL;
        if (!value || (own && login_kind(o) && login_kind(o) != own))
            continue;
        assign(c, s, &(struct assignment){o->nats_env, o->key, value, SOURCE_NATS, o->nats_env, false});
    }
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void env_resolve(struct config *c)
{
    /* Sorted, so that the result does not depend on the order of the environment. */
    if (c->priv->env.n)
        qsort(c->priv->env.items, c->priv->env.n, sizeof(char *), compare_strings);
    resolve_section_variables(c, &section_seamqd);
    resolve_section_variables(c, &section_cluster); /* before the handlers, whose stream.CLUSTER names them */
    resolve_section_variables(c, &section_handler);
    resolve_nats(c);
}
