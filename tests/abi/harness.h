/* SPDX-License-Identifier: Apache-2.0
 *
 * harness - a small host for tests of plugins: loads one plugin, calls it, and records its calls.
 * It has no process, ring or server of its own, unlike seamq-worker.  One plugin at a time.
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

struct harness { /* the plugin, and its calls since harness_forget() */
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
    int publish_error;               /* result of the next publishes; 0: success */
    const seamq_field *headers;      /* headers of the messages */
    size_t n_headers;
    uint64_t attempt;
    uint64_t stream_seq;

    void *handle; /* of dlopen */
    struct seamq_plugin plugin;
    void *self;
};

/* Loads a plugin, checks its version, stores presets and then `options` ("name=value", NULL-ended).
 * Aborts with a message on failure.  Does not call open. */
void harness_load(struct harness *h, const char *path, const char *const *options);
int harness_open(struct harness *h);
/* Forgets the calls, then lets the plugin handle one message.  Returns the outcome. */
int harness_handle(struct harness *h, const char *subject, const char *data);
/* The same with handle_batch.  `outcomes` has the outcome of each message, `reason` the last reason. */
void harness_handle_batch(struct harness *h, const char *subject, const char *const *data, size_t n);
void harness_forget(struct harness *h);
/* Calls close and frees the instance; the code stays loaded. */
void harness_close(struct harness *h);

#endif
