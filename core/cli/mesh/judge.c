/* SPDX-License-Identifier: Apache-2.0
 * mesh/judge - the list of findings, and the order of the checks. */
#include "judge.h"

#include "base/buf.h"

#include <stdarg.h>
#include <string.h>

static json_t *find_same(json_t *findings, const char *check, const char *what, const char *remedy)
{
    json_t *f;
    size_t i;
    json_array_foreach(findings, i, f)
    {
        if (strcmp(row_text(f, "check"), check) == 0 && strcmp(row_text(f, "what"), what) == 0 &&
            strcmp(row_text(f, "remedy"), remedy) == 0)
            return f;
    }
    return NULL;
}

void finding_add(json_t *findings, enum severity severity, const char *check, const char *on, const char *remedy,
                 const char *what, ...)
{
    struct buf text = {0};
    va_list ap;

    va_start(ap, what);
    buf_vprintf(&text, what, ap);
    va_end(ap);
    const char *sentence = buf_str(&text);
    json_t *f = find_same(findings, check, sentence ? sentence : "", remedy);
    if (!f) {
        f = json_pack("{s:s, s:s, s:[], s:s, s:s}", "check", check, "severity", severity == WRONG ? "wrong" : "note",
                      "on", "what", sentence ? sentence : "", "remedy", remedy);
        json_array_append_new(findings, f);
    }
    if (!row_lists(f, "on", on))
        json_array_append_new(json_object_get(f, "on"), json_string(on));
    buf_finish(&text);
}

size_t findings_count(json_t *findings, enum severity severity)
{
    const char *word = severity == WRONG ? "wrong" : "note";
    size_t n = 0;
    json_t *f;
    size_t i;
    json_array_foreach(findings, i, f) n += strcmp(row_text(f, "severity"), word) == 0;
    return n;
}

/* First what the rest may follow from. */
void mesh_judge(const struct mesh *m, const struct mesh *earlier, int64_t nodes, json_t *findings)
{
    mesh_judge_servers(m, nodes, findings);
    mesh_judge_domains(m, findings);
    mesh_judge_streams(m, findings);
    mesh_judge_origins(m, earlier, findings);
}
