/* SPDX-License-Identifier: Apache-2.0
 *
 * output - prints rows as an aligned table or as JSON lines, and a line of progress.
 *
 * Verbs build their data once, as JSON; a table shows some of it as columns.
 */
#ifndef SEAMQ_CLI_OUTPUT_H
#define SEAMQ_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum column_kind {
    COLUMN_TEXT,     /* a string; an array of strings is joined by spaces */
    COLUMN_NUMBER,   /* aligned to the right */
    COLUMN_SIZE,     /* bytes: 64.0k */
    COLUMN_DURATION, /* ns: 30s */
};

struct column {
    const char *key;   /* of each row that is an object; NULL if the rows are arrays */
    const char *title; /* NULL ends the list of columns */
    enum column_kind kind;
};

/* `rows`: an array of objects, or of arrays with one value for each column. As JSON, each row is a line with
 * everything that it has; otherwise a table of `columns`. A missing or null value is `-`.  0 or -ENOMEM. */
int output_rows(FILE *out, const struct column *columns, json_t *rows, bool json);

/* Replaces control characters and invalid UTF-8 by `?`, in place, so that data from a server cannot control the
 * terminal.  Returns the number of characters. */
int output_clean(char *text);

/* Prints one value as JSON on a line of its own. */
int output_json(FILE *out, json_t *value);

/* Rounded, for people ("2.0M"); value_format_size() is exact. */
void output_size(int64_t bytes, char *out, size_t size);

/* A progress line on standard error, rewritten in place; not shown if standard error is not a terminal. */
struct progress {
    bool shown;
    int64_t last_ns;
};
void progress_show(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Removes the line. Call this before anything else is written to the terminal. */
void progress_end(struct progress *p);

#endif
