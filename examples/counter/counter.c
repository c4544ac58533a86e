/* SPDX-License-Identifier: Apache-2.0
 *
 * counter - counts events by a word of their subject and reports the most frequent words.
 *
 * Counts are kept in memory for a window of time.  The first message after the window, or an idle
 * call, logs the top words and starts the next window.  With option.report, the report is also
 * published: it is staged with a message, so it is sent when that message is acknowledged.  A crash
 * loses the counts of one window; keep in memory only what may be lost.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime, strndup */
#include <seamq/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct slot {
    char *word; /* owned; NULL: the slot is free */
    uint64_t count;
};

struct counter {
    int64_t window;
    int64_t top;
    int64_t token;
    int64_t max_words;
    int32_t quiet;
    const char *report;

    struct slot *slots; /* open addressing, n_slots a power of two, at most half full */
    size_t n_slots;
    size_t n_words;
    uint64_t total;
    uint64_t untold; /* events that were not counted, because the table was full */
    int64_t end_ns;  /* of the window, monotonic; 0: no event yet */
};

static const struct seamq_option options[] = {
    SEAMQ_OPT_TIME(struct counter, window, 0, "10s", SEAMQ_MS, INT64_MAX, "length of a counting window"),
    SEAMQ_OPT_INT(struct counter, top, 0, "5", 1, 100, "number of words in a report"),
    SEAMQ_OPT_INT(struct counter, token, 0, "2", 1, 16, "word of the subject to count, from 1"),
    SEAMQ_OPT_INT(struct counter, max_words, 0, "10000", 1, 10000000, "limit of different words in one window"),
    SEAMQ_OPT_BOOL(struct counter, quiet, 0, "no", "do not log the reports"),
    SEAMQ_OPT_STRING(struct counter, report, 0, NULL, "subject to publish each report to"),
    SEAMQ_OPT_END,
};

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * SEAMQ_SECOND + t.tv_nsec;
}

/* The n-th word of the subject, from 1; the last one if there are fewer. */
static const char *find_token(const char *subject, int64_t n, size_t *ret_size)
{
    const char *dot;

    while (n-- > 1 && (dot = strchr(subject, '.')) != NULL)
        subject = dot + 1;
    *ret_size = strcspn(subject, ".");
    return subject;
}

static uint64_t hash(const char *word, size_t size)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < size; i++)
        h = (h ^ (unsigned char)word[i]) * 1099511628211u;
    return h;
}

static struct slot *find_slot(const struct counter *c, const char *word, size_t size)
{
    for (size_t i = (size_t)hash(word, size);; i++) {
        struct slot *s = &c->slots[i & (c->n_slots - 1)];
        if (s->word == NULL || (strncmp(s->word, word, size) == 0 && s->word[size] == '\0'))
            return s;
    }
}

static void count_word(struct counter *c, const char *word, size_t size)
{
    struct slot *s = find_slot(c, word, size);

    c->total++;
    if (s->word == NULL) {
        if (c->n_words == (size_t)c->max_words || (s->word = strndup(word, size)) == NULL) {
            c->untold++;
            return;
        }
        c->n_words++;
    }
    s->count++;
}

static void forget(struct counter *c)
{
    for (size_t i = 0; i < c->n_slots; i++)
        free(c->slots[i].word);
    memset(c->slots, 0, c->n_slots * sizeof *c->slots);
    c->n_words = 0;
    c->total = 0;
    c->untold = 0;
    c->end_ns = 0;
}

static int is_ahead(const struct slot *a, const struct slot *b)
{
    return a->count != b->count ? a->count > b->count : strcmp(a->word, b->word) < 0;
}

/* Writes "events=12 words=3 untold=0 top: eu=7 us=4 asia=1"; the text is cut if it does not fit. */
static void format_report(const struct counter *c, char *text, size_t size)
{
    const struct slot *best[100];
    size_t n = 0;
    int used = snprintf(text, size, "events=%llu words=%zu untold=%llu top:", (unsigned long long)c->total, c->n_words,
                        (unsigned long long)c->untold);

    for (size_t i = 0; i < c->n_slots; i++) {
        const struct slot *s = &c->slots[i];
        size_t at = n;

        if (s->word == NULL)
            continue;
        while (at > 0 && is_ahead(s, best[at - 1]))
            at--;
        if (at == (size_t)c->top)
            continue;
        if (n < (size_t)c->top)
            n++;
        memmove(&best[at + 1], &best[at], (n - at - 1) * sizeof best[0]);
        best[at] = s;
    }
    for (size_t i = 0; i < n && used > 0 && (size_t)used < size; i++)
        used +=
            snprintf(text + used, size - (size_t)used, " %s=%llu", best[i]->word, (unsigned long long)best[i]->count);
}

static void finish_window(struct counter *c)
{
    char text[2048];

    if (!c->quiet) {
        format_report(c, text, sizeof text);
        seamq_info("%s", text);
    }
    seamq_count("reports", 1);
    forget(c);
}

static int on_open(void *self)
{
    struct counter *c = self;

    c->n_slots = 16;
    while (c->n_slots / 2 <= (size_t)c->max_words)
        c->n_slots *= 2;
    c->slots = calloc(c->n_slots, sizeof *c->slots);
    if (c->slots == NULL)
        return seamq_fail_config("option.max_words: no memory for %lld words: set a smaller value",
                                 (long long)c->max_words);
    return 0;
}

static int on_message(void *self, const seamq_msg *msg)
{
    struct counter *c = self;
    int64_t now = now_ns();
    size_t size;
    const char *word = find_token(msg->subject, c->token, &size);

    if (c->end_ns != 0 && now >= c->end_ns) {
        if (c->report != NULL) {
            char text[2048];
            format_report(c, text, sizeof text);
            if (seamq_publish(msg, c->report, text, strlen(text)) < 0)
                return seamq_nak(msg, SEAMQ_BACKOFF, "option.report: cannot publish to \"%s\"", c->report);
        }
        finish_window(c);
    }
    if (c->end_ns == 0)
        c->end_ns = now + c->window;
    count_word(c, word, size);
    seamq_count("events", 1);
    return SEAMQ_ACK;
}

/* A published report is staged with a message, so on_idle() leaves it to the next message. */
static void on_idle(void *self)
{
    struct counter *c = self;

    if (c->end_ns != 0 && now_ns() >= c->end_ns && c->report == NULL)
        finish_window(c);
}

static void on_close(void *self)
{
    struct counter *c = self;

    if (c->slots == NULL)
        return;
    if (c->end_ns != 0)
        finish_window(c);
    free(c->slots);
}

SEAMQ_PLUGIN(.name = "counter", .version = "1.0.0", .summary = "counts events by a word of their subject",
             .stream = "EVENTS", .subjects = "events.>", .self_size = sizeof(struct counter), .options = options,
             .open = on_open, .handle = on_message, .idle = on_idle, .close = on_close);
