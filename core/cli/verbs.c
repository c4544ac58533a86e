/* SPDX-License-Identifier: Apache-2.0
 * verbs - the table of what seamq can do.  --help lists it in this order. */
#include "cli.h"

#include "verbs.h"

const struct verb verbs[] = {
    {.noun = "stream", .name = "ls", .help = "the domain's streams", .run = stream_ls},
    {.noun = "stream",
     .name = "plan",
     .arguments = "FILE|--env",
     .help = "what apply would do to make a domain have the streams and consumers of FILE",
     .flags = stream_plan_flags,
     .max_args = 1,
     .configure = stream_configure,
     .print_keys = config_print_streams_help,
     .run = stream_plan},
    {.noun = "stream",
     .name = "apply",
     .arguments = "FILE|--env",
     .help = "do it: create and update, never delete, and nothing that would lose data",
     .flags = stream_apply_flags,
     .max_args = 1,
     .configure = stream_configure,
     .print_keys = config_print_streams_help,
     .run = stream_apply},
    {.name = NULL},
};
