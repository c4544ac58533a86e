/* SPDX-License-Identifier: Apache-2.0
 *
 * harness - a host in a few lines, for tests of plugins: loads one, calls it, and remembers what
 * it said.  Not the product's host: no process, no ring, no broker.  One plugin at a time.
 */
#ifndef SEAMQ_TESTS_ABI_HARNESS_H
#define SEAMQ_TESTS_ABI_HARNESS_H

#include <seamq/plugin.h>

enum { HARNESS_BATCH_MAX = 8, HARNESS_PUBLISHES_MAX = 8, HARNESS_TEXT_MAX = 4096 };

struct harness_publish {
    char subject[256];
    char data[256];
    char msg_id[128];  /* "": none given */
    char headers[512]; /* "Name=value;..." */
    size_t size;
};

struct harness { /* what the plugin did since harness_forget() */
    int outcome;
    int64_t delay_ns; /* of a NAK; SEAMQ_BACKOFF if it gave none */
    char reason[1024];
    char failure[1024];         /* seamq_fail() */
    char log[HARNESS_TEXT_MAX]; /* "LEVEL text\n"... */
    char counts[1024];          /* "metric+by "... */
    struct harness_publish publishes[HARNESS_PUBLISHES_MAX];
    size_t n_publishes;
    int64_t extended_ns;
    int outcomes[HARNESS_BATCH_MAX]; /* of a batch; -1: none */
    int publish_error;               /* what the next publishes return */
    const seamq_field *headers;      /* that messages have */
    size_t n_headers;
    uint64_t attempt;
    uint64_t stream_seq;

    void *handle; /* of dlopen */
    struct seamq_plugin plugin;
    void *self;
};

/* Loads, checks the version, fills presets and then `options` ("name=value", NULL-ended) in.
 * Aborts with a message when that fails.  Does not call open. */
void harness_load(struct harness *h, const char *path, const char *const *options);
int harness_open(struct harness *h);
/* Forgets, then has the plugin handle one message; the outcome. */
int harness_handle(struct harness *h, const char *subject, const char *data);
/* The same with several at once: what became of each is in `outcomes`; `reason` is the last one's. */
void harness_handle_batch(struct harness *h, const char *subject, const char *const *data, size_t n);
void harness_forget(struct harness *h);
/* Calls close and frees the instance; the code stays loaded. */
void harness_close(struct harness *h);

#endif
