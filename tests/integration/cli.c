/* SPDX-License-Identifier: Apache-2.0
 * seamqd's command line: exit codes, configuration and its errors, --dev. */
#include "scene.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN(d, out, err, ...) daemon_run((d), (const char *[]){__VA_ARGS__, NULL}, (out), (err))

/* Starts seamqd without a server, for commands that end before a connection is needed. */
static struct daemon *offline(struct world *w)
{
    struct daemon *d = daemon_new(w, world_text(w, "nats://127.0.0.1:%d", world_port(w)));
    daemon_handler(d, IT_SCRIPTED, "scripted");
    return d;
}

static const char *write_ini(struct world *w, const char *text)
{
    const char *path = world_path(w, "seamqd.ini");
    world_write(path, text);
    return path;
}

static void expect_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void help_and_version_succeed(struct world *w)
{
    struct daemon *d = offline(w);
    const char *out, *err;

    daemon_bare(d);
    assert_int_equal(RUN(d, &out, &err, "--help"), 0);
    expect_contains(out, "--plugin-dir");
    expect_contains(out, "--check");
    expect_contains(out, "drain_timeout");
    assert_string_equal(err, "");
    assert_int_equal(RUN(d, &out, &err, "--version"), 0);
    expect_contains(out, "seamqd");
    assert_string_equal(err, "");
}

static void usage_errors_exit_2(struct world *w)
{
    struct daemon *d = offline(w);
    const char *out, *err;

    assert_int_equal(RUN(d, &out, &err, "--no-such-flag"), 2);
    expect_contains(err, "--no-such-flag");
    assert_int_equal(RUN(d, &out, &err, "--check", "--config", "/no/such/file.ini"), 2);
    expect_contains(err, "/no/such/file.ini");
    assert_int_equal(RUN(d, &out, &err, "--check", "--plugin-dir", "/no/such/dir"), 2);
    expect_contains(err, "/no/such/dir");
    assert_int_equal(RUN(d, &out, &err, "--check", "nonsense"), 2);
    expect_contains(err, "nonsense");
    assert_int_equal(RUN(d, &out, &err, "--check", "handler.scripted.workers=many"), 2);
    expect_contains(err, "many");
}

static void configuration_errors_exit_2_at_start_too(struct world *w)
{
    struct daemon *d = offline(w);
    const char *out, *err;

    daemon_env(d, "SEAMQ_DRAIN_TIMEOUT=soon");
    assert_int_equal(RUN(d, &out, &err, "seamqd.log_level=info"), 2);
    expect_contains(err, "SEAMQ_DRAIN_TIMEOUT");
}

static void a_good_configuration_passes_the_check(struct world *w)
{
    struct daemon *d = offline(w);
    const char *out, *err;
    const char *ini = write_ini(w, "[handler.scripted]\nworkers = 3\noption.limit = 7\n");

    if (RUN(d, &out, &err, "--check", "--config", ini) != 0)
        fail_msg("--check refuses a good configuration: %s%s", out, err);
}

