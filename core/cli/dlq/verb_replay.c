/* SPDX-License-Identifier: Apache-2.0
 * dlq/verb_replay - seamq dlq replay: publishes the messages of dead letters again.
 *
 * Each batch is written to the journal, then published, then the dead letters whose publish was confirmed are deleted.
 * After a kill at any moment, the next replay first resolves the dead letters that the journal lists.
 */
#include "cli/verbs.h"

#include "base/clock.h"
#include "base/value.h"
#include "journal.h"
#include "replay_batch.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define PUBLISH_NS (10 * NS_PER_SEC)
#define TRIES 3 /* consecutive batches with unconfirmed publishes */

enum state { TODO, DONE, REFUSED, UNSURE }; /* UNSURE: an earlier replay may have published it */

struct entry { /* one dead letter; sorted by sequence */
    uint64_t seq;
    size_t source;
    enum state state;
};

struct replay {
    struct dlq *dlq;
    const char *to;    /* NULL: their own subjects */
    double rate;       /* messages a second; 0: no limit */
    size_t batch_size; /* at most one second of `rate` */
    int64_t start_ns;
    struct entry *entries;
    size_t n;
    char (*sources)[DEAD_LETTER_NAME_MAX]; /* streams that the messages came from */
    size_t n_sources;
    size_t published; /* in this run */
    size_t counts[UNSURE + 1];
    struct journal journal; /* of the current source */
    struct replay_batch batch;
};

/* ---- the plan ------------------------------------------------------------------------------- */

static int add_source(struct replay *r, const char *stream, size_t *ret)
{
    for (*ret = 0; *ret < r->n_sources; ++*ret)
        if (strcmp(r->sources[*ret], stream) == 0)
            return 0;
    char(*grown)[DEAD_LETTER_NAME_MAX] = realloc(r->sources, (r->n_sources + 1) * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    r->sources = grown;
    snprintf(grown[r->n_sources++], DEAD_LETTER_NAME_MAX, "%s", stream);
    return 0;
}

static int add_entry(void *data, const struct stored_message *m, const struct dead_letter *d)
{
    struct replay *r = data;
    struct entry e = {.seq = m->seq};

    if ((r->n & (r->n - 1)) == 0) { /* n is a power of two: the array is full */
        struct entry *grown = realloc(r->entries, (r->n ? 2 * r->n : 1) * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        r->entries = grown;
    }
    int rc = add_source(r, d->stream, &e.source);
    if (rc == 0)
        r->entries[r->n++] = e;
    return rc;
}

/* A replay that was killed after its last dead letter leaves only its journal, which is resolved and deleted. */
static int add_journals(struct replay *r, struct error *err)
{
    char journals[DEAD_LETTER_SUBJECT_MAX];
    char name[DEAD_LETTER_NAME_MAX];
    int rc = 0;

    dead_letter_journal_subject("*", journals, sizeof(journals));

    for (uint64_t from = 1; rc == 0;) {
        struct stored_message m = {0};
        size_t source;
        rc = stored_message_next(r->dlq->session, r->dlq->stream, from, journals, &m, err);
        if (rc == 0 && dead_letter_journal_parse(m.subject, name, sizeof(name)))
            rc = add_source(r, name, &source);
        from = m.seq + 1;
        stored_message_finish(&m);
    }
    return rc == -ENOENT ? 0 : rc;
}

static int compare_seq(const void *seq, const void *entry)
{
    uint64_t a = *(const uint64_t *)seq;
    uint64_t b = ((const struct entry *)entry)->seq;
    return a < b ? -1 : a > b;
}

/* Records and prints the result of a dead letter; `why` NULL: no reason. Only selected ones are reported. */
static void report_result(struct replay *r, uint64_t seq, enum state state, const char *result, const char *why)
{
    struct entry *e = r->n ? bsearch(&seq, r->entries, r->n, sizeof(*e), compare_seq) : NULL;

    if (!e || e->state == state)
        return;
    e->state = state;
    r->counts[state]++;
    if (r->dlq->cli->json) {
        cli_json(json_pack("{s:I, s:s, s:s*}", "seq", (json_int_t)seq, "result", result, "why", why));
    } else if (why) {
        progress_end(&r->dlq->progress);
        cli_failed("%s %" PRIu64 ": %s", r->dlq->stream, seq, why);
    }
    progress_show(&r->dlq->progress, "%zu of %zu replayed", r->counts[DONE], r->n);
}

/* ---- an interrupted replay ------------------------------------------------------------------------ */

static int resolve_letter(struct replay *r, const json_t *batch, uint64_t seq, struct error *err)
{
    struct dlq *d = r->dlq;
    struct stored_message m;
    struct dead_letter letter;
    enum journal_answer answer = JOURNAL_UNKNOWN;

    int rc = stored_message_get(d->session, d->stream, &seq, 1, &m, err);
    if (rc == 0 && (!m.seq || stored_message_dead_letter(&m, &letter) < 0))
        journal_forget(&r->journal, &seq, 1); /* published and deleted; only the journal was not updated */
    else if (rc == 0)
        rc = journal_find_published(&r->journal, batch, &m, &letter, &answer, err);
    if (rc == 0 && m.seq && answer == JOURNAL_PUBLISHED) {
        rc = stored_message_delete(d->session, d->stream, &seq, 1, err);
        if (rc == 0)
            report_result(r, seq, DONE, "published before", NULL);
    }
    if (rc == 0 && (answer != JOURNAL_UNKNOWN || cli_flag(d->cli, "--again")))
        journal_forget(&r->journal, &seq, 1);
    else if (rc == 0 && m.seq)
        report_result(
            r, seq, UNSURE, "unsure",
            "an earlier replay was interrupted here, and its stream does not keep handled messages: it is unknown "
            "whether it was published (--again publishes it, `seamq dlq drop` deletes it)");
    stored_message_finish(&m);
    return rc;
}

static int resolve_journal(struct replay *r, struct error *err)
{
    json_t *batches = json_deep_copy(r->journal.batches); /* the loop removes entries from the journal's own list */
    json_t *batch;
    json_t *seq;
    size_t i;
    size_t k;
    int rc = batches ? 0 : error_set(err, -ENOMEM, "out of memory");

    json_array_foreach(batches, i, batch)
    {
        json_array_foreach(json_object_get(batch, "letters"), k, seq)
        {
            if (rc == 0)
                rc = resolve_letter(r, batch, (uint64_t)json_integer_value(seq), err);
        }
    }
    json_decref(batches);
    return rc;
}

/* ---- one batch ------------------------------------------------------------------------------------------ */

static size_t select_batch(const struct replay *r, size_t source, uint64_t *seqs)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n && n < r->batch_size; i++)
        if (r->entries[i].source == source && r->entries[i].state == TODO)
            seqs[n++] = r->entries[i].seq;
    return n;
}

