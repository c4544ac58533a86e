/* SPDX-License-Identifier: Apache-2.0
 * dlq/dlq - reads the command line, and walks through the dead letters that it selects.
 *
 * Dead letters are read by sequence (STREAM.MSG.GET): this needs one permission, works on every server and on streams
 * that allow no consumer, and leaves nothing behind.  Consecutive sequences are requested in batches; gaps and messages
 * with other subjects are skipped by subject.
 */
#include "dlq.h"

#include "base/clock.h"
#include "base/rfc3339.h"
#include "base/value.h"
#include "cli/time_option.h"
#include "config/names.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_NS (10 * NS_PER_SEC)

/* clang-format off: one row is one option */
#define FILTER_FLAGS                                                                                    \
    {"--dlq", "STREAM", "the dead-letter stream; default: dead_letter of the handlers, else DLQ"},      \
        {"--stream", "STREAM", "only dead letters of that stream's messages"},                          \
        {"--consumer", "NAME", "only of that consumer"}, {"--handler", "NAME", "only of that handler"}, \
        {"--reason", "WORD", "only with that reason: rejected, max-attempts, crash or timeout"},        \
        {"--subject", "SUBJECT", "only of messages with that subject; may contain * and >"},            \
        {"--since", "TIME", "only dead-lettered since: 2h (ago), 2026-01-31T12:00:00Z"},                \
        {"--until", "TIME", "only dead-lettered before"},                                               \
    {                                                                                                   \
        "--limit", "N", "only the first N"                                                              \
    }

const struct flag dlq_ls_flags[] = {FILTER_FLAGS, {NULL, NULL, NULL}};
const struct flag dlq_show_flags[] = {
    {"--dlq", "STREAM", "the dead-letter stream; default: dead_letter of the handlers, else DLQ"},
    {"--data", NULL, "print the payload and nothing else"},
    {NULL, NULL, NULL}};
const struct flag dlq_replay_flags[] = {
    FILTER_FLAGS,
    {"--to", "SUBJECT", "publish to that subject instead of the message's own"},
    {"--rate", "RATE", "publish at most so many: 100/s, 600/m"},
    {"--again", NULL, "also replay those that an interrupted replay may have published"},
    {"--yes", NULL, "replay all, if no option or sequence selects some"},
    {"--dry-run", NULL, "show the selected dead letters, change nothing"},
    {NULL, NULL, NULL}};
const struct flag dlq_drop_flags[] = {FILTER_FLAGS,
                                      {"--yes", NULL, "delete them; without it they are only shown"},
                                      {"--dry-run", NULL, "show the selected dead letters, change nothing"},
                                      {NULL, NULL, NULL}};
/* clang-format on */

static const struct column columns[] = {
    {"seq", "SEQ", COLUMN_NUMBER},           {"time", "DIED", COLUMN_TEXT},         {"stream", "STREAM", COLUMN_TEXT},
    {"consumer", "CONSUMER", COLUMN_TEXT},   {"message", "MESSAGE", COLUMN_NUMBER}, {"reason", "REASON", COLUMN_TEXT},
    {"attempts", "ATTEMPTS", COLUMN_NUMBER}, {"replays", "REPLAYS", COLUMN_NUMBER}, {"bytes", "BYTES", COLUMN_SIZE},
    {"subject", "SUBJECT", COLUMN_TEXT},     {"error", "ERROR", COLUMN_TEXT},       {NULL, NULL, COLUMN_TEXT},
};

/* ---- the command line -------------------------------------------------------------------- */

static int parse_time(const struct cli *cli, const char *flag, int64_t *ret, struct error *err)
{
    const char *text = cli_flag(cli, flag);
    int rc = text ? time_option_parse(text, clock_wall_ns(), ret, err) : 0;
    return rc ? error_prefix(err, "%s", flag) : 0;
}

/* A checked option value; NULL: not given. A value that can match no dead letter is an error. */
static int parse_text(const struct cli *cli, const char *flag, int (*check)(const char *, struct error *),
                      const char **ret, struct error *err)
{
    *ret = cli_flag(cli, flag);
    int rc = *ret ? check(*ret, err) : 0;
    return rc ? error_prefix(err, "%s", flag) : 0;
}

