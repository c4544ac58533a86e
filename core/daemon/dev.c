/* SPDX-License-Identifier: Apache-2.0
 * dev - the private nats-server of `seamqd --dev`. */
#include "dev.h"

#include "base/clock.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <nats/nats.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_NS (10 * NS_PER_SEC)
#define STOP_NS (5 * NS_PER_SEC)
#define PREFERRED_PORT 4222
#define SUBJECT_MAX 512

struct dev {
    pid_t pid;
    char dir[256];
    char url[64];
    char server[512];
};

/* SEAMQ_NATS_SERVER, or PATH, or the server of the checkout that seamqd was built in (build/bin/../../.deps/bin). */
static int find_server(char *out, size_t size, struct error *err)
{
    const char *given = getenv("SEAMQ_NATS_SERVER");
    if (given && *given) {
        snprintf(out, size, "%s", given);
        return access(out, X_OK) == 0
                   ? 0
                   : error_set(err, -errno, "--dev: SEAMQ_NATS_SERVER=%s: %s", given, strerror(errno));
    }
    const char *path = getenv("PATH");
    for (const char *p = path ? path : ""; *p; p += strcspn(p, ":"), p += *p == ':') {
        snprintf(out, size, "%.*s/nats-server", (int)strcspn(p, ":"), p);
        if (access(out, X_OK) == 0)
            return 0;
    }
    char self[384];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n > 0) {
        self[n] = '\0';
        *strrchr(self, '/') = '\0';
        snprintf(out, size, "%s/../../.deps/bin/nats-server", self);
        if (access(out, X_OK) == 0)
            return 0;
    }
    return error_set(err, -ENOENT,
                     "--dev needs nats-server, which is not in PATH (install it, or set SEAMQ_NATS_SERVER "
                     "to its path)");
}

static int free_port(int wanted)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)wanted), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    int port = -1;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 1) == 0 &&
        getsockname(fd, (struct sockaddr *)&a, &len) == 0)
        port = ntohs(a.sin_port);
    if (fd >= 0)
        close(fd);
    return port < 0 && wanted ? free_port(0) : port;
}

static void run_server(const struct dev *d, int port, pid_t parent)
{
    char port_text[16];
    char store[300];
    char log[300];

    snprintf(port_text, sizeof(port_text), "%d", port);
    snprintf(store, sizeof(store), "%s/store", d->dir);
    snprintf(log, sizeof(log), "%s/nats-server.log", d->dir);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    setpgid(0, 0); /* a terminal sends Ctrl-C to the process group, but the drain still needs the server */
    execl(d->server, "nats-server", "-a", "127.0.0.1", "-p", port_text, "-js", "-sd", store, "-l", log, (char *)NULL);
    _exit(127);
}

