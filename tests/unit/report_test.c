/* SPDX-License-Identifier: Apache-2.0
 * report_test - pages of the admin server about connections and refused plugins. tests/integration/admin.c tests the
 * pages of running handlers. */
#include "admin/report.h"
#include "nats_helper.h"

static struct buf body;
static int status;

static const char *page(struct report *r, const char *path)
{
    struct http_response out = {.status = 404};
    buf_finish(&body);
    report_serve(r, path, "", &out);
    body = out.body;
    status = out.status;
    return buf_str(&body);
}

static void finish_body(void *unused)
{
    (void)unused;
    buf_finish(&body);
}

static struct report report_of(struct world *w)
{
    world_at_end(w, finish_body, NULL);
    static struct report_reload none;
    return (struct report){.version = "1.0.0", .name = "unit", .started_ns = clock_wall_ns(), .reload = &none};
}

static void nothing_configured_is_ready(struct world *w)
{
    struct report r = report_of(w);
    assert_string_equal(page(&r, "/readyz"), "ready\n");
    assert_int_equal(status, 200);
}

static void draining_is_alive_and_not_ready(struct world *w)
{
    struct report r = report_of(w);
    r.draining = true;
    assert_string_equal(page(&r, "/readyz"), "draining\n");
    assert_int_equal(status, 503);
    assert_string_equal(page(&r, "/healthz"), "ok\n");
    assert_int_equal(status, 200);
}

static void refused_plugin_is_not_ready_and_says_why(struct world *w)
{
    struct report_refused refused[] = {{"orders", "orders.so: its ABI is 9"}, {"bills", "bills.so: not found"}};
    struct report r = report_of(w);
    r.refused = refused;
    r.n_refused = 2;
    assert_string_equal(page(&r, "/readyz"),
                        "not ready\nhandler orders: orders.so: its ABI is 9\nhandler bills: bills.so: not found\n");
    assert_int_equal(status, 503);
    assert_non_null(strstr(page(&r, "/"), "orders.so: its ABI is 9"));
    const char *metrics = page(&r, "/metrics");
    assert_non_null(strstr(metrics, "seamq_handler_ready{handler=\"orders\"} 0\n"));
    assert_non_null(strstr(metrics, "seamq_handler_ready{handler=\"bills\"} 0\n"));
}

static void links_are_shown_up_and_down(struct world *w)
{
    struct rig *up = rig_open(w, NULL);
    struct rig *down = rig_prepare(w, "nats://127.0.0.1:1");
    down->config.name = (char *)"far";
    rig_connection(down);
    turn_until(down, 5, down->downs >= 1);
    struct connection *connections[] = {up->connection, down->connection};
    struct report r = report_of(w);
    r.connections = connections;
    r.n_connections = 2;
    const char *text = page(&r, "/");
    assert_non_null(strstr(text, world_text(w, "cluster test             up %s\n", up->url)));
    assert_non_null(strstr(text, "cluster far              down no server answers at nats://127.0.0.1:1\n"));
    text = page(&r, "/metrics");
    assert_non_null(strstr(text, "seamq_cluster_connected{cluster=\"test\"} 1\n"));
    assert_non_null(strstr(text, "seamq_cluster_connected{cluster=\"far\"} 0\n"));
    assert_non_null(strstr(text, "seamq_reconnects_total{cluster=\"far\"} 0\n"));
    assert_non_null(strstr(text, "seamq_build_info{version=\"1.0.0\",instance_name=\"unit\"} 1\n"));
}

static void other_paths_are_left_to_the_server(struct world *w)
{
    struct report r = report_of(w);
    page(&r, "/nothing");
    assert_int_equal(status, 404);
    assert_int_equal(body.len, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(nothing_configured_is_ready),
        IT(draining_is_alive_and_not_ready),
        IT(refused_plugin_is_not_ready_and_says_why),
        IT(links_are_shown_up_and_down),
        IT(other_paths_are_left_to_the_server),
    };
    return it_main(tests, argc, argv);
}
