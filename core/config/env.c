/* SPDX-License-Identifier: Apache-2.0
 * env - SEAMQ_* variables to sections and keys; NATS_* as fallbacks.
 *
 * A name like SEAMQ_HANDLER_ORDERS_EU_ACK_WAIT can be cut in several places. Of the cuts that
 * give a known key, one whose section exists (in the file, on the command line) wins, then the
 * longest key.  Therefore everything waits until config_finish. */
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

/* Names of other programs: of seamq stream (env_streams.c), its front, the build, and the compose files. */
static const char *const foreign_names[] = {"SEAMQ_CONFIG",    "SEAMQ_STREAMS",     "SEAMQ_CONSUMERS", "SEAMQ_BIN",
                                            "SEAMQ_NATS_ROOT", "SEAMQ_NATS_SERVER", "SEAMQ_IMAGE",     "SEAMQ_SITE"};

static bool is_foreign(const char *name, const char *value)
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

/* ---- where a name is cut -------------------------------------------------- */

struct cut {
    bool found;
    bool declared; /* the section exists */
    bool doubtful; /* stream.CLUSTER of a cluster that nobody declares */
    size_t key_len;
    char section[NAME_MAX_LEN];
    char key[NAME_MAX_LEN];
};

static void offer(struct cut *best, const struct cut *cut)
{
    if (!best->found || (cut->declared && !best->declared) ||
        (cut->declared == best->declared && !cut->doubtful && best->doubtful) ||
        (cut->declared == best->declared && cut->doubtful == best->doubtful && cut->key_len > best->key_len))
        *best = *cut;
}

/* The cut of `rest` (NAME_KEY) before position `at`, where `_KEY` begins. */
static void try_cut(const struct config *c, const struct section_type *type, const char *rest, const char *at,
                    const char *key, struct cut *best)
{
    struct cut cut = {.found = true, .key_len = strlen(at + 1)};

    if (at == rest)
        return;
    env_name_to_key(cut.section, sizeof(cut.section), rest, (size_t)(at - rest), true);
    cut.declared = section_find(c, type, cut.section) != NULL;
    snprintf(cut.key, sizeof(cut.key), "%s", key);
    cut.doubtful = env_has_prefix(key, "stream.") && strcmp(key + 7, "default") != 0 &&
                   !section_find(c, &section_cluster, key + 7);
    offer(best, &cut);
}

static void try_sub_keys(const struct config *c, const char *rest, struct cut *best)
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
            try_cut(c, &section_handler, rest, at, key, best);
        }
    }
}

/* The cut of `rest` where it ends in `name` and `file` ("", "_file"). */
static void try_key(const struct config *c, const struct section_type *type, const char *rest, const char *name,
                    const char *file, struct cut *best)
{
    char key[64];
    char suffix[64] = "_";

    snprintf(key, sizeof(key), "%s%s", name, file);
    env_key_to_name(suffix + 1, sizeof(suffix) - 1, key);
    if (env_has_suffix(rest, suffix))
        try_cut(c, type, rest, rest + strlen(rest) - strlen(suffix), key, best);
}

static void find_cut(const struct config *c, const struct section_type *type, const char *rest, struct cut *best)
{
    for (const struct opt *o = type->options; o->key; o++) {
        try_key(c, type, rest, o->key, "", best);
        if (o->alias)
            try_key(c, type, rest, o->alias, "", best);
        if (o->flags & OPT_FROM_FILE)
            try_key(c, type, rest, o->key, "_file", best);
        if ((o->flags & OPT_FROM_FILE) && o->alias)
            try_key(c, type, rest, o->alias, "_file", best);
    }
    if (type == &section_handler)
        try_sub_keys(c, rest, best);
}

/* ---- names that nothing knows --------------------------------------------- */

/* The best spelling of the last words of `rest` as a key; writes the whole name to out. */
static bool nearest_name(const char *name, const struct section_type *type, const char *rest, char *out, size_t size)
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

static void unknown_name(struct config *c, const char *name, const struct section_type *type, const char *rest)
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
    } else if (nearest_name(name, type, rest, near, sizeof(near))) {
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

static void resolve_one(struct config *c, const char *name, const char *value, const struct section_type *type,
                        const char *rest)
{
    struct error err = {0};
    struct cut cut = {0};

    if (strlen(name) >= NAME_MAX_LEN - 8) {
        config_add_problem(c, "%.40s...: the variable's name is longer than %d characters", name, NAME_MAX_LEN - 8);
        return;
    }
    if (type == &section_seamqd) {
        env_name_to_key(cut.key, sizeof(cut.key), rest, strlen(rest), false);
        char again[NAME_MAX_LEN];
        env_key_to_name(again, sizeof(again), cut.key);
        cut.found = opt_find(type, cut.key, NULL) && strcmp(again, rest) == 0;
    } else {
        find_cut(c, type, rest, &cut);
    }
    if (!cut.found) {
        if (!is_foreign(name, value))
            unknown_name(c, name, type, rest);
        return;
    }
    if (type != &section_seamqd && check_section_name(cut.section, &err) < 0) {
        config_add_problem(c, "%s: %s", name, err.text);
        return;
    }
    /* What compose files and charts pass for "not given". */
    if (!*value)
        return;
    struct section *s = section_get(c, type, cut.section, name);
    if (s)
        assign(c, s, &(struct assignment){name, cut.key, value, SOURCE_ENV, name, false});
}

static void resolve_if_of_type(struct config *c, const char *name, const char *value, void *data)
{
    const struct section_type *type = data;
    const char *rest;

    if (variable_section(name, &rest) == type)
        resolve_one(c, name, value, type, rest);
}

static void resolve_section_variables(struct config *c, const struct section_type *type)
{
    env_for_each(c, "SEAMQ_", resolve_if_of_type, (void *)(uintptr_t)type);
}

/* The way to log in that a key belongs to: user and password are one; 0: none. */
static int login_kind(const struct opt *o)
{
    static const char *const keys[] = {"password", "user", "token", "creds", "nkey"};
    for (int i = 0; o && i < 5; i++)
        if (strcmp(o->key, keys[i]) == 0)
            return i > 0 ? i : 1;
    return 0;
}

/* The family lies in many shells and images for other tools, so it only fills gaps; and who
 * configures one way to log in does not want another from there mixed in. */
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

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void env_resolve(struct config *c)
{
    /* The same answer, and the same order of problems, for the same variables. */
    if (c->priv->env.n)
        qsort(c->priv->env.items, c->priv->env.n, sizeof(char *), by_name);
    resolve_section_variables(c, &section_seamqd);
    resolve_section_variables(c, &section_cluster); /* before the handlers, whose stream.CLUSTER names them */
    resolve_section_variables(c, &section_handler);
    resolve_nats(c);
}
