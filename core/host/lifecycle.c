/* SPDX-License-Identifier: Apache-2.0
 * lifecycle - host_main(): reads the hello packet, loads the plugin, opens it, runs messages, closes it. */
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "ring/packet.h"
#include "trust.h"

struct host host;

void host_send_text(const char *type, const char *text)
{
    struct buf b = {0};
    packet_begin(&b, type);
    packet_add(&b, "text", text);
    packet_send(PACKET_FD_CONTROL, &b, -1);
    buf_finish(&b);
}

static int refused_report(const char *text)
{
    host_send_text("refused", text);
    return HOST_EXIT_REFUSED;
}

static int failed_report(const char *text)
{
    host_send_text("failed", text);
    return HOST_EXIT_FAILED;
}

static int binding_add(const char *stream)
{
    struct host_binding *more = realloc(host.bindings, (host.n_bindings + 1) * sizeof(*more));
    if (!more)
        return -ENOMEM;
    host.bindings = more;
    more[host.n_bindings++] = (struct host_binding){stream, "", ""};
    return 0;
}

static int option_add(const char *text)
{
    struct option_text *more = realloc(host.options, (host.n_options + 1) * sizeof(*more));
    char *equals = strchr(text, '=');
    if (!more)
        return -ENOMEM;
    host.options = more;
    if (!equals)
        return -EBADMSG;
    *equals = '\0'; /* writes into host.hello, which the host owns */
    more[host.n_options++] = (struct option_text){text, equals + 1};
    return 0;
}

static int hello_read(struct packet *p, struct image *image)
{
    host.hello = malloc(PACKET_HELLO_MAX);
    if (!host.hello)
        return -ENOMEM;
    int pass;
    ssize_t n = packet_recv(PACKET_FD_CONTROL, host.hello, PACKET_HELLO_MAX, &pass);
    image->fd = pass;
    if (n <= 0)
        return -EPIPE;
    char *fit = realloc(host.hello, (size_t)n);
    if (fit)
        host.hello = fit;
    packet_open(p, host.hello, (size_t)n);
    if (strcmp(p->type, "hello") != 0)
        return -EBADMSG;
    image_get(image, p, pass);
    host.handler = packet_get(p, "handler");
    host.index = (unsigned)packet_get_int(p, "index");
    host.count = (unsigned)packet_get_int(p, "count");
    host.log_level = (int)packet_get_int(p, "log_level");
    host.timeout_ns = packet_get_int(p, "timeout_ns");
    int64_t batch_max = packet_get_int(p, "batch_max");
    host.batch_max = batch_max > 1 ? (size_t)batch_max : 1;
    host.linger_ns = packet_get_int(p, "batch_linger_ns");

    struct packet at = *p;
    const char *key, *value;
    int rc = 0;
    while (rc == 0 && packet_next(&at, &key, &value)) {
        if (strcmp(key, "stream") == 0)
            rc = binding_add(value);
        else if (strcmp(key, "consumer") == 0 && host.n_bindings)
            host.bindings[host.n_bindings - 1].consumer = value;
        else if (strcmp(key, "cluster") == 0 && host.n_bindings)
            host.bindings[host.n_bindings - 1].cluster = value;
        else if (strcmp(key, "option") == 0)
            rc = option_add(value);
    }
    return rc;
}

static int rings_attach(void)
{
    int rc = ring_attach(&host.ring, PACKET_FD_OUT, PACKET_FD_IN);
    if (rc)
        return rc;
    host.epfd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN | EPOLLET};
    if (host.epfd < 0 || epoll_ctl(host.epfd, EPOLL_CTL_ADD, PACKET_FD_BELL_IN, &e))
        return -errno;
    close(PACKET_FD_IN);
    close(PACKET_FD_OUT);
    return 0;
}

static int plugin_load(const char *path, const struct image *image, bool run, bool trusted, struct seamq_host *table)
{
    struct error err = {0}, note = {0};
    host_api_fill(table);
    /* The file of an image was checked when the image was made. */
    int rc = trusted || (image && run) ? 0 : trust_check(path, &err);
    if (rc == 0)
        rc = loader_load(&host.loaded, path, image, table, run, &err, &note);
    if (rc == -EAGAIN)
        return failed_report(err.text);
    if (rc)
        return refused_report(err.text);
    if (note.code)
        host_log(SEAMQ_LOG_WARN, "%s", note.text);
    return 0;
}

