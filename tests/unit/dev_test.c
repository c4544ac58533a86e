/* SPDX-License-Identifier: Apache-2.0
 * dev_test - the private server of `seamqd --dev`: its start, its streams, its end and its errors. */
#include "daemon/dev.h"

#include "client.h"
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void unset_all(void *unused)
{
    (void)unused;
    unsetenv("TMPDIR");
    unsetenv("SEAMQ_NATS_SERVER");
}

static struct dev *running;

static void stop(void *unused)
{
    (void)unused;
    dev_stop(running);
    running = NULL;
}

/* Makes `program` the server, and a directory of the world its TMPDIR, which is returned. */
static const char *set_server(struct world *w, const char *program)
{
    const char *tmp = world_path(w, "tmp");
    world_at_end(w, unset_all, NULL);
    mkdir(tmp, 0700);
    setenv("SEAMQ_NATS_SERVER", program, 1);
    setenv("TMPDIR", tmp, 1);
    return tmp;
}

static void start(struct world *w)
{
    struct error err = {0};
    set_server(w, server_program());
    if (dev_start(&running, &err))
        fail_msg("%s", err.text);
    world_at_end(w, stop, NULL);
}

static void expect_refused(const char *sentence)
{
    struct error err = {0};
    struct dev *d = (struct dev *)0x1;
    assert_true(dev_start(&d, &err) < 0);
    assert_ptr_equal(d, (struct dev *)0x1);
    if (!strstr(err.text, sentence))
        fail_msg("%s", err.text);
}

static void streams_of_all_enabled_handlers_are_created(struct world *w)
{
    char *filters[] = {(char *)"orders.*", (char *)"returns.>"};
    char *clusters[] = {(char *)"default"};
    struct config_handler handlers[] = {
        {.name = (char *)"a",
         .stream = (char *)"ORDERS",
         .clusters = {clusters, 1},
         .filter_subjects = {filters, 2},
         .enabled = true},
        {.name = (char *)"b", .stream = (char *)"BILLS", .clusters = {clusters, 1}, .enabled = true},
        {.name = (char *)"same", .stream = (char *)"BILLS", .clusters = {clusters, 1}, .enabled = true},
        {.name = (char *)"off", .stream = (char *)"OFF", .clusters = {clusters, 1}, .enabled = false},
        {.name = (char *)"bad", .stream = (char *)"BAD", .clusters = {clusters, 1}, .enabled = true},
    };
    struct error refused[5] = {[4] = {.code = -EINVAL}};
    struct config config = {.handlers = handlers, .n_handlers = 5};
    struct error err = {0};

    start(w);
    if (dev_create_streams(running, &config, refused, &err) || dev_create_streams(running, &config, refused, &err))
        fail_msg("%s", err.text);
    struct client *c = client_connect(w, dev_url(running));
    json_t *orders = client_api_ok(c, NULL, "STREAM.INFO.ORDERS");
    json_t *subjects = json_object_get(json_object_get(orders, "config"), "subjects");
    assert_int_equal(json_array_size(subjects), 2);
    assert_string_equal(json_text(orders, "config.storage"), "memory");
    json_t *bills = client_api_ok(c, NULL, "STREAM.INFO.BILLS");
    subjects = json_object_get(json_object_get(bills, "config"), "subjects");
    assert_string_equal(json_string_value(json_array_get(subjects, 0)), "BILLS.>");
    assert_int_equal(json_at(client_api(c, NULL, "STREAM.INFO.OFF"), "error.code"), 404);
    assert_int_equal(json_at(client_api(c, NULL, "STREAM.INFO.BAD"), "error.code"), 404);
}

static void refused_stream_is_named_in_the_error(struct world *w)
{
    char *clusters[] = {(char *)"default"};
    struct config_handler handler = {
        .name = (char *)"a", .stream = (char *)"no.dots", .clusters = {clusters, 1}, .enabled = true};
    struct error refused = {0}, err = {0};
    struct config config = {.handlers = &handler, .n_handlers = 1};
    start(w);
    assert_int_equal(dev_create_streams(running, &config, &refused, &err), -EIO);
    assert_int_equal(strncmp(err.text, "--dev: cannot create stream no.dots: ", 37), 0);
}

static void lost_server_is_named_in_the_error(struct world *w)
{
    char *clusters[] = {(char *)"default"};
    struct config_handler handler = {
        .name = (char *)"a", .stream = (char *)"A", .clusters = {clusters, 1}, .enabled = true};
    struct error refused = {0}, err = {0};
    struct config config = {.handlers = &handler, .n_handlers = 1};
    pid_t server;
    start(w);
    assert_int_equal(process_children(getpid(), &server, 1), 1);
    siginfo_t ended; /* WNOWAIT: dev_stop() waits for it again */
    kill(server, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)server, &ended, WEXITED | WNOWAIT), 0);
    assert_int_equal(dev_create_streams(running, &config, &refused, &err), -EIO);
    if (strncmp(err.text, "--dev: cannot connect to the server at nats://127.0.0.1:", 56) != 0)
        fail_msg("%s", err.text);
}

static void stop_leaves_no_process_and_no_file(struct world *w)
{
    const char *tmp;
    start(w);
    tmp = world_path(w, "tmp");
    struct client *c = client_connect(w, dev_url(running));
    client_add_stream(c, "FILE", "file.>", "");
    client_publish(c, "file.x", "x");
    stop(NULL);
    assert_int_equal(process_children(getpid(), NULL, 0), 0);
    assert_int_equal(rmdir(tmp), 0); /* empty */
    dev_stop(NULL);
}

static void second_server_gets_another_port(struct world *w)
{
    struct dev *second = NULL;
    struct error err = {0};
    start(w);
    int rc = dev_start(&second, &err);
    bool same = rc == 0 && strcmp(dev_url(second), dev_url(running)) == 0;
    dev_stop(second);
    if (rc)
        fail_msg("%s", err.text);
    assert_false(same);
}

static void missing_server_is_an_error(struct world *w)
{
    set_server(w, "/nowhere/nats-server");
    expect_refused("--dev: SEAMQ_NATS_SERVER=/nowhere/nats-server: No such file or directory");
}

static void server_that_exits_at_the_start_is_an_error(struct world *w)
{
    const char *tmp = set_server(w, "/bin/false");
    expect_refused("--dev: /bin/false exited at the start");
    assert_int_equal(rmdir(tmp), 0);
}

static void directory_that_cannot_be_created_is_an_error(struct world *w)
{
    set_server(w, server_program());
    setenv("TMPDIR", world_path(w, "absent"), 1);
    expect_refused("--dev: cannot create a directory ");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(streams_of_all_enabled_handlers_are_created),
        IT(refused_stream_is_named_in_the_error),
        IT(lost_server_is_named_in_the_error),
        IT(stop_leaves_no_process_and_no_file),
        IT(second_server_gets_another_port),
        IT(missing_server_is_an_error),
        IT(server_that_exits_at_the_start_is_an_error),
        IT(directory_that_cannot_be_created_is_an_error),
    };
    return it_main(tests, argc, argv);
}
