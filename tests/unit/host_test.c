/* SPDX-License-Identifier: Apache-2.0
 * host - what a plugin finds in its process, what is refused, and what survives a deploy. */
#include "worker_helper.h"

#include "base/log.h"
#include "ring/packet.h"
#include "worker/spawn.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/seamq-host-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

static const char *in_folder(const char *name)
{
    static char path[4][256];
    static int i;
    char *p = path[i++ % 4];
    snprintf(p, 256, "%s/%s", folder, name);
    return p;
}

/* Copies the first `limit` bytes over an existing file, as cp does: the inode stays. */
static void cp(const char *from, const char *to, size_t limit)
{
    char chunk[4096];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    ssize_t n;
    assert_true(in >= 0 && out >= 0);
    while (limit && (n = read(in, chunk, limit < sizeof(chunk) ? limit : sizeof(chunk))) > 0) {
        assert_int_equal(write(out, chunk, (size_t)n), n);
        limit -= (size_t)n;
    }
    close(in);
    close(out);
}

static void put_file(const char *path, const char *content)
{
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    assert_int_equal(write(out, content, strlen(content)), (ssize_t)strlen(content));
    close(out);
}

static size_t size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (size_t)st.st_size;
}

/* ---- a deploy while it runs ---- */

static void copy_over_the_running_plugin_changes_nothing(void **state)
{
    (void)state;
    struct recorder s;
    const char *path = in_folder("live.so");
    cp(BEHAVE, path, SIZE_MAX);
    struct worker_config c = a_config(path);
    recorder_up(&s, &c);
    cp(BEHAVE2, path, SIZE_MAX);
    send_one(&s, 1, "version");
    WAIT(&s, s.outcomes == 1 || s.exits);
    assert_string_equal(s.text, "one one");
    assert_int_equal(s.delay_ns, 7);
    assert_int_equal(truncate(path, 0), 0);
    send_one(&s, 2, "version");
    send_one(&s, 3, "echo");
    send_one(&s, 4, "zeroed");
    send_one(&s, 5, "version");
    WAIT(&s, s.outcomes == 5 || s.exits);
    assert_int_equal(s.exits, 0);
    assert_string_equal(s.text, "one one");

    kill(worker_pid(s.w), SIGKILL); /* the next process reports the damaged file */
    WAIT(&s, s.exits == 2);
    assert_int_equal(s.exit.reason, WORKER_EXIT_REFUSED);
    assert_non_null(strstr(s.exit_text, "not an ELF file (it is empty)"));
    recorder_destroy(&s);
}

static void a_plugin_is_loaded_from_its_own_path(void **state)
{
    (void)state;
    struct recorder s;
    char text[64];
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    snprintf(text, sizeof(text), "/proc/%d/maps", (int)worker_pid(s.w));
    FILE *f = fopen(text, "r");
    char line[512];
    int code_from_file = 0, code_from_memory = 0;
    while (fgets(line, sizeof(line), f)) {
        if (strstr(line, " r-xp ") || strstr(line, " r--p ")) {
            code_from_file += strstr(line, "/behave.so") != NULL && strstr(line, " r-xp ");
            code_from_memory += strstr(line, "memfd:behave.so") != NULL;
        }
    }
    fclose(f);
    assert_int_equal(code_from_file, 0);
    assert_true(code_from_memory > 0);
    recorder_destroy(&s);
}

/* ---- refusals ---- */

static void probe_returns_descriptor_and_options(void **state)
{
    (void)state;
    const char *plugins[] = {BEHAVE, "/nonexistent.so", BEHAVE2};
    struct plugin_info infos[3];
    struct image images[3];
    struct error errs[3];
    probe_all(WORKER, plugins, 3, LONGEST_NS, infos, images, errs);
    assert_int_equal(errs[0].code, 0);
    assert_string_equal(infos[0].path, BEHAVE);
    assert_string_equal(infos[0].name, "behave");
    assert_true(errs[1].code < 0);
    assert_string_equal(errs[1].text, "/nonexistent.so: No such file or directory");
    assert_string_equal(infos[2].name, "behave");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(images[i].fd >= 0, i != 1);
        assert_int_equal(image_matches(&images[i], plugins[i]), i != 1);
        image_close(&images[i]);
    }
    plugin_info_finish(&infos[0]);
    plugin_info_finish(&infos[2]);
}

