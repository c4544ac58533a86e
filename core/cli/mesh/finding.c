/* SPDX-License-Identifier: Apache-2.0
 * mesh/finding - the list of findings. */
#include "finding.h"

#include "base/buf.h"

#include <stdarg.h>
#include <string.h>

/* The words of the JSON output are older than those of the text output, and stay. */
static const char *const json_severities[] = {[FINDING_ERROR] = "wrong", [FINDING_NOTE] = "note"};

void findings_finish(struct findings *f)
{
    arena_finish(&f->arena);
    f->first = NULL;
}

/* The finding with the same check, text and remedy, else a new one; NULL: out of memory. */
static struct finding *find_or_append(struct findings *findings, const char *check, const char *what,
                                      const char *remedy)
{
    struct finding **at = &findings->first;

    for (; *at; at = &(*at)->next)
        if (strcmp((*at)->check, check) == 0 && strcmp((*at)->what, what) == 0 && strcmp((*at)->remedy, remedy) == 0)
            return *at;
    *at = arena_alloc(&findings->arena, sizeof(**at));
    if (*at)
        **at = (struct finding){.check = check, .what = arena_text(&findings->arena, what), .remedy = remedy};
    return *at;
}

void finding_add(struct findings *findings, enum severity severity, const char *check, const char *on,
                 const char *remedy, const char *what, ...)
{
    struct buf text = {0};
    va_list ap;

    va_start(ap, what);
    buf_vprintf(&text, what, ap);
    va_end(ap);
    const char *sentence = buf_str(&text);
    struct finding *f = find_or_append(findings, check, sentence ? sentence : "", remedy);
    buf_finish(&text);
    if (!f)
        return;
    f->severity = severity;
    if (!texts_contain(f->on, on))
        texts_add(&findings->arena, &f->on, on);
}

const struct finding *findings_of_check(const struct findings *f, const char *check)
{
    const struct finding *one = f->first;
    while (one && strcmp(one->check, check) != 0)
        one = one->next;
    return one;
}

size_t findings_count(const struct findings *f, enum severity severity)
{
    size_t n = 0;
    for (const struct finding *one = f->first; one; one = one->next)
        n += one->severity == severity;
    return n;
}

json_t *findings_to_json(const struct findings *f)
{
    json_t *all = json_array();

    for (const struct finding *one = f->first; one; one = one->next) {
        json_t *names = json_array();
        for (const struct text_list *on = one->on; on; on = on->next)
            json_array_append_new(names, json_string(on->text));
        json_array_append_new(all, json_pack("{s:s, s:s, s:o, s:s, s:s}", "check", one->check, "severity",
                                             json_severities[one->severity], "on", names, "what", one->what, "remedy",
                                             one->remedy));
    }
    return all;
}
