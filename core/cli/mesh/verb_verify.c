/* SPDX-License-Identifier: Apache-2.0
 * mesh/verb_verify - seamq mesh verify: runs every check on one snapshot, or on two where progress matters. */
#include "cli/verbs.h"

#include "base/clock.h"
#include "check.h"
#include "collect.h"
#include "print.h"

#include <errno.h>
#include <poll.h>

#define MAX_WAIT_S 86400
/* Between two snapshots. A healthy mirror has contact with its origin every second. */
#define SECOND_SNAPSHOT_MS 3000
#define RETRY_MS 500

const struct flag mesh_verify_flags[] = {
    {"--nodes", "N", "servers that each cluster should have (default 3)"},
    {"--wait", "SECONDS", "repeat until no check finds an error, for at most so long"},
    {NULL, NULL, NULL},
};

/* `ret` and `findings` are the caller's after 0. */
static int collect_and_check(const struct cli *cli, int64_t nodes, struct mesh *ret, struct findings *findings)
{
    static const char name[] = "seamq mesh verify";
    struct mesh first;
    int rc = mesh_collect(&first, cli->config, name, nodes);

    if (rc < 0)
        return rc;
    if (!mesh_needs_second_snapshot(&first)) {
        *ret = first;
        mesh_check(ret, NULL, nodes, findings);
    } else {
        poll(NULL, 0, SECOND_SNAPSHOT_MS);
        rc = mesh_collect(ret, cli->config, name, nodes);
        if (rc == 0)
            mesh_check(ret, &first, nodes, findings);
        mesh_finish(&first);
    }
    if (rc == 0 && findings->arena.failed) {
        mesh_finish(ret);
        rc = -ENOMEM;
    }
    return rc;
}

struct summary {
    size_t clusters;
    size_t servers;
    size_t streams;
    size_t errors;
    size_t notes;
};

static struct summary summarize(const struct mesh *m, const struct findings *findings)
{
    struct summary s = {.errors = findings_count(findings, FINDING_ERROR),
                        .notes = findings_count(findings, FINDING_NOTE)};

    for (const struct mesh_cluster *c = m->clusters; c; c = c->next)
        s.clusters++;
    for (const struct mesh_server *v = m->servers; v; v = v->next)
        s.servers++;
    for (const struct mesh_stream *v = m->streams; v; v = v->next)
        s.streams++;
    return s;
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void print_summary(const struct summary *s)
{
    printf("%zu cluster%s, %zu server%s, %zu stream%s: ", s->clusters, plural(s->clusters), s->servers,
           plural(s->servers), s->streams, plural(s->streams));
    if (s->errors)
        printf("%zu error%s", s->errors, plural(s->errors));
    else
        printf("everything holds");
    if (s->notes)
        printf(", %zu finding%s to note", s->notes, plural(s->notes));
    putchar('\n');
}

/* The exit status. */
static int print_result(const struct cli *cli, const struct mesh *m, const struct findings *findings)
{
    struct summary s = summarize(m, findings);
    int status = s.errors ? EXIT_FAILED : EXIT_DONE;

    if (cli->json) {
        int failed = cli_json(json_pack("{s:b, s:o, s:I, s:I, s:I}", "holds", s.errors == 0, "findings",
                                        findings_to_json(findings), "clusters", (json_int_t)s.clusters, "servers",
                                        (json_int_t)s.servers, "streams", (json_int_t)s.streams));
        return failed ? failed : status;
    }
    findings_print(stdout, findings);
    print_summary(&s);
    return status;
}

int mesh_verify(struct cli *cli)
{
    int64_t nodes = MESH_NODES_DEFAULT;
    int64_t wait_s = 0;
    struct progress progress = {0};
    int status = cli_number(cli, "--nodes", 1, MESH_NODES_MAX, &nodes);

    if (status == 0)
        status = cli_number(cli, "--wait", 0, MAX_WAIT_S, &wait_s);
    if (status)
        return status;
    int64_t until_ns = clock_now_ns() + wait_s * NS_PER_SEC;
    for (bool again = true; again;) {
        struct findings findings = {0};
        struct mesh m;
        if (collect_and_check(cli, nodes, &m, &findings) < 0) {
            findings_finish(&findings);
            return cli_failed("out of memory");
        }
        size_t errors = findings_count(&findings, FINDING_ERROR);
        again = errors && clock_now_ns() < until_ns;
        if (again) {
            progress_show(&progress, "%zu error%s: %s", errors, plural(errors), findings.first->what);
        } else {
            progress_end(&progress);
            status = print_result(cli, &m, &findings);
        }
        findings_finish(&findings);
        mesh_finish(&m);
        if (again)
            poll(NULL, 0, RETRY_MS);
    }
    return status;
}