static void refused(const char *path, const char *why)
{
    struct plugin_info info;
    struct image image;
    struct error err;
    probe_all(WORKER, &path, 1, LONGEST_NS, &info, &image, &err);
    if (!err.code || strncmp(err.text, path, strlen(path)) != 0 || !strstr(err.text, why))
        fail_msg("\"%s\" does not name the file and \"%s\"", err.text, why);
}

static void damaged_files_are_refused_by_name(void **state)
{
    (void)state;
    const char *path = in_folder("bad.so");
    put_file(path, "");
    refused(path, "not an ELF file (it is empty)");
    put_file(path, "#!/bin/sh\n");
    refused(path, "not an ELF file");
    cp(BEHAVE, path, 40);
    refused(path, "truncated: 40 bytes");
    assert_int_equal(mkdir(in_folder("folder.so"), 0755), 0);
    refused(in_folder("folder.so"), "not a regular file");
}

static void every_truncated_file_is_refused_with_a_sentence(void **state)
{
    (void)state;
    enum { CUTS = 48 };
    size_t size = size_of(BEHAVE);
    const char *paths[CUTS];
    struct plugin_info infos[CUTS];
    struct image images[CUTS];
    struct error errs[CUTS];
    for (size_t i = 0; i < CUTS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "cut%zu.so", i);
        paths[i] = strdup(in_folder(name));
        cp(BEHAVE, paths[i], 64 + (size - 65) * i / (CUTS - 1));
    }
    probe_all(WORKER, paths, CUTS, LONGEST_NS, infos, images, errs);
    for (size_t i = 0; i < CUTS; i++) {
        assert_true(errs[i].code < 0);
        if (!strstr(errs[i].text, "truncated"))
            fail_msg("%s", errs[i].text);
        free((void *)(uintptr_t)paths[i]);
    }
}

static void plugin_for_another_machine_is_refused(void **state)
{
    (void)state;
    const char *path = in_folder("foreign.so");
    cp(BEHAVE, path, SIZE_MAX);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "\x16\0", 2, 18), 2); /* e_machine: s390 */
    refused(path, "built for s390x");
    assert_int_equal(pwrite(fd, "\x03\x00\x3e\x00", 4, 16), 4);
    assert_int_equal(pwrite(fd, "\x02", 1, 16), 1); /* ET_EXEC */
    refused(path, "not a shared object");
    assert_int_equal(pwrite(fd, "\x01", 1, 4), 1); /* ELFCLASS32 */
    refused(path, "another word size");
    close(fd);
}

static void a_wrong_option_is_refused_with_all_problems(void **state)
{
    (void)state;
    struct recorder s;
    static const struct worker_option options[] = {{"numbr", "1"},    {"number", "11"},  {"window", "10"},
                                                   {"limit", "oops"}, {"flag", "maybe"}, {"elsewhere", "x"}};
    struct worker_config c = a_config(BEHAVE);
    c.options = options;
    c.n_options = 6;
    recorder_create(&s, &c);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_REFUSED);
    assert_int_equal(s.exit.restart_in_ns, -1);
    static const char *const clauses[] = {
        "option.numbr: unknown, did you mean option.number?; option.elsewhere: this plugin has no such option; ",
        "option.number: 11 is out of bounds (1 to 10); ",
        "option.window: \"10\"",
        "option.limit: not a valid value; ", /* a secret is not shown */
        "option.flag: \"maybe\"",
    };
    for (size_t i = 0; i < sizeof(clauses) / sizeof(clauses[0]); i++)
        if (!strstr(s.exit_text, clauses[i]))
            fail_msg("\"%s\" lacks \"%s\"", s.exit_text, clauses[i]);
    recorder_destroy(&s);
}

