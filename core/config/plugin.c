/* SPDX-License-Identifier: Apache-2.0
 * plugin - merges the stream, subjects and options that a plugin declares into the configuration. */
#include "private.h"

#include "base/value.h"
#include "names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PLACE(s, key) key_place((s), (key), (char[256]){0}, 256)
#define QUOTE(text) value_quote((text), (char[80]){0}, 80)

void plugin_info_finish(struct plugin_info *info)
{
    free(info->path);
    free(info->name);
    free(info->version);
    free(info->stream);
    free(info->subjects);
    for (size_t i = 0; i < info->n_options; i++) {
        free(info->options[i].name);
        free(info->options[i].preset);
        free(info->options[i].help);
    }
    free(info->options);
    *info = (struct plugin_info){0};
}

/* Takes the value that the plugin declares, if no source sets the key. */
static void take_plugin_default(struct config *c, struct section *s, struct config_handler *h,
                                const struct plugin_info *info, const char *key, const char *value)
{
    struct error err = {0};
    const struct opt *o = opt_find(&section_handler, key, NULL);

    if (!value || !*value || section_winner(s, o, NULL))
        return;
    section_add(c, s,
                &(struct entry){.o = o, .source = SOURCE_PLUGIN, .value = (char *)value, .origin = (char *)info->path});
    if (opt_convert(c, o, value, h, &err) < 0)
        config_add_problem(c, "%s: the plugin's own default for %s: %s", info->path, key, err.text);
}

/* Case is ignored: names of variables are upper case. */
static const struct plugin_option *find_option(const struct plugin_info *info, const char *name, size_t len)
{
    for (size_t i = 0; i < info->n_options; i++)
        if (strncasecmp(info->options[i].name, name, len) == 0 && info->options[i].name[len] == '\0')
            return &info->options[i];
    return NULL;
}

/* The option `name`. NAME_file is the option NAME, with its value in a file. */
static const struct plugin_option *match_option(const struct plugin_info *info, const char *name, bool *ret_file)
{
    size_t len = strlen(name);
    const struct plugin_option *o = find_option(info, name, len);

    *ret_file = false;
    if (!o && len > 5 && strcasecmp(name + len - 5, "_file") == 0) {
        o = find_option(info, name, len - 5);
        *ret_file = o != NULL;
    }
    return o;
}

static int check_option_value(const struct plugin_option *o, const char *value, struct error *err)
{
    void (*format)(int64_t, char *, size_t) = value_format_int;
    bool yes;
    int64_t n = 0;
    int r = 0;

    switch (o->type) {
    case PLUGIN_OPTION_STRING: return 0;
    case PLUGIN_OPTION_BOOL: return value_parse_bool(value, &yes, err);
    case PLUGIN_OPTION_INT: r = value_parse_int(value, &n, err); break;
    case PLUGIN_OPTION_BYTES:
        r = value_parse_size(value, &n, err);
        format = value_format_size;
        break;
    case PLUGIN_OPTION_TIME:
        r = value_parse_duration(value, &n, err);
        format = value_format_duration;
        break;
    }
    return r < 0 ? r : value_check_bounds(n, o->min, o->max, QUOTE(value), format, err);
}

static void report_unknown_option(struct config *c, const struct section *s, const char *name,
                                  const struct plugin_info *info)
{
    char sub[160];
    const char *near = NULL;
    unsigned distance = near_limit(name);

    snprintf(sub, sizeof(sub), "option.%s", name);
    for (size_t i = 0; i < info->n_options; i++)
        near_try(name, info->options[i].name, &near, &distance);
    if (info->n_options == 0)
        config_add_problem(c, "%s: the plugin %s has no options", PLACE(s, sub), info->name);
    else if (near)
        config_add_problem(c, "%s: the plugin %s has no such option (did you mean \"%s\"?)", PLACE(s, sub), info->name,
                           near);
    else
        config_add_problem(c, "%s: the plugin %s has no such option (the first that it has is \"%s\")", PLACE(s, sub),
                           info->name, info->options[0].name);
}

static void replace_text(struct config *c, char **field, const char *text)
{
    char *copy = config_strdup(c, text);
    if (copy) {
        free(*field);
        *field = copy;
    }
}

