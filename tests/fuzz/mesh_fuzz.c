/* SPDX-License-Identifier: Apache-2.0
 * mesh_fuzz - any bytes as every kind of document that `seamq mesh` reads: rows, findings and tables come of it. */
#include "cli/mesh/judge.h"
#include "cli/mesh/show.h"

#include "jetstream/answer.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_findings(json_t *findings)
{
    json_t *f;
    size_t i;
    json_array_foreach(findings, i, f)
    {
        assert(*row_text(f, "check") && *row_text(f, "remedy"));
        assert(json_array_size(json_object_get(f, "on")) > 0);
    }
}

static void print(const struct mesh *m, json_t *findings)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    mesh_show(out, m);
    findings_show(out, findings);
    fclose(out);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const clusters[] = {"sea-a", "sea-b"};
    json_error_t e;
    struct mesh m;
    json_t *doc = answer_json((const char *)data, size, &e);

    if (!doc || mesh_init(&m) < 0) {
        json_decref(doc);
        return 0;
    }
    json_t *findings = json_array();
    for (int i = 0; i < 2; i++) {
        json_array_append_new(m.clusters, json_pack("{s:s}", "cluster", clusters[i]));
        mesh_add_server(&m, clusters[i], doc, doc, 1);
        mesh_add_stream(&m, clusters[i], clusters[i], doc);
        mesh_add_consumer(&m, clusters[i], clusters[i], doc);
    }
    mesh_sort_servers(&m);
    mesh_judge(&m, mesh_needs_second_look(&m) ? &m : NULL, 3, findings);
    check_findings(findings);
    print(&m, findings);
    json_decref(findings);
    json_decref(doc);
    mesh_finish(&m);
    return 0;
}
