/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct harness *current;
static const seamq_msg *running; /* messages of the call that runs */
static size_t n_running;
static void *allocated[64]; /* freed when handle returns */
static size_t n_allocated;

static int is_running(const seamq_msg *msg)
{
    return running != NULL && msg >= running && msg < running + n_running;
}

static void host_log(int level, const char *fmt, va_list ap)
{
    size_t used = strlen(current->log);

    used += (size_t)snprintf(current->log + used, sizeof current->log - used, "%d ", level);
    if (used < sizeof current->log)
        vsnprintf(current->log + used, sizeof current->log - used, fmt, ap);
    used = strlen(current->log);
    if (used + 1 < sizeof current->log)
        strcpy(current->log + used, "\n");
}

static void host_fail(const char *fmt, va_list ap)
{
    vsnprintf(current->failure, sizeof current->failure, fmt, ap);
}

static int host_settle(const seamq_msg *msg, int outcome, int64_t delay_ns, const char *fmt, va_list ap)
{
    if (!is_running(msg))
        return -EINVAL;
    if (outcome == SEAMQ_ACK && current->outcomes[msg - running] != -1)
        return 0;
    current->outcomes[msg - running] = outcome;
    current->outcome = outcome;
    current->delay_ns = delay_ns;
    vsnprintf(current->reason, sizeof current->reason, fmt, ap);
    return outcome;
}

static int host_publish(const seamq_msg *msg, const seamq_output *given, size_t given_size)
{
    seamq_output out = {0};
    struct harness_publish *p = &current->publishes[current->n_publishes];
    size_t used = 0;

    memcpy(&out, given, given_size < sizeof out ? given_size : sizeof out);
    if (!is_running(msg) || out.subject == NULL || *out.subject == '\0')
        return -EINVAL;
    if (current->publish_error != 0)
        return current->publish_error;
    if (current->n_publishes == HARNESS_PUBLISHES_MAX)
        abort();
    memset(p, 0, sizeof *p);
    snprintf(p->subject, sizeof p->subject, "%s", out.subject);
    snprintf(p->data, sizeof p->data, "%.*s", (int)out.size, out.size > 0 ? (const char *)out.data : "");
    snprintf(p->msg_id, sizeof p->msg_id, "%s", out.msg_id != NULL ? out.msg_id : "");
    for (size_t i = 0; i < out.n_headers; i++)
        used += (size_t)snprintf(p->headers + used, sizeof p->headers - used, "%s=%s;", out.headers[i].name,
                                 out.headers[i].value);
    p->size = out.size;
    current->n_publishes++;
    return 0;
}

static const char *host_header(const seamq_msg *msg, const char *name)
{
    for (size_t i = 0; is_running(msg) && i < current->n_headers; i++) {
        if (strcmp(current->headers[i].name, name) == 0)
            return current->headers[i].value;
    }
    return NULL;
}

static int host_header_at(const seamq_msg *msg, size_t index, seamq_field *ret)
{
    if (!is_running(msg) || index >= current->n_headers)
        return -ENOENT;
    *ret = current->headers[index];
    return 0;
}

static void *host_alloc(const seamq_msg *msg, size_t size)
{
    if (!is_running(msg) || n_allocated == sizeof allocated / sizeof allocated[0])
        abort();
    allocated[n_allocated] = calloc(1, size > 0 ? size : 1);
    return allocated[n_allocated++];
}

static int host_extend(const seamq_msg *msg, int64_t ns)
{
    if (!is_running(msg) || ns <= 0)
        return -EINVAL;
    current->extended_ns = ns;
    return 0;
}

static void host_count(const char *metric, int64_t by)
{
    size_t used = strlen(current->counts);

    snprintf(current->counts + used, sizeof current->counts - used, "%s+%lld ", metric, (long long)by);
}

static const struct seamq_host host = {
    .struct_size = sizeof host,
    .abi_major = SEAMQ_ABI_MAJOR,
    .abi_minor = SEAMQ_ABI_MINOR,
    .version = "harness",
    .handler = "tested",
    .worker_index = 0,
    .worker_count = 1,
    .log = host_log,
    .fail = host_fail,
    .settle = host_settle,
    .publish = host_publish,
    .header = host_header,
    .header_at = host_header_at,
    .alloc = host_alloc,
    .extend = host_extend,
    .count = host_count,
};