static int items_create(void)
{
    if (host.batch_max > 1 && !host.loaded.plugin.handle_batch)
        return refused_report("batch_max is above 1, but the plugin has no handle_batch: set batch_max = 1");
    host.items = calloc(host.batch_max, sizeof(*host.items));
    host.msgs = calloc(host.batch_max, sizeof(*host.msgs));
    if (!host.items || !host.msgs)
        return failed_report("out of memory for a batch");
    for (size_t i = 0; i < host.batch_max; i++)
        host.msgs[i] = &host.items[i].msg;
    return 0;
}

static int plugin_open(void)
{
    const struct seamq_plugin *p = &host.loaded.plugin;
    struct error err = {0};

    host.self = calloc(1, p->self_size ? p->self_size : 1);
    if (!host.self)
        return failed_report("out of memory for the plugin's instance");
    if (options_fill(host.self, host.loaded.options, host.loaded.n_options, host.options, host.n_options, &err)) {
        error_prefix(&err, "%s", host.loaded.path);
        return refused_report(err.text);
    }
    int rc = p->open ? p->open(host.self) : SEAMQ_OPEN_OK;
    host_arena_reset();
    if (rc == SEAMQ_OPEN_OK)
        return 0;
    if (!host.fail_text[0])
        snprintf(host.fail_text, sizeof(host.fail_text),
                 "open returned %d without a reason: call seamq_fail() in the plugin", rc);
    rc = rc == SEAMQ_OPEN_CONFIG ? refused_report(host.fail_text) : failed_report(host.fail_text);
    if (p->close)
        p->close(host.self);
    return rc;
}

static int plugin_run(void)
{
    int rc = items_create();
    if (rc == 0)
        rc = plugin_open();
    if (rc)
        return rc;
    host_send_text("ready", "");
    host_run();
    if (host.loaded.plugin.close)
        host.loaded.plugin.close(host.self);
    host_flush_counts(clock_now_ns());
    fflush(NULL);
    host_send_text("bye", "");
    return 0;
}

int host_main(void)
{
    static struct seamq_host table; /* plugins keep a pointer to it */
    struct packet hello;
    struct image image = IMAGE_NONE;
    char text[160];

    host_harden();
    int rc = hello_read(&hello, &image);
    if (rc == -EPIPE || (rc == 0 && packet_get_int(&hello, "parent") != getppid()))
        return HOST_EXIT_PROTOCOL; /* the daemon has ended */
    if (rc)
        return refused_report("seamq-worker cannot read the hello packet of seamqd: install both from one version");
    if (packet_get_int(&hello, "protocol") != PACKET_PROTOCOL) {
        snprintf(text, sizeof(text),
                 "seamq-worker " SEAMQ_VERSION " uses protocol %d, seamqd uses %s: install both from one version",
                 PACKET_PROTOCOL, packet_get(&hello, "protocol"));
        return refused_report(text);
    }
    snprintf(text, sizeof(text), "seamq:%s", host.handler);
    prctl(PR_SET_NAME, text);
    host_catch_crashes();

    bool run = strcmp(packet_get(&hello, "mode"), "run") == 0;
    if (run && (rc = rings_attach()) != 0) {
        snprintf(text, sizeof(text), "the ring memory cannot be mapped: %s", strerror(-rc));
        return failed_report(text);
    }
    rc = plugin_load(packet_get(&hello, "plugin"), image.fd >= 0 ? &image : NULL, run,
                     strcmp(packet_get(&hello, "trust"), "any") == 0, &table);
    image_close(&image);
    if (rc == 0 && run)
        return plugin_run();
    if (rc == 0)
        rc = host_describe_packets(&host.loaded);
    fflush(NULL);
    _exit(rc); /* a probe: skip the plugin's destructors, which may hang or crash */
}
