/* SPDX-License-Identifier: Apache-2.0
 * dlq/verb_replay - seamq dlq replay: dead letters back to where their messages came from.
 *
 * Lot by lot: note them in the journal, publish them, remove those whose publish was confirmed.  A kill
 * at any moment leaves letters that are noted; the next replay finds out about these first.
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
#define TRIES 3 /* lots in a row that were not confirmed */

enum state { TODO, DONE, REFUSED, UNSURE };

struct entry { /* a letter of the plan, in the order of sequences */
    uint64_t seq;
    size_t source;
    enum state state;
};

struct replay {
    struct dlq *dlq;
    const char *to;  /* NULL: to their own subjects */
    double rate;     /* a second; 0: as fast as it goes */
    size_t lot_size; /* no more than a second's worth */
    int64_t began_ns;
    struct entry *entries;
    size_t n;
    char (*sources)[LETTER_NAME_MAX]; /* streams that the letters' messages came from */
    size_t n_sources;
    size_t published; /* in this run */
    size_t counts[UNSURE + 1];
    struct journal journal; /* of the source at hand */
    struct replay_batch batch;
};

/* ---- the plan ------------------------------------------------------------------------------- */

static int add_source(struct replay *r, const char *stream, size_t *ret)
{
    for (*ret = 0; *ret < r->n_sources; ++*ret)
        if (strcmp(r->sources[*ret], stream) == 0)
            return 0;
    char(*grown)[LETTER_NAME_MAX] = realloc(r->sources, (r->n_sources + 1) * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    r->sources = grown;
    snprintf(grown[r->n_sources++], LETTER_NAME_MAX, "%s", stream);
    return 0;
}

static int add_entry(void *data, const struct letter *l)
{
    struct replay *r = data;
    struct entry e = {.seq = l->stored->seq};

    if ((r->n & (r->n - 1)) == 0) { /* full: as many again */
        struct entry *grown = realloc(r->entries, (r->n ? 2 * r->n : 1) * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        r->entries = grown;
    }
    int rc = add_source(r, l->stream, &e.source);
    if (rc == 0)
        r->entries[r->n++] = e;
    return rc;
}

/* An interruption after the last letter leaves nothing but the journal: it is looked through, and removed. */
static int add_journals(struct replay *r, struct error *err)
{
    char journals[DEAD_LETTER_SUBJECT_MAX];
    char name[LETTER_NAME_MAX];
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

static int compare(const void *seq, const void *entry)
{
    uint64_t a = *(const uint64_t *)seq;
    uint64_t b = ((const struct entry *)entry)->seq;
    return a < b ? -1 : a > b;
}

/* What became of a letter; `why` NULL: nothing to say. Letters that are not in the plan are not spoken of. */
static void report(struct replay *r, uint64_t seq, enum state state, const char *result, const char *why)
{
    struct entry *e = r->n ? bsearch(&seq, r->entries, r->n, sizeof(*e), compare) : NULL;

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

static int resolve_letter(struct replay *r, const json_t *lot, uint64_t seq, struct error *err)
{
    struct dlq *d = r->dlq;
    struct stored_message m;
    struct letter l;
    enum journal_word word = JOURNAL_CANNOT_TELL;

    int rc = stored_message_get(d->session, d->stream, &seq, 1, &m, err);
    if (rc == 0 && (!m.seq || letter_read(&m, &l) < 0))
        journal_forget(&r->journal, &seq, 1); /* published and removed, and only that was not noted */
    else if (rc == 0)
        rc = journal_ask(&r->journal, lot, &l, &word, err);
    if (rc == 0 && m.seq && word == JOURNAL_PUBLISHED) {
        rc = stored_message_delete(d->session, d->stream, &seq, 1, err);
        if (rc == 0)
            report(r, seq, DONE, "published before", NULL);
    }
    if (rc == 0 && (word != JOURNAL_CANNOT_TELL || cli_flag(d->cli, "--again")))
        journal_forget(&r->journal, &seq, 1);
    else if (rc == 0 && m.seq)
        report(
            r, seq, UNSURE, "unsure",
            "an earlier replay was interrupted at this one, and its stream does not keep what was handled: whether it "
            "was published cannot be told (--again publishes it, `seamq dlq drop` takes it for done)");
    stored_message_finish(&m);
    return rc;
}

static int resolve(struct replay *r, struct error *err)
{
    json_t *lots = json_deep_copy(r->journal.lots); /* the journal's own get shorter meanwhile */
    json_t *lot;
    json_t *seq;
    size_t i;
    size_t k;
    int rc = lots ? 0 : error_set(err, -ENOMEM, "out of memory");

    json_array_foreach(lots, i, lot)
    {
        json_array_foreach(json_object_get(lot, "letters"), k, seq)
        {
            if (rc == 0)
                rc = resolve_letter(r, lot, (uint64_t)json_integer_value(seq), err);
        }
    }
    json_decref(lots);
    return rc;
}

/* ---- a lot ------------------------------------------------------------------------------------------ */

static size_t choose(const struct replay *r, size_t source, uint64_t *seqs)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n && n < r->lot_size; i++)
        if (r->entries[i].source == source && r->entries[i].state == TODO)
            seqs[n++] = r->entries[i].seq;
    return n;
}

/* Notes what is about to be published. */
static int note(struct replay *r, struct error *err)
{
    json_t *letters = json_array();
    for (size_t i = 0; i < r->batch.n; i++)
        if (r->batch.items[i].ready)
            json_array_append_new(letters, json_integer((json_int_t)r->batch.items[i].letter.stored->seq));
    int rc = journal_begin(&r->journal, &r->batch.target, r->to, letters, err);
    json_decref(letters);
    return rc;
}

/* Removes what was confirmed. Returns how many had no answer in `ret_open`. */
static int finish(struct replay *r, size_t *ret_open, struct error *err)
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
            done[n_done++] = p->letter.stored->seq;
        else if (rc == -ETIMEDOUT || rc == -ENOTCONN)
            ++*ret_open;
        else
            report(r, refused[n_refused++] = p->letter.stored->seq, REFUSED, "refused", why.text);
    }
    int rc = n_done ? stored_message_delete(d->session, d->stream, done, n_done, err) : 0;
    for (size_t i = 0; rc == 0 && i < n_done; i++)
        report(r, done[i], DONE, "replayed", NULL);
    r->published += n_done;
    journal_forget(&r->journal, done, rc == 0 ? n_done : 0);
    journal_forget(&r->journal, refused, n_refused);
    return rc;
}

