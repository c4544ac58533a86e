/* SPDX-License-Identifier: Apache-2.0
 * dlq/verb_ls - seamq dlq ls: one line for each dead letter. */
#include "cli/verbs.h"

#include "dlq.h"

int dlq_ls(struct cli *cli)
{
    struct dlq d;
    int status = dlq_open(cli, &d);

    if (status == 0) {
        json_t *rows = dlq_rows(&d);
        status = rows ? dlq_print(&d, rows) : EXIT_FAILED;
        json_decref(rows);
    }
    dlq_close(&d);
    return status;
}