/* Writes the sequences that are about to be published to the journal. */
static int write_journal(struct replay *r, struct error *err)
{
    json_t *letters = json_array();
    for (size_t i = 0; i < r->batch.n; i++)
        if (r->batch.items[i].ready)
            json_array_append_new(letters, json_integer((json_int_t)r->batch.items[i].stored.seq));
    int rc = journal_add_batch(&r->journal, &r->batch.target, r->to, letters, err);
    json_decref(letters);
    return rc;
}

/* Deletes the dead letters whose publish was confirmed; *ret_open is how many got no answer. */
static int delete_published(struct replay *r, size_t *ret_open, struct error *err)
{
    struct dlq *d = r->dlq;
    uint64_t done[DLQ_BATCH];
    uint64_t refused[DLQ_BATCH];
    size_t n_done = 0;
    size_t n_refused = 0;
    struct error why;

    *ret_open = 0;
    for (size_t i = 0; i < r->batch.n; i++) {
        const struct replay_item *p = &r->batch.items[i];
        if (!p->ready)
            continue;
        int rc = replay_item_explain(d->session, p, &why);
        if (rc == 0)
            done[n_done++] = p->stored.seq;
        else if (rc == -ETIMEDOUT || rc == -ENOTCONN)
            ++*ret_open;
        else
            report_result(r, refused[n_refused++] = p->stored.seq, REFUSED, "refused", why.text);
    }
    int rc = n_done ? stored_message_delete(d->session, d->stream, done, n_done, err) : 0;
    for (size_t i = 0; rc == 0 && i < n_done; i++)
        report_result(r, done[i], DONE, "replayed", NULL);
    r->published += n_done;
    journal_forget(&r->journal, done, rc == 0 ? n_done : 0);
    journal_forget(&r->journal, refused, n_refused);
    return rc;
}

static void wait_for_rate(const struct replay *r)
{
    if (r->rate <= 0)
        return;
    int64_t due_ns = r->start_ns + (int64_t)((double)r->published / r->rate * NS_PER_SEC);
    int64_t wait_ns = due_ns - clock_now_ns();
    if (wait_ns > 0)
        poll(NULL, 0, (int)(wait_ns / NS_PER_MS + 1));
}

/* Replays those of the dead letters `seqs` that go to the same stream as the first one. */
static int replay_one_batch(struct replay *r, const uint64_t *seqs, size_t n, size_t *ret_open, struct error *err)
{
    struct replay_batch *ps = &r->batch;
    size_t n_ready = 0;

    *ret_open = 0;
    int rc = replay_batch_fill(ps, r->dlq, seqs, n, r->to, err);
    for (size_t i = 0; rc == 0 && i < ps->n; i++) {
        const struct replay_item *p = &ps->items[i];
        n_ready += p->ready;
        if (!p->stored.seq)
            report_result(r, seqs[i], DONE, "gone", NULL);
        else if (*p->refusal)
            report_result(r, seqs[i], REFUSED, "refused", p->refusal);
    }
    if (rc == 0 && n_ready)
        rc = write_journal(r, err);
    if (rc == 0 && n_ready) {
        replay_batch_publish(ps, r->dlq->session, PUBLISH_NS);
        rc = delete_published(r, ret_open, err);
    }
    replay_batch_finish(ps);
    return rc;
}

