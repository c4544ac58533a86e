/* SPDX-License-Identifier: Apache-2.0
 *
 * output - what a verb prints: rows as an aligned table or as JSON lines, and a line of progress.
 *
 * Data is built once, as JSON; the table shows the columns that it names.
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

/* Of what comes from elsewhere nothing reaches the terminal that it may obey: control characters, and bytes that are
 * no UTF-8, become `?`, in place.  Returns how many characters there are. */
int output_clean(char *text);

/* One value as JSON on a line of its own. */
int output_json(FILE *out, json_t *value);

/* "2.0M": for people, rounded; `value_format_size` is exact. */
void output_size(int64_t bytes, char *out, size_t size);

/* One line on standard error, rewritten in place; nothing where that is no terminal. */
struct progress {
    bool shown;
    int64_t last_ns;
};
void progress_show(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Removes it. Before anything else is written to the terminal. */
void progress_end(struct progress *p);

#endif
