/* SPDX-License-Identifier: Apache-2.0
 *
 * ini_file - reading one ini file, in three parts that share this state: lines (ini_lines.c),
 * headings (ini_heading.c), values (ini_file.c).
 */
#ifndef SEAMQ_CONFIG_INI_FILE_H
#define SEAMQ_CONFIG_INI_FILE_H

#include "base/buf.h"
#include "private.h"

#include <stdint.h>

#define INI_NOWHERE SIZE_MAX

struct ini_source {
    struct config *c;
    const char *path;
    char *next; /* rest of the file, NUL-terminated; lines are cut in place */
    int line;
    size_t section; /* index of the current one; INI_NOWHERE: none, or one that was refused */
    bool refused;   /* the current section was refused: its keys say nothing more */
    bool key_seen;  /* since the heading: an indented line continues it (inih's rule) */
    size_t entry;   /* of the last key; INI_NOWHERE: it was refused */
    char *rest;     /* of a long line, not yet handed over; NULL: none */
    bool piece;     /* what inih has now is a later piece of a long line */
    bool continued; /* ... or a line that continues the one above */
};

/* "orders.ini:12: ..." */
void ini_problem(struct ini_source *in, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends "orders.ini:12". */
void ini_origin(const struct ini_source *in, struct buf *b);
/* Does "orders.ini:12" lie in this file? */
bool ini_same_file(const struct ini_source *in, const char *origin);
/* The current section; NULL: none, or a refused one. */
struct section *ini_section(const struct ini_source *in);

/* Takes a line that begins with '['. */
void ini_read_heading(struct ini_source *in, char *line);

/* inih's reader: like fgets, with a struct ini_source as its stream. */
char *ini_read_line(char *out, int size, void *stream);

#endif
