/* SPDX-License-Identifier: Apache-2.0
 * seamq - argument lists and JSON lines. */
#include "seamq.h"

#include <string.h>

#define MAX_ARGS 32
#define RUN_SECONDS 60

/* Behind the verb's own arguments comes where the server is. */
static void make_argv(struct world *w, const char *url, const char *const *args, const char **argv)
{
    size_t n = 0;
    argv[n++] = IT_SEAMQ;
    for (; *args && n < MAX_ARGS; args++)
        argv[n++] = *args;
    argv[n++] = world_text(w, "cluster.default.urls=%s", url);
    argv[n] = NULL;
}

struct seamq_said seamq_run(struct world *w, const char *url, const char *const *args)
{
    const char *argv[MAX_ARGS + 3];
    struct seamq_said said;
    make_argv(w, url, args, argv);
    said.status = process_run(w, argv, NULL, RUN_SECONDS, &said.out, &said.err);
    return said;
}

struct seamq_said seamq_expect(struct world *w, const char *url, int status, const char *const *args)
{
    struct seamq_said said = seamq_run(w, url, args);
    if (said.status != status)
        fail_msg("seamq %s %s: exit status %d, expected %d\n%s%s", args[0], args[1] ? args[1] : "", said.status, status,
                 said.out, said.err);
    return said;
}

struct process *seamq_spawn(struct world *w, const char *url, const char *const *args)
{
    const char *argv[MAX_ARGS + 3];
    make_argv(w, url, args, argv);
    return process_spawn(w, &(struct process_spec){.name = "seamq", .argv = argv, .log = world_path(w, "seamq.log")});
}

static void json_free(void *data)
{
    json_decref(data);
}

size_t seamq_rows(const char *out)
{
    size_t n = 0;
    for (; (out = strchr(out, '\n')); out++)
        n++;
    return n;
}

json_t *seamq_row(struct world *w, const char *out, size_t n)
{
    for (; n && out; n--) {
        out = strchr(out, '\n');
        out = out ? out + 1 : NULL;
    }
    if (!out || !*out)
        return NULL;
    json_t *row = json_loadb(out, strcspn(out, "\n"), 0, NULL);
    if (!row)
        fail_msg("no JSON: %.*s", (int)strcspn(out, "\n"), out);
    world_at_end(w, json_free, row);
    return row;
}