static void options_arrive_typed(void **state)
{
    (void)state;
    struct recorder s;
    static const struct worker_option options[] = {{"number", "7"}, {"window", "2m"}, {"flag", "yes"}};
    struct worker_config c = a_config(BEHAVE);
    c.options = options;
    c.n_options = 3;
    c.index = 2;
    c.count = 3;
    recorder_up(&s, &c);
    send_one(&s, 1, "tell");
    WAIT(&s, s.outcomes == 1);
    assert_string_equal(s.text, "7 120000000000 65536 1 test 2/3");
    recorder_destroy(&s);
}

static void failed_open_reports_its_reason(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_option option = {"fail", "no database"};
    struct worker_config c = a_config(BEHAVE);
    c.options = &option;
    c.n_options = 1;
    recorder_create(&s, &c);
    WAIT(&s, s.exits == 2);
    assert_int_equal(s.exit.reason, WORKER_EXIT_OPEN);
    assert_string_equal(s.exit_text, "told to fail: no database");
    assert_int_equal(s.exit.restart_in_ns, 200 * NS_PER_MS);
    recorder_destroy(&s);
    option.value = "config";
    recorder_create(&s, &c);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_REFUSED);
    assert_string_equal(s.exit_text, "told to want another configuration");
    assert_int_equal(s.exit.restart_in_ns, -1);
    recorder_destroy(&s);
}

static void idle_is_called_without_messages(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    int64_t until = clock_now_ns() + LONGEST_NS;
    for (uint64_t id = 1; atoi(s.text) < 1; id++) { /* the handler counts at most one idle call a second */
        int64_t pause = clock_now_ns() + 1200 * NS_PER_MS;
        while (clock_now_ns() < pause)
            loop_once(s.loop, 100 * NS_PER_MS);
        send_one(&s, id, "idle?");
        WAIT(&s, s.outcomes == (int)id);
        assert_true(clock_now_ns() < until);
    }
    recorder_destroy(&s);
}

/* ---- the process ---- */

static bool environment_has(pid_t pid, const char *name)
{
    char path[64], text[65536];
    snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof(text));
    close(fd);
    return n > 0 && memmem(text, (size_t)n, name, strlen(name)) != NULL;
}

static void secrets_do_not_reach_the_worker(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    static const char *const secret[] = {"NATS_URL",
                                         "SEAMQ_CLUSTER_A_TOKEN_FILE",
                                         "NOTIFY_SOCKET",
                                         "LISTEN_FDS",
                                         "PGPASSWORD",
                                         "aws_secret_access_key",
                                         "GH_TOKEN",
                                         "MY_API_KEY_2",
                                         "CREDENTIALS_DIRECTORY"};
    static const char *const kept[] = {"HANDLER_URL", "LISTEN_ADDRESS", "TOKE", "LANGUAGE"};
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
        setenv(secret[i], "topsecret", 1);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        setenv(kept[i], "kept TOKEN=x", 1); /* the name decides, not the value */
    recorder_up(&s, &c);
    assert_false(environment_has(worker_pid(s.w), "topsecret"));
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        assert_true(environment_has(worker_pid(s.w), kept[i]));
    recorder_destroy(&s);
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
        unsetenv(secret[i]);
}

/* The number behind `key` in a file of /proc/PID. */
static long number_in(pid_t pid, const char *file, const char *key)
{
    char path[64], line[256];
    long n = LONG_MIN;
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    FILE *f = fopen(path, "re");
    while (f && n == LONG_MIN && fgets(line, sizeof(line), f))
        if (strncmp(line, key, strlen(key)) == 0)
            n = strtol(line + strlen(key), NULL, 10);
    if (f)
        fclose(f);
    return n;
}

