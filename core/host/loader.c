/* SPDX-License-Identifier: Apache-2.0
 * loader - calls dlopen() and the entry point, then checks the descriptor and the options. */
#include "loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "pin.h"

/* Sizes in ABI 1.0, the oldest one; later fields may be missing. */
#define PLUGIN_SIZE_MIN (offsetof(struct seamq_plugin, close) + sizeof(void (*)(void *)))
#define OPTION_SIZE_MIN (offsetof(struct seamq_option, max) + sizeof(int64_t))
#define SIZE_SANE 65536u
#define SELF_SIZE_MAX ((size_t)64 << 20)

typedef const struct seamq_plugin *entry_fn(const struct seamq_host *host);

/* The file has no entry point: it is of another major version, or not a plugin. */
static int missing_entry_report(void *dl, const char *path, struct error *err)
{
    for (unsigned major = 2; major < 10; major++) {
        char symbol[32];
        snprintf(symbol, sizeof(symbol), "seamq_plugin_v%u", major);
        if (dlsym(dl, symbol))
            return error_set(err, -ENOEXEC,
                             "%s: built for plugin ABI %u, this is SeaMQ %s with ABI %u.%u: upgrade SeaMQ, or "
                             "rebuild it against seamq 1.x headers",
                             path, major, SEAMQ_VERSION, SEAMQ_ABI_MAJOR, SEAMQ_ABI_MINOR);
    }
    return error_set(err, -ENOEXEC,
                     "%s: exports no symbol %s, so it is no SeaMQ handler: put SEAMQ_PLUGIN(...) into one of its "
                     "files, and do not hide the symbol",
                     path, SEAMQ_ENTRY);
}

static int check_abi(const struct seamq_plugin *p, const char *path, struct error *err)
{
    if (p->abi_major != SEAMQ_ABI_MAJOR)
        return error_set(err, -ENOEXEC,
                         "%s: built for plugin ABI %u.%u, this is SeaMQ %s with ABI %u.%u: rebuild it against seamq "
                         "%u.x headers",
                         path, p->abi_major, p->abi_minor, SEAMQ_VERSION, SEAMQ_ABI_MAJOR, SEAMQ_ABI_MINOR,
                         SEAMQ_ABI_MAJOR);
    if (p->abi_minor > SEAMQ_ABI_MINOR)
        return error_set(err, -ENOEXEC,
                         "%s: needs plugin ABI %u.%u, this is SeaMQ %s with ABI %u.%u: upgrade SeaMQ, or rebuild it "
                         "with -DSEAMQ_TARGET_MINOR=%u",
                         path, p->abi_major, p->abi_minor, SEAMQ_VERSION, SEAMQ_ABI_MAJOR, SEAMQ_ABI_MINOR,
                         SEAMQ_ABI_MINOR);
    if (p->struct_size < PLUGIN_SIZE_MIN || p->struct_size > SIZE_SANE || p->option_size < OPTION_SIZE_MIN ||
        p->option_size > SIZE_SANE)
        return error_set(err, -ENOEXEC,
                         "%s: its descriptor says %zu bytes (options %zu), ABI %u.0 has at least %zu (%zu): declare "
                         "it with SEAMQ_PLUGIN and rebuild",
                         path, p->struct_size, p->option_size, p->abi_major, PLUGIN_SIZE_MIN, OPTION_SIZE_MIN);
    return 0;
}

static bool name_ok(const char *name, const char *allowed)
{
    return *name && strspn(name, allowed) == strlen(name) && strlen(name) <= 64;
}

static int check_plugin(const struct loaded *l, struct error *err)
{
    const struct seamq_plugin *p = &l->plugin;

    if (!p->name)
        return error_set(err, -EINVAL, "%s: declares no name: add .name = \"...\"", l->path);
    if (!name_ok(p->name, "abcdefghijklmnopqrstuvwxyz0123456789-"))
        return error_set(err, -EINVAL, "%s: its name \"%.64s\" must be made of a-z, 0-9 and - (at most 64)", l->path,
                         p->name);
    if (!p->version || !*p->version)
        return error_set(err, -EINVAL, "%s: declares no version: add .version = \"1.0.0\"", l->path);
    if (!p->handle && !p->handle_batch)
        return error_set(err, -EINVAL, "%s: declares no handle function: add .handle = ...", l->path);
    if (p->self_size > SELF_SIZE_MAX)
        return error_set(err, -EINVAL, "%s: its instance takes %zu bytes, more than %zu: allocate in open instead",
                         l->path, p->self_size, SELF_SIZE_MAX);
    if (p->options && !p->self_size)
        return error_set(err, -EINVAL, "%s: has options but no instance to put them in: add .self_size = sizeof(...)",
                         l->path);
    return 0;
}

