/* SPDX-License-Identifier: Apache-2.0
 * mesh/verb_status - seamq mesh status: prints one snapshot of all clusters. */
#include "cli/verbs.h"

#include "check.h"
#include "collect.h"
#include "print.h"
#include "rows.h"

const struct flag mesh_status_flags[] = {
    {"--nodes", "N", "servers that each cluster should have (default 3)"},
    {NULL, NULL, NULL},
};

static int print_status(const struct mesh *m, int64_t nodes)
{
    struct findings findings = {0};
    int rc = mesh_print(stdout, m);

    mesh_check(m, NULL, nodes, &findings);
    size_t errors = findings_count(&findings, FINDING_ERROR);
    if (errors)
        printf("\n%zu error%s found: run `seamq mesh verify` to see what to do\n", errors, errors == 1 ? "" : "s");
    findings_finish(&findings);
    return rc < 0 ? cli_failed("out of memory") : EXIT_DONE;
}

static bool is_any_connected(const struct mesh *m)
{
    for (const struct mesh_cluster *c = m->clusters; c; c = c->next)
        if (!*c->error)
            return true;
    return false;
}

int mesh_status(struct cli *cli)
{
    int64_t nodes = MESH_NODES_DEFAULT;
    struct mesh m;
    int status = cli_number(cli, "--nodes", 1, MESH_NODES_MAX, &nodes);

    if (status)
        return status;
    if (mesh_collect(&m, cli->config, "seamq mesh status", nodes) < 0)
        return cli_failed("out of memory");
    status = cli->json ? cli_json(mesh_to_json(&m)) : print_status(&m, nodes);
    if (status == EXIT_DONE && !is_any_connected(&m))
        status = EXIT_FAILED;
    mesh_finish(&m);
    return status;
}