static void worker_gains_no_privilege_writes_no_core_and_is_killed_first(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    pid_t pid = worker_pid(s.w);
    assert_int_equal(number_in(pid, "status", "NoNewPrivs:"), 1);
    assert_int_equal(number_in(pid, "limits", "Max core file size"), 0);
    long ours = number_in(getpid(), "oom_score_adj", "");
    assert_int_equal(number_in(pid, "oom_score_adj", ""), ours + 300 < 1000 ? ours + 300 : 1000);
    recorder_destroy(&s);
}

/* Exit status of a worker whose daemon sends a hello with this parent pid, or closes the socket. */
static int status_after(const char *hello_parent)
{
    struct spawned child;
    struct error err = {0};
    siginfo_t info = {0};
    char title[] = "seamq: test";
    if (spawn_worker(&child, WORKER, title, 4096, &err))
        fail_msg("%s", err.text);
    if (hello_parent) {
        struct buf b = {0};
        packet_begin(&b, "hello");
        packet_add_int(&b, "protocol", PACKET_PROTOCOL);
        packet_add(&b, "parent", hello_parent);
        packet_add(&b, "mode", "run");
        packet_add(&b, "plugin", BEHAVE);
        packet_add(&b, "trust", "any");
        assert_int_equal(packet_send(child.control, &b, -1), 0);
        buf_finish(&b);
    }
    close(child.control);
    child.control = -1;
    assert_int_equal(waitid(P_PID, (id_t)child.pid, &info, WEXITED), 0);
    spawn_close(&child);
    assert_int_equal(info.si_code, CLD_EXITED);
    return info.si_status;
}

/* The daemon dies after the spawn and before the worker sets PR_SET_PDEATHSIG. */
static void a_worker_whose_daemon_died_at_once_ends_before_it_loads_anything(void **state)
{
    (void)state;
    assert_int_equal(status_after(NULL), 76);
    assert_int_equal(status_after("1"), 76); /* the hello names a parent that has died */
}

static void plugin_that_others_can_change_is_refused_unless_trusted(void **state)
{
    (void)state;
    struct recorder s;
    const char *path = in_folder("open.so");
    cp(BEHAVE, path, SIZE_MAX);
    assert_int_equal(chmod(path, 0777), 0);
    refused(path, "it can be changed by anyone");
    struct worker_config c = a_config(path);
    recorder_create(&s, &c);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_REFUSED);
    assert_int_equal(s.exit.restart_in_ns, -1);
    assert_non_null(strstr(s.exit_text, "can be changed by anyone"));
    recorder_destroy(&s);
    c.trust_any = true;
    recorder_up(&s, &c);
    recorder_destroy(&s);
}

static void worker_inherits_no_other_descriptor(void **state)
{
    (void)state;
    struct recorder s;
    char path[64], target[256];
    int leaked = open("/dev/zero", O_RDONLY); /* a library may open a file without close-on-exec */
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    for (int fd = 0; fd < 64; fd++) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)worker_pid(s.w), fd);
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        if (strcmp(target, "/dev/zero") == 0)
            fail_msg("descriptor %d", fd);
    }
    close(leaked);
    recorder_destroy(&s);
}