static int check_option(const struct loaded *l, const struct seamq_option *o, struct error *err)
{
    static const size_t sizes[] = {
        [SEAMQ_STRING_] = sizeof(char *), [SEAMQ_INT_] = 8, [SEAMQ_BOOL_] = 4, [SEAMQ_BYTES_] = 8, [SEAMQ_TIME_] = 8};
    if (!name_ok(o->name, "abcdefghijklmnopqrstuvwxyz0123456789_") || *o->name < 'a')
        return error_set(err, -EINVAL, "%s: its option \"%.64s\" must be named with a-z, 0-9 and _, a letter first",
                         l->path, o->name);
    if (o->type < SEAMQ_STRING_ || o->type > SEAMQ_TIME_)
        return error_set(err, -EINVAL, "%s: its option %s has the unknown type %d", l->path, o->name, o->type);
    size_t need = sizes[o->type];
    if (o->offset > l->plugin.self_size || need > l->plugin.self_size - o->offset || o->offset % need)
        return error_set(err, -EINVAL,
                         "%s: its option %s is outside of the instance (offset %zu, self_size %zu): declare it with "
                         "SEAMQ_OPT_* and the struct that self_size names",
                         l->path, o->name, o->offset, l->plugin.self_size);
    struct error why = {0};
    if (options_check_preset(o, &why))
        return error_set(err, -EINVAL, "%s: an option has an invalid preset: %s", l->path, why.text);
    for (const struct seamq_option *other = l->options; other < o; other++)
        if (strcmp(other->name, o->name) == 0)
            return error_set(err, -EINVAL, "%s: declares the option %s twice", l->path, o->name);
    return 0;
}

/* Copies the options; an element has the size that the plugin's header gave it (option_size). */
static int copy_options(struct loaded *l, struct error *err)
{
    const char *at = (const char *)l->plugin.options;
    size_t step = l->plugin.option_size;
    size_t take = step < sizeof(struct seamq_option) ? step : sizeof(struct seamq_option);
    size_t n = 0;

    if (!at)
        return 0;
    while (((const struct seamq_option *)(const void *)(at + n * step))->name)
        if (++n > LOADER_OPTIONS_MAX)
            return error_set(err, -EINVAL, "%s: has more than %d options: is SEAMQ_OPT_END missing?", l->path,
                             LOADER_OPTIONS_MAX);
    l->options = calloc(n + 1, sizeof(*l->options));
    if (!l->options)
        return error_set(err, -ENOMEM, "%s: out of memory", l->path);
    for (; l->n_options < n; l->n_options++) {
        struct seamq_option *o = &l->options[l->n_options];
        memcpy(o, at + l->n_options * step, take);
        int rc = check_option(l, o, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int descriptor_read(struct loaded *l, void *dl, const struct seamq_host *host, struct error *err)
{
    entry_fn *entry;
    *(void **)&entry = dlsym(dl, SEAMQ_ENTRY);
    if (!entry)
        return missing_entry_report(dl, l->path, err);
    const struct seamq_plugin *p = entry(host);
    if (!p)
        return error_set(err, -EINVAL, "%s: %s returned no descriptor: declare it with SEAMQ_PLUGIN", l->path,
                         SEAMQ_ENTRY);
    int rc = check_abi(p, l->path, err);
    if (rc)
        return rc;
    memcpy(&l->plugin, p, p->struct_size < sizeof(l->plugin) ? p->struct_size : sizeof(l->plugin));
    rc = check_plugin(l, err);
    return rc ? rc : copy_options(l, err);
}

static void *object_load(const char *from, const char *path, struct error *err)
{
    char *with_slash = NULL; /* dlopen() searches a name without a slash in library directories */
    if (!strchr(from, '/') && asprintf(&with_slash, "./%s", from) < 0) {
        error_set(err, -ENOMEM, "%s: out of memory", path);
        return NULL;
    }
    void *dl = dlopen(with_slash ? with_slash : from, RTLD_NOW | RTLD_LOCAL);
    if (!dl) {
        const char *why = dlerror();
        size_t n = strlen(with_slash ? with_slash : from);
        if (why && strncmp(why, with_slash ? with_slash : from, n) == 0 && strncmp(why + n, ": ", 2) == 0)
            why += n + 2;
        error_set(err, -ENOEXEC, "%s: cannot be loaded: %s", path, why ? why : "the dynamic linker gives no reason");
    }
    free(with_slash);
    return dl;
}

static int file_load(void **ret, const char *path, const struct image *image, int pin, struct error *err,
                     struct error *ret_note)
{
    struct pin_copy *copy = NULL;
    int rc = pin_copy(&copy, path, image, err);
    if (rc)
        return rc;
    *ret = object_load(path, path, err);
    if (!*ret) {
        rc = err->code;
    } else if (pin) {
        rc = pin_loaded(copy, err);
        if (rc == -EPERM) {
            *ret_note = *err;
            rc = 0;
        }
    }
    pin_copy_free(copy);
    return rc;
}

/* The file was replaced or deleted, so load the image.  It is sealed and cannot change: no pinning. */
static int image_load(void **ret, const char *path, const struct image *image, struct error *err)
{
    char from[64];
    snprintf(from, sizeof(from), "/proc/self/fd/%d", image->fd);
    *ret = object_load(from, path, err);
    return *ret ? 0 : err->code;
}

int loader_load(struct loaded *ret, const char *path, const struct image *image, const struct seamq_host *host, int pin,
                struct error *err, struct error *ret_note)
{
    struct loaded l = {.path = path};
    void *dl = NULL;

    ret_note->code = 0;
    if (image && !pin && !image_matches(image, path)) /* a probe: the file may be half a copy */
        return error_set(err, -EAGAIN, "%s: changed while it was read; is a copy still running?", path);
    int rc = image && !image_matches(image, path) ? image_load(&dl, path, image, err)
                                                  : file_load(&dl, path, image, pin, err, ret_note);
    if (rc == 0)
        rc = descriptor_read(&l, dl, host, err);
    if (rc)
        free(l.options);
    else
        *ret = l;
    return rc;
}
