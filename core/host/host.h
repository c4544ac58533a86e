/* SPDX-License-Identifier: Apache-2.0
 *
 * host - the state of one worker process: one plugin, one ring, one call of the handler at a time.
 *
 * The files below are one object and share `host`.  A message goes through them in this order:
 *
 *     lifecycle.c     hello packet, load the plugin, open, run, close
 *     message_loop.c  waits for records; call_run() calls the plugin's handle or handle_batch
 *     item.c          ring record -> seamq_msg, and outcome -> ring record
 *     plugin_api.c    the functions behind seamq_*(), which a plugin calls while it runs
 *     stage.c         seamq_publish(): keeps outputs until the message is acknowledged
 *     describe.c      what the plugin declares, as packets or as JSON
 *     crash.c, harden.c  signal handlers; limits that the process sets for itself
 *
 * Plugin functions carry no context pointer, so `host` is a global.  Everything runs on the main
 * thread except the log function: plugins may call it from their own threads, and it reads only
 * data that is constant after the start (control socket, log level).
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
#define HOST_METRICS_MAX 256 /* names of counters, 64 bytes each */

#define HOST_EXIT_FAILED 75 /* sysexits: EX_TEMPFAIL, EX_CONFIG, EX_PROTOCOL, EX_OSERR */
#define HOST_EXIT_REFUSED 78
#define HOST_EXIT_PROTOCOL 76
#define HOST_EXIT_MEMORY 71

struct host_binding {
    const char *stream;
    const char *consumer;
    const char *cluster;
};

struct host_staged { /* an output, kept in the arena until its message's outcome is known */
    struct host_staged *next;
    struct record_staged fixed;
    uint64_t size;
    char body[];
};

struct host_item { /* one message of the call that runs, or that is being collected */
    seamq_msg msg; /* first, so that its address is the address of the item */
    uint64_t id;
    const char *headers;
    size_t headers_len;
    char *map; /* mapping of a body that did not fit into the ring; NULL: the body is in the ring */
    size_t map_size;
    int settled; /* outcome given with seamq_ack(), seamq_nak() ...; HOST_UNSETTLED: none */
    int64_t delay_ns;
    const char *reason; /* in the arena; NULL: none */
    struct host_staged *staged;
    struct host_staged **staged_end;
    const char *publish_failed; /* why an output could not be staged; NULL: all were staged */
};

struct host_block { /* an allocation of seamq_alloc() that does not fit into the arena */
    struct host_block *next;
    _Alignas(max_align_t) char data[];
};

struct host {
    struct ring ring;
    int epfd;    /* watches the bell, edge-triggered: no read() per bell */
    char *hello; /* the hello packet; all texts below point into it */
    const char *handler;
    unsigned index;
    unsigned count;
    int log_level;
    int64_t timeout_ns; /* limit of a call */
    size_t batch_max;
    int64_t linger_ns;
    struct host_binding *bindings;
    size_t n_bindings;
    struct option_text *options;
    size_t n_options;
    struct loaded loaded;
    void *self;

    /* the call that runs or is being collected; its messages stay in the ring until the call ends */
    struct host_item *items; /* array of batch_max items */
    const seamq_msg **msgs;  /* pointers to their messages, for handle_batch */
    size_t n;                /* items in use */
    uint64_t bytes;          /* of their bodies */
    bool running;
    size_t staged;
    uint64_t staged_bytes;

    char *arena;
    size_t arena_used;
    struct host_block *blocks;
    struct buf scratch;
    uint32_t serial; /* of the last body that was sent in a memfd */

    /* bells */
    unsigned unrung; /* records written since the last bell */
    int64_t last_bell_ns;

    /* counters of seamq_count(), sent together */
    char metrics[HOST_METRICS_MAX][64];
    int64_t metric_by[HOST_METRICS_MAX];
    size_t n_metrics;
    bool counted;
    int64_t last_count_ns;

    char fail_text[HOST_LOG_MAX]; /* text of seamq_fail() */
};

extern struct host host;

/* plugin_api.c */
/* Fills the table of functions that the plugin gets. */
void host_api_fill(struct seamq_host *t);
/* The item of `msg`; NULL: `msg` is not a message of the call that runs. */
struct host_item *host_item(const seamq_msg *msg);
/* Zeroed memory, valid until the current callback ends.  Exits the process if there is none. */
void *host_alloc(size_t size);
void host_arena_reset(void);
/* Formats and sends one log line. */
void host_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void host_flush_counts(int64_t now_ns);

/* stage.c */
int host_publish(const seamq_msg *msg, const seamq_output *out, size_t out_size);
/* Writes the item's staged outputs to the ring.  0 or a negative errno. */
int host_send_staged(const struct host_item *it);

/* item.c */
/* Fills the item from a ring record.  True: the message must run in a call of its own. */
bool host_item_open(struct host_item *it, const struct ring_record *r);
/* Writes the outcome to the ring; before it, for an ack, the staged outputs. */
void host_item_close(struct host_item *it, int outcome, int64_t duration_ns);

/* message_loop.c */
/* The daemon's ring or packets are invalid: logs `what` and exits. */
_Noreturn void host_protocol_error(const char *what);
/* Runs messages until the daemon orders the worker to stop. */
void host_run(void);
/* Publishes all records, releases the ring space of finished messages, rings the bell. */
void host_bell(int64_t now_ns);
/* Space for one record.  Waits for the daemon if the ring is full; the daemon always frees some. */
void *host_put(uint32_t type, uint32_t size);

/* lifecycle.c */
int host_main(void);
/* Sends a packet of this type with one text, such as "refused" or "failed". */
void host_send_text(const char *type, const char *text);

/* harden.c: the process dies with the daemon, gains no privileges, closes stray descriptors, is killed
 * first when memory runs out, and writes no core. */
void host_harden(void);

/* crash.c */
void host_catch_crashes(void);

/* describe.c */
int host_describe_json(const char *path);
/* 0, or HOST_EXIT_REFUSED after a "refused" packet: the descriptor does not fit into packets. */
int host_describe_packets(const struct loaded *l);

#endif
