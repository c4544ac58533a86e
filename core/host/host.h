/* SPDX-License-Identifier: Apache-2.0
 *
 * host - the state of a worker process: one plugin, one ring, one message at a time.
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

#include <stdbool.h>

#define HOST_LOG_MAX 2048      /* bytes of one log line */
#define HOST_STAGED_MAX 65536u /* publishes for one message */
#define HOST_STAGED_BYTES_MAX (UINT64_C(128) << 20)
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
    int64_t timeout_ns;
    struct host_binding *bindings;
    size_t n_bindings;
    struct option_text *options;
    size_t n_options;
    struct loaded loaded;
    void *self;

    /* the message that runs */
    seamq_msg msg;
    bool running;
    uint64_t id;
    const char *headers;
    size_t headers_len;
    uint64_t mark; /* tx_head before its first staged record */
    uint32_t serial_before;
    size_t staged;
    uint64_t staged_bytes;
    const char *publish_failed; /* NULL: none failed */
    int settled;                /* outcome that settle was called with; -1: none */
    int64_t settled_delay_ns;
    char reason[RECORD_TEXT_MAX + 1];

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
void host_table(struct seamq_host *t);
void host_arena_reset(void);
/* Formats and sends one log line. */
void host_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void host_flush_counts(int64_t now_ns);

/* stage.c */
int host_publish(const seamq_msg *msg, const seamq_output *out, size_t out_size);

/* run.c */
/* Until the daemon says stop. */
void host_run(void);
/* Tells the daemon what is there, and gives back the room of finished messages. */
void host_bell(int64_t now_ns);
/* A record, waiting for room when there is none; the daemon always makes some. */
void *host_put(uint32_t type, uint32_t size);

/* start.c */
int host_main(void);
/* Sends `type` with one text; used for refused, failed, backtrace. */
void host_say(const char *type, const char *text);

/* harden.c: dies with the daemon, gains no privilege, holds no stray descriptor, is the first to go
 * when memory runs out, leaves no core. */
void host_harden(void);

/* crash.c */
void host_catch_crashes(void);

/* describe.c */
int host_describe_json(const char *path);
void host_describe_packets(const struct loaded *l);

#endif
