/* SPDX-License-Identifier: Apache-2.0
 * verbs - the table of what seamq can do.  --help lists it in this order. */
#include "cli.h"

#include "verbs.h"

const struct verb verbs[] = {
    {.noun = "stream", .name = "ls", .help = "the domain's streams", .run = stream_ls},
    {.name = NULL},
};
