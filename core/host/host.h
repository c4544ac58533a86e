/* SPDX-License-Identifier: Apache-2.0
 *
 * host - the state of a worker process: one plugin, one ring, one call at a time.
 *
 * The plugin's calls carry no context, so there is one instance, `host`.  Everything runs on the
 * main thread but the log call, which plugins may use from their own threads: it touches only
 * what is constant after start (control socket, log level).
 */
#ifndef SEAMQ_HOST_HOST_H
#define SEAMQ_HOST_HOST_H

#include "base/buf.h"
#include "loader.h"
#include "options.h"
#include "ring/record.h"
#include "ring/ring.h"

#include <limits.h>
#include <stdbool.h>

#define HOST_LOG_MAX 2048 /* bytes of one log line */
#define HOST_UNSETTLED INT_MIN
#define HOST_METRICS_MAX 256 /* names; 64 bytes each */

#define HOST_EXIT_FAILED 75 /* sysexits: EX_TEMPFAIL, EX_CONFIG, EX_PROTOCOL, EX_OSERR */
#define HOST_EXIT_REFUSED 78
#define HOST_EXIT_PROTOCOL 76
#define HOST_EXIT_MEMORY 71

struct host_binding {
    const char *stream;
    const char *consumer;
    const char *cluster;
};

struct host_staged { /* a publish, until its message's outcome is known; in the arena */
    struct host_staged *next;
    struct record_staged fixed;
    uint64_t size;
    char body[];
};

struct host_item { /* a message of the call that runs, or is being collected */
    seamq_msg msg; /* first: its address is the item's */
    uint64_t id;
    const char *headers;
    size_t headers_len;
    char *map; /* of a body that did not fit the ring; NULL: it is in the ring */
    size_t map_size;
    int settled; /* outcome that settle was called with, or HOST_UNSETTLED */
    int64_t delay_ns;
    const char *reason; /* in the arena; NULL: none */
    struct host_staged *staged;
    struct host_staged **staged_end;
    const char *publish_failed; /* NULL: none failed */
};

struct host_block { /* an allocation that is too large for the arena */
    struct host_block *next;
    _Alignas(max_align_t) char data[];
};

struct host {
    struct ring ring;
    int epfd;    /* watches the bell, edge-triggered: a ring costs no read() */
    char *hello; /* all texts below point into it */
    const char *handler;
    unsigned index;
    unsigned count;
    int log_level;
    int64_t timeout_ns; /* of a call */
    size_t batch_max;
    int64_t linger_ns;
    struct host_binding *bindings;
    size_t n_bindings;
    struct option_text *options;
    size_t n_options;
    struct loaded loaded;
    void *self;

    /* the call that runs, or whose messages are being collected: they lie in the ring until it ended */
    struct host_item *items; /* batch_max of them */
    const seamq_msg **msgs;  /* the same, as handle_batch wants them */
    size_t n;
    uint64_t bytes;
    bool running;
    size_t staged;
    uint64_t staged_bytes;

    char *arena;
    size_t arena_used;
    struct host_block *blocks;
    struct buf scratch;
    uint32_t serial; /* of the last body sent in a memfd */

    /* bells */
    unsigned unrung; /* records that the daemon was not told of */
    int64_t last_bell_ns;

    /* counters, sent together */
    char metrics[HOST_METRICS_MAX][64];
    int64_t metric_by[HOST_METRICS_MAX];
    size_t n_metrics;
    bool counted;
    int64_t last_count_ns;

    char fail_text[HOST_LOG_MAX]; /* of open: seamq_fail() */
};

extern struct host host;

/* calls.c: the table that plugins get. */
void host_api_fill(struct seamq_host *t);
/* The item that `msg` is, NULL if it is none of the call that runs. */
struct host_item *host_item(const seamq_msg *msg);
/* Zeroed, until the current callback ends. */
void *host_alloc(size_t size);
void host_arena_reset(void);
/* Formats and sends one log line. */
void host_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void host_flush_counts(int64_t now_ns);

/* stage.c */
int host_publish(const seamq_msg *msg, const seamq_output *out, size_t out_size);
/* Sends what the item has staged. 0 or a negative errno. */
int host_send_staged(const struct host_item *it);

/* message.c */
/* A message from its record. true: it must be alone in its call. */
bool host_item_open(struct host_item *it, const struct ring_record *r);
/* Its outcome, and what it staged if that is an ack, into the ring. */
void host_item_close(struct host_item *it, int outcome, int64_t duration_ns);

/* run.c */
/* The daemon's memory is not what it has to be. */
_Noreturn void host_protocol_error(const char *what);
/* Until the daemon says stop. */
void host_run(void);
/* Tells the daemon what is there, and gives back the room of finished messages. */
void host_bell(int64_t now_ns);
/* A record, waiting for room when there is none; the daemon always makes some. */
void *host_put(uint32_t type, uint32_t size);

/* start.c */
int host_main(void);
/* Sends `type` with one text; used for refused, failed, backtrace. */
void host_send_text(const char *type, const char *text);

/* harden.c: dies with the daemon, gains no privilege, holds no stray descriptor, is the first to go
 * when memory runs out, leaves no core. */
void host_harden(void);

/* crash.c */
void host_catch_crashes(void);

/* describe.c */
int host_describe_json(const char *path);
/* 0, or HOST_EXIT_REFUSED when the daemon was told that it does not fit. */
int host_describe_packets(const struct loaded *l);

#endif
