/* SPDX-License-Identifier: Apache-2.0
 * output - tables, JSON lines, progress. */
#include "output.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_COLUMNS 16
#define PROGRESS_NS (100 * NS_PER_MS)

void output_size(int64_t bytes, char *out, size_t size)
{
    static const char units[] = "kMGTPE";
    double n = (double)bytes;
    int unit = -1;

    for (; (n >= 1024 || n <= -1024) && unit < 5; unit++)
        n /= 1024;
    if (unit < 0)
        snprintf(out, size, "%lld", (long long)bytes);
    else
        snprintf(out, size, "%.1f%c", n, units[unit]);
}

static void put_joined(struct buf *b, json_t *array)
{
    json_t *item;
    size_t i;
    json_array_foreach(array, i, item)
    {
        buf_puts(b, i ? " " : "");
        buf_puts(b, json_is_string(item) ? json_string_value(item) : "?");
    }
}

static void put_cell(struct buf *b, const struct column *c, json_t *v)
{
    int64_t n = json_integer_value(v);
    char text[64];

    if (json_is_array(v) && json_array_size(v))
        put_joined(b, v);
    else if (json_is_string(v) && json_string_length(v))
        buf_puts(b, json_string_value(v));
    else if (json_is_boolean(v))
        buf_puts(b, json_is_true(v) ? "yes" : "no");
    else if (json_is_real(v))
        buf_printf(b, "%.1f", json_real_value(v));
    else if (!json_is_integer(v))
        buf_putc(b, '-');
    else if (c->kind == COLUMN_SIZE || c->kind == COLUMN_DURATION) {
        (c->kind == COLUMN_SIZE ? output_size : value_format_duration)(n, text, sizeof(text));
        buf_puts(b, text);
    } else
        buf_printf(b, "%lld", (long long)n);
}

int output_clean(char *text)
{
    int width = 0;
    char *to = text;
    for (size_t left = strlen(text); left; width++) {
        size_t n = buf_utf8_len(text, left);
        size_t taken = n ? n : 1;
        if (n == 0 || buf_is_control(text, n))
            *to++ = '?';
        else
            to = (char *)memmove(to, text, n) + n;
        text += taken;
        left -= taken;
    }
    *to = '\0';
    return width;
}

struct cell {
    char *text;
    int width;
};

static json_t *column_value(const struct column *columns, size_t k, json_t *row)
{
    return json_is_array(row) ? json_array_get(row, k) : json_object_get(row, columns[k].key);
}

static int make_cells(struct cell *cells, size_t n_columns, const struct column *columns, json_t *rows)
{
    for (size_t i = 0; i <= json_array_size(rows); i++) {
        for (size_t k = 0; k < n_columns; k++) {
            struct buf b = {0};
            if (i == 0)
                buf_puts(&b, columns[k].title);
            else
                put_cell(&b, &columns[k], column_value(columns, k, json_array_get(rows, i - 1)));
            const char *text = buf_str(&b);
            struct cell *c = &cells[i * n_columns + k];
            c->text = text ? strdup(text) : NULL;
            buf_finish(&b);
            if (!c->text)
                return -ENOMEM;
            c->width = output_clean(c->text);
        }
    }
    return 0;
}

static void print_cells(FILE *out, const struct cell *cells, size_t n_columns, const struct column *columns, size_t n)
{
    int widths[MAX_COLUMNS] = {0};

    for (size_t i = 0; i < n * n_columns; i++)
        if (cells[i].width > widths[i % n_columns])
            widths[i % n_columns] = cells[i].width;
    for (size_t i = 0; i < n * n_columns; i++) {
        const struct cell *c = &cells[i];
        size_t k = i % n_columns;
        bool last = k == n_columns - 1;
        int pad = widths[k] - c->width;
        bool right = columns[k].kind != COLUMN_TEXT;
        fprintf(out, "%*s%s%*s%s", right ? pad : 0, "", c->text, right || last ? 0 : pad, "", last ? "\n" : "  ");
    }
}

static int print_table(FILE *out, const struct column *columns, json_t *rows)
{
    size_t n_columns = 0;
    size_t n = json_array_size(rows) + 1;

    while (n_columns < MAX_COLUMNS && columns[n_columns].title)
        n_columns++;
    struct cell *cells = calloc(n * n_columns, sizeof(*cells));
    int rc = cells ? make_cells(cells, n_columns, columns, rows) : -ENOMEM;
    if (rc == 0)
        print_cells(out, cells, n_columns, columns, n);
    for (size_t i = 0; cells && i < n * n_columns; i++)
        free(cells[i].text);
    free(cells);
    return rc;
}

int output_json(FILE *out, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (!text)
        return -ENOMEM;
    fprintf(out, "%s\n", text);
    free(text);
    return 0;
}

int output_rows(FILE *out, const struct column *columns, json_t *rows, bool json)
{
    json_t *row;
    size_t i;
    int rc = 0;

    if (!rows)
        return -ENOMEM;
    if (!json)
        return print_table(out, columns, rows);
    json_array_foreach(rows, i, row)
    {
        int failed = output_json(out, row);
        rc = rc ? rc : failed;
    }
    return rc;
}

void progress_show(struct progress *p, const char *fmt, ...)
{
    va_list ap;
    int64_t now_ns = clock_now_ns();

    if (!isatty(STDERR_FILENO) || (p->shown && now_ns - p->last_ns < PROGRESS_NS))
        return;
    p->shown = true;
    p->last_ns = now_ns;
    fputs("\r", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs("\x1b[K", stderr);
}

void progress_end(struct progress *p)
{
    if (p->shown)
        fputs("\r\x1b[K", stderr);
    p->shown = false;
}
