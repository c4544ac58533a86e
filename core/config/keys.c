/* SPDX-License-Identifier: Apache-2.0
 * keys - stores one assignment of any source, and names places for problems. */
#include "private.h"

#include "base/value.h"
#include "names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define QUOTED 80
#define QUOTE(text) value_quote((text), (char[QUOTED]){0}, QUOTED)

static const char option_prefix[] = "option.";
static const char stream_prefix[] = "stream.";

const char *section_title(const struct section *s, char *out, size_t size)
{
    if (*s->name)
        snprintf(out, size, "[%s.%s]", s->type->name, s->name);
    else
        snprintf(out, size, "[%s]", s->type->name);
    return out;
}

/* Writes "handler.orders." or "seamqd.". */
static void write_path(const struct section *s, char *out, size_t size)
{
    snprintf(out, size, "%s%s%s.", s->type->name, *s->name ? "." : "", s->name);
}

const char *entry_place(const struct section *s, const struct entry *e, char *out, size_t size)
{
    const char *key = !e->o ? e->sub : e->by_alias ? e->o->alias : e->o->key;
    const char *file = e->from_file && e->o ? "_file" : "";
    char path[96];

    write_path(s, path, sizeof(path));
    if (e->source == SOURCE_FILE)
        snprintf(out, size, "%s: %s%s", e->origin, key, file);
    else if (e->source == SOURCE_FLAG && !e->append)
        snprintf(out, size, "%s: %s%s%s", e->origin, path, key, file);
    else if (e->source == SOURCE_PLUGIN)
        snprintf(out, size, "%s: %s", e->origin, key);
    else
        snprintf(out, size, "%s", e->origin);
    return out;
}

const char *key_place(const struct section *s, const char *key, char *out, size_t size)
{
    const struct entry *e = section_winner(s, opt_find(s->type, key, NULL), key);
    char path[96];

    if (e)
        return entry_place(s, e, out, size);
    write_path(s, path, sizeof(path));
    snprintf(out, size, "%s%s", path, key);
    return out;
}

/* `title` is "seamqd", "cluster.NAME", "handler.NAME". */
static struct section *section_by_title(const struct config *c, const char *title)
{
    const char *dot = strchr(title, '.');
    size_t len = dot ? (size_t)(dot - title) : strlen(title);

    const struct section_type *type = section_type_find(c, title, len);
    return type ? section_find(c, type, dot ? dot + 1 : "") : NULL;
}

const char *config_origin(const struct config *c, const char *section, const char *key)
{
    const struct section *s = section_by_title(c, section);
    if (!s)
        return "default";
    const struct entry *e = section_winner(s, opt_find(s->type, key, NULL), key);
    return e ? e->origin : "default";
}

int check_sub_key(const char *key, struct error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    if (strncmp(key, option_prefix, sizeof(option_prefix) - 1) == 0) {
        const char *name = key + sizeof(option_prefix) - 1;
        if (!*name || name[strspn(name, allowed)] || strlen(name) > 128)
            return error_set(err, -EINVAL, "%s is not an option's name (letters, digits and _)", QUOTE(name));
        return 0;
    }
    if (strncmp(key, stream_prefix, sizeof(stream_prefix) - 1) == 0)
        return check_section_name(key + sizeof(stream_prefix) - 1, err);
    return 1;
}

static void report_unknown_key(struct config *c, const struct section *s, const struct assignment *a)
{
    char title[TITLE_SIZE];
    section_title(s, title, sizeof(title));

    /* A key of another section is a better hint than a similar key of this section. */
    const struct section_type *type;
    for (size_t i = 0; (type = section_type_at(c, i)) != NULL; i++) {
        if (type != s->type && opt_find(type, a->key, NULL)) {
            config_add_problem(c, "%s: unknown key %s in %s (it belongs in [%s])", a->place, QUOTE(a->key), title,
                               type->heading);
            return;
        }
    }
    const char *near = opt_nearest(s->type, a->key);
    if (near)
        config_add_problem(c, "%s: unknown key %s in %s (did you mean \"%s\"?)", a->place, QUOTE(a->key), title, near);
    else if (s->type == &section_handler)
        config_add_problem(c, "%s: unknown key %s in %s (a plugin's own option is written option.%s)", a->place,
                           QUOTE(a->key), title, a->key);
    else
        config_add_problem(c, "%s: unknown key %s in %s (%s --help lists the keys)", a->place, QUOTE(a->key), title,
                           s->type->program);
}