static bool server_responds(int port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char first[5];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && poll(&p, 1, 1000) == 1 &&
              read(fd, first, sizeof(first)) == (ssize_t)sizeof(first) && memcmp(first, "INFO ", 5) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static int wait_until_up(struct dev *d, int port, struct error *err)
{
    int64_t deadline = clock_now_ns() + START_NS;
    while (!server_responds(port)) {
        int status;
        if (waitpid(d->pid, &status, WNOHANG) == d->pid) {
            d->pid = 0;
            return error_set(err, -ECHILD, "--dev: %s exited at the start (status %d); its log was in %s", d->server,
                             status, d->dir);
        }
        if (clock_now_ns() > deadline)
            return error_set(err, -ETIMEDOUT, "--dev: %s does not respond on port %d", d->server, port);
        poll(NULL, 0, 5);
    }
    return 0;
}

int dev_start(struct dev **ret, struct error *err)
{
    struct dev *d = calloc(1, sizeof(*d));
    if (!d)
        return error_set(err, -ENOMEM, "out of memory");
    int rc = find_server(d->server, sizeof(d->server), err);
    const char *tmp = getenv("TMPDIR");
    snprintf(d->dir, sizeof(d->dir), "%s/seamqd-dev-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (rc == 0 && !mkdtemp(d->dir)) {
        rc = error_set(err, -errno, "--dev: cannot create a directory %s: %s", d->dir, strerror(errno));
        d->dir[0] = '\0';
    }
    int port = rc == 0 ? free_port(PREFERRED_PORT) : -1;
    if (rc == 0 && port < 0)
        rc = error_set(err, -EADDRNOTAVAIL, "--dev: no port of 127.0.0.1 is free for the server");
    if (rc == 0) {
        pid_t parent = getpid();
        snprintf(d->url, sizeof(d->url), "nats://127.0.0.1:%d", port);
        d->pid = fork(); /* no other thread runs yet */
        if (d->pid == 0)
            run_server(d, port, parent);
        rc = d->pid < 0 ? error_set(err, -errno, "--dev: fork: %s", strerror(errno)) : wait_until_up(d, port, err);
    }
    if (rc) {
        dev_stop(d);
        return rc;
    }
    log_info("dev-server", LOG_STR("url", d->url), LOG_STR("dir", d->dir),
             LOG_STR("msg", "private nats-server started; it and its data are deleted when seamqd exits"));
    *ret = d;
    return 0;
}

const char *dev_url(const struct dev *d)
{
    return d->url;
}

static natsStatus create_stream(jsCtx *js, const struct config_handler *h, const char *stream, bool *ret_created)
{
    jsStreamConfig cfg;
    jsErrCode code = 0;
    size_t n = h->filter_subjects.n;
    char(*texts)[SUBJECT_MAX] = calloc(n + 1, SUBJECT_MAX);
    const char **subjects = calloc(n + 1, sizeof(char *));
    if (!texts || !subjects) {
        free(texts);
        free(subjects);
        return NATS_NO_MEMORY;
    }
    for (size_t i = 0; i < n; i++)
        config_cluster_name(h->filter_subjects.items[i], h->clusters.items[0], texts[i], SUBJECT_MAX);
    if (n == 0)
        snprintf(texts[0], SUBJECT_MAX, "%s.>", stream);
    for (size_t i = 0; i <= n; i++)
        subjects[i] = texts[i];

    jsStreamConfig_Init(&cfg);
    cfg.Name = stream;
    cfg.Subjects = subjects;
    cfg.SubjectsLen = n ? (int)n : 1;
    cfg.Storage = js_MemoryStorage;
    natsStatus s = js_AddStream(NULL, js, &cfg, NULL, &code);
    *ret_created = s == NATS_OK;
    free(subjects);
    free(texts);
    return s == NATS_ERR && code == JSStreamNameExistErr ? NATS_OK : s;
}

int dev_create_streams(struct dev *d, const struct config *config, const struct error *refused, struct error *err)
{
    natsConnection *nc = NULL;
    jsCtx *js = NULL;
    char stream[256];
    int rc = 0;

    natsStatus s = natsConnection_ConnectTo(&nc, d->url);
    if (s == NATS_OK)
        s = natsConnection_JetStream(&js, nc, NULL);
    if (s != NATS_OK)
        rc = error_set(err, -EIO, "--dev: cannot connect to the server at %s to create streams: %s", d->url,
                       nats_GetLastError(NULL));
    for (size_t i = 0; i < config->n_handlers && s == NATS_OK; i++) {
        const struct config_handler *h = &config->handlers[i];
        bool created = false;
        if (refused[i].code || !h->enabled)
            continue;
        config_stream_name(h, h->clusters.items[0], stream, sizeof(stream));
        s = create_stream(js, h, stream, &created);
        if (created)
            log_info("dev-stream", LOG_STR("stream", stream), LOG_STR("handler", h->name),
                     LOG_STR("subjects", h->filter_subjects.n ? h->filter_subjects.items[0] : ""));
    }
    if (s != NATS_OK && rc == 0)
        rc = error_set(err, -EIO, "--dev: cannot create stream %s: %s", stream, nats_GetLastError(NULL));
    jsCtx_Destroy(js);
    natsConnection_Destroy(nc);
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void dev_stop(struct dev *d)
{
    if (!d)
        return;
    if (d->pid > 0) {
        int64_t deadline = clock_now_ns() + STOP_NS;
        kill(d->pid, SIGTERM);
        while (waitpid(d->pid, NULL, WNOHANG) == 0) {
            if (clock_now_ns() > deadline)
                kill(d->pid, SIGKILL);
            poll(NULL, 0, 5);
        }
    }
    if (d->dir[0])
        nftw(d->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(d);
}
