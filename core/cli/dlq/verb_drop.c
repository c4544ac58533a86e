/* SPDX-License-Identifier: Apache-2.0
 * dlq/verb_drop - seamq dlq drop: removes dead letters for good, after having shown which. */
#include "cli/verbs.h"

#include "dlq.h"

#include <stdlib.h>

static int drop(struct dlq *d, json_t *rows)
{
    size_t n = json_array_size(rows);
    struct error err;

    for (size_t done = 0; done < n;) {
        uint64_t seqs[DLQ_BATCH];
        size_t lot = 0;
        for (; lot < DLQ_BATCH && done + lot < n; lot++)
            seqs[lot] = (uint64_t)json_integer_value(json_object_get(json_array_get(rows, done + lot), "seq"));
        if (stored_message_delete(d->session, d->stream, seqs, lot, &err) < 0) {
            progress_end(&d->progress);
            return cli_failed("%s (%zu of %zu are dropped)", err.text, done, n);
        }
        done += lot;
        progress_show(&d->progress, "%zu of %zu dropped", done, n);
    }
    progress_end(&d->progress);
    return EXIT_DONE;
}

static int run(struct dlq *d)
{
    bool dry = cli_flag(d->cli, "--dry-run") != NULL;
    bool yes = cli_flag(d->cli, "--yes") != NULL;

    if (d->deny_delete)
        return cli_failed("stream %s denies the deletion of messages (deny_delete)", d->stream);
    json_t *rows = dlq_rows(d);
    if (!rows)
        return EXIT_FAILED;
    size_t n = json_array_size(rows);
    int status = dlq_print(d, rows);
    if (status == 0 && n && !dry && !yes)
        status = cli_failed("nothing is dropped without --yes");
    else if (status == 0 && !dry)
        status = drop(d, rows);
    if (status == 0)
        dlq_tell(d, n, dry ? "would be dropped" : "dropped");
    json_decref(rows);
    return status;
}

int dlq_drop(struct cli *cli)
{
    struct dlq d;
    int status = dlq_open(cli, &d);

    if (status == 0)
        status = run(&d);
    dlq_close(&d);
    return status;
}