static int parse_filter(const struct cli *cli, struct dlq_filter *f, struct error *err)
{
    const char *limit = cli_flag(cli, "--limit");
    int64_t n = 0;

    int rc = parse_text(cli, "--stream", check_stream, &f->stream, err);
    if (rc == 0)
        rc = parse_text(cli, "--consumer", check_durable, &f->consumer, err);
    if (rc == 0)
        rc = parse_text(cli, "--handler", check_section_name, &f->handler, err);
    if (rc == 0)
        rc = parse_text(cli, "--reason", dlq_reason_check, &f->reason, err);
    if (rc == 0)
        rc = parse_text(cli, "--subject", check_filter, &f->subject, err);
    if (rc == 0)
        rc = parse_time(cli, "--since", &f->since_ns, err);
    if (rc == 0)
        rc = parse_time(cli, "--until", &f->until_ns, err);
    if (rc == 0 && limit && (value_parse_int(limit, &n, err) < 0 || n <= 0))
        rc = error_set(err, -EINVAL, "--limit: \"%s\" is not a number above 0", limit);
    f->limit = (uint64_t)n;
    for (size_t i = 0; rc == 0 && i < cli->n_args; i++)
        rc = dlq_range_parse(cli->args[i], &f->ranges[f->n_ranges++], err);
    return rc;
}

/* The stream of --dlq, else `dead_letter` of the handler of --handler or of all handlers. 0 or the exit status. */
static int choose_stream(const struct cli *cli, const char *cluster, char *out, size_t size)
{
    const char *named = cli_flag(cli, "--dlq");
    const char *handler = cli_flag(cli, "--handler");
    char other[DEAD_LETTER_NAME_MAX];
    bool found = false;

    snprintf(out, size, "%s", named ? named : "DLQ");
    for (size_t i = 0; !named && i < cli->config->n_handlers; i++) {
        const struct config_handler *h = &cli->config->handlers[i];
        config_cluster_name(h->dead_letter, cluster, other, sizeof(other));
        if ((handler && strcmp(handler, h->name) != 0) || strcmp(other, "off") == 0)
            continue;
        if (found && strcmp(other, out) != 0)
            return cli_usage(
                "the handlers have several dead-letter streams (%s, %s): choose one with --dlq or --handler", out,
                other);
        found = true;
        snprintf(out, size, "%s", other);
    }
    struct error err;
    if (check_stream(out, &err) < 0)
        return cli_usage("--dlq: %s", err.text);
    return 0;
}

/* ---- the stream ---------------------------------------------------------------------------- */

static int read_stream(struct dlq *d)
{
    struct call call = {.path = {API_STREAM_INFO, .stream = d->stream}};
    struct error err;

    int rc = session_call(d->session, &call, TIMEOUT_NS, &err);
    if (rc && call.answer.err_code == JS_STREAM_NOT_FOUND)
        return cli_failed("cluster %s has no stream %s (set another one with --dlq)", session_cluster(d->session)->name,
                          d->stream);
    if (rc)
        return cli_failed("%s", err.text);
    json_t *state = json_object_get(call.answer.json, "state");
    json_t *config = json_object_get(call.answer.json, "config");
    d->first_seq = (uint64_t)json_integer_value(json_object_get(state, "first_seq"));
    d->last_seq = (uint64_t)json_integer_value(json_object_get(state, "last_seq"));
    d->deny_delete = json_is_true(json_object_get(config, "deny_delete"));
    call_finish(&call);
    return 0;
}

int dlq_open(struct cli *cli, struct dlq *ret)
{
    struct error err;
    const struct config_cluster *cluster = cli_cluster(cli);

    *ret = (struct dlq){.cli = cli};
    if (!cluster)
        return EXIT_USAGE;
    if (parse_filter(cli, &ret->filter, &err))
        return cli_usage("%s", err.text);
    int status = choose_stream(cli, cluster->name, ret->stream, sizeof(ret->stream));
    if (status == 0)
        status = cli_connect(cli, 0, &ret->session);
    return status ? status : read_stream(ret);
}

bool dlq_has_selection(const struct dlq *d)
{
    const struct dlq_filter *f = &d->filter;
    return f->n_ranges || f->stream || f->consumer || f->handler || f->reason || f->subject || f->since_ns ||
           f->until_ns || f->limit;
}

void dlq_close(struct dlq *d)
{
    session_close(d->session);
}

/* ---- the walk --------------------------------------------------------------------------------- */

struct walk {
    struct dlq *dlq;
    dlq_letter_fn fn;
    void *data;
    uint64_t found;
};

static bool is_limit_reached(const struct walk *w)
{
    uint64_t limit = w->dlq->filter.limit;
    return limit && w->found >= limit;
}

static int visit_message(struct walk *w, const struct stored_message *m)
{
    struct dead_letter d;
    if (!m->seq || is_limit_reached(w) || stored_message_dead_letter(m, &d) < 0 ||
        !dlq_filter_matches(&w->dlq->filter, m, &d))
        return 0;
    w->found++;
    progress_show(&w->dlq->progress, "%s: %" PRIu64 " found, at %" PRIu64 " of %" PRIu64, w->dlq->stream, w->found,
                  m->seq, w->dlq->last_seq);
    return w->fn(w->data, m, &d);
}

