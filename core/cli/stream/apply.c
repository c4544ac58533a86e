/* SPDX-License-Identifier: Apache-2.0
 * stream/apply - seamq stream plan and seamq stream apply. */
#include "cli/verbs.h"

#include "base/clock.h"
#include "cli/cli.h"
#include "provision.h"

#include <stdlib.h>
#include <string.h>

const struct flag stream_plan_flags[] = {
    {"--env", NULL, "no file: what SEAMQ_STREAMS, SEAMQ_CONSUMERS and their family say"},
    {NULL, NULL, NULL},
};

const struct flag stream_apply_flags[] = {
    {"--env", NULL, "no file: what SEAMQ_STREAMS, SEAMQ_CONSUMERS and their family say"},
    {"--dry-run", NULL, "show the plan and change nothing"},
    {NULL, NULL, NULL},
};

static const struct column columns[] = {
    {"action", "ACTION", COLUMN_TEXT}, {"kind", "KIND", COLUMN_TEXT}, {"name", "NAME", COLUMN_TEXT},
    {"detail", "DETAIL", COLUMN_TEXT}, {NULL, NULL, COLUMN_TEXT},
};

int stream_configure(struct cli *cli)
{
    if (!cli->n_args && !cli_flag(cli, "--env"))
        return cli_usage("stream %s needs a FILE, or --env for the environment alone", cli->verb->name);
    provision_config_use(&cli->provision, cli->env);
    if (cli->n_args)
        config_load_file(cli->config, cli->args[0]);
    return 0;
}

static void on_progress(void *data, const char *what, size_t done, size_t total)
{
    if (total)
        progress_show(data, "%s: %zu of %zu", what, done, total);
    else
        progress_show(data, "%s...", what);
}

static void print_warnings(const struct provision *p)
{
    json_t *text;
    size_t i;
    json_array_foreach(provision_warnings(p), i, text) cli_failed("warning: %s", json_string_value(text));
}

static int print_rows(const struct provision *p, const struct cli *cli)
{
    json_t *rows = provision_rows(p);
    int rc = output_rows(stdout, columns, rows, cli->json);
    json_decref(rows);
    return rc < 0 ? cli_failed("out of memory") : 0;
}

/* Prints the items that failed, after the plan was printed. */
static void print_failures(const struct provision *p)
{
    json_t *rows = provision_rows(p);
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const char *problem = json_string_value(json_object_get(row, "problem"));
        if (problem)
            cli_failed("%s %s: %s", json_string_value(json_object_get(row, "kind")),
                       json_string_value(json_object_get(row, "name")), problem);
    }
    json_decref(rows);
}

/* Prints "2 created, 1 updated, 5 unchanged"; of a plan "2 to create, ...". */
static void print_summary(const struct provision *p, const struct cli *cli, bool done)
{
    if (cli->json)
        return;
    printf("%zu %s, %zu %s, %zu unchanged", provision_count(p, ACTION_CREATE), done ? "created" : "to create",
           provision_count(p, ACTION_UPDATE), done ? "updated" : "to update", provision_count(p, ACTION_UNCHANGED));
    if (provision_count(p, ACTION_REFUSED))
        printf(", %zu refused", provision_count(p, ACTION_REFUSED));
    if (provision_count(p, ACTION_FAILED))
        printf(", %zu failed", provision_count(p, ACTION_FAILED));
    printf("\n");
}

static bool is_clean(const struct provision *p)
{
    return !provision_count(p, ACTION_REFUSED) && !provision_count(p, ACTION_FAILED);
}

/* A table shows the plan before it is applied; JSON shows the result of each item once. */
static int run(struct provision *p, struct cli *cli, bool change, struct progress *progress)
{
    struct error err;
    int rc = provision_plan(p, &err);

    progress_end(progress);
    if (rc < 0)
        return cli_failed("%s", err.text);
    print_warnings(p);
    bool clean = is_clean(p);
    if ((!cli->json || !change || !clean) && print_rows(p, cli))
        return EXIT_FAILED;
    if (change && !clean) {
        print_summary(p, cli, false);
        return cli_failed("nothing was changed: it is all or nothing");
    }
    if (change) {
        fflush(stdout);
        rc = provision_apply(p);
        progress_end(progress);
        if (rc < 0)
            return cli_failed("out of memory");
        if (cli->json && print_rows(p, cli))
            return EXIT_FAILED;
        if (!cli->json)
            print_failures(p);
    }
    print_summary(p, cli, change);
    return is_clean(p) ? EXIT_DONE : EXIT_FAILED;
}

static int plan_or_apply(struct cli *cli, bool change)
{
    const struct provision_config *wanted = &cli->provision;
    struct provision *p = NULL;
    struct progress progress = {0};
    struct session *s;

    if (!wanted->n_streams && !wanted->n_consumers)
        return cli_usage("there is nothing to provision (add [stream.NAME] to the file, or set SEAMQ_STREAMS)");
    int64_t deadline_ns = clock_now_ns() + wanted->timeout_ns;
    int status = cli_connect(cli, wanted->timeout_ns, &s);
    if (status)
        return status;
    if (provision_create(&p, s, cli->config, wanted, deadline_ns, on_progress, &progress) < 0)
        status = cli_failed("out of memory");
    else
        status = run(p, cli, change, &progress);
    provision_destroy(p);
    session_close(s);
    return status;
}

int stream_plan(struct cli *cli)
{
    return plan_or_apply(cli, false);
}

int stream_apply(struct cli *cli)
{
    return plan_or_apply(cli, !cli->provision.dry_run && !cli_flag(cli, "--dry-run"));
}
