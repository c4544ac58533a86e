/* SPDX-License-Identifier: Apache-2.0
 * mesh/status - seamq mesh status and seamq mesh verify. */
#include "cli/verbs.h"

#include "base/clock.h"
#include "base/value.h"
#include "cli/cli.h"
#include "judge.h"
#include "look.h"
#include "show.h"

#include <poll.h>

#define NODES 3
#define MAX_WAIT_S 86400
/* Healthy mirrors hear from their origin every second. */
#define SECOND_LOOK_MS 3000
#define AGAIN_MS 500

const struct flag mesh_status_flags[] = {
    {"--nodes", "N", "servers that each cluster should have (3)"},
    {NULL, NULL, NULL},
};

const struct flag mesh_verify_flags[] = {
    {"--nodes", "N", "servers that each cluster should have (3)"},
    {"--wait", "SECONDS", "look again until everything holds, at most so long"},
    {NULL, NULL, NULL},
};

static int take_number(const struct cli *cli, const char *flag, int64_t least, int64_t most, int64_t *number)
{
    const char *text = cli_flag(cli, flag);
    struct error err;

    if (!text)
        return 0;
    if (value_parse_int(text, number, &err) < 0)
        return cli_usage("%s: %s", flag, err.text);
    if (*number < least || *number > most)
        return cli_usage("%s: %s is not from %lld to %lld", flag, text, (long long)least, (long long)most);
    return 0;
}

/* ---- mesh status ----------------------------------------------------------------------------- */

static json_t *mesh_json(const struct mesh *m)
{
    return json_pack("{s:O, s:O, s:O, s:O, s:O}", "clusters", m->clusters, "servers", m->servers, "paths", m->paths,
                     "streams", m->streams, "consumers", m->consumers);
}

static int show_status(const struct mesh *m, int64_t nodes)
{
    json_t *findings = json_array();
    int rc = mesh_show(stdout, m);

    mesh_judge(m, NULL, nodes, findings);
    size_t wrong = findings_count(findings, WRONG);
    if (wrong)
        printf("\n%zu thing%s wrong: seamq mesh verify says what, and what to do\n", wrong,
               wrong == 1 ? " is" : "s are");
    json_decref(findings);
    return rc < 0 ? cli_failed("out of memory") : EXIT_DONE;
}

/* Is anything known at all? */
static bool any_connected(const struct mesh *m)
{
    json_t *c;
    size_t i;
    json_array_foreach(m->clusters, i, c)
    {
        if (!row_has(c, "error"))
            return true;
    }
    return false;
}

int mesh_status(struct cli *cli)
{
    int64_t nodes = NODES;
    struct mesh m;
    int status = take_number(cli, "--nodes", 1, 1000, &nodes);

    if (status)
        return status;
    if (mesh_look(&m, cli->config, "seamq mesh status", nodes) < 0)
        return cli_failed("out of memory");
    status = cli->json ? cli_json(mesh_json(&m)) : show_status(&m, nodes);
    if (status == EXIT_DONE && !any_connected(&m))
        status = EXIT_FAILED;
    mesh_finish(&m);
    return status;
}

/* ---- mesh verify ----------------------------------------------------------------------------- */

/* One round: one look, or two where only time tells. */
static int look_and_judge(const struct cli *cli, int64_t nodes, struct mesh *ret, json_t *findings)
{
    static const char name[] = "seamq mesh verify";
    struct mesh first;
    int rc = mesh_look(&first, cli->config, name, nodes);

    if (rc < 0)
        return rc;
    if (!mesh_needs_second_look(&first)) {
        *ret = first;
        mesh_judge(ret, NULL, nodes, findings);
        return 0;
    }
    poll(NULL, 0, SECOND_LOOK_MS);
    rc = mesh_look(ret, cli->config, name, nodes);
    if (rc == 0)
        mesh_judge(ret, &first, nodes, findings);
    mesh_finish(&first);
    return rc;
}

static int say_verdict(const struct cli *cli, const struct mesh *m, json_t *findings)
{
    size_t wrong = findings_count(findings, WRONG);
    size_t notes = findings_count(findings, NOTE);
    size_t clusters = json_array_size(m->clusters);
    size_t servers = json_array_size(m->servers);
    size_t streams = json_array_size(m->streams);

    if (cli->json) {
        int status =
            cli_json(json_pack("{s:b, s:O, s:I, s:I, s:I}", "holds", wrong == 0, "findings", findings, "clusters",
                               (json_int_t)clusters, "servers", (json_int_t)servers, "streams", (json_int_t)streams));
        return status ? status : wrong ? EXIT_FAILED : EXIT_DONE;
    }
    findings_show(stdout, findings);
    printf("clusters %zu, servers %zu, streams %zu: ", clusters, servers, streams);
    if (wrong)
        printf("%zu wrong", wrong);
    else
        printf("everything holds");
    if (notes)
        printf(", %zu to note", notes);
    putchar('\n');
    return wrong ? EXIT_FAILED : EXIT_DONE;
}

int mesh_verify(struct cli *cli)
{
    int64_t nodes = NODES;
    int64_t wait_s = 0;
    struct progress progress = {0};
    int status = take_number(cli, "--nodes", 1, 1000, &nodes);

    if (status == 0)
        status = take_number(cli, "--wait", 0, MAX_WAIT_S, &wait_s);
    if (status)
        return status;
    for (int64_t until_ns = clock_now_ns() + wait_s * NS_PER_SEC;;) {
        json_t *findings = json_array();
        struct mesh m;
        if (look_and_judge(cli, nodes, &m, findings) < 0) {
            json_decref(findings);
            return cli_failed("out of memory");
        }
        size_t wrong = findings_count(findings, WRONG);
        bool again = wrong && clock_now_ns() < until_ns;
        if (again)
            progress_show(&progress, "%zu wrong: %s", wrong, row_text(json_array_get(findings, 0), "what"));
        else {
            progress_end(&progress);
            status = say_verdict(cli, &m, findings);
        }
        json_decref(findings);
        mesh_finish(&m);
        if (!again)
            return status;
        poll(NULL, 0, AGAIN_MS);
    }
}