/* Visits a batch of sequences from `*seq` on; `*seq` becomes the one after them. */
static int visit_batch(struct walk *w, uint64_t *seq, struct error *err)
{
    struct dlq *d = w->dlq;
    uint64_t seqs[DLQ_BATCH];
    struct stored_message batch[DLQ_BATCH];
    size_t n = 0;

    for (uint64_t next; n < DLQ_BATCH && (next = dlq_filter_next_seq(&d->filter, *seq)) <= d->last_seq; *seq = next + 1)
        seqs[n++] = next;
    int rc = n ? stored_message_get(d->session, d->stream, seqs, n, batch, err) : 0;
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            rc = visit_message(w, &batch[i]);
        stored_message_finish(&batch[i]);
    }
    return rc;
}

int dlq_each(struct dlq *d, dlq_letter_fn fn, void *data, struct error *err)
{
    struct walk w = {.dlq = d, .fn = fn, .data = data};
    char subject[DEAD_LETTER_SUBJECT_MAX];
    const struct dlq_filter *f = &d->filter;
    uint64_t seq = dlq_filter_next_seq(f, d->first_seq ? d->first_seq : 1);
    int rc = 0;

    dead_letter_filter(f->stream, f->consumer, subject, sizeof(subject));
    while (rc == 0 && seq <= d->last_seq && !is_limit_reached(&w)) {
        struct stored_message m = {0};
        rc = stored_message_next(d->session, d->stream, seq, subject, &m, err);
        if (rc == -ENOENT || (rc == 0 && m.seq > d->last_seq)) {
            stored_message_finish(&m);
            rc = 0;
            break;
        }
        if (rc == 0)
            rc = visit_message(&w, &m);
        seq = dlq_filter_next_seq(f, m.seq + 1);
        stored_message_finish(&m);
        if (rc == 0 && !is_limit_reached(&w))
            rc = visit_batch(&w, &seq, err);
    }
    progress_end(&d->progress);
    return rc;
}

/* ---- rows --------------------------------------------------------------------------------------- */

/* A header that is not UTF-8 becomes "?". */
static json_t *header_to_json(const char *s)
{
    json_t *value = json_string(s);
    return value ? value : json_string("?");
}

json_t *dlq_row(const struct stored_message *m, const struct dead_letter *d)
{
    return json_pack("{s:I, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:o, s:I, s:I, s:o}", "seq", (json_int_t)m->seq,
                     "time", m->time, "stream", d->stream, "consumer", d->consumer, "handler",
                     header_to_json(d->handler), "reason", header_to_json(d->reason), "subject",
                     header_to_json(d->subject), "message", (json_int_t)d->seq, "attempts", (json_int_t)d->attempts,
                     "error", header_to_json(d->error), "replays", (json_int_t)d->replays, "bytes",
                     (json_int_t)m->data.len, "cut", header_to_json(d->cut));
}

static int add_row(void *data, const struct stored_message *m, const struct dead_letter *d)
{
    return json_array_append_new(data, dlq_row(m, d)) < 0 ? -ENOMEM : 0;
}

json_t *dlq_rows(struct dlq *d)
{
    struct error err = {.text = "out of memory"};
    json_t *rows = json_array();
    int rc = rows ? dlq_each(d, add_row, rows, &err) : -ENOMEM;
    if (rc == 0)
        return rows;
    json_decref(rows);
    cli_failed("%s", err.text);
    return NULL;
}

void dlq_print_result(const struct dlq *d, size_t n, const char *what)
{
    if (n)
        cli_tell(d->cli, "%zu dead letter%s of %s %s", n, n == 1 ? "" : "s", d->stream, what);
    else
        cli_tell(d->cli, "nothing to do: %s has no such dead letter", d->stream);
}

/* To "2026-01-31T12:00:00.123Z": servers omit trailing zeros, and a table needs equal widths. */
static void shorten_time(json_t *row)
{
    char text[RFC3339_SIZE];
    int64_t ns = rfc3339_parse(json_string_value(json_object_get(row, "time")));
    json_object_set_new(row, "time", json_string(rfc3339_format(ns, RFC3339_MS, text)));
}

int dlq_print(struct dlq *d, json_t *rows)
{
    json_t *row;
    size_t i;

    if (!d->cli->json)
        json_array_foreach(rows, i, row) shorten_time(row);
    if (output_rows(stdout, columns, rows, d->cli->json) < 0)
        return cli_failed("out of memory");
    return EXIT_DONE;
}
