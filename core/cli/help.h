/* SPDX-License-Identifier: Apache-2.0
 *
 * help - --help, and the nearest name of what is unknown.
 */
#ifndef SEAMQ_CLI_HELP_H
#define SEAMQ_CLI_HELP_H

#include <stdbool.h>
#include <stdio.h>

struct verb;

/* The verbs of a noun with their options; NULL: all verbs. */
void help_print(FILE *out, const char *noun);
/* All that there is to say of one. */
void help_print_verb(FILE *out, const struct verb *verb);

bool help_is_noun(const char *name);
/* Says what there is instead; returns the exit status. */
int help_unknown_verb(const char *noun, const char *name);
int help_unknown_flag(const struct verb *verb, const char *flag);

#endif
