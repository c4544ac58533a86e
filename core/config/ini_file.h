/* SPDX-License-Identifier: Apache-2.0
 *
 * ini_file - the state of reading one ini file: values (ini_file.c) use lines (ini_lines.c), those use headings
 * (ini_heading.c), and all use the place (ini_source.c).
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
    char *next; /* the rest of the file, NUL-terminated; lines are terminated in place */
    int line;
    size_t section; /* index of the current section; INI_NOWHERE: none, or a refused or skipped one */
    bool refused;   /* the current section is refused or skipped: its keys are ignored */
    bool key_seen;  /* a key followed the heading: an indented line continues it (rule of inih) */
    size_t entry;   /* index of the last key; INI_NOWHERE: it was refused */
    char *rest;     /* the rest of a long line for inih; NULL: none */
    bool piece;     /* inih has a later piece of a long line */
    bool continued; /* inih has a line that continues the one above */
};

/* Adds a problem at "orders.ini:12". */
void ini_problem(struct ini_source *in, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends "orders.ini:12". */
void ini_origin(const struct ini_source *in, struct buf *b);
/* True: `origin` ("orders.ini:12") is in this file. */
bool ini_same_file(const struct ini_source *in, const char *origin);
/* The current section; NULL: none, or a refused one. */
struct section *ini_section(const struct ini_source *in);

/* Reads a line that begins with '[' and enters its section. */
void ini_read_heading(struct ini_source *in, char *line);

/* The reader for inih: like fgets, with a struct ini_source as its stream. */
char *ini_read_line(char *out, int size, void *stream);

#endif
