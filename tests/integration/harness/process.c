/* SPDX-License-Identifier: Apache-2.0
 * process - fork, exec, wait, and the search for processes that outlive the test. */
#include "process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_TAIL 80 /* lines of a log that a failed test prints */

char **process_env(void)
{
    static const char *const names[] = {
        "PATH",          "HOME",         "TMPDIR",      "ASAN_OPTIONS",      "LSAN_OPTIONS",
        "UBSAN_OPTIONS", "TSAN_OPTIONS", "GCOV_PREFIX", "GCOV_PREFIX_STRIP", "LD_LIBRARY_PATH"};
    static char *env[sizeof(names) / sizeof(names[0]) + 1];

    if (!env[0]) {
        size_t n = 0;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            const char *value = getenv(names[i]);
            if (value && asprintf(&env[n], "%s=%s", names[i], value) > 0)
                n++;
        }
        env[n] = NULL;
    }
    return env;
}

/* Between fork and exec in a program with threads: system calls only. */
static void child(const struct process_spec *spec, char *const *env, int out, int err, pid_t parent)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    setpgid(0, 0); /* Ctrl-C reaches the test alone, which then ends its children */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    if (dup2(out, 1) < 0 || dup2(err, 2) < 0 || (spec->cwd && chdir(spec->cwd) != 0) ||
        (spec->netns > 0 && setns(spec->netns, CLONE_NEWNET) != 0))
        _exit(126);
    execve(spec->argv[0], (char *const *)spec->argv, env);
    _exit(127);
}

static void start(struct process *p, const struct process_spec *spec)
{
    int log = -1;
    pid_t parent = getpid();

    if (spec->log) {
        log = open(spec->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log < 0)
            fail_msg("open %s: %s", spec->log, strerror(errno));
    }
    fflush(stdout); /* not fflush(NULL): a reader thread holds the lock of its stream while it reads */
    fflush(stderr);
    p->pid = fork();
    if (p->pid == 0)
        child(spec, spec->env ? spec->env : process_env(), spec->out_fd > 0 ? spec->out_fd : log,
              spec->err_fd > 0 ? spec->err_fd : log, parent);
    if (log >= 0)
        close(log);
    if (p->pid < 0)
        fail_msg("fork for %s: %s", spec->name, strerror(errno));
    p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    if (p->pidfd < 0)
        fail_msg("pidfd_open for %s: %s", spec->name, strerror(errno));
    p->running = true;
}

struct process *process_spawn(struct world *w, const struct process_spec *spec)
{
    struct process *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    p->name = strdup(spec->name);
    p->log = spec->log ? strdup(spec->log) : NULL;
    p->next = w->processes;
    w->processes = p;
    start(p, spec);
    return p;
}

void process_respawn(struct world *w, struct process *p, const struct process_spec *spec)
{
    (void)w;
    assert_false(p->running);
    start(p, spec);
}

void process_signal(struct process *p, int sig)
{
    if (p->running && kill(p->pid, sig) != 0 && errno != ESRCH)
        fail_msg("kill -%d %s: %s", sig, p->name, strerror(errno));
}

bool process_wait(struct process *p, double seconds)
{
    int64_t deadline = deadline_in(seconds);
    struct pollfd pfd = {.fd = p->pidfd, .events = POLLIN};

    while (p->running) {
        int rc = poll(&pfd, 1, (int)deadline_left_ms(deadline));
        if (rc < 0 && errno == EINTR)
            continue;
        if (rc <= 0)
            return false;
        if (waitpid(p->pid, &p->status, 0) == p->pid) {
            p->running = false;
            close(p->pidfd);
        }
    }
    return true;
}

void process_kill(struct process *p)
{
    process_signal(p, SIGKILL);
    process_signal(p, SIGCONT);
    if (!process_wait(p, 10))
        fail_msg("%s does not end on SIGKILL", p->name);
}

int process_exit_code(const struct process *p)
{
    return WIFSIGNALED(p->status) ? 128 + WTERMSIG(p->status) : WEXITSTATUS(p->status);
}

