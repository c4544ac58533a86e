/* SPDX-License-Identifier: Apache-2.0
 * metrics_test - the exposition, read back by a strict checker, and the histogram. */
#include "admin/metrics.h"
#include "base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- the reader's side: fails on anything that the format does not allow --- */

struct checker {
    char family[128];
    char kind[16];
    char seen[64][128];
    unsigned n_seen;
    unsigned samples;
};

static size_t take_name(const char *s)
{
    assert_true((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_' || *s == ':');
    return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789");
}

static const char *check_labels(const char *s)
{
    for (;;) {
        s += take_name(s);
        assert_memory_equal(s, "=\"", 2);
        for (s += 2; *s != '"'; s++) {
            assert_true(*s && *s != '\n');
            size_t n = buf_utf8_len(s, strlen(s));
            assert_true(n > 0);
            if (*s == '\\') {
                s++;
                assert_true(*s == '\\' || *s == '"' || *s == 'n');
            } else {
                s += n - 1;
            }
        }
        s++;
        if (*s == '}')
            return s + 1;
        assert_int_equal(*s, ',');
        s++;
    }
}

static void check_sample(struct checker *c, const char *line)
{
    static const char *const suffixes[] = {"", "_bucket", "_sum", "_count"};
    size_t n = take_name(line);
    bool known = false;
    for (size_t i = 0; i < 4; i++) {
        char name[160];
        snprintf(name, sizeof(name), "%s%s", c->family, suffixes[i]);
        bool fits = (strcmp(c->kind, "histogram") == 0) == (i > 0);
        known |= fits && strlen(name) == n && strncmp(name, line, n) == 0;
    }
    assert_true(known);
    const char *s = line + n;
    if (*s == '{')
        s = check_labels(s + 1);
    assert_int_equal(*s, ' ');
    s++;
    if (strcmp(s, "+Inf") != 0 && strcmp(s, "-Inf") != 0 && strcmp(s, "NaN") != 0) {
        char *end;
        assert_int_equal(strspn(s, "0123456789+-.e"), strlen(s));
        strtod(s, &end);
        assert_true(end != s && *end == '\0');
    }
    c->samples++;
}

static void check_line(struct checker *c, const char *line)
{
    char name[128];

    if (strncmp(line, "# HELP ", 7) == 0) {
        size_t n = take_name(line + 7);
        assert_int_equal(line[7 + n], ' ');
        snprintf(c->family, sizeof(c->family), "%.*s", (int)n, line + 7);
        c->kind[0] = '\0';
        for (unsigned i = 0; i < c->n_seen; i++)
            assert_string_not_equal(c->seen[i], c->family);
        assert_true(c->n_seen < 64);
        memcpy(c->seen[c->n_seen++], c->family, sizeof(c->family));
        return;
    }
    if (strncmp(line, "# TYPE ", 7) == 0) {
        assert_int_equal(sscanf(line, "# TYPE %127s %15s", name, c->kind), 2);
        assert_string_equal(name, c->family);
        assert_true(strcmp(c->kind, "counter") == 0 || strcmp(c->kind, "gauge") == 0 ||
                    strcmp(c->kind, "histogram") == 0);
        return;
    }
    assert_int_not_equal(c->kind[0], '\0');
    check_sample(c, line);
}

static unsigned check_page(struct buf *b)
{
    struct checker c = {0};
    char *copy = strdup(buf_str(b));
    assert_int_equal(strlen(copy), b->len);
    assert_true(b->len == 0 || copy[b->len - 1] == '\n');
    for (char *line = copy, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        check_line(&c, line);
    }
    free(copy);
    return c.samples;
}

/* --- the page --- */

static void counter_and_gauge_are_written(void **state)
{
    (void)state;
    struct buf b = {0};
    struct metrics m = METRICS_INIT(&b);
    assert_int_equal(metrics_family(&m, METRIC_COUNTER, "seamq_messages_processed_total", "Messages settled."), 0);
    metrics_uint(&m, METRIC_LABELS({"handler", "orders"}, {"outcome", "ack"}), UINT64_MAX);
    metrics_uint(&m, METRIC_LABELS({"handler", "orders"}, {"outcome", NULL}), 0);
    assert_int_equal(metrics_family(&m, METRIC_GAUGE, "seamq_held", "Messages held."), 0);
    metrics_uint(&m, NULL, 3);
    assert_string_equal(buf_str(&b), "# HELP seamq_messages_processed_total Messages settled.\n"
                                     "# TYPE seamq_messages_processed_total counter\n"
                                     "seamq_messages_processed_total{handler=\"orders\",outcome=\"ack\"} "
                                     "18446744073709551615\n"
                                     "seamq_messages_processed_total{handler=\"orders\"} 0\n"
                                     "# HELP seamq_held Messages held.\n"
                                     "# TYPE seamq_held gauge\n"
                                     "seamq_held 3\n");
    assert_int_equal(check_page(&b), 3);
    assert_int_equal(m.refused, 0);
    buf_finish(&b);
}

static void label_values_and_help_are_escaped(void **state)
{
    (void)state;
    struct buf b = {0};
    struct metrics m = METRICS_INIT(&b);
    metrics_family(&m, METRIC_GAUGE, "g", "a\\b\n\"c\" \xff");
    metrics_uint(&m, METRIC_LABELS({"v", "a\\b\n\"c\"}\t\xc3\xa9\xff\xe2\x82"}), 1);
    assert_string_equal(buf_str(&b), "# HELP g a\\\\b\\n\"c\" \xef\xbf\xbd\n"
                                     "# TYPE g gauge\n"
                                     "g{v=\"a\\\\b\\n\\\"c\\\"}\t\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"} 1\n");
    assert_int_equal(check_page(&b), 1);
    buf_finish(&b);
}

static void bad_names_are_refused_with_their_samples(void **state)
{
    (void)state;
    static const struct {
        enum metric_kind kind;
        const char *name;
    } bad[] = {
        {METRIC_COUNTER, "no_suffix"},
        {METRIC_GAUGE, "x_total"},
        {METRIC_HISTOGRAM, "x_total"},
        {METRIC_GAUGE, "x_count"},
        {METRIC_HISTOGRAM, "x_sum"},
        {METRIC_GAUGE, "x_bucket"},
        {METRIC_GAUGE, ""},
        {METRIC_GAUGE, "1x"},
        {METRIC_GAUGE, "a-b"},
        {METRIC_GAUGE, "a b"},
        {METRIC_GAUGE, "a\n"},
        {METRIC_GAUGE, "\xc3\xa9"},
    };
    struct buf b = {0};
    struct metrics m = METRICS_INIT(&b);
    metrics_uint(&m, NULL, 1); /* without a family */
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(metrics_family(&m, bad[i].kind, bad[i].name, "h"), -EINVAL);
        metrics_uint(&m, NULL, 1);
    }
    assert_int_equal(b.len, 0);
    assert_int_equal(m.refused, 25);
    char big[400];
    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    assert_true(metrics_family(&m, METRIC_GAUGE, big, "h") < 0);
    buf_finish(&b);
}

static void family_is_written_once(void **state)
{
    (void)state;
    struct buf b = {0};
    struct metrics m = METRICS_INIT(&b);
    /* A text that looks like the header does not count as one. */
    assert_int_equal(metrics_family(&m, METRIC_GAUGE, "first", "x\n# TYPE second gauge"), 0);
    assert_int_equal(metrics_family(&m, METRIC_GAUGE, "first_2", "h"), 0);
    assert_int_equal(metrics_family(&m, METRIC_GAUGE, "second", "h"), 0);
    assert_int_equal(metrics_family(&m, METRIC_GAUGE, "second", "h"), -EEXIST);
    metrics_uint(&m, NULL, 1);
    assert_int_equal(metrics_family(&m, METRIC_HISTOGRAM, "first", "h"), -EEXIST);
    assert_int_equal(m.refused, 3);
    assert_int_equal(check_page(&b), 0);
    buf_finish(&b);
}

static void bad_labels_and_wrong_kinds_are_refused(void **state)
{
    (void)state;
    struct buf b = {0};
    struct metrics m = METRICS_INIT(&b);
    struct histogram h = {0};
    metrics_family(&m, METRIC_GAUGE, "g", "h");
    size_t before = b.len;
    metrics_uint(&m, METRIC_LABELS({"a-b", "x"}), 1);
    metrics_uint(&m, METRIC_LABELS({"a:b", "x"}), 1);
    metrics_uint(&m, METRIC_LABELS({"__name__", "x"}), 1);
    metrics_uint(&m, METRIC_LABELS({"a", "x"}, {"a", "y"}), 1);
    metrics_histogram(&m, NULL, &h);
    assert_int_equal(b.len, before);
    metrics_family(&m, METRIC_HISTOGRAM, "d", "h");
    before = b.len;
    metrics_histogram(&m, METRIC_LABELS({"le", "1"}), &h);
    metrics_uint(&m, NULL, 1);
    assert_int_equal(b.len, before);
    assert_int_equal(m.refused, 7);
    buf_finish(&b);
}

static void seconds_are_exact_to_the_nanosecond(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0"},
        {1, "0.000000001"},
        {1500 * NS_PER_MS, "1.5"},
        {-1500 * NS_PER_MS, "-1.5"},
        {100 * NS_PER_SEC, "100"},
        {INT64_MAX, "9223372036.854775807"},
        {INT64_MIN, "-9223372036.854775808"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b = {0};
        struct metrics m = METRICS_INIT(&b);
        metrics_family(&m, METRIC_GAUGE, "g_seconds", "h");
        metrics_seconds(&m, NULL, cases[i].ns);
        char *text = strstr(buf_str(&b), "\ng_seconds ") + 11;
        text[strlen(text) - 1] = '\0';
        assert_string_equal(text, cases[i].text);
        buf_finish(&b);
    }
}

/* --- the histogram --- */

static unsigned plain_bucket(int64_t ns)
{
    unsigned i = 0;
    while (ns > histogram_bounds_ns[i])
        i++;
    return i;
}

static void check_bucket(int64_t ns)
{
    struct histogram h = {0};
    histogram_observe(&h, ns);
    assert_int_equal(h.counts[plain_bucket(ns < 0 ? 0 : ns)], 1);
    assert_true(h.sum_ns == (uint64_t)(ns < 0 ? 0 : ns));
}

static void each_time_falls_in_its_bucket(void **state)
{
    (void)state;
    unsigned seed = 3;
    for (unsigned i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
        assert_true(histogram_bounds_ns[i] < histogram_bounds_ns[i + 1]);
        for (int d = -1; d <= 1; d++)
            check_bucket(histogram_bounds_ns[i] + d);
    }
    for (int k = 0; k < 63; k++)
        for (int d = -1; d <= 1; d++)
            check_bucket((INT64_C(1) << k) + d);
    check_bucket(INT64_MAX);
    check_bucket(INT64_MIN);
    for (int i = 0; i < 100000; i++)
        check_bucket(((int64_t)rand_r(&seed) << 31 | rand_r(&seed)) >> ((unsigned)rand_r(&seed) % 62));
}

static void histogram_is_cumulative_and_complete(void **state)
{
    (void)state;
    struct buf b = {0};
    struct metrics m = METRICS_INIT(&b);
    struct histogram h = {0};
    histogram_observe(&h, 500);
    histogram_observe(&h, 1000);
    histogram_observe(&h, 3 * NS_PER_MS);
    histogram_observe(&h, 90 * NS_PER_SEC);
    metrics_family(&m, METRIC_HISTOGRAM, "seamq_handler_duration_seconds", "Time in the handler.");
    metrics_histogram(&m, METRIC_LABELS({"handler", "orders"}), &h);
    metrics_histogram(&m, NULL, &h);
    assert_int_equal(check_page(&b), 2 * (HISTOGRAM_BUCKETS + 2));
    static const char *const lines[] = {
        "\nseamq_handler_duration_seconds_bucket{handler=\"orders\",le=\"0.000001\"} 2\n",
        "\nseamq_handler_duration_seconds_bucket{handler=\"orders\",le=\"0.0000025\"} 2\n",
        "\nseamq_handler_duration_seconds_bucket{handler=\"orders\",le=\"0.0025\"} 2\n",
        "\nseamq_handler_duration_seconds_bucket{handler=\"orders\",le=\"0.005\"} 3\n",
        "\nseamq_handler_duration_seconds_bucket{handler=\"orders\",le=\"60\"} 3\n",
        "\nseamq_handler_duration_seconds_bucket{handler=\"orders\",le=\"+Inf\"} 4\n",
        "\nseamq_handler_duration_seconds_sum{handler=\"orders\"} 90.0030015\n",
        "\nseamq_handler_duration_seconds_count{handler=\"orders\"} 4\n",
        "\nseamq_handler_duration_seconds_bucket{le=\"0.000001\"} 2\n",
        "\nseamq_handler_duration_seconds_count 4\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_non_null(strstr(buf_str(&b), lines[i]));
    const char *dump = getenv("SEAMQ_METRICS_DUMP"); /* for promtool check metrics */
    FILE *f = dump ? fopen(dump, "we") : NULL;
    if (f) {
        fwrite(b.data, 1, b.len, f);
        fclose(f);
    }
    buf_finish(&b);
}

static void memory_that_ran_out_shows_in_the_buffer(void **state)
{
    (void)state;
    struct buf b = {.failed = true};
    struct metrics m = METRICS_INIT(&b);
    struct histogram h = {0};
    metrics_family(&m, METRIC_HISTOGRAM, "d_seconds", "h");
    metrics_histogram(&m, METRIC_LABELS({"a", "b"}), &h);
    assert_int_equal(b.len, 0);
    assert_true(b.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counter_and_gauge_are_written),
        cmocka_unit_test(label_values_and_help_are_escaped),
        cmocka_unit_test(bad_names_are_refused_with_their_samples),
        cmocka_unit_test(family_is_written_once),
        cmocka_unit_test(bad_labels_and_wrong_kinds_are_refused),
        cmocka_unit_test(seconds_are_exact_to_the_nanosecond),
        cmocka_unit_test(each_time_falls_in_its_bucket),
        cmocka_unit_test(histogram_is_cumulative_and_complete),
        cmocka_unit_test(memory_that_ran_out_shows_in_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
