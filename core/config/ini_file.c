/* SPDX-License-Identifier: Apache-2.0
 * ini_file - reads an ini file into assignments.  The only user of inih.
 *
 * inih splits `name = value` and knows comments. It does not report line numbers and headings, and it splits lines at
 * 198 bytes. Its input therefore comes from ini_lines.c; pieces of a long line arrive like continuation lines and are
 * joined here. */
#include "ini_file.h"

#include "base/value.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE (1 << 20)
#define QUOTE(text) value_quote((text), (char[80]){0}, 80)

static void append_value(struct ini_source *in, const char *more, const char *between)
{
    struct section *s = ini_section(in);
    if (!s || in->entry == INI_NOWHERE)
        return;
    struct entry *e = &s->entries[in->entry];
    struct buf b = {0};

    buf_printf(&b, "%s%s%s", e->value, between, more);
    char *joined = b.failed ? NULL : config_strdup(in->c, buf_str(&b));
    if (b.failed)
        in->c->priv->oom = true;
    if (joined && strlen(joined) > MAX_TEXT) {
        ini_problem(in, "the value is longer than %d bytes", MAX_TEXT);
        in->entry = INI_NOWHERE;
    } else if (joined) {
        free(e->value);
        e->value = joined;
        joined = NULL;
    }
    free(joined);
    buf_finish(&b);
}

static bool is_duplicate(struct ini_source *in, const struct section *s, const char *key)
{
    bool file = false;
    const struct opt *o = opt_find(s->type, key, &file);

    for (size_t i = 0; i < s->n_entries; i++) {
        const struct entry *e = &s->entries[i];
        if (e->source != SOURCE_FILE || !ini_same_file(in, e->origin))
            continue;
        if (o ? e->o != o || e->from_file != file || e->by_alias != opt_is_alias(o, key)
              : e->o || strcmp(e->sub, key) != 0)
            continue;
        ini_problem(in, "%s is already set at %s; keep one of them", QUOTE(key), e->origin);
        return true;
    }
    return false;
}

static void add_value(struct ini_source *in, const char *key, const char *value)
{
    struct section *s = ini_section(in);
    struct buf origin = {0};

    in->entry = INI_NOWHERE;
    if (!s) {
        if (!in->refused)
            ini_problem(in, "%s comes before the first section (begin with [seamqd] or [handler.NAME])", QUOTE(key));
        return;
    }
    if (is_duplicate(in, s, key))
        return;
    ini_origin(in, &origin);
    const char *at = buf_str(&origin);
    struct entry *e = NULL;
    if (!at)
        in->c->priv->oom = true;
    else
        e = assign(in->c, s, &(struct assignment){at, key, value, SOURCE_FILE, at, false});
    if (e)
        in->entry = (size_t)(e - s->entries);
    buf_finish(&origin);
}

/* The handler for inih. `section` is not used: headings are read by ini_heading.c. */
static int on_value(void *user, const char *section, const char *key, const char *value)
{
    struct ini_source *in = user;

    (void)section;
    if (in->piece)
        append_value(in, value, "");
    else if (in->continued)
        append_value(in, value, " ");
    else
        add_value(in, key, value);
    return 1;
}

static int line_of_nul(const char *text, const char *nul)
{
    int line = 1;
    for (; text < nul; text++)
        line += *text == '\n';
    return line;
}

int config_load_file(struct config *c, const char *path)
{
    struct error err = {0};
    struct ini_source in = {.c = c, .path = path, .section = INI_NOWHERE, .entry = INI_NOWHERE};
    char *text;
    size_t len;
    int r = read_text_file(path, MAX_FILE, &text, &len, &err);

    if (r < 0) {
        config_add_problem(c, "%s", err.text);
        return r;
    }
    const char *nul = memchr(text, '\0', len);
    if (nul) {
        config_add_problem(c, "%s:%d: a NUL byte: this is not a text file", path, line_of_nul(text, nul));
        r = -EINVAL;
    } else {
        in.next = text;
        if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
            in.next += 3;
        /* A positive result would name a line that inih cannot parse; ini_lines.c passes it none. */
        if (ini_parse_stream(ini_read_line, &in, on_value, &in) < 0)
            c->priv->oom = true;
    }
    free(text);
    return r;
}