static void check_reports_every_problem_with_its_place(struct world *w)
{
    struct daemon *d = offline(w);
    const char *out, *err;
    const char *ini = write_ini(w, "[seamqd]\n"
                                   "log_levle = info\n"    /* 2 */
                                   "drain_timeout = 10x\n" /* 3 */
                                   "[handler.scripted]\n"
                                   "workers = 0\n"         /* 5 */
                                   "ack = sometimes\n"     /* 6 */
                                   "option.limit = 1000\n" /* 7 */
                                   "option.limti = 10\n"   /* 8 */
                                   "[handler.absent]\n"    /* 9 */
                                   "plugin = nowhere\n"
                                   "[no.such.section]\n" /* 11 */
                                   "x = y\n");

    daemon_env(d, "SEAMQ_LOG_FORMAT=xml");
    daemon_env(d, "SEAMQ_HANDLER_SCRIPTED_WORKER=2");
    assert_int_equal(RUN(d, &out, &err, "--check", "--config", ini), 2);
    static const char *const parts[] = {
        "seamqd.ini:2", "log_level",       "seamqd.ini:3",     "10x",          "seamqd.ini:5",
        "seamqd.ini:6", "sometimes",       "seamqd.ini:7",     "seamqd.ini:8", "limit",
        "nowhere",      "no.such.section", "SEAMQ_LOG_FORMAT", "xml",          "SEAMQ_HANDLER_SCRIPTED_WORKERS"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        expect_contains(err, parts[i]);
}

static void unknown_variables_are_refused_with_the_nearest_name(struct world *w)
{
    struct daemon *d = offline(w);
    const char *out, *err;

    daemon_env(d, "SEAMQ_ADMINN=off");
    assert_int_equal(RUN(d, &out, &err, "--check"), 2);
    expect_contains(err, "SEAMQ_ADMINN");
    expect_contains(err, "SEAMQ_ADMIN?");
}

static void print_config_masks_secrets_and_names_origins(struct world *w)
{
    struct daemon *d = offline(w);
    const char *out, *err;
    const char *ini = write_ini(w, "[seamqd]\nlog_level = warn\n[cluster.default]\nuser = app\n"
                                   "[handler.scripted]\nack_wait = 45s\n");

    daemon_env(d, "SEAMQ_CLUSTER_DEFAULT_PASSWORD=hunter2");
    daemon_env(d, "SEAMQ_HANDLER_SCRIPTED_OPTION_NOTE=hunter3");
    assert_int_equal(RUN(d, &out, &err, "--print-config", "--config", ini, "handler.scripted.workers=4"), 0);
    expect_contains(out, "seamqd.ini:2");
    expect_contains(out, "45s");
    expect_contains(out, "SEAMQ_CLUSTER_DEFAULT_PASSWORD");
    expect_contains(out, "********");
    assert_null(strstr(out, "hunter2"));
    assert_null(strstr(out, "hunter3"));
}

/* Compares the line of --print-config for a key without its comment. */
static void expect_printed(struct daemon *d, const char *key, const char *value)
{
    const char *out, *err;
    char name[64], have[64];

    if (daemon_run(d, (const char *[]){"--print-config", NULL}, &out, &err) != 0)
        fail_msg("--print-config: %s", err);
    for (const char *p = out; p; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (sscanf(p, "%63[a-z_] = %63s", name, have) == 2 && strcmp(name, key) == 0) {
            assert_string_equal(have, value);
            return;
        }
    }
    fail_msg("%s is not printed:\n%s", key, out);
}

static void flags_beat_environment_beats_file_beats_default(struct world *w)
{
    struct daemon *d = offline(w);
    const char *ini = write_ini(w, "[seamqd]\ndrain_timeout = 11s\n");

    expect_printed(d, "drain_timeout", "25s");
    daemon_arg(d, "--config");
    daemon_arg(d, "%s", ini);
    expect_printed(d, "drain_timeout", "11s");
    daemon_env(d, "SEAMQ_DRAIN_TIMEOUT=12s");
    expect_printed(d, "drain_timeout", "12s");
    daemon_arg(d, "seamqd.drain_timeout=13s");
    expect_printed(d, "drain_timeout", "13s");
}

static void the_environment_alone_is_enough(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    const char *dir = s->daemon->plugin_dir;

    daemon_bare(s->daemon);
    daemon_env(s->daemon, "SEAMQ_PLUGIN_DIR=%s", dir);
    daemon_env(s->daemon, "SEAMQ_ADMIN=127.0.0.1:%d", s->daemon->admin);
    daemon_env_unset(s->daemon, "NATS_URL");
    daemon_env(s->daemon, "SEAMQ_CLUSTER_DEFAULT_URLS=%s", s->urls);
    scene_set(s, "WORKERS", "2");
    scene_start(s);
    scene_publish(s, "1 ack");
    scene_expect_settled(s, 10);
    /* Standard error is no terminal, so the log is JSON by default. */
    assert_non_null(daemon_event(s->daemon, 0, "ready", "handlers=1", 5));
}

static void no_handler_at_all_is_an_error(struct world *w)
{
    struct daemon *d = daemon_new(w, NULL);
    const char *out, *err;

    assert_int_equal(RUN(d, &out, &err, "seamqd.log_level=info"), 2);
    expect_contains(err, d->plugin_dir);
}

static void an_admin_port_in_use_is_named(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    const char *out, *err;

    daemon_env(s->daemon, "SEAMQ_ADMIN=127.0.0.1:%d", s->server->port);
    assert_int_not_equal(RUN(s->daemon, &out, &err, "seamqd.log_level=info"), 0);
    expect_contains(err, world_text(w, "127.0.0.1:%d", s->server->port));
}

static void stops_on_signal(struct world *w, int sig)
{
    struct scene *s = scene_open(w);

    process_signal(s->daemon->proc, sig);
    assert_true(process_wait(s->daemon->proc, 10));
    assert_int_equal(process_exit_code(s->daemon->proc), 0);
}

static void sigterm_ends_it_with_0(struct world *w)
{
    stops_on_signal(w, SIGTERM);
}

static void sigint_ends_it_with_0(struct world *w)
{
    stops_on_signal(w, SIGINT);
}

static void sigterm_before_the_first_connection_ends_it(struct world *w)
{
    struct daemon *d = offline(w);

    daemon_start(d);
    daemon_expect_not_ready(d, "", 15);
    assert_int_equal(daemon_stop(d, 10), 0);
}

/* ---- --dev -------------------------------------------------------------------------- */

static size_t entries(const char *dir)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    struct dirent *e;
    assert_non_null(d);
    while ((e = readdir(d)))
        if (e->d_name[0] != '.')
            n++;
    closedir(d);
    return n;
}

