/* SPDX-License-Identifier: Apache-2.0
 * dlq/verb_show - seamq dlq show: everything that a dead letter contains. */
#include "cli/verbs.h"

#include "base/base64.h"
#include "dlq.h"

#include <inttypes.h>
#include <string.h>

static bool is_text(const struct buf *data)
{
    for (size_t at = 0, n; at < data->len; at += n) {
        n = buf_utf8_len(data->data + at, data->len - at);
        if (n == 0 || (buf_is_control(data->data + at, n) && !memchr("\t\r\n", data->data[at], 3)))
            return false;
    }
    return true;
}

/* Several values of one name become an array. */
static void add_header(json_t *headers, const char *name, const char *value)
{
    json_t *there = json_object_get(headers, name);
    json_t *text = json_string(value);
    if (!text)
        text = json_string("?"); /* not UTF-8 */
    if (json_is_array(there))
        json_array_append_new(there, text);
    else if (there)
        json_object_set_new(headers, name, json_pack("[O, o]", there, text));
    else
        json_object_set_new(headers, name, text);
}

static int print_json(const struct stored_message *m, const struct dead_letter *d)
{
    json_t *row = dlq_row(m, d);
    json_t *headers = json_object();
    const char *name;
    const char *value;
    struct buf encoded = {0};

    for (size_t at = 0; stored_message_next_header(m, &at, &name, &value);)
        add_header(headers, name, value);
    json_object_set_new(row, "headers", headers);
    if (is_text(&m->data)) {
        json_object_set_new(row, "data", json_stringn(m->data.data ? m->data.data : "", m->data.len));
    } else {
        base64_encode(m->data.data, m->data.len, &encoded);
        json_object_set_new(row, "data_base64", json_stringn(encoded.data, encoded.len));
    }
    int rc = output_json(stdout, row);
    buf_finish(&encoded);
    json_decref(row);
    return rc;
}

static void print_line(struct buf *b)
{
    if (buf_str(b)) {
        output_clean(b->data);
        puts(b->data);
    }
    buf_clear(b);
}

static int print_text(const struct stored_message *m)
{
    struct buf line = {0};
    const char *name;
    const char *value;

    buf_printf(&line, "%" PRIu64 "  %s  %s", m->seq, m->time, m->subject);
    print_line(&line);
    for (size_t at = 0; stored_message_next_header(m, &at, &name, &value);) {
        buf_printf(&line, "%s: %s", name, value);
        print_line(&line);
    }
    buf_finish(&line);
    putchar('\n');
    if (is_text(&m->data)) {
        fwrite(m->data.data ? m->data.data : "", 1, m->data.len, stdout);
        puts(m->data.len && m->data.data[m->data.len - 1] == '\n' ? "" : "\n");
    } else {
        printf("(%zu bytes that are not text; --data prints them, --json encodes them as base64)\n\n", m->data.len);
    }
    return 0;
}

static int print_letter(const struct cli *cli, const struct stored_message *m, const struct dead_letter *d)
{
    if (cli_flag(cli, "--data"))
        return fwrite(m->data.data ? m->data.data : "", 1, m->data.len, stdout) == m->data.len ? 0 : -1;
    return cli->json ? print_json(m, d) : print_text(m);
}

struct shown {
    const struct dlq *dlq;
    uint64_t n[DLQ_RANGES_MAX]; /* of each range of the command line */
};

static int print_and_count(void *data, const struct stored_message *m, const struct dead_letter *d)
{
    struct shown *s = data;
    const struct dlq_filter *f = &s->dlq->filter;

    for (size_t i = 0; i < f->n_ranges; i++)
        s->n[i] += f->ranges[i].first <= m->seq && m->seq <= f->ranges[i].last;
    return print_letter(s->dlq->cli, m, d);
}

/* Fails for each sequence or range of the command line without a dead letter. The exit status. */
static int report_missing(const struct shown *s)
{
    int status = EXIT_DONE;
    for (size_t i = 0; i < s->dlq->filter.n_ranges; i++)
        if (!s->n[i])
            status = cli_failed("%s has no dead letter %s", s->dlq->stream, s->dlq->cli->args[i]);
    return status;
}

int dlq_show(struct cli *cli)
{
    struct dlq d;
    struct error err = {.text = "cannot write the output"};
    struct shown shown = {.dlq = &d};
    int status = dlq_open(cli, &d);

    if (status == 0 && dlq_each(&d, print_and_count, &shown, &err) < 0)
        status = cli_failed("%s", err.text);
    else if (status == 0)
        status = report_missing(&shown);
    dlq_close(&d);
    return status;
}