static void pace(const struct replay *r)
{
    if (r->rate <= 0)
        return;
    int64_t due_ns = r->began_ns + (int64_t)((double)r->published / r->rate * NS_PER_SEC);
    int64_t wait_ns = due_ns - clock_now_ns();
    if (wait_ns > 0)
        poll(NULL, 0, (int)(wait_ns / NS_PER_MS + 1));
}

/* The letters `seqs`, as far as they go to the same stream as the first one. */
static int replay_lot(struct replay *r, const uint64_t *seqs, size_t n, size_t *ret_open, struct error *err)
{
    struct replay_batch *ps = &r->batch;
    size_t n_ready = 0;

    *ret_open = 0;
    int rc = replay_batch_fill(ps, r->dlq, seqs, n, r->to, err);
    for (size_t i = 0; rc == 0 && i < ps->n; i++) {
        const struct replay_item *p = &ps->items[i];
        n_ready += p->ready;
        if (!p->stored.seq)
            report(r, seqs[i], DONE, "gone", NULL);
        else if (*p->refusal)
            report(r, seqs[i], REFUSED, "refused", p->refusal);
    }
    if (rc == 0 && n_ready)
        rc = note(r, err);
    if (rc == 0 && n_ready) {
        replay_batch_publish(ps, r->dlq->session, PUBLISH_NS);
        rc = finish(r, ret_open, err);
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
        rc = resolve(r, err);
    for (size_t n; rc == 0 && (n = choose(r, source, seqs)) > 0;) {
        size_t open;
        pace(r);
        rc = replay_lot(r, seqs, n, &open, err);
        tries = open ? tries + 1 : 0;
        if (rc == 0 && tries == TRIES)
            rc = error_set(err, -ETIMEDOUT, "%zu publishes were not confirmed: run it again to continue", open);
        else if (rc == 0 && open)
            rc = resolve(r, err);
    }
    if (rc == 0)
        rc = journal_save(&r->journal, err);
    journal_finish(&r->journal);
    return rc;
}

static int summary(const struct replay *r)
{
    size_t left = r->n - r->counts[DONE];

    if (left)
        cli_tell(r->dlq->cli, "%zu of %zu dead letters of %s replayed, %zu left (%zu refused, %zu unsure)",
                 r->counts[DONE], r->n, r->dlq->stream, left, r->counts[REFUSED], r->counts[UNSURE]);
    else
        dlq_tell(r->dlq, r->n, "replayed");
    return left ? EXIT_FAILED : EXIT_DONE;
}

static int replay(struct replay *r)
{
    struct error err = {.text = "out of memory"};

    int rc = dlq_each(r->dlq, add_entry, r, &err);
    if (rc == 0 && r->n == 0)
        rc = add_journals(r, &err);
    r->began_ns = clock_now_ns();
    for (size_t i = 0; rc == 0 && i < r->n_sources; i++)
        rc = replay_source(r, i, &err);
    progress_end(&r->dlq->progress);
    if (rc < 0) {
        cli_failed("%s", err.text);
        summary(r);
        return EXIT_FAILED;
    }
    return summary(r);
}

/* Shows which. Who names no letters may not mean all that there are. */
static int plan(struct replay *r, bool asks_yes)
{
    json_t *rows = dlq_rows(r->dlq);
    size_t n = json_array_size(rows);

    if (rows && n == 0 && asks_yes) { /* an interrupted replay may be left to end */
        json_decref(rows);
        return replay(r);
    }
    int status = rows ? dlq_print(r->dlq, rows) : EXIT_FAILED;
    if (status == 0 && asks_yes)
        status = cli_failed("all %zu dead letters of %s were meant: nothing is replayed without --yes, or a choice", n,
                            r->dlq->stream);
    else if (status == 0)
        dlq_tell(r->dlq, n, "would be published again and removed");
    json_decref(rows);
    return status;
}

static int parse(struct replay *r)
{
    const char *rate = cli_flag(r->dlq->cli, "--rate");
    struct error err;

    r->to = cli_flag(r->dlq->cli, "--to");
    if (r->to && (strpbrk(r->to, " \t\r\n*>") || *r->to == '.' || strstr(r->to, "..") ||
                  dead_letter_subject_matches(r->to, NULL)))
        return cli_usage("--to: \"%s\" is no subject to publish to", r->to);
    if (rate && value_parse_rate(rate, &r->rate, &err) < 0)
        return cli_usage("--rate: %s", err.text);
    if (rate && r->rate <= 0)
        return cli_usage("--rate: \"%s\" would publish nothing (without --rate: as fast as it goes)", rate);
    r->lot_size = r->rate <= 0 || r->rate > DLQ_BATCH ? DLQ_BATCH : r->rate < 1 ? 1 : (size_t)r->rate;
    return 0;
}

int dlq_replay(struct cli *cli)
{
    struct dlq d;
    struct replay r = {.dlq = &d};
    int status = dlq_open(cli, &d);

    if (status == 0)
        status = parse(&r);
    if (status == 0 && d.deny_delete)
        status = cli_failed("stream %s denies the deletion of messages (deny_delete): a replay could not remove them",
                            d.stream);
    else if (status == 0 && cli_flag(cli, "--dry-run"))
        status = plan(&r, false);
    else if (status == 0)
        status = cli_flag(cli, "--yes") || dlq_chosen(&d) ? replay(&r) : plan(&r, true);
    free(r.entries);
    free(r.sources);
    dlq_close(&d);
    return status;
}
