/* SPDX-License-Identifier: Apache-2.0
 * ini_source - the current place in the ini file, for problems and origins. */
#include "ini_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void ini_problem(struct ini_source *in, const char *fmt, ...)
{
    struct error err;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(err.text, sizeof(err.text), fmt, ap);
    va_end(ap);
    config_add_problem(in->c, "%s:%d: %s", in->path, in->line, err.text);
}

void ini_origin(const struct ini_source *in, struct buf *b)
{
    buf_printf(b, "%s:%d", in->path, in->line);
}

bool ini_same_file(const struct ini_source *in, const char *origin)
{
    size_t len = strlen(in->path);
    return strncmp(origin, in->path, len) == 0 && origin[len] == ':' && !strchr(origin + len + 1, ':');
}

struct section *ini_section(const struct ini_source *in)
{
    return in->section == INI_NOWHERE ? NULL : &in->c->priv->sections[in->section];
}