/* Parses "64k", "250ms", "yes", "-3", without checks. */
static int64_t parse(const char *text)
{
    static const struct {
        const char *suffix;
        int64_t factor;
    } units[] = {{"", 1},        {"ms", SEAMQ_MS}, {"s", SEAMQ_SECOND}, {"m", 60 * SEAMQ_SECOND},
                 {"k", 1 << 10}, {"M", 1 << 20}};
    char *end;
    int64_t n = strtoll(text, &end, 10);

    if (strcmp(text, "yes") == 0)
        return 1;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].suffix) == 0)
            return n * units[i].factor;
    }
    return 0; /* "no" */
}

static void set(struct harness *h, const struct seamq_option *o, const char *text)
{
    char *at = (char *)h->self + o->offset;
    int64_t number = parse(text);
    int32_t flag = (int32_t)number;

    if (o->type == SEAMQ_STRING_)
        memcpy(at, &text, sizeof text);
    else if (o->type == SEAMQ_BOOL_)
        memcpy(at, &flag, sizeof flag);
    else
        memcpy(at, &number, sizeof number);
}

static void set_options(struct harness *h, const char *const *options)
{
    const char *table = (const char *)h->plugin.options;

    for (; table != NULL; table += h->plugin.option_size) {
        const struct seamq_option *o = (const void *)table;
        if (o->name == NULL)
            break;
        if (o->preset != NULL)
            set(h, o, o->preset);
        for (const char *const *p = options; p != NULL && *p != NULL; p++) {
            size_t size = strlen(o->name);
            if (strncmp(*p, o->name, size) == 0 && (*p)[size] == '=')
                set(h, o, *p + size + 1);
        }
    }
}

void harness_load(struct harness *h, const char *path, const char *const *options)
{
    const struct seamq_plugin *(*entry)(const struct seamq_host *);
    const struct seamq_plugin *given;

    memset(h, 0, sizeof *h);
    current = h;
    h->attempt = 1;
    h->stream_seq = 1;
    h->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (h->handle == NULL) {
        fprintf(stderr, "harness: %s\n", dlerror());
        abort();
    }
    *(void **)&entry = dlsym(h->handle, SEAMQ_ENTRY);
    given = entry != NULL ? entry(&host) : NULL;
    if (given == NULL || given->abi_major != SEAMQ_ABI_MAJOR || given->abi_minor > SEAMQ_ABI_MINOR) {
        fprintf(stderr, "harness: %s: not a plugin of this ABI\n", path);
        abort();
    }
    memcpy(&h->plugin, given, given->struct_size < sizeof h->plugin ? given->struct_size : sizeof h->plugin);
    h->self = calloc(1, h->plugin.self_size + 1);
    set_options(h, options);
}

int harness_open(struct harness *h)
{
    return h->plugin.open != NULL ? h->plugin.open(h->self) : 0;
}

void harness_forget(struct harness *h)
{
    memset(h, 0, offsetof(struct harness, publish_error));
    h->delay_ns = SEAMQ_BACKOFF;
    for (size_t i = 0; i < HARNESS_BATCH_MAX; i++)
        h->outcomes[i] = -1;
}

static seamq_msg make_message(const struct harness *h, const char *subject, const char *data)
{
    return (seamq_msg){
        .struct_size = sizeof(seamq_msg),
        .subject = subject,
        .data = data,
        .size = strlen(data),
        .stream = "STREAM",
        .consumer = "consumer",
        .cluster = "default",
        .stream_seq = h->stream_seq,
        .consumer_seq = 1,
        .attempt = h->attempt,
    };
}

static void begin(struct harness *h, const seamq_msg *msgs, size_t n)
{
    harness_forget(h);
    running = msgs;
    n_running = n;
}

static void end(void)
{
    running = NULL;
    while (n_allocated > 0)
        free(allocated[--n_allocated]);
}

int harness_handle(struct harness *h, const char *subject, const char *data)
{
    const seamq_msg msg = make_message(h, subject, data);

    begin(h, &msg, 1);
    h->outcome = h->plugin.handle(h->self, &msg);
    end();
    return h->outcome;
}

void harness_handle_batch(struct harness *h, const char *subject, const char *const *data, size_t n)
{
    seamq_msg msgs[HARNESS_BATCH_MAX];
    const seamq_msg *list[HARNESS_BATCH_MAX];

    if (n > HARNESS_BATCH_MAX)
        abort();
    for (size_t i = 0; i < n; i++) {
        msgs[i] = make_message(h, subject, data[i]);
        msgs[i].stream_seq += i;
        list[i] = &msgs[i];
    }
    begin(h, msgs, n);
    h->plugin.handle_batch(h->self, list, n);
    end();
}

void harness_close(struct harness *h)
{
    if (h->plugin.close != NULL)
        h->plugin.close(h->self);
    free(h->self);
    h->self = NULL;
}
