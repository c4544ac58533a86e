/* SPDX-License-Identifier: Apache-2.0
 * docs/metrics.md is what the table of families generates, and /metrics has exactly these families and labels.
 * UPDATE_DOCS=1 build/tests/metrics_reference_test writes the page. */
#include "admin/metric_families.h"
#include "admin/scrape.h"
#include "docs_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct snapshot_count counts[] = {{"first", 1}, {"second", 2}};

static struct snapshot_handler make_handler(const char *name)
{
    static const struct histogram duration;
    struct snapshot_counts some = {counts, 2};
    return (struct snapshot_handler){.name = name,
                                     .plugin = "orders",
                                     .version = "2.1",
                                     .only_cluster = "sea-a",
                                     .duration = &duration,
                                     .outcomes = some,
                                     .dead_letters = some,
                                     .shadowed = some,
                                     .exits = some,
                                     .counters = some};
}

/* /metrics with one object of each scope, and a refused handler. */
static char *make_page(void)
{
    struct snapshot_connection connection = {.cluster = "sea-a", .up = true, .reconnects = 3};
    struct snapshot_handler handlers[] = {make_handler("orders"), {.name = "bills", .refused = true}};
    struct snapshot_consumer consumer = {.handler = "orders",
                                         .cluster = "sea-a",
                                         .ordered = true,
                                         .stats = {.num_pending = 7},
                                         .in_flight = {counts, 2}};
    struct admin_snapshot s = {.version = "1.0.0",
                               .name = "host-1",
                               .connections = &connection,
                               .n_connections = 1,
                               .handlers = handlers,
                               .n_handlers = 2,
                               .n_running = 1,
                               .consumers = &consumer,
                               .n_consumers = 1};
    struct http_response out = {0};
    scrape_serve(&s, &out);
    char *page = strdup(buf_str(&out.body));
    buf_finish(&out.body);
    return page;
}

static void the_page_is_what_the_table_generates(void **state)
{
    (void)state;
    expect_docs_page("docs/metrics.md", metrics_print_reference, "metrics_reference_test");
}

static void every_family_is_on_the_page_once_with_its_labels(void **state)
{
    char *page = make_page();
    (void)state;
    for (size_t i = 0; i < n_metric_rows; i++) {
        const struct metric_row *row = &metric_rows[i];
        const char *labels[METRIC_LABELS_MAX];
        size_t n = metric_row_labels(row, labels);
        char line[256];
        snprintf(line, sizeof(line), "# TYPE %s %s\n", row->name, metric_kind_name(row->kind));
        const char *type = strstr(page, line);
        assert_non_null(type);
        assert_null(strstr(type + 1, line));
        const char *sample = type + strlen(line);
        size_t len = strcspn(sample, " ");
        for (size_t k = 0; k < n; k++) {
            snprintf(line, sizeof(line), "%c%s=\"", k ? ',' : '{', labels[k]);
            const char *found = strstr(sample, line);
            if (!found || found > sample + len)
                fail_msg("%s has no label %s", row->name, labels[k]);
        }
        assert_true(n > 0 || sample[len - 1] != '}');
    }
    free(page);
}

static void values_come_from_the_snapshot(void **state)
{
    char *page = make_page();
    (void)state;
    assert_non_null(strstr(page, "seamq_build_info{version=\"1.0.0\",instance_name=\"host-1\"} 1\n"));
    assert_non_null(strstr(page, "seamq_reconnects_total{cluster=\"sea-a\"} 3\n"));
    assert_non_null(strstr(page, "seamq_handler_ready{handler=\"bills\"} 0\n"));
    assert_non_null(strstr(page, "seamq_consumer_pending{handler=\"orders\",cluster=\"sea-a\"} 7\n"));
    assert_non_null(strstr(page, "seamq_messages_held{handler=\"orders\",cluster=\"sea-a\",state=\"second\"} 2\n"));
    assert_non_null(
        strstr(page, "seamq_messages_processed_total{handler=\"orders\",cluster=\"sea-a\",outcome=\"first\"} 1\n"));
    assert_null(strstr(page, "seamq_retries_total{handler=\"bills\"")); /* a refused handler counts nothing */
    free(page);
}

static void every_row_says_what_it_tells(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_metric_rows; i++) {
        const struct metric_row *row = &metric_rows[i];
        assert_true(row->help[strlen(row->help) - 1] == '.');
        assert_true(row->use[strlen(row->use) - 1] == '.');
        assert_null(strchr(row->help, '|'));
        assert_null(strchr(row->use, '|'));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_what_the_table_generates),
        cmocka_unit_test(every_family_is_on_the_page_once_with_its_labels),
        cmocka_unit_test(values_come_from_the_snapshot),
        cmocka_unit_test(every_row_says_what_it_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
