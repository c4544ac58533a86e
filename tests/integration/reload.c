/* SPDX-License-Identifier: Apache-2.0
 * Plugins and configuration that change while seamqd runs: rolling restart, replacement, addition, removal, refusal. */
#include "scene.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *plugin_path(struct scene *s)
{
    return world_text(s->w, "%s/scripted.so", s->daemon->plugin_dir);
}

/* Deploys a version: `cp` over the file, or `mv` of a new file into its place. */
static void deploy(struct scene *s, bool by_rename)
{
    const char *fresh = world_text(s->w, "%s/fresh", s->daemon->plugin_dir);
    world_copy(IT_SCRIPTED, by_rename ? fresh : plugin_path(s));
    if (by_rename)
        assert_int_equal(rename(fresh, plugin_path(s)), 0);
}

static void expect_action(struct scene *s, size_t from, const char *handler, const char *action)
{
    daemon_expect_event(s->daemon, from, "reload-handler", world_text(s->w, "handler=%s action=%s", handler, action),
                        20);
}

static void hang_up(struct scene *s)
{
    kill(s->daemon->proc->pid, SIGHUP);
}

/* The handler's keys come from a file, so that they can change while seamqd runs. */
static void configure(struct scene *s, const char *keys)
{
    world_write(world_path(s->w, "seamq.ini"), world_text(s->w, "[handler.scripted]\n%s", keys));
}

static struct scene *prepare_with_file(struct world *w, const char *keys)
{
    struct scene *s = scene_prepare(w, NULL);
    configure(s, keys);
    daemon_arg(s->daemon, "--config");
    daemon_arg(s->daemon, "%s", world_path(w, "seamq.ini"));
    return s;
}

static struct scene *scene_with_file(struct world *w, const char *keys)
{
    struct scene *s = prepare_with_file(w, keys);
    scene_start(s);
    return s;
}