struct entry *assign(struct config *c, struct section *s, const struct assignment *a)
{
    struct error err = {0};
    struct entry e = {.source = a->source, .append = a->append, .value = (char *)a->value, .origin = (char *)a->origin};

    e.o = opt_find(s->type, a->key, &e.from_file);
    if (!e.o) {
        int r = s->type == &section_handler ? check_sub_key(a->key, &err) : 1;
        if (r > 0)
            report_unknown_key(c, s, a);
        else if (r < 0)
            config_add_problem(c, "%s: %s", a->place, err.text);
        if (r != 0)
            return NULL;
        e.sub = (char *)a->key;
    }
    e.by_alias = e.o && opt_is_alias(e.o, a->key);
    if (strlen(a->value) > MAX_TEXT) {
        config_add_problem(c, "%s: the value is longer than %d bytes", a->place, MAX_TEXT);
        return NULL;
    }
    return section_add(c, s, &e);
}

int section_check_name(const struct section_type *type, const char *name, struct error *err)
{
    return type->check_name ? type->check_name(name, err) : 0;
}

/* Splits "SECTION.KEY" into the type and name of the section, and the key; false: malformed, or an unknown section. */
static bool split_path(const struct config *c, char *path, const struct section_type **ret_type, char **ret_name,
                       char **ret_key)
{
    char *dot = strchr(path, '.');
    const struct section_type *type = dot ? section_type_find(c, path, (size_t)(dot - path)) : NULL;
    if (!type)
        return false;
    *ret_type = type;
    *dot++ = '\0';
    *ret_name = dot - 1; /* "": seamqd has no name */
    *ret_key = dot;
    if (!type->example)
        return true;
    *ret_name = dot;
    dot = strchr(dot, '.');
    if (!dot)
        return false;
    *dot = '\0';
    *ret_key = dot + 1;
    return true;
}

void config_set(struct config *c, const char *assignment)
{
    struct error err = {0};
    char path[256];
    char place[300];
    const struct section_type *type = NULL;
    char *name = NULL;
    char *key = NULL;
    const char *eq = strchr(assignment, '=');
    size_t len = eq ? (size_t)(eq - assignment) : 0;

    if (!eq || len >= sizeof(path)) {
        config_add_problem(c, "command line: %s is not SECTION.KEY=VALUE (try handler.orders.workers=4)",
                           QUOTE(assignment));
        return;
    }
    memcpy(path, assignment, len);
    path[len] = '\0';
    snprintf(place, sizeof(place), "command line: %s", path);
    if (section_is_foreign(c, path, strcspn(path, ".")))
        return;
    if (!split_path(c, path, &type, &name, &key) || !*key) {
        config_add_problem(
            c, "%s: not a key (seamqd.KEY, cluster.NAME.KEY or handler.NAME.KEY; try handler.orders.workers=4)", place);
        return;
    }
    if (section_check_name(type, name, &err) < 0) {
        config_add_problem(c, "%s: %s", place, err.text);
        return;
    }
    struct section *s = section_get(c, type, name, "command line");
    if (s)
        assign(c, s, &(struct assignment){place, key, eq + 1, SOURCE_FLAG, "command line", false});
}

void config_set_flag(struct config *c, const char *flag, const char *section, const char *key, const char *value)
{
    char path[128];
    const struct section_type *type = NULL;
    char *name = NULL;
    char *ret_key = NULL;

    snprintf(path, sizeof(path), "%s.%s", section, key);
    if (!split_path(c, path, &type, &name, &ret_key)) {
        config_add_problem(c, "%s: %s is not a section", flag, section);
        return;
    }
    struct section *s = section_get(c, type, name, flag);
    if (s)
        assign(c, s, &(struct assignment){flag, ret_key, value, SOURCE_FLAG, flag, true});
}

void section_set_from_env(struct config *c, struct section *s, const char *variable, const char *key, const char *value)
{
    assign(c, s, &(struct assignment){variable, key, value, SOURCE_ENV, variable, false});
}