int process_run(struct world *w, const char *const *argv, char *const *env, double seconds, const char **ret_out,
                const char **ret_err)
{
    static unsigned count;
    const char *out = world_path(w, "run%u.out", count);
    const char *err = world_path(w, "run%u.err", count++);
    int out_fd = open(out, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int err_fd = open(err, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const char *slash = strrchr(argv[0], '/');
    struct process_spec spec = {
        .name = slash ? slash + 1 : argv[0], .argv = argv, .env = env, .out_fd = out_fd, .err_fd = err_fd};
    struct process *p = process_spawn(w, &spec);

    close(out_fd);
    close(err_fd);
    p->log = strdup(err);
    bool ended = process_wait(p, seconds);
    if (ret_out)
        *ret_out = world_read(w, out);
    if (ret_err)
        *ret_err = world_read(w, err);
    if (!ended)
        fail_msg("%s did not end within %g s", argv[0], seconds);
    return process_exit_code(p);
}

static bool read_stat(pid_t pid, char *ret_state, pid_t *ret_parent, char *name, size_t size)
{
    char path[64], line[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    size_t n = fread(line, 1, sizeof(line) - 1, f);
    fclose(f);
    line[n] = '\0';
    char *begin = strchr(line, '('), *end = strrchr(line, ')');
    int parent;
    if (!begin || !end || sscanf(end + 1, " %c %d", ret_state, &parent) != 2)
        return false;
    *ret_parent = parent;
    snprintf(name, size, "%.*s", (int)(end - begin - 1), begin + 1);
    return true;
}

static size_t scan_children(pid_t of, pid_t *ret, size_t max, bool print)
{
    DIR *d = opendir("/proc");
    struct dirent *e;
    size_t n = 0;

    while (d && (e = readdir(d))) {
        char state, name[64];
        pid_t parent;
        if (!isdigit((unsigned char)e->d_name[0]))
            continue;
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
        if (!read_stat(pid, &state, &parent, name, sizeof(name)) || parent != of || state == 'Z' || state == 'X')
            continue;
        if (print)
            print_error("still alive: %s, pid %d, state %c\n", name, (int)pid, state);
        if (n < max)
            ret[n] = pid;
        n++;
    }
    if (d)
        closedir(d);
    return n;
}

size_t process_children(pid_t pid, pid_t *ret, size_t max)
{
    return scan_children(pid, ret, max, false);
}

bool process_alive(pid_t pid)
{
    char state, name[64];
    pid_t parent;
    return read_stat(pid, &state, &parent, name, sizeof(name)) && state != 'Z' && state != 'X';
}

static void print_tail(const char *name, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = fopen(path, "re");

    if (!f)
        return;
    ssize_t len = getdelim(&text, &size, '\0', f);
    fclose(f);
    if (len > 0) {
        char *p = text + len - (text[len - 1] == '\n');
        for (int lines = 0; p > text; p--)
            if (p[-1] == '\n' && ++lines == LOG_TAIL)
                break;
        fprintf(stderr, "---- %s, end of %s\n%.*s", name, path, (int)(text + len - p), p); /* too long for cmocka */
    }
    free(text);
}

void process_print_logs(struct world *w)
{
    for (struct process *p = w->processes; p; p = p->next)
        if (p->log)
            print_tail(p->name, p->log);
}

void process_end_all(struct world *w)
{
    for (struct process *p = w->processes; p; p = p->next)
        if (p->running) {
            kill(p->pid, SIGKILL);
            kill(p->pid, SIGCONT);
        }
    while (w->processes) {
        struct process *p = w->processes;
        w->processes = p->next;
        process_wait(p, 10);
        free(p->name);
        free(p->log);
        free(p);
    }
}

static bool no_children(void *data)
{
    (void)data;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
    return scan_children(getpid(), NULL, 0, false) == 0;
}

bool process_none_left(double seconds)
{
    pid_t left[64];

    if (world_until(no_children, NULL, seconds))
        return true;
    size_t n = scan_children(getpid(), left, 64, true);
    for (size_t i = 0; i < n && i < 64; i++) /* orphans of processes that this test started */
        kill(left[i], SIGKILL);
    world_until(no_children, NULL, 5);
    return false;
}
