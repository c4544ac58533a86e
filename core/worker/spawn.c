/* SPDX-License-Identifier: Apache-2.0
 * spawn - starts seamq-worker with posix_spawn: descriptors, signals, process group, environment. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring/packet.h"

extern char **environ;

#define FD_SAFE 16 /* above all descriptor numbers that the child gets */

/* The child's ends of all channels, open in the daemon until the child has started. */
struct child_ends {
    int control;
    int output;
    int in;
    int out;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void spawn_hello(struct buf *b, const char *mode, const char *plugin, bool trust_any, const char *handler)
{
    packet_begin(b, "hello");
    packet_add_int(b, "protocol", PACKET_PROTOCOL);
    packet_add_int(b, "parent", getpid());
    packet_add(b, "mode", mode);
    packet_add(b, "plugin", plugin);
    packet_add(b, "trust", trust_any ? "any" : "strict");
    packet_add(b, "handler", handler);
}

bool spawn_is_secret(const char *env)
{
    static const char *const ours[] = {"NATS_",          "SEAMQ_",      "NOTIFY_SOCKET=", "WATCHDOG_PID=",
                                       "WATCHDOG_USEC=", "LISTEN_PID=", "LISTEN_FDS=",    "LISTEN_FDNAMES="};
    static const char *const words[] = {"PASSWORD",   "PASSWD", "PASSPHRASE",  "SECRET",  "TOKEN",
                                        "CREDENTIAL", "CREDS",  "PRIVATE_KEY", "API_KEY", "ACCESS_KEY"};
    const char *end = strchr(env, '=');

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (strncmp(env, ours[i], strlen(ours[i])) == 0)
            return true;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *at = strcasestr(env, words[i]);
        if (at && end && at < end)
            return true;
    }
    return false;
}

/* The environment without secrets.  The caller frees the array, not the texts. */
static char **environment_filter(void)
{
    size_t n = 0, kept = 0;
    while (environ && environ[n])
        n++;
    char **env = calloc(n + 1, sizeof(*env));
    for (size_t i = 0; env && i < n; i++)
        if (!spawn_is_secret(environ[i]))
            env[kept++] = environ[i];
    return env;
}

/* Moves a descriptor above FD_SAFE, so that no dup2() in the child overwrites it. */
static int fd_move_up(int *fd)
{
    if (*fd < 0 || *fd >= FD_SAFE)
        return 0;
    int up = fcntl(*fd, F_DUPFD_CLOEXEC, FD_SAFE);
    if (up < 0)
        return -errno;
    close(*fd);
    *fd = up;
    return 0;
}

static int control_open(struct spawned *s, struct child_ends *c)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -errno;
    s->control = pair[0];
    c->control = pair[1];
    int bytes = 2 * PACKET_HELLO_MAX;
    setsockopt(s->control, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    return fcntl(s->control, F_SETFL, O_NONBLOCK) ? -errno : 0;
}

static int rings_open(struct spawned *s, struct child_ends *c, size_t bytes)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC))
        return -errno;
    s->output = pair[0];
    c->output = pair[1];
    s->bell_in = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->bell_out = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->bell_in < 0 || s->bell_out < 0 || fcntl(s->output, F_SETFL, O_NONBLOCK))
        return -errno;
    int rc = ring_memfd("seamq-in", bytes, &c->in);
    if (rc == 0)
        rc = ring_memfd("seamq-out", bytes, &c->out);
    if (rc == 0)
        rc = ring_attach(&s->ring, c->in, c->out); /* map writable before the seal forbids it */
    if (rc == 0)
        rc = ring_seal(c->in, true);
    if (rc == 0)
        rc = ring_seal(c->out, false);
    return rc;
}