static size_t open_files(const struct scene *s)
{
    size_t n = 0;
    DIR *dir = opendir(world_text(s->w, "/proc/%d/fd", (int)s->daemon->proc->pid));
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static uint32_t rounds(void)
{
    return world_messages(800) / 20;
}

/* ---- rolling restarts -------------------------------------------------------------------------- */

static void reloads_under_load_lose_and_repeat_nothing(struct world *w)
{
    struct scene *s = scene_open(w);
    uint32_t n = rounds();
    size_t files = 0;
    struct ledger *l =
        ledger_start(w, &(struct ledger_options){.urls = s->urls, .subject = "work.test", .count = n * 100});

    for (uint32_t i = 0; i < n; i++) {
        size_t from = daemon_mark(s->daemon);
        deploy(s, world_random(w) % 2);
        hang_up(s);
        daemon_expect_event(s->daemon, from, "reload-done", "refused=0", 30);
        if (i == n / 10)
            files = open_files(s);
    }
    ledger_finish(l, 60);
    scene_expect_settled(s, 60);
    struct ledger_count count = ledger_count(l, s->effects, NULL);
    assert_int_equal(count.missing, 0);
    assert_int_equal(count.repeated, 0);
    assert_int_equal(daemon_metric(s->daemon, "seamq_messages_redelivered_total", NULL), 0);
    /* Tolerates one more: the reader of /metrics, or a worker that is being replaced. */
    if (open_files(s) > files + 12)
        fail_msg("%zu descriptors after %u reloads, %zu after %u", open_files(s), n, files, n / 10);
    print_message("%u reloads, %u messages, none lost or repeated, %zu -> %zu descriptors\n", n, count.handled, files,
                  open_files(s));
}

static void a_changed_file_is_noticed_by_itself(struct world *w)
{
    struct scene *s = scene_open(w);
    assert_null(daemon_event(s->daemon, 0, "handler-not-ready", "msg=*starting*", 0)); /* no failure, no warning */

    for (int by_rename = 0; by_rename < 2; by_rename++) {
        size_t from = daemon_mark(s->daemon);
        pid_t before = 0;
        pid_t after = 0;
        assert_int_equal(daemon_workers(s->daemon, &before, 1), 1);
        deploy(s, by_rename);
        expect_action(s, from, SCENE_HANDLER, "renewed");
        assert_true(daemon_wait_workers(s->daemon, 1, 10));
        daemon_workers(s->daemon, &after, 1);
        assert_int_not_equal(before, after);
    }
}

/* inotify follows a directory, not its name, so a watch on the directory alone misses each of these changes. */
static void another_directory_under_the_name_is_noticed(struct world *w)
{
    struct scene *s = scene_open(w);
    const char *dir = s->daemon->plugin_dir;
    const char *aside = world_text(w, "%s.aside", dir);
    const char *next = world_text(w, "%s.next", dir);
    const char *plugin = plugin_path(s);

    size_t from = daemon_mark(s->daemon); /* moved away, and a new directory moved to its name */
    assert_int_equal(mkdir(next, 0755), 0);
    world_copy(IT_SCRIPTED, world_text(w, "%s/scripted.so", next));
    assert_int_equal(rename(dir, aside), 0);
    assert_int_equal(rename(next, dir), 0);
    expect_action(s, from, SCENE_HANDLER, "renewed");

    from = daemon_mark(s->daemon); /* removed while its handlers continue to run, and created again */
    assert_int_equal(unlink(plugin), 0);
    assert_int_equal(rmdir(dir), 0);
    daemon_expect_event(s->daemon, from, "reload-refused", "msg=*directory*", 20);
    from = daemon_mark(s->daemon);
    assert_int_equal(mkdir(dir, 0755), 0);
    world_copy(IT_SCRIPTED, plugin);
    expect_action(s, from, SCENE_HANDLER, "renewed");

    from = daemon_mark(s->daemon); /* a link to one release, which then leads to the next one */
    assert_int_equal(rename(dir, next), 0);
    assert_int_equal(symlink(next, dir), 0);
    daemon_expect_event(s->daemon, from, "reload-done", "refused=0", 20);
    from = daemon_mark(s->daemon);
    const char *link = world_text(w, "%s.link", dir);
    assert_int_equal(symlink(aside, link), 0);
    assert_int_equal(rename(link, dir), 0);
    expect_action(s, from, SCENE_HANDLER, "renewed");
    scene_publish(s, "1 ack");
    scene_expect_settled(s, 20);
}

static void a_long_message_ends_in_its_old_worker(struct world *w)
{
    struct scene *s = scene_open(w);
    size_t from = daemon_mark(s->daemon);

    scene_publish(s, "1 sleep 2500");
    scene_expect_effects(s, 1, 10);
    deploy(s, false);
    expect_action(s, from, SCENE_HANDLER, "renewed");
    scene_publish(s, "2 ack");
    scene_expect_effects(s, 2, 2); /* does not wait for the long message */
    assert_int_equal(daemon_workers(s->daemon, NULL, 0), 2);
    scene_expect_settled(s, 20);
    assert_int_equal(scene_effects(s, " 1 sleep"), 1);
    assert_true(daemon_wait_workers(s->daemon, 1, 10));
}

/* A scene whose handler is replaced while it has a message in flight; drain_timeout is 1 s. */
static struct scene *replace_while_it_has(struct world *w, const char *keys, const char *message)
{
    struct scene *s = prepare_with_file(w, keys);

    daemon_env(s->daemon, "SEAMQ_DRAIN_TIMEOUT=1s");
    scene_start(s);
    size_t from = daemon_mark(s->daemon);
    scene_publish(s, "%s", message);
    scene_expect_effects(s, 1, 10);
    configure(s, world_text(w, "%smax_ack_pending = 100\n", keys));
    hang_up(s);
    expect_action(s, from, SCENE_HANDLER, "replaced");
    return s;
}

/* drain_timeout applies to the end of the daemon only. */
static void a_long_message_ends_in_a_handler_that_is_replaced(struct world *w)
{
    struct scene *s = replace_while_it_has(w, "timeout = 10s\n", "1 sleep 3000");

    scene_expect_settled(s, 20);
    assert_true(daemon_wait_workers(s->daemon, 1, 10));
    assert_int_equal(scene_effects(s, " 1 sleep"), 1);
    assert_int_equal(daemon_metric(s->daemon, "seamq_messages_redelivered_total", NULL), 0);
}

/* Only running messages get the long time, not a retry that is due in a minute. */
static void a_retry_does_not_hold_up_the_successor(struct world *w)
{
    static const char keys[] = "timeout = 5m\nack = cumulative\nexclusive = yes\n";
    struct scene *s = replace_while_it_has(w, keys, "1 nak 60000");

    assert_true(daemon_wait_workers(s->daemon, 1, 20));
    scene_publish(s, "2 ack");
    scene_expect_effects(s, 2, 20);
}

static void a_stop_does_not_wait_for_a_handler_that_leaves(struct world *w)
{
    struct scene *s = replace_while_it_has(w, "timeout = 60s\n", "1 sleep 50000");

    assert_int_equal(daemon_stop(s->daemon, 20), 0); /* early enough to give the message back */
}

static void attempts_are_counted_on(struct world *w)
{
    struct scene *s = scene_open(w);
    size_t from = daemon_mark(s->daemon);

    scene_publish(s, "1 nak 1500");
    scene_expect_effects(s, 1, 10);
    deploy(s, true);
    expect_action(s, from, SCENE_HANDLER, "renewed");
    scene_expect_effects(s, 2, 10);
    assert_int_equal(scene_effects(s, " 1 1 nak"), 1);
    assert_int_equal(scene_effects(s, " 2 1 nak"), 1);
    scene_expect_settled(s, 10);
}

/* ---- refused ------------------------------------------------------------------------------------- */

static void a_broken_file_leaves_the_old_code_serving(struct world *w)
{
    struct scene *s = scene_open(w);
    size_t from = daemon_mark(s->daemon);
    pid_t worker;

    world_copy_part(IT_SCRIPTED, plugin_path(s), 3000);
    daemon_expect_event(s->daemon, from, "reload-refused", "handler=scripted msg=*truncated*", 20);
    daemon_expect_event(s->daemon, from, "reload-done", "refused=1", 20);
    assert_int_equal((int)daemon_metric(s->daemon, "seamq_last_reload_successful", NULL), 0);
    assert_int_equal(daemon_get(s->daemon, "/readyz", NULL), 200);
    for (int i = 1; i <= 3; i++) { /* a worker that restarts runs the code that was checked */
        assert_true(daemon_wait_workers(s->daemon, 1, 10));
        assert_int_equal(daemon_workers(s->daemon, &worker, 1), 1);
        kill(worker, SIGKILL);
        scene_publish(s, "%d ack", i);
        scene_expect_effects(s, (unsigned)i, 20);
    }
    from = daemon_mark(s->daemon);
    unlink(plugin_path(s));
    hang_up(s);
    daemon_expect_event(s->daemon, from, "reload-refused", "msg=*scripted.so*", 20);
    scene_publish(s, "4 crash");
    scene_expect_effects(s, 5, 20);
    from = daemon_mark(s->daemon);
    deploy(s, false);
    daemon_expect_event(s->daemon, from, "reload-done", "changed=1 refused=0", 20);
    assert_int_equal((int)daemon_metric(s->daemon, "seamq_last_reload_successful", NULL), 1);
    scene_expect_settled(s, 10);
}

static void a_link_that_leads_nowhere_leaves_the_old_code_serving(struct world *w)
{
    struct scene *s = scene_open(w);
    size_t from = daemon_mark(s->daemon);
    const char *link = world_text(w, "%s/link", s->daemon->plugin_dir);

    assert_int_equal(symlink("../releases/2/scripted.so", link), 0);
    assert_int_equal(symlink("../releases/2/left.so", world_text(w, "%s/left.over.so", s->daemon->plugin_dir)), 0);
    assert_int_equal(rename(link, plugin_path(s)), 0);
    daemon_expect_event(s->daemon, from, "plugin-skipped", "msg=*releases/2/left.so,*", 20);
    daemon_expect_event(s->daemon, from, "reload-refused", "handler=scripted msg=*releases/2/scripted.so,*", 20);
    daemon_expect_event(s->daemon, from, "reload-done", "changed=0 refused=1", 20);
    scene_publish(s, "1 ack");
    scene_expect_settled(s, 20);
}

static void options_that_do_not_open_leave_the_old_workers_serving(struct world *w)
{
    struct scene *s = scene_with_file(w, "");
    size_t from = daemon_mark(s->daemon);

    daemon_env_unset(s->daemon, "SEAMQ_HANDLER_SCRIPTED_OPTION_EFFECTS");
    configure(s, "option.pause = 20s\n");
    hang_up(s);
    daemon_expect_event(s->daemon, from, "reload-refused", "msg=*20s*", 20);
    scene_publish(s, "1 ack");
    scene_expect_effects(s, 1, 10);
}

static void a_cure_does_not_wait_for_what_hangs(struct world *w)
{
    struct scene *s = scene_with_file(w, "");
    size_t from = daemon_mark(s->daemon);

    configure(s, "option.opening = 25s\n");
    hang_up(s);
    assert_true(daemon_wait_workers(s->daemon, 2, 10));
    configure(s, "option.opening = 1ms\n");
    hang_up(s);
    json_t *done = daemon_expect_event(s->daemon, from, "reload-done", "changed=1 refused=0", 15);
    assert_non_null(done);
    scene_publish(s, "1 ack");
    scene_expect_settled(s, 10);
}

/* Repeated SIGHUPs must not cancel each other's reload for ever. */
static void what_is_still_wanted_goes_on_whoever_asks_again(struct world *w)
{
    struct scene *s = scene_with_file(w, "");
    size_t from = daemon_mark(s->daemon);

    configure(s, "option.opening = 1500ms\n");
    for (int i = 0; i < 200; i++) {
        hang_up(s);
        if (daemon_event(s->daemon, from, "reload-handler", "action=renewed", 0.05))
            break;
    }
    expect_action(s, from, SCENE_HANDLER, "renewed");
    assert_true(daemon_wait_workers(s->daemon, 1, 10));
    scene_publish(s, "1 ack");
    scene_expect_settled(s, 10);
}

/* ---- configuration --------------------------------------------------------------------------------- */

static void sighup_takes_the_configuration_over(struct world *w)
{
    struct scene *s = scene_with_file(w, "workers = 1\n");
    size_t from = daemon_mark(s->daemon);

    configure(s, "workers = 3\n");
    hang_up(s);
    expect_action(s, from, SCENE_HANDLER, "renewed");
    assert_true(daemon_wait_workers(s->daemon, 3, 10));

    from = daemon_mark(s->daemon);
    configure(s, "workers = 3\nmax_ack_pending = 100\n");
    scene_publish(s, "1 ack");
    hang_up(s);
    expect_action(s, from, SCENE_HANDLER, "replaced");
    scene_publish(s, "2 ack");
    scene_expect_effects(s, 2, 10);

    from = daemon_mark(s->daemon);
    configure(s, "workers = many\n");
    hang_up(s);
    daemon_expect_event(s->daemon, from, "reload-refused", "msg=*many*", 20);
    scene_publish(s, "3 ack");
    scene_expect_effects(s, 3, 10);

    from = daemon_mark(s->daemon);
    configure(s, "workers = 3\nmax_ack_pending = 100\n");
    hang_up(s);
    daemon_expect_event(s->daemon, from, "reload-done", "changed=0 refused=0", 20);
    scene_expect_settled(s, 10);
}

static void a_key_that_needs_a_restart_is_reported(struct world *w)
{
    struct scene *s = scene_with_file(w, "[seamqd]\nname = one\n");
    const char *report = NULL;
    size_t from = daemon_mark(s->daemon);

    configure(s, "[seamqd]\nname = two\n");
    hang_up(s);
    daemon_expect_event(s->daemon, from, "reload-done", "changed=0 refused=0", 20);
    assert_int_equal(daemon_get(s->daemon, "/reload", &report), 200);
    assert_non_null(strstr(report, "\"action\":\"restart\",\"text\":\"seamqd.name is read at start only"));
}

static void changes_stay_in_the_report_until_somebody_has_seen_them(struct world *w)
{
    struct scene *s = scene_with_file(w, "workers = 1\n");
    const char *report = NULL;
    size_t from = daemon_mark(s->daemon);

    configure(s, "workers = 2\n");
    hang_up(s);
    daemon_expect_event(s->daemon, from, "reload-done", "changed=1 refused=0", 20);
    for (int i = 0; i < 2; i++) {
        from = daemon_mark(s->daemon);
        hang_up(s);
        daemon_expect_event(s->daemon, from, "reload-done", "changed=0 refused=0", 20);
        assert_int_equal(daemon_get(s->daemon, "/reload", &report), 200);
        assert_true((strstr(report, "renewed") != NULL) == (i == 0));
    }
}

static void a_successor_that_finds_no_stream_leaves_the_old_one_serving(struct world *w)
{
    struct scene *s = scene_with_file(w, "stream = WORK\n");
    size_t from = daemon_mark(s->daemon);

    configure(s, "stream = NOWHERE\n");
    hang_up(s);
    scene_publish(s, "1 ack");
    scene_expect_effects(s, 1, 10);
    configure(s, "stream = WORK\n"); /* the newest configuration snapshot counts, not the one that waits */
    hang_up(s);
    daemon_expect_event(s->daemon, from, "reload-done", NULL, 60);
    scene_publish(s, "2 ack");
    scene_expect_effects(s, 2, 10);
    scene_expect_settled(s, 10);
}

/* Successors wait while the old instance runs. In the end only the newest configuration snapshot runs. */
static void an_ordered_handler_is_followed_by_one_only(struct world *w)
{
    struct scene *s = scene_with_file(w, "ordering = subject\n");

    scene_publish(s, "1 sleep 4000");
    scene_expect_effects(s, 1, 10);
    for (int i = 0; i < 3; i++) {
        size_t from = daemon_mark(s->daemon);
        configure(s, world_text(w, "ordering = subject\nmax_ack_pending = %d\n", 1000 + i));
        hang_up(s);
        daemon_expect_event(s->daemon, from, "reload-done", "refused=0", 30);
        scene_publish(s, "%d ack", i + 2);
    }
    assert_int_equal(effects_lines(s->effects), 1); /* no message runs beside the first one, which has the same key */
    scene_expect_effects(s, 4, 30);
    scene_expect_settled(s, 30);
    assert_true(daemon_wait_workers(s->daemon, 1, 15));
    for (int i = 2; i <= 4; i++)
        assert_int_equal(scene_effects(s, world_text(w, " %d ack", i)), 1);
}

/* ---- handlers that come and go --------------------------------------------------------------------------- */

static void a_new_file_is_a_new_handler_and_a_removed_one_drains(struct world *w)
{
    struct scene *s = scene_open(w);
    size_t from = daemon_mark(s->daemon);

    const char *path = daemon_handler(s->daemon, IT_SCRIPTED, "billing");
    expect_action(s, from, "billing", "added");
    assert_true(client_wait_consumer(s->client, "WORK", "billing", 15));
    scene_publish(s, "1 ack");
    client_expect_settled(s->client, "WORK", "billing", 15);

    from = daemon_mark(s->daemon);
    unlink(path);
    expect_action(s, from, "billing", "removed");
    assert_true(daemon_wait_workers(s->daemon, 1, 15));
    scene_publish(s, "2 ack");
    scene_expect_settled(s, 15);
    json_t *info = client_consumer(s->client, "WORK",
                                   "billing"); /* the durable remains, with the messages that were not delivered */
    assert_int_equal(json_at(info, "num_pending"), 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest all[] = {
        IT(reloads_under_load_lose_and_repeat_nothing),
        IT(a_changed_file_is_noticed_by_itself),
        IT(another_directory_under_the_name_is_noticed),
        IT(a_long_message_ends_in_its_old_worker),
        IT(a_long_message_ends_in_a_handler_that_is_replaced),
        IT(a_retry_does_not_hold_up_the_successor),
        IT(a_stop_does_not_wait_for_a_handler_that_leaves),
        IT(attempts_are_counted_on),
        IT(a_broken_file_leaves_the_old_code_serving),
        IT(a_link_that_leads_nowhere_leaves_the_old_code_serving),
        IT(options_that_do_not_open_leave_the_old_workers_serving),
        IT(a_cure_does_not_wait_for_what_hangs),
        IT(what_is_still_wanted_goes_on_whoever_asks_again),
        IT(sighup_takes_the_configuration_over),
        IT(a_key_that_needs_a_restart_is_reported),
        IT(changes_stay_in_the_report_until_somebody_has_seen_them),
        IT(a_successor_that_finds_no_stream_leaves_the_old_one_serving),
        IT(an_ordered_handler_is_followed_by_one_only),
        IT(a_new_file_is_a_new_handler_and_a_removed_one_drains),
    };
    return it_main(all, argc, argv);
}
