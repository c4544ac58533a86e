/* SPDX-License-Identifier: Apache-2.0
 * daemon_log - parses log lines of seamqd as JSON, and waits for a line. */
#include "daemon_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void daemon_log_init(struct daemon *d)
{
    pthread_condattr_t attr;
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&d->more, &attr);
    pthread_cond_init(&d->resumed, &attr);
    pthread_condattr_destroy(&attr);
    d->eof = true;
}

static void keep_line(struct daemon *d, char *text)
{
    json_t *j = json_loads(text, 0, NULL);

    pthread_mutex_lock(&d->lock);
    if ((d->n_lines & (d->n_lines + 1)) == 0) { /* grow at powers of two */
        size_t cap = (d->n_lines + 1) * 2;
        d->lines = realloc(d->lines, cap * sizeof(*d->lines));
        d->texts = realloc(d->texts, cap * sizeof(*d->texts));
        if (!d->lines || !d->texts)
            abort();
    }
    d->lines[d->n_lines] = j;
    d->texts[d->n_lines++] = text;
    pthread_cond_broadcast(&d->more);
    pthread_mutex_unlock(&d->lock);
}

static void wait_resumed(struct daemon *d)
{
    pthread_mutex_lock(&d->lock);
    while (d->paused)
        pthread_cond_wait(&d->resumed, &d->lock);
    pthread_mutex_unlock(&d->lock);
}

void daemon_log_pause(struct daemon *d, bool pause)
{
    pthread_mutex_lock(&d->lock);
    d->paused = pause;
    pthread_cond_broadcast(&d->resumed);
    pthread_mutex_unlock(&d->lock);
}

static void *read_lines(void *data)
{
    struct daemon *d = data;
    FILE *in = fdopen(d->pipe_fd, "re");
    FILE *copy = fopen(d->log, "ae");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    while (in && (n = getline(&line, &cap, in)) > 0) {
        if (copy) {
            fputs(line, copy);
            fflush(copy);
        }
        if (line[n - 1] == '\n')
            line[n - 1] = '\0';
        keep_line(d, line);
        line = NULL;
        cap = 0;
        wait_resumed(d);
    }
    free(line);
    if (in)
        fclose(in);
    if (copy)
        fclose(copy);
    pthread_mutex_lock(&d->lock);
    d->eof = true;
    pthread_cond_broadcast(&d->more);
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

void daemon_log_read(struct daemon *d, int fd)
{
    d->pipe_fd = fd;
    d->eof = false;
    assert_int_equal(pthread_create(&d->reader, NULL, read_lines, d), 0);
    d->reading = true;
}

void daemon_log_finish_run(struct daemon *d)
{
    daemon_log_pause(d, false);
    if (d->reading)
        pthread_join(d->reader, NULL);
    d->reading = false;
}

void daemon_log_finish(struct daemon *d)
{
    daemon_log_finish_run(d);
    for (size_t i = 0; i < d->n_lines; i++) {
        json_decref(d->lines[i]);
        free(d->texts[i]);
    }
    free(d->lines);
    free(d->texts);
    pthread_cond_destroy(&d->more);
    pthread_cond_destroy(&d->resumed);
    pthread_mutex_destroy(&d->lock);
}

size_t daemon_mark(struct daemon *d)
{
    pthread_mutex_lock(&d->lock);
    size_t n = d->n_lines;
    pthread_mutex_unlock(&d->lock);
    return n;
}

static bool value_matches(json_t *v, const char *want)
{
    char number[64];
    const char *have = json_string_value(v);
    size_t len = strlen(want);

    if (!v)
        return false;
    if (strcmp(want, "*") == 0)
        return true;
    if (json_is_integer(v))
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (json_is_real(v))
        snprintf(number, sizeof(number), "%g", json_real_value(v));
    if (!have)
        have = json_is_number(v) ? number : "";
    if (len > 2 && want[0] == '*' && want[len - 1] == '*') {
        char part[256];
        snprintf(part, sizeof(part), "%.*s", (int)(len - 2), want + 1);
        return strstr(have, part) != NULL;
    }
    return strcmp(have, want) == 0;
}

static bool line_matches(json_t *j, const char *event, const char *fields)
{
    const char *have = json_string_value(json_object_get(j, "event"));
    if (!have || strcmp(have, event) != 0)
        return false;
    while (fields && *fields) {
        char field[256], *equals;
        size_t n = strcspn(fields, " ");
        snprintf(field, sizeof(field), "%.*s", (int)n, fields);
        fields += n + (fields[n] == ' ');
        if (!(equals = strchr(field, '=')))
            continue;
        *equals = '\0';
        if (!value_matches(json_object_get(j, field), equals + 1))
            return false;
    }
    return true;
}

static bool text_matches(const char *text, const char *const *parts)
{
    for (; *parts; parts++)
        if (!strstr(text, *parts))
            return false;
    return true;
}

/* Index of the first match from `from` on; SIZE_MAX at the deadline or the end of the log. */
static size_t wait_line(struct daemon *d, size_t from, const char *event, const char *fields, const char *const *parts,
                        double seconds)
{
    int64_t deadline = deadline_in(seconds);
    struct timespec until = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
    size_t found = SIZE_MAX;

    pthread_mutex_lock(&d->lock);
    for (size_t i = from; found == SIZE_MAX;) {
        if (i < d->n_lines) {
            if (parts ? text_matches(d->texts[i], parts) : line_matches(d->lines[i], event, fields))
                found = i;
            i++;
            continue;
        }
        if (d->eof || pthread_cond_timedwait(&d->more, &d->lock, &until) != 0)
            break;
    }
    pthread_mutex_unlock(&d->lock);
    return found;
}

json_t *daemon_event(struct daemon *d, size_t from, const char *event, const char *fields, double seconds)
{
    size_t i = wait_line(d, from, event, fields, NULL, seconds);
    if (i == SIZE_MAX)
        return NULL;
    pthread_mutex_lock(&d->lock);
    json_t *j = d->lines[i];
    pthread_mutex_unlock(&d->lock);
    return j;
}

json_t *daemon_expect_event(struct daemon *d, size_t from, const char *event, const char *fields, double seconds)
{
    json_t *j = daemon_event(d, from, event, fields, seconds);
    if (!j)
        fail_msg("seamqd did not log event=%s %s within %g s", event, fields ? fields : "", seconds);
    return j;
}

const char *daemon_line(struct daemon *d, size_t from, double seconds, const char *const *parts)
{
    size_t i = wait_line(d, from, NULL, NULL, parts, seconds);
    if (i == SIZE_MAX)
        return NULL;
    pthread_mutex_lock(&d->lock);
    const char *text = d->texts[i];
    pthread_mutex_unlock(&d->lock);
    return text;
}
