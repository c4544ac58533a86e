/* SPDX-License-Identifier: Apache-2.0
 * mesh_fuzz - parses any JSON as each kind of document that `seamq mesh` reads, and makes checks, tables and JSON
 * from the result. */
#include "cli/mesh/check.h"
#include "cli/mesh/documents.h"
#include "cli/mesh/print.h"
#include "cli/mesh/rows.h"

#include "jetstream/answer.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_complete(const struct findings *findings)
{
    for (const struct finding *f = findings->first; f; f = f->next) {
        assert(*f->check && *f->remedy);
        assert(f->on);
    }
}

static void print(const struct mesh *m, const struct findings *findings)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    mesh_print(out, m);
    findings_print(out, findings);
    fclose(out);
    free(text);
}

/* A mesh that is written as JSON and read again is equal. */
static void assert_round_trip(const struct mesh *m)
{
    struct mesh back;
    json_t *first = mesh_to_json(m);
    assert(mesh_from_json(&back, first) == 0);
    json_t *second = mesh_to_json(&back);
    assert(json_equal(first, second));
    json_decref(first);
    json_decref(second);
    mesh_finish(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const clusters[] = {"sea-a", "sea-b"};
    struct findings findings = {0};
    struct mesh m = {0};
    json_error_t e;
    json_t *doc = answer_json((const char *)data, size, &e);

    if (!doc)
        return 0;
    for (int i = 0; i < 2; i++) {
        mesh_add_cluster(&m, clusters[i]);
        mesh_read_server(&m, clusters[i], doc, doc, 1);
        mesh_read_stream(&m, clusters[i], clusters[i], doc);
        mesh_read_consumer(&m, clusters[i], clusters[i], doc);
    }
    mesh_check(&m, mesh_needs_second_snapshot(&m) ? &m : NULL, 3, &findings);
    assert_complete(&findings);
    print(&m, &findings);
    assert_round_trip(&m);
    findings_finish(&findings);
    mesh_finish(&m);
    if (mesh_from_json(&m, doc) == 0)
        assert_round_trip(&m);
    mesh_finish(&m);
    json_decref(doc);
    return 0;
}