static void a_worker_dies_with_its_daemon(void **state)
{
    (void)state;
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t daemon = fork();
    if (daemon == 0) {
        struct recorder s;
        struct worker_config c = a_config(BEHAVE);
        recorder_up(&s, &c);
        pid_t pid = worker_pid(s.w);
        if (write(pipe_fds[1], &pid, sizeof(pid)) != sizeof(pid))
            _exit(1);
        for (;;)
            pause();
    }
    pid_t worker = 0;
    assert_int_equal(read(pipe_fds[0], &worker, sizeof(worker)), sizeof(worker));
    assert_int_equal(kill(worker, 0), 0);
    kill(daemon, SIGKILL);
    waitpid(daemon, NULL, 0);
    int64_t until = clock_now_ns() + LONGEST_NS;
    char path[64], line[256] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)worker);
    for (;;) { /* ended, or a zombie that init has not reaped */
        FILE *f = fopen(path, "re");
        if (!f)
            break;
        bool dead = !fgets(line, sizeof(line), f) || strstr(line, ") Z ") != NULL;
        fclose(f);
        if (dead)
            break;
        assert_true(clock_now_ns() < until);
        usleep(1000);
    }
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void logs_and_prints_become_log_lines(void **state)
{
    (void)state;
    struct recorder s;
    char text[16384] = "";
    const char *path = in_folder("log");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0600);
    log_setup(fd, LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    char line[4096];
    memset(line, 'n', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    send_one(&s, 7, line);
    send_one(&s, 8, "output");
    worker_stop(s.w, clock_now_ns() + LONGEST_NS);
    WAIT(&s, s.exits == 1);
    assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
    log_setup(2, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    close(fd);
    assert_non_null(strstr(text, "\"event\":\"handler-log\",\"handler\":\"test\",\"worker\":0,\"seq\":\"7\""));
    assert_non_null(strstr(text, "nnn [cut]\""));
    assert_non_null(strstr(text, "\"event\":\"handler-output\""));
    assert_non_null(strstr(text, "\"msg\":\"printed output\""));
    recorder_destroy(&s);
}

/* The first number or letter behind `name` in /proc/PID/status. */
static long status_of(pid_t pid, const char *name)
{
    char path[64], line[256];
    long n = -1;
    char letter;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (n < 0 && fgets(line, sizeof(line), f)) {
        const char *value = line + strlen(name);
        if (strncmp(line, name, strlen(name)) == 0 && sscanf(value, ": %ld", &n) != 1 &&
            sscanf(value, ": %c", &letter) == 1)
            n = letter;
    }
    fclose(f);
    return n;
}

static void an_idle_worker_is_small_and_sleeps(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    send_one(&s, 1, "fine");
    WAIT(&s, s.outcomes == 1);
    WAIT(&s, status_of(worker_pid(s.w), "State") == 'S');
    long woken = status_of(worker_pid(s.w), "voluntary_ctxt_switches");
    usleep(300000);
    /* A worker that polls would wake up more often; idle() is called once a second. */
    assert_in_range(status_of(worker_pid(s.w), "voluntary_ctxt_switches") - woken, 0, 20);
    long anonymous = status_of(worker_pid(s.w), "RssAnon");
    print_message("anonymous RSS of an idle worker: %ld KiB\n", anonymous);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_in_range(anonymous, 1, 1023);
#endif
    recorder_destroy(&s);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_over_the_running_plugin_changes_nothing),
        cmocka_unit_test(a_plugin_is_loaded_from_its_own_path),
        cmocka_unit_test(probe_returns_descriptor_and_options),
        cmocka_unit_test(damaged_files_are_refused_by_name),
        cmocka_unit_test(every_truncated_file_is_refused_with_a_sentence),
        cmocka_unit_test(plugin_for_another_machine_is_refused),
        cmocka_unit_test(a_wrong_option_is_refused_with_all_problems),
        cmocka_unit_test(options_arrive_typed),
        cmocka_unit_test(failed_open_reports_its_reason),
        cmocka_unit_test(idle_is_called_without_messages),
        cmocka_unit_test(secrets_do_not_reach_the_worker),
        cmocka_unit_test(worker_gains_no_privilege_writes_no_core_and_is_killed_first),
        cmocka_unit_test(a_worker_whose_daemon_died_at_once_ends_before_it_loads_anything),
        cmocka_unit_test(worker_inherits_no_other_descriptor),
        cmocka_unit_test(a_worker_dies_with_its_daemon),
        cmocka_unit_test(logs_and_prints_become_log_lines),
        cmocka_unit_test(an_idle_worker_is_small_and_sleeps),
        cmocka_unit_test(
            plugin_that_others_can_change_is_refused_unless_trusted), /* last: the setting stays for this process */
    };
    return cmocka_run_group_tests_name("host", tests, make_folder, remove_folder);
}