/* ---- the run ------------------------------------------------------------------------------------------- */

static int replay_source(struct replay *r, size_t source, struct error *err)
{
    uint64_t seqs[DLQ_BATCH];
    unsigned tries = 0;

    int rc = journal_open(&r->journal, r->dlq, r->sources[source], err);
    if (rc == 0)
        rc = resolve_journal(r, err);
    for (size_t n; rc == 0 && (n = select_batch(r, source, seqs)) > 0;) {
        size_t open;
        wait_for_rate(r);
        rc = replay_one_batch(r, seqs, n, &open, err);
        tries = open ? tries + 1 : 0;
        if (rc == 0 && tries == TRIES)
            rc = error_set(err, -ETIMEDOUT, "%zu publishes were not confirmed; run the same command again to continue",
                           open);
        else if (rc == 0 && open)
            rc = resolve_journal(r, err);
    }
    if (rc == 0)
        rc = journal_save(&r->journal, err);
    journal_finish(&r->journal);
    return rc;
}

static int print_summary(const struct replay *r)
{
    size_t left = r->n - r->counts[DONE];

    if (left)
        cli_tell(r->dlq->cli, "%zu of %zu dead letters of %s replayed, %zu left (%zu refused, %zu unsure)",
                 r->counts[DONE], r->n, r->dlq->stream, left, r->counts[REFUSED], r->counts[UNSURE]);
    else
        dlq_print_result(r->dlq, r->n, "replayed");
    return left ? EXIT_FAILED : EXIT_DONE;
}

static int replay_selected(struct replay *r)
{
    struct error err = {.text = "out of memory"};

    int rc = dlq_each(r->dlq, add_entry, r, &err);
    if (rc == 0 && r->n == 0)
        rc = add_journals(r, &err);
    r->start_ns = clock_now_ns();
    for (size_t i = 0; rc == 0 && i < r->n_sources; i++)
        rc = replay_source(r, i, &err);
    progress_end(&r->dlq->progress);
    if (rc < 0) {
        cli_failed("%s", err.text);
        print_summary(r);
        return EXIT_FAILED;
    }
    return print_summary(r);
}

/* Prints the selected dead letters. A command without a selection needs --yes, because it replays all of them. */
static int print_plan(struct replay *r, bool asks_yes)
{
    json_t *rows = dlq_rows(r->dlq);
    size_t n = json_array_size(rows);

    if (rows && n == 0 && asks_yes) { /* an interrupted replay may be left to resolve */
        json_decref(rows);
        return replay_selected(r);
    }
    int status = rows ? dlq_print(r->dlq, rows) : EXIT_FAILED;
    if (status == 0 && asks_yes)
        status = cli_failed("no dead letter replayed: give --yes to replay all %zu of %s, or select some", n,
                            r->dlq->stream);
    else if (status == 0)
        dlq_print_result(r->dlq, n, "would be published again and deleted");
    json_decref(rows);
    return status;
}

static int parse_options(struct replay *r)
{
    const char *rate = cli_flag(r->dlq->cli, "--rate");
    struct error err;

    r->to = cli_flag(r->dlq->cli, "--to");
    if (r->to && (strpbrk(r->to, " \t\r\n*>") || *r->to == '.' || strstr(r->to, "..") ||
                  dead_letter_subject_matches(r->to, NULL)))
        return cli_usage("--to: \"%s\" is not a subject to publish to", r->to);
    if (rate && value_parse_rate(rate, &r->rate, &err) < 0)
        return cli_usage("--rate: %s", err.text);
    if (rate && r->rate <= 0)
        return cli_usage("--rate: \"%s\" would publish nothing (omit --rate for no limit)", rate);
    r->batch_size = r->rate <= 0 || r->rate > DLQ_BATCH ? DLQ_BATCH : r->rate < 1 ? 1 : (size_t)r->rate;
    return 0;
}

int dlq_replay(struct cli *cli)
{
    struct dlq d;
    struct replay r = {.dlq = &d};
    int status = dlq_open(cli, &d);

    if (status == 0)
        status = parse_options(&r);
    if (status == 0 && d.deny_delete)
        status =
            cli_failed("no dead letter replayed: stream %s denies the deletion of messages (deny_delete)", d.stream);
    else if (status == 0 && cli_flag(cli, "--dry-run"))
        status = print_plan(&r, false);
    else if (status == 0)
        status = cli_flag(cli, "--yes") || dlq_has_selection(&d) ? replay_selected(&r) : print_plan(&r, true);
    free(r.entries);
    free(r.sources);
    dlq_close(&d);
    return status;
}
