/* SPDX-License-Identifier: Apache-2.0
 *
 * stub_client - the server's side of the NATS protocol and of the JetStream API: one stream, one pull consumer. */
#ifndef BENCH_STUB_CLIENT_H
#define BENCH_STUB_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STUB_CLIENTS = 8, STUB_SUBS = 64, STUB_PULLS = 64, STUB_SUBJECT = 160 };

struct stub_settings {
    const char *stream, *durable;
    int64_t count, size, max_ack_pending;
    bool ack_all;
};

struct stub_pull {
    struct stub_client *client;
    char inbox[STUB_SUBJECT];
    char sid[24];
    int64_t left;
    int64_t expires_ns;   /* 0: never; monotonic, like the other times */
    int64_t heartbeat_ns; /* 0: none */
    int64_t quiet_since_ns;
    bool no_wait;
};

/* The stream, its consumer, and what has been counted. */
struct stub {
    struct stub_settings set;
    char *payload;     /* INFO with its line end */
    char config[1024]; /* the consumer's configuration as JSON: from CREATE, else the benchmark's default */
    struct stub_pull pulls[STUB_PULLS]; /* in order of arrival */
    int n_pulls;
    int64_t sent, acked, repeated;
    unsigned char *seen;                     /* one bit for each acknowledged message */
    int64_t began_ns, ended_ns, began_acked; /* when 5 % and 100 % were acknowledged */
};

struct stub_sub {
    char subject[STUB_SUBJECT];
    char sid[24];
};

struct stub_client {
    bool open;
    int fd;
    char *in, *out;
    size_t in_start, in_len, out_sent, out_len;
    struct stub_sub subs[STUB_SUBS];
    int n_subs;
};

void stub_init(struct stub *stub, const struct stub_settings *settings);
void stub_finish(struct stub *stub);
bool stub_done(const struct stub *stub);
/* Acknowledgements a second from 5 % on, which leaves out start-up. */
double stub_rate(const struct stub *stub);

void stub_client_accept(struct stub_client *clients, int listener);
void stub_client_close(struct stub_client *client);
void stub_client_read(struct stub_client *client, struct stub *stub);
/* Serves the pull requests, then sends as much as the socket takes. */
void stub_client_push(struct stub_client *client, struct stub *stub);

/* stub_api.c: handles one message that the client published. */
struct stub_publish {
    const char *subject, *reply, *data; /* subject and reply are NUL-terminated; reply is "" if there is none */
    size_t size;                        /* data is NUL-terminated too */
};
void stub_take_api(struct stub *stub, struct stub_client *client, const struct stub_publish *message);
void stub_take_ack(struct stub *stub, struct stub_client *client, const struct stub_publish *message);
/* Sends a message to the matching subscriptions of this client. `header` may be "". */
void stub_answer(struct stub_client *client, const char *subject, const char *header, const char *data);
const char *stub_sid(const struct stub_client *client, const char *subject);
void stub_serve_pulls(struct stub *stub);

#endif
