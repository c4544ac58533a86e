/* SPDX-License-Identifier: Apache-2.0
 * discover - finds the plugin file of each handler, and adds a handler for each file that no section names.
 * The files are not opened here: a worker process finds out whether a file is a plugin. */
#include "private.h"

#include "base/buf.h"
#include "base/value.h"
#include "names.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_PLUGINS 1000 /* in all directories together */
#define PLACE(s, key) key_place((s), (key), (char[256]){0}, 256)
#define QUOTE(text) value_quote((text), (char[200]){0}, 200)

static bool is_regular(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_dangling(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 && errno == ENOENT && lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* A dangling link counts as a file: the loader reports it, and the plugin that was loaded before keeps running. */
static bool is_file_or_dangling(const char *path)
{
    return is_regular(path) || is_dangling(path);
}

/* "dir/name" + suffix; NULL when out of memory. The caller frees it. */
static char *path_join(struct config *c, const char *dir, const char *name, const char *suffix)
{
    struct buf b = {0};
    buf_printf(&b, "%s%s%s%s", dir, *dir ? "/" : "", name, suffix);
    if (!buf_str(&b)) {
        c->priv->oom = true;
        buf_finish(&b);
        return NULL;
    }
    return b.data;
}

static bool has_so_suffix(const char *name)
{
    size_t len = strlen(name);
    return len > 3 && strcmp(name + len - 3, ".so") == 0;
}

/* The path of the plugin in the first directory that has it; NULL: none has. */
static char *find_plugin(struct config *c, const char *plugin)
{
    const char *suffix = has_so_suffix(plugin) ? "" : ".so";
    char *dangling = NULL;

    if (strchr(plugin, '/')) {
        char *path = path_join(c, "", plugin, suffix);
        if (path && is_file_or_dangling(path))
            return path;
        free(path);
        return NULL;
    }
    for (size_t i = 0; i < c->plugin_dirs.n; i++) {
        char *path = path_join(c, c->plugin_dirs.items[i], plugin, suffix);
        if (path && is_regular(path)) {
            free(dangling);
            return path;
        }
        if (path && !dangling && is_dangling(path))
            dangling = path;
        else
            free(path);
    }
    return dangling;
}

/* my_plugin.so serves the handler my-plugin: section names have no underscore. */
static char *find_with_underscores(struct config *c, const char *plugin)
{
    char *name = config_strdup(c, plugin);
    char *path = NULL;
    if (name && strchr(name, '-')) {
        for (char *s = name; *s; s++)
            *s = *s == '-' ? '_' : *s;
        path = find_plugin(c, name);
    }
    free(name);
    return path;
}

static void report_missing_plugin(struct config *c, const struct section *s, const struct config_handler *h,
                                  const struct strv *found)
{
    const char *suffix = has_so_suffix(h->plugin) ? "" : ".so";
    const char *near = NULL;
    unsigned distance = near_limit(h->plugin);

    if (strchr(h->plugin, '/')) {
        config_add_problem(c, "%s: there is no file %s%s", PLACE(s, "plugin"), h->plugin, suffix);
        return;
    }
    for (size_t i = 0; i < found->n; i++)
        near_try(h->plugin, found->items[i], &near, &distance);
    bool is_configured = section_winner(s, opt_find(&section_handler, "plugin", NULL), NULL) != NULL;
    config_add_problem(c, "%s: no %s%s in the plugin directories%s%s%s", is_configured ? PLACE(s, "plugin") : s->origin,
                       h->plugin, suffix, near ? " (did you mean " : " (seamqd.plugin_dir)", near ? near : "",
                       near ? "?)" : "");
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Adds the names without ".so", sorted, so that the result does not depend on the order in the directory. */
static void scan_plugin_dir(struct config *c, const char *dir, struct strv *names)
{
    size_t first = names->n;
    struct dirent *e;
    DIR *d = opendir(dir);

    if (!d) {
        config_add_problem(c, "%s: can't read the plugin directory %s: %s", config_origin(c, "seamqd", "plugin_dir"),
                           QUOTE(dir), strerror(errno));
        return;
    }
    while ((e = readdir(d)) != NULL) {
        size_t len = strlen(e->d_name);
        if (e->d_name[0] == '.' || !has_so_suffix(e->d_name))
            continue;
        char *path = path_join(c, dir, e->d_name, "");
        bool file = path && is_file_or_dangling(path);
        free(path);
        if (!file)
            continue;
        if (names->n >= MAX_PLUGINS) {
            config_add_problem(c, "%s: more than %d plugins; the others are left out", dir, MAX_PLUGINS);
            break;
        }
        e->d_name[len - 3] = '\0';
        if (!strv_has(names, e->d_name) && strv_push(c, names, e->d_name) < 0)
            break;
    }
    closedir(d);
    if (names->n > first + 1)
        qsort(names->items + first, names->n - first, sizeof(char *), compare_strings);
}

static bool has_handler(const struct config *c, const char *path)
{
    struct stat a;
    struct stat b;

    bool there = stat(path, &a) == 0;
    for (size_t i = 0; i < c->n_handlers; i++) {
        const char *used = c->handlers[i].plugin_path;
        if (used &&
            (strcmp(used, path) == 0 || (there && stat(used, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)))
            return true;
    }
    return false;
}

static void add_implicit_handler(struct config *c, const char *plugin)
{
    char name[SECTION_NAME_MAX + 2];
    size_t len = 0;
    char *path = find_plugin(c, plugin);

    if (!path || has_handler(c, path)) {
        free(path);
        return;
    }
    if (is_dangling(path)) { /* no handler yet: the caller decides whether one still runs from it */
        strv_push(c, &c->dangling, path);
        free(path);
        return;
    }
    for (; plugin[len] && len < sizeof(name) - 1; len++)
        name[len] = plugin[len] == '_' ? '-' : (char)tolower((unsigned char)plugin[len]);
    name[len] = '\0';
    if (check_section_name(name, NULL) < 0) {
        config_add_problem(c,
                           "%s: the file name is not a handler name (a-z, 0-9 and -, at most %d); rename it, or "
                           "add a section [handler.NAME] with plugin = %s",
                           path, SECTION_NAME_MAX, plugin);
        free(path);
        return;
    }
    if (section_find(c, &section_handler, name)) {
        config_add_problem(c,
                           "%s: the handler %s exists already, with another plugin; give this one a section "
                           "[handler.NAME] with plugin = %s",
                           path, name, plugin);
        free(path);
        return;
    }
    struct section *s = section_get(c, &section_handler, name, path);
    struct config_handler *all = realloc(c->handlers, (c->n_handlers + 1) * sizeof(*all));
    if (all)
        c->handlers = all;
    else
        c->priv->oom = true;
    if (!s || !all || handler_resolve(c, s, &all[c->n_handlers]) < 0) {
        free(path);
        return;
    }
    struct config_handler *h = &all[c->n_handlers++];
    free(h->plugin);
    h->plugin = config_strdup(c, plugin);
    h->plugin_path = path;
}

void config_discover(struct config *c)
{
    struct strv found = {0};

    for (size_t i = 0; i < c->plugin_dirs.n; i++)
        scan_plugin_dir(c, c->plugin_dirs.items[i], &found);
    for (size_t i = 0; i < c->n_handlers; i++) {
        struct config_handler *h = &c->handlers[i];
        struct section *s = section_find(c, &section_handler, h->name);
        if (!s || !h->plugin)
            continue;
        free(h->plugin_path);
        h->plugin_path = find_plugin(c, h->plugin);
        if (!h->plugin_path && !section_winner(s, opt_find(&section_handler, "plugin", NULL), NULL))
            h->plugin_path = find_with_underscores(c, h->plugin);
        if (!h->plugin_path && h->enabled)
            report_missing_plugin(c, s, h, &found);
    }
    for (size_t i = 0; i < found.n; i++)
        add_implicit_handler(c, found.items[i]);
    strv_finish(&found);
}
