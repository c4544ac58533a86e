/* SPDX-License-Identifier: Apache-2.0
 * dlq/verb_drop - seamq dlq drop: prints dead letters, and deletes them permanently with --yes. */
#include "cli/verbs.h"

#include "dlq.h"

#include <stdlib.h>

static int delete_rows(struct dlq *d, json_t *rows)
{
    size_t n = json_array_size(rows);
    struct error err;

    for (size_t done = 0; done < n;) {
        uint64_t seqs[DLQ_BATCH];
        size_t batch = 0;
        for (; batch < DLQ_BATCH && done + batch < n; batch++)
            seqs[batch] = (uint64_t)json_integer_value(json_object_get(json_array_get(rows, done + batch), "seq"));
        if (stored_message_delete(d->session, d->stream, seqs, batch, &err) < 0) {
            progress_end(&d->progress);
            return cli_failed("%s (%zu of %zu dead letters of %s dropped)", err.text, done, n, d->stream);
        }
        done += batch;
        progress_show(&d->progress, "%zu of %zu dropped", done, n);
    }
    progress_end(&d->progress);
    return EXIT_DONE;
}

static int print_and_delete(struct dlq *d)
{
    bool dry = cli_flag(d->cli, "--dry-run") != NULL;
    bool yes = cli_flag(d->cli, "--yes") != NULL;

    if (d->deny_delete)
        return cli_failed("no dead letter dropped: stream %s denies the deletion of messages (deny_delete)", d->stream);
    json_t *rows = dlq_rows(d);
    if (!rows)
        return EXIT_FAILED;
    size_t n = json_array_size(rows);
    int status = dlq_print(d, rows);
    if (status == 0 && n && !dry && !yes)
        status = cli_failed("no dead letter dropped: give --yes to delete %s", n == 1 ? "it" : "them");
    else if (status == 0 && !dry)
        status = delete_rows(d, rows);
    if (status == 0)
        dlq_print_result(d, n, dry ? "would be dropped" : "dropped");
    json_decref(rows);
    return status;
}

int dlq_drop(struct cli *cli)
{
    struct dlq d;
    int status = dlq_open(cli, &d);

    if (status == 0)
        status = print_and_delete(&d);
    dlq_close(&d);
    return status;
}
