/* SPDX-License-Identifier: Apache-2.0
 *
 * help - the texts of --help, and errors for unknown commands and options that suggest the nearest known name.
 */
#ifndef SEAMQ_CLI_HELP_H
#define SEAMQ_CLI_HELP_H

#include <stdbool.h>
#include <stdio.h>

struct verb;

/* Prints the verbs of a noun with their options; NULL: all verbs. */
void help_print(FILE *out, const char *noun);
/* Prints the complete help of one verb. */
void help_print_verb(FILE *out, const struct verb *verb);

bool help_is_noun(const char *name);
/* Print an error with the nearest known name; return EXIT_USAGE. */
int help_unknown_verb(const char *noun, const char *name);
int help_unknown_flag(const struct verb *verb, const char *flag);

#endif
