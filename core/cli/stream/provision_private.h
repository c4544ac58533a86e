/* SPDX-License-Identifier: Apache-2.0
 *
 * stream/provision_private - what reading (provision_read.c), planning (provision.c) and applying (provision_apply.c)
 * share.
 */
#ifndef SEAMQ_CLI_STREAM_PROVISION_PRIVATE_H
#define SEAMQ_CLI_STREAM_PROVISION_PRIVATE_H

#include "cli/stream/provision.h"

#include <stdarg.h>
#include <stdbool.h>

struct item {
    const struct stream_config *stream; /* one of these two */
    const struct consumer_config *consumer;
    json_t *wanted;
    json_t *info; /* the server's; NULL: there is none */
    enum action action;
    json_t *changes; /* of an update */
    json_t *update;  /* its config */
    char *note;      /* differences that are not changed; NULL: none */
    char *problem;   /* REFUSED, FAILED */
    bool stale;      /* must be read (again) and planned */
    bool open;       /* planned and not applied yet */
};

struct provision {
    struct session *session;
    const struct config *config;
    const struct provision_config *wanted;
    int64_t deadline_ns;
    provision_progress_fn progress;
    void *data;
    char own_domain[256]; /* "": it has none */
    struct item *items;
    size_t n;
    json_t *warnings;
    bool oom;
};

/* API calls, each for one item. */
struct batch {
    struct call *calls;
    struct item **items;
    size_t n;
};

/* Allocates calls for all items. */
int batch_init(struct batch *b, const struct provision *p);
/* Takes `body` (malloc'ed; NULL: none). The names in `path` are the configuration's. */
void batch_add(struct batch *b, struct item *it, char *body, struct api_path path);
void batch_run(struct batch *b, struct provision *p, const char *what);
void batch_finish(struct batch *b);

/* malloc'ed; NULL: out of memory, remembered. */
char *format_text(struct provision *p, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
const char *own_domain(const struct provision *p);
/* "ORDERS", "ORDERS/billing" */
void item_name(const struct item *it, char *out, size_t size);
void item_fail(struct provision *p, struct item *it, enum action action, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Reads every stale item's info. */
void read_stale(struct provision *p);
/* Waits for the domain; fills own_domain. */
int wait_ready(struct provision *p, struct error *err);
/* Streams whose name another domain of the same mesh has as well. */
void warn_same_names(struct provision *p);
/* Plans every stale item that was read. */
void plan_stale(struct provision *p);

#endif
