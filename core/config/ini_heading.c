/* SPDX-License-Identifier: Apache-2.0
 * ini_heading - reads `[handler.orders]`: inih shortens long headings silently and does not report empty or repeated
 * sections. */
#include "ini_file.h"

#include "names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADING TITLE_SIZE

/* Remembers `heading` ("stream.NAME") if its first word is nearer to `name` than the best one so far. */
static void try_heading(const char *name, const char *heading, const char **best, unsigned *distance)
{
    char word[32];
    const char *near = NULL;

    snprintf(word, sizeof(word), "%.*s", (int)strcspn(heading, "."), heading);
    unsigned d = *distance;
    near_try(name, word, &near, &d);
    if (near && (d < *distance || !*best)) {
        *best = heading;
        *distance = d;
    }
}

static void report_unknown_section(struct ini_source *in, const char *text, size_t len)
{
    char name[MAX_HEADING + 1];
    const char *candidate;
    const char *heading = NULL;
    const struct section_type *type;

    snprintf(name, sizeof(name), "%.*s", (int)len, text);
    unsigned distance = near_limit(name);
    for (size_t i = 0; (type = section_type_at(in->c, i)) != NULL; i++)
        try_heading(name, type->heading, &heading, &distance);
    for (size_t i = 0; (candidate = section_foreign_at(i)) != NULL; i++)
        try_heading(name, candidate, &heading, &distance);
    if (heading)
        ini_problem(in, "unknown section [%s] (did you mean [%s]?)", text, heading);
    else
        ini_problem(in, "unknown section [%s] (there are [seamqd], [cluster.NAME] and [handler.NAME])", text);
}

/* `text` is the heading without its brackets. */
static void enter_section(struct ini_source *in, const char *text)
{
    struct error err = {0};
    struct buf origin = {0};
    struct buf expanded = {0};
    size_t len = strcspn(text, ".");
    const char *name = text[len] ? text + len + 1 : "";
    const struct section_type *type = section_type_find(in->c, text, len);

    if (!type && section_is_foreign(in->c, text, len))
        return;
    if (!type) {
        report_unknown_section(in, text, len);
        return;
    }
    if (!type->example && text[len]) {
        ini_problem(in, "[%s] takes no name", type->name);
        return;
    }
    if (type->example && !*name) {
        ini_problem(in, "[%s] needs a name (try [%s.%s])", text, type->name, type->example);
        return;
    }
    ini_origin(in, &origin);
    const char *at = buf_str(&origin);
    if (!at)
        in->c->priv->oom = true;
    if (at && type->expands)
        name = section_expand(in->c, at, name, &expanded) ? buf_str(&expanded) : NULL;
    if (name && section_check_name(type, name, &err) < 0) {
        ini_problem(in, "[%s]: %s", text, err.text);
        name = NULL;
    }
    struct section *s = at && name ? section_get(in->c, type, name, at) : NULL;
    if (s) {
        if (s->heading && ini_same_file(in, s->heading))
            ini_problem(in, "section [%s] is already at %s; merge its keys there", text, s->heading);
        free(s->heading);
        s->heading = config_strdup(in->c, at);
        in->section = (size_t)(s - in->c->priv->sections);
        in->refused = false;
    }
    buf_finish(&expanded);
    buf_finish(&origin);
}

void ini_read_heading(struct ini_source *in, char *line)
{
    char *end = strchr(line, ']');
    char *name = line + 1;

    in->section = INI_NOWHERE;
    in->refused = true;
    in->key_seen = false;
    in->entry = INI_NOWHERE;
    if (!end) {
        ini_problem(in, "the heading has no ] (try [handler.orders])");
        return;
    }
    const char *after = end + 1 + strspn(end + 1, " \t");
    if (*after && !(*after == ';' && after > end + 1)) {
        ini_problem(in, "only a comment may follow the ] of a heading (\" ;\")");
        return;
    }
    while (end > name && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    name += strspn(name, " \t");
    if (strlen(name) > MAX_HEADING)
        ini_problem(in, "the section's name is longer than %d characters", MAX_HEADING);
    else
        enter_section(in, name);
}
