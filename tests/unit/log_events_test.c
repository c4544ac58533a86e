/* SPDX-License-Identifier: Apache-2.0
 * The table of log events agrees with the calls in core/, in both directions, and docs/events.md is what the table
 * generates.  UPDATE_DOCS=1 build/tests/log_events_test writes the page. */
#include "base/log_events.h"
#include "docs_page.h"

#include <ctype.h>
#include <ftw.h>

#define LEVELS_MAX 64

static size_t calls[256]; /* of each row */
static char problems[8192];

static void add_problem(const char *file, const char *what, const char *detail)
{
    size_t len = strlen(problems);
    snprintf(problems + len, sizeof(problems) - len, "%s: %s: %.60s\n", file, what, detail);
}

static bool has_level(const char *levels, const char *level, size_t len)
{
    for (const char *at = levels; *at; at += strcspn(at, " "), at += *at == ' ') {
        size_t n = strcspn(at, ", ");
        if (n == len && strncasecmp(at, level, n) == 0)
            return true;
    }
    return false;
}

/* The end of an argument: the comma or parenthesis after it, not one within a string or a call. */
static const char *argument_end(const char *s)
{
    int depth = 0;
    for (; *s; s++) {
        if (*s == '"')
            for (s++; *s && *s != '"'; s++)
                s += *s == '\\' && s[1];
        else if (*s == '(')
            depth++;
        else if ((*s == ')' || *s == ',') && depth == 0)
            return s;
        else if (*s == ')')
            depth--;
    }
    return s;
}

static size_t row_of(const char *event, size_t len)
{
    size_t row = 0;
    while (row < n_log_events &&
           (strlen(log_events[row].event) != len || memcmp(log_events[row].event, event, len) != 0))
        row++;
    return row;
}

/* How many of `levels`, which are separated by blanks, the row has. */
static size_t count_levels(size_t row, const char *levels, size_t *ret_all)
{
    size_t n = 0;
    *ret_all = 0;
    for (const char *at = levels; *at; at += strcspn(at, " "), at += *at == ' ') {
        n += has_level(log_events[row].levels, at, strcspn(at, " "));
        ++*ret_all;
    }
    return n;
}

/* Each event named in [s, end) is in the table.  One event has all of `levels`; of several each has one of them,
 * because the call pairs them.  `levels` is "" where only the run decides. */
static void check_events(const char *file, const char *s, const char *end, const char *levels)
{
    size_t rows[4];
    size_t n = 0;

    for (; (s = memchr(s, '"', (size_t)(end - s))); s += strcspn(s, "\"") + 1) {
        s++;
        size_t row = row_of(s, strcspn(s, "\""));
        if (row == n_log_events) {
            add_problem(file, "an event is not in core/base/log_events.c", s);
            return;
        }
        assert_true(n < sizeof(rows) / sizeof(rows[0]));
        rows[n++] = row;
    }
    if (n == 0)
        add_problem(file, "a call does not name its event", end - 40);
    for (size_t i = 0; i < n; i++) {
        size_t all;
        size_t found = count_levels(rows[i], levels, &all);
        if (n == 1 ? found < all : all > 0 && found == 0)
            add_problem(file, "an event has another level in core/base/log_events.c", log_events[rows[i]].event);
        calls[rows[i]]++;
    }
}

/* All LOG_LEVEL_* in [s, end), as "warn debug". */
static void collect_levels(const char *s, const char *end, char *out)
{
    static const char prefix[] = "LOG_LEVEL_";
    for (*out = '\0'; (s = strstr(s, prefix)) && s < end; s += sizeof(prefix) - 1) {
        const char *name = s + sizeof(prefix) - 1;
        size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        snprintf(out + strlen(out), LEVELS_MAX - strlen(out), "%s%.*s", *out ? " " : "", (int)n, name);
    }
}

static void check_call(const char *file, const char *name, const char *arguments)
{
    char levels[LEVELS_MAX];

    if (strcmp(name, "LOG_AT") == 0) {
        const char *end = argument_end(arguments);
        collect_levels(arguments, end, levels);
        arguments = end + 1;
    } else {
        snprintf(levels, sizeof(levels), "%s", name + strlen("log_"));
    }
    check_events(file, arguments, argument_end(arguments), levels);
}

static int check_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    static const char *const names[] = {"log_error", "log_warn", "log_info", "log_debug", "LOG_AT"};
    size_t len = strlen(path);
    (void)st;
    (void)ftw;

    if (type != FTW_F || strcmp(path + len - 2, ".c") != 0)
        return 0;
    char *text = read_whole(path);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t n = strlen(names[i]);
        for (const char *s = text; (s = strstr(s, names[i])); s += n)
            if (s[n] == '(' && (s == text || (!isalnum((unsigned char)s[-1]) && s[-1] != '_')))
                check_call(path, names[i], s + n + 1);
    }
    free(text);
    return 0;
}

static void each_logged_event_is_in_the_table_and_each_row_is_logged(void **state)
{
    (void)state;
    assert_true(n_log_events <= sizeof(calls) / sizeof(calls[0]));
    assert_int_equal(nftw(SEAMQ_SOURCE_DIR "/core", check_file, 16, FTW_PHYS), 0);
    for (size_t i = 0; i < n_log_events; i++)
        if (calls[i] == 0)
            add_problem("core/base/log_events.c", "no source logs this event", log_events[i].event);
    if (problems[0])
        fail_msg("%s", problems);
}

static void each_row_is_unique_and_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_log_events; i++) {
        const struct log_event *e = &log_events[i];
        assert_true(e->meaning[strlen(e->meaning) - 1] == '.');
        assert_null(strchr(e->meaning, '|'));
        assert_null(strchr(e->action, '|'));
        /* Errors and warnings say what to do; only a line that somebody else wrote cannot. */
        if (strstr(e->levels, "error") && strcmp(e->event, "handler-log") != 0)
            assert_true(*e->action);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(log_events[k].event, e->event);
    }
}

static void the_page_is_what_the_table_generates(void **state)
{
    (void)state;
    expect_docs_page("docs/events.md", log_events_print_reference, "log_events_test");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_logged_event_is_in_the_table_and_each_row_is_logged),
        cmocka_unit_test(each_row_is_unique_and_whole),
        cmocka_unit_test(the_page_is_what_the_table_generates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