static int descriptors_plan(posix_spawn_file_actions_t *fa, const struct spawned *s, const struct child_ends *c)
{
    bool probe = c->output < 0;
    int rc = posix_spawn_file_actions_addopen(fa, 0, "/dev/null", O_RDONLY, 0);
    if (probe) {
        rc = rc ? rc : posix_spawn_file_actions_addopen(fa, 1, "/dev/null", O_WRONLY, 0);
        rc = rc ? rc : posix_spawn_file_actions_adddup2(fa, 1, 2);
    } else {
        rc = rc ? rc : posix_spawn_file_actions_adddup2(fa, c->output, 1);
        rc = rc ? rc : posix_spawn_file_actions_adddup2(fa, c->output, 2);
        rc = rc ? rc : posix_spawn_file_actions_adddup2(fa, c->in, PACKET_FD_IN);
        rc = rc ? rc : posix_spawn_file_actions_adddup2(fa, c->out, PACKET_FD_OUT);
        rc = rc ? rc : posix_spawn_file_actions_adddup2(fa, s->bell_in, PACKET_FD_BELL_IN);
        rc = rc ? rc : posix_spawn_file_actions_adddup2(fa, s->bell_out, PACKET_FD_BELL_OUT);
    }
    rc = rc ? rc : posix_spawn_file_actions_adddup2(fa, c->control, PACKET_FD_CONTROL);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    /* Libraries may forget close-on-exec.  The child closes the rest a second time (host/harden.c). */
    rc = rc ? rc : posix_spawn_file_actions_addclosefrom_np(fa, probe ? PACKET_FD_IN : PACKET_FD_FREE);
#endif
    return -rc;
}

static int attributes_plan(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    int rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    rc = rc ? rc : posix_spawnattr_setpgroup(attr, 0);
    rc = rc ? rc : posix_spawnattr_setsigmask(attr, &none);
    rc = rc ? rc : posix_spawnattr_setsigdefault(attr, &all);
    return -rc;
}

static int process_start(struct spawned *s, struct child_ends *c, const char *program, const char *title)
{
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t attr;
    char *argv[] = {(char *)(uintptr_t)title, (char *)(uintptr_t) "--worker", NULL};
    int *ends[] = {&c->control, &c->output, &c->in, &c->out, &s->bell_in, &s->bell_out};
    char **env = environment_filter();
    int rc = env ? 0 : -ENOMEM;

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]) && rc == 0; i++)
        rc = fd_move_up(ends[i]);
    posix_spawn_file_actions_init(&fa);
    posix_spawnattr_init(&attr);
    if (rc == 0)
        rc = descriptors_plan(&fa, s, c);
    if (rc == 0)
        rc = attributes_plan(&attr);
    if (rc == 0)
        rc = -posix_spawn(&s->pid, program, &fa, &attr, argv, env);
    posix_spawn_file_actions_destroy(&fa);
    posix_spawnattr_destroy(&attr);
    free(env);
    if (rc == 0) {
        s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
        if (s->pidfd < 0) {
            rc = -errno;
            spawn_kill(s);
        }
    } else {
        s->pid = 0;
    }
    return rc;
}

int spawn_worker(struct spawned *ret, const char *program, const char *title, size_t ring_bytes, struct error *err)
{
    struct spawned s = {.pidfd = -1, .control = -1, .output = -1, .bell_in = -1, .bell_out = -1};
    struct child_ends c = {-1, -1, -1, -1};

    int rc = control_open(&s, &c);
    if (rc == 0 && ring_bytes)
        rc = rings_open(&s, &c, ring_bytes);
    if (rc == 0)
        rc = process_start(&s, &c, program, title);
    close_fd(&c.control);
    close_fd(&c.output);
    close_fd(&c.in);
    close_fd(&c.out);
    if (rc) {
        spawn_close(&s);
        return error_set(err, rc, "%s cannot be started: %s", program, strerror(-rc));
    }
    *ret = s;
    return 0;
}

void spawn_close(struct spawned *s)
{
    close_fd(&s->pidfd);
    close_fd(&s->control);
    close_fd(&s->output);
    close_fd(&s->bell_in);
    close_fd(&s->bell_out);
    ring_detach(&s->ring);
    s->pid = 0;
}

void spawn_kill(struct spawned *s)
{
    siginfo_t info;
    if (s->pid <= 0)
        return;
    kill(-s->pid, SIGKILL);
    kill(s->pid, SIGKILL);
    while (waitid(P_PID, (id_t)s->pid, &info, WEXITED) && errno == EINTR)
        ;
    s->pid = 0;
}