/* Checks one configured option: reads its file, checks its value, and renames it as the plugin spells it. */
static void check_option(struct config *c, struct section *s, struct config_option *co, const struct plugin_info *info)
{
    struct error err = {0};
    char sub[160];
    bool file;
    char *secret = NULL;
    int r = 0;
    const struct plugin_option *o = match_option(info, co->name, &file);

    snprintf(sub, sizeof(sub), "option.%s", co->name);
    if (!o) {
        report_unknown_option(c, s, co->name, info);
        return;
    }
    if (file && !o->secret) {
        config_add_problem(c, "%s: only secret options are read from a file; write option.%s", PLACE(s, sub), o->name);
        return;
    }
    if (file)
        r = read_secret_file(co->value, &secret, &err);
    else if (o->secret && strcmp(co->value, SECRET_MASK) == 0)
        r = error_set(&err, -EINVAL, "the value is the mask that --print-config prints; write the secret instead");
    if (r == 0) {
        r = check_option_value(o, secret ? secret : co->value, &err);
        /* The sentence quotes the value, which must not be shown. */
        if (r < 0 && o->secret)
            error_set(&err, r, "the value is invalid for this option (it is secret and not shown)");
    }
    if (r < 0)
        config_add_problem(c, "%s: %s", PLACE(s, sub), err.text);
    if (secret)
        replace_text(c, &co->value, secret);
    free(secret);
    if (!o->secret)
        strv_push(c, &s->open_options, co->name);
    replace_text(c, &co->name, o->name);
}

/* option.x and option.x_file, or two spellings, have the same name after check_option(). */
static void check_set_twice(struct config *c, const struct config_handler *h)
{
    for (size_t i = 0; i < h->n_options; i++)
        for (size_t k = i + 1; k < h->n_options; k++)
            if (strcmp(h->options[i].name, h->options[k].name) == 0)
                config_add_problem(c, "handler.%s: option.%s is set twice, at %s and at %s; keep one of them", h->name,
                                   h->options[i].name, h->options[i].origin, h->options[k].origin);
}

static void add_option_defaults(struct config *c, struct section *s, struct config_handler *h,
                                const struct plugin_info *info)
{
    for (size_t i = 0; i < info->n_options; i++) {
        const struct plugin_option *o = &info->options[i];
        struct error err = {0};
        bool have = false;

        for (size_t k = 0; k < h->n_options; k++)
            have = have || strcmp(h->options[k].name, o->name) == 0;
        if (have)
            continue;
        if (!o->preset) {
            if (o->required)
                config_add_problem(c, "handler.%s: option.%s is required by the plugin %s; set it%s%s", h->name,
                                   o->name, info->name, o->help ? ": " : "", o->help ? o->help : "");
            continue;
        }
        if (check_option_value(o, o->preset, &err) < 0)
            config_add_problem(c, "%s: the plugin's own default for option.%s: %s", info->path, o->name, err.text);
        if (handler_add_option(c, h, o->name, o->preset, info->path) < 0)
            return;
        if (!o->secret)
            strv_push(c, &s->open_options, o->name);
    }
}

void config_apply_plugin(struct config *c, struct config_handler *h, const struct plugin_info *info)
{
    struct section *s = section_find(c, &section_handler, h->name);
    if (!s)
        return;
    take_plugin_default(c, s, h, info, "stream", info->stream);
    take_plugin_default(c, s, h, info, "filter_subjects", info->subjects);
    if (!h->stream && h->stream_for_cluster.n == 0 &&
        !section_winner(s, opt_find(&section_handler, "stream", NULL), NULL))
        config_add_problem(c, "handler.%s: no stream: the plugin %s declares none; set stream in [handler.%s]", h->name,
                           info->name, h->name);
    if (h->batch_max > 1 && !info->has_batch)
        config_add_problem(c, "%s: the plugin %s takes one message at a time (it has no handle_batch); set 1",
                           PLACE(s, "batch_max"), info->name);
    for (size_t i = 0; i < h->n_options; i++)
        check_option(c, s, &h->options[i], info);
    check_set_twice(c, h);
    add_option_defaults(c, s, h, info);
    handler_check(c, s, h);
}
