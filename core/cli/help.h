/* SPDX-License-Identifier: Apache-2.0
 *
 * help - --help, and the nearest name of what is unknown.
 */
#ifndef SEAMQ_CLI_HELP_H
#define SEAMQ_CLI_HELP_H

#include <stdbool.h>
#include <stdio.h>

struct verb;

/* `noun` NULL: everything; `verb` not NULL: that one. */
void help_print(FILE *out, const char *noun, const struct verb *verb);

bool help_is_noun(const char *name);
/* Says what there is instead; returns the exit status. */
int help_unknown_verb(const char *noun, const char *name);
int help_unknown_flag(const struct verb *verb, const char *flag);

#endif
