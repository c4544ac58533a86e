/* SPDX-License-Identifier: Apache-2.0
 * ini_heading - `[handler.orders]`: inih cuts long ones silently and does not tell of empty or
 * repeated sections, so headings are read here. */
#include "ini_file.h"

#include "names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADING TITLE_SIZE

static bool heading_kind(const char *text, size_t len, enum section_kind *ret)
{
    for (int k = 0; k < N_SECTION_KINDS; k++) {
        const char *name = section_kind_name((enum section_kind)k);
        if (strlen(name) == len && strncmp(name, text, len) == 0) {
            *ret = (enum section_kind)k;
            return true;
        }
    }
    return false;
}

/* ".NAME" where sections of this kind have one. */
static const char *heading_tail(const char *kind_name)
{
    enum section_kind kind = SECTION_SEAMQD;
    heading_kind(kind_name, strlen(kind_name), &kind);
    return section_kind_example(kind) ? ".NAME" : "";
}

static void unknown_section(struct ini_source *in, const char *text, size_t len)
{
    char kind[MAX_HEADING + 1];
    const char *near = NULL;

    snprintf(kind, sizeof(kind), "%.*s", (int)len, text);
    unsigned distance = near_limit(kind);
    for (int k = 0; k < N_SECTION_KINDS; k++)
        near_try(kind, section_kind_name((enum section_kind)k), &near, &distance);
    if (near)
        ini_problem(in, "unknown section [%s] (did you mean [%s%s]?)", text, near, heading_tail(near));
    else
        ini_problem(in, "unknown section [%s] (there are [seamqd], [cluster.NAME] and [handler.NAME])", text);
}

/* `text` is what stands between the brackets. */
static void enter_section(struct ini_source *in, const char *text)
{
    struct error err = {0};
    struct buf origin = {0};
    struct buf expanded = {0};
    enum section_kind kind;
    size_t len = strcspn(text, ".");
    const char *name = text[len] ? text + len + 1 : "";

    if (!heading_kind(text, len, &kind)) {
        unknown_section(in, text, len);
        return;
    }
    const char *example = section_kind_example(kind);
    if (!example && text[len]) {
        ini_problem(in, "[%s] has no name behind it", section_kind_name(kind));
        return;
    }
    if (example && !*name) {
        ini_problem(in, "[%s] needs a name (try [%s.%s])", text, section_kind_name(kind), example);
        return;
    }
    ini_origin(in, &origin);
    const char *at = buf_str(&origin);
    if (!at)
        in->c->priv->oom = true;
    if (at && in->c->priv->use_streams && kind >= SECTION_PROVISION)
        name = expand(in->c, at, name, &expanded) ? buf_str(&expanded) : NULL;
    if (name && section_check_name(kind, name, &err) < 0) {
        ini_problem(in, "[%s]: %s", text, err.text);
        name = NULL;
    }
    struct section *s = at && name ? section_get(in->c, kind, name, at) : NULL;
    if (s) {
        if (s->heading && ini_same_file(in, s->heading))
            ini_problem(in, "section [%s] stands at %s already; put its keys together there", text, s->heading);
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
        ini_problem(in, "nothing follows the ] of a heading but a comment (\" ;\")");
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