static struct daemon *dev(struct world *w)
{
    struct daemon *d = daemon_new(w, NULL);
    const char *tmp = world_path(w, "tmp");
    char *program = strdup(server_program());

    assert_int_equal(mkdir(tmp, 0700), 0);
    world_at_end(w, free, program);
    *strrchr(program, '/') = '\0';
    daemon_env(d, "TMPDIR=%s", tmp);
    daemon_env(d, "PATH=%s:%s", program, getenv("PATH"));
    daemon_handler(d, IT_SCRIPTED, "scripted");
    daemon_env(d, "SEAMQ_HANDLER_SCRIPTED_OPTION_EFFECTS=%s", world_path(w, "effects"));
    daemon_arg(d, "--dev");
    return d;
}

static void dev_brings_its_own_server_and_leaves_nothing(struct world *w)
{
    struct daemon *d = dev(w);

    daemon_start(d);
    daemon_wait_ready(d, 20);
    const char *line = daemon_says(d, 0, 5, "nats://127.0.0.1:");
    assert_non_null(line);
    int port = (int)strtol(strstr(line, "nats://127.0.0.1:") + 17, NULL, 10);
    struct client *c = client_connect(w, world_text(w, "nats://127.0.0.1:%d", port));
    client_publish(c, "work.test", "1 ack"); /* the stream that the handler needs exists */
    client_expect_settled(c, "WORK", "scripted", 10);
    assert_int_equal(daemon_stop(d, 20), 0);
    assert_int_equal(entries(world_path(w, "tmp")), 0);
    assert_int_equal(process_children(getpid(), NULL, 0), 0);
}

static void dev_leaves_no_server_behind_when_killed(struct world *w)
{
    struct daemon *d = dev(w);

    daemon_start(d);
    daemon_wait_ready(d, 20);
    daemon_kill(d);
    assert_true(process_none_left(10));
}

static void write_urls(struct world *w, const char *urls)
{
    FILE *f = fopen(world_path(w, "dev.ini"), "we");
    assert_non_null(f);
    fprintf(f, "[cluster.default]\nurls = %s\n", urls);
    fclose(f);
}

static void a_mistake_in_a_reload_under_dev_is_named(struct world *w)
{
    struct daemon *d = dev(w);

    write_urls(w, "nats://127.0.0.1:4222");
    daemon_arg(d, "--config");
    daemon_arg(d, "%s", world_path(w, "dev.ini"));
    daemon_start(d);
    daemon_wait_ready(d, 20);
    write_urls(w, "");
    size_t from = daemon_mark(d);
    kill(d->proc->pid, SIGHUP);
    daemon_expect_event(d, from, "reload-refused", "msg=*urls:*", 20);
    assert_int_equal(daemon_stop(d, 20), 0);
}

static void dev_takes_another_admin_port_when_the_default_is_in_use(struct world *w)
{
    struct daemon *d = dev(w);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(9222), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0) /* fails if another process uses the port */
        listen(fd, 1);
    daemon_env_unset(d, "SEAMQ_ADMIN");
    daemon_start(d);
    json_t *line = daemon_expect_event(d, 0, "ready", "handlers=1", 20);
    assert_string_not_equal(json_text(line, "admin_port"), "9222");
    assert_int_equal(daemon_stop(d, 20), 0);
    close(fd);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(help_and_version_succeed),
        IT(usage_errors_exit_2),
        IT(configuration_errors_exit_2_at_start_too),
        IT(a_good_configuration_passes_the_check),
        IT(check_reports_every_problem_with_its_place),
        IT(unknown_variables_are_refused_with_the_nearest_name),
        IT(print_config_masks_secrets_and_names_origins),
        IT(flags_beat_environment_beats_file_beats_default),
        IT(the_environment_alone_is_enough),
        IT(no_handler_at_all_is_an_error),
        IT(an_admin_port_in_use_is_named),
        IT(sigterm_ends_it_with_0),
        IT(sigint_ends_it_with_0),
        IT(sigterm_before_the_first_connection_ends_it),
        IT(dev_brings_its_own_server_and_leaves_nothing),
        IT(a_mistake_in_a_reload_under_dev_is_named),
        IT(dev_takes_another_admin_port_when_the_default_is_in_use),
        IT(dev_leaves_no_server_behind_when_killed),
    };
    return it_main(tests, argc, argv);
}
