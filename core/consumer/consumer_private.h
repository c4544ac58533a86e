/* SPDX-License-Identifier: Apache-2.0
 *
 * consumer_private - the state that setup.c (getting there, with document.c), route.c (by whose servers), pull.c
 * (asking), lease.c (keeping), redelivery_sync.c (order after a start), cumulative.c, stop.c (ending) and consumer.c
 * (the rest) share.
 */
#ifndef SEAMQ_CONSUMER_CONSUMER_PRIVATE_H
#define SEAMQ_CONSUMER_CONSUMER_PRIVATE_H

#include "consumer.h"

#include "base/clock.h"

#define CONSUMER_REASON_MAX 512
#define FLOWING_EXPIRES_NS (2 * NS_PER_SEC) /* of requests while messages come: a drain waits for their end */
#define ROUTES_MAX 8                        /* the own connection and seven others; more are not tried */

enum consumer_stage {
    STAGE_CONNECTION,  /* no connection */
    STAGE_STREAM,      /* asking for the stream */
    STAGE_CONSUMER,    /* asking for the consumer, or creating it */
    STAGE_DEAD_LETTER, /* making sure of the dead-letter stream */
    STAGE_ACTIVE,
    STAGE_STOPPED,
};

struct route { /* a connection by which the stream can be reached */
    struct consumer *consumer;
    struct requests *requests;
    struct connection_sub *inbox;
    size_t inbox_len; /* of "<inbox>.p<index>." */
    bool up;
};

struct consumer {
    struct loop *loop;
    struct requests *requests; /* of the route in use */
    const struct config_handler *handler;
    const struct config_cluster *cluster;
    struct consumer_callbacks callbacks;
    void *data;
    char *stream;
    char *dead_letter; /* stream; "off" */

    /* route.c: the first is the cluster's own */
    struct route routes[ROUTES_MAX];
    size_t n_routes;
    size_t route;
    char own_trouble[CONSUMER_REASON_MAX / 2]; /* why the own connection is not up */
    int64_t detour_from_ns;
    struct loop_timer detour;

    /* setup.c */
    enum consumer_stage stage;
    /* The server has said, on this connection, which stream and consumer these are; or cannot say (no answer to
     * CONSUMER.INFO) though it had said so before: leases must go on then. */
    bool verified;
    int64_t verified_ns; /* when, last */
    bool was_active;     /* seen on the server by this process: from then on never created */
    bool ready;
    char reason[CONSUMER_REASON_MAX];
    char lack[CONSUMER_REASON_MAX]; /* why nothing will come, by the stream's subjects; "" */
    bool dead_letter_seen;          /* the dead-letter stream is as it must be, by the server's last word */
    bool doubted;                   /* a permissions violation, or no answers: gone with the next sign of life */
    int64_t verify_asked_ns;
    int64_t unanswered_ns; /* since when verifications are not answered; 0: they are */
    struct loop_timer setup_again;
    struct request *setup_request;
    int64_t stream_created_ns;
    int64_t consumer_created_ns;
    unsigned seed; /* of the pauses: a fleet must not come back in step */
    int64_t stream_replicas;
    uint64_t last_seq;       /* the stream's end, as far as it was seen */
    uint64_t asked_seq;      /* the same when STREAM.INFO was asked */
    bool keeps_acked;        /* the stream has limits retention */
    int64_t ack_wait_ns;     /* the server's value counts */
    int64_t max_ack_pending; /* likewise */
    bool clustered;          /* the consumer's leader may be another server than that of our connection */
    char leader[160];        /* by the server's last word, and since when (2.12) */

    /* pull.c */
    unsigned index;
    uint64_t epoch; /* of the reply subject: answers to older pulls are not ours any more */
    size_t window;
    bool shut;
    size_t queued;       /* held here for the sake of order: not counted in the window */
    int64_t patience_ns; /* 0: none of its own */
    int64_t outstanding; /* asked for and not come */
    int64_t max_batch;   /* by the server's limits; 0: none known */
    int64_t max_bytes;   /* likewise */
    bool any_size;       /* a message did not fit into a whole request's bytes */
    int64_t expires_ns;
    int64_t delivered_ns;  /* when the last message came */
    int64_t heard_ns;      /* last sign of life of a pull */
    bool unheard;          /* whether the present leader has our requests is not known */
    bool silent;           /* that was said */
    int64_t asked_ns;      /* when the last request went out */
    int64_t longest_ns;    /* how long any of the open requests may stay open */
    int64_t not_before_ns; /* a pause after an error */
    int64_t pause_ns;
    struct loop_timer watchdog;
    struct loop_timer pull_again;
    struct loop_hook pump;
    char seen_status[64]; /* the last unknown one, logged once */

    /* lease.c */
    struct message_table messages;
    struct loop_timer lease;
    struct loop_timer confirm;
    struct request *confirm_request;
    struct request *lag_request;
    bool paused; /* by the server's last word */
    int64_t paused_until_ns;
    size_t confirming; /* how many of held.acked the request under way covers */

    /* redelivery_sync.c */
    struct redelivery_sync {
        bool on;
        uint64_t missing; /* by the last answer */
        int64_t until_ns;
        int64_t pause_ns;
        int64_t asked_ns;
        char leader[64]; /* who answered last; longer names are cut */
        struct loop_timer look;
        struct request *request;
    } sync;

    /* cumulative.c */
    struct cumulative {
        bool on;
        bool sure; /* all that the server counts as delivered is here */
        bool said;
        bool compared;           /* held.acked with what the server has taken, on this connection */
        uint64_t next_consumer;  /* the number that the next delivery should have */
        uint64_t floor_consumer; /* of the last acknowledgement */
        struct list order;       /* held.order */
        size_t n_done;           /* since the last look */
        int64_t unsure_ns;       /* since when; 0: never was sure */
        int64_t pause_ns;
        struct loop_timer flush;
        struct loop_timer look;
        struct request *request;
    } cumulative;

    /* stop.c */
    bool stopping; /* nothing is asked for any more */
    struct stop {
        bool ended;  /* nobody listens any more */
        int answers; /* since then */
        int64_t come_until_ns;
        int64_t until_ns;
        struct loop_timer timer;
        struct request *request;
        void (*done)(void *data);
        void *data;
    } stop;

    struct consumer_stats stats;
};

/* route.c */
void route_start(struct consumer *c);
void route_finish(struct consumer *c);
/* The route in use does not lead there: the next one that is up, or the same again. */
void route_retry(struct consumer *c);

/* setup.c */
void setup_start(struct consumer *c);
void setup_stop(struct consumer *c);
void setup_reason(struct consumer *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void setup_alarm(struct consumer *c, const char *what);
/* CONSUMER.INFO, for whoever needs its answer; as request_ask, with `c` as data. */
int setup_info(struct consumer *c, request_reply_fn fn, struct request **ret);
/* Whether an answer to CONSUMER.INFO is from the consumer that we know. If not, it is worth nothing, and what was held
 * is forgotten as soon as the new one is known. */
bool setup_known(struct consumer *c, json_t *info);
/* An acknowledged message came again. One made anew shows in that only, if no pull was open to be told. */
void setup_suspect(struct consumer *c);
/* A pull lives: what the server refused before is allowed now. */
void setup_heard(struct consumer *c);
/* Asks the server whether stream and consumer are still the ones we know, beside pulling. */
void setup_verify(struct consumer *c);

/* pull.c */
void pull_init(struct consumer *c);
/* Listens for what pulls on this route bring. */
int pull_listen(struct route *r);
void pull_finish(struct consumer *c);
void pull_start(struct consumer *c);
/* Sees to it that at least `n` messages are asked for, whatever the window. */
void pull_redeliveries(struct consumer *c, uint64_t n);
/* Forgets what was asked for; asks again not before `pause_ns` from now. */
void pull_reset(struct consumer *c, int64_t pause_ns);

/* stop.c */
/* At the end of each iteration while stopping. */
void stop_step(struct consumer *c);
void stop_finish(struct consumer *c);

/* lease.c */
void lease_init(struct consumer *c);
void lease_finish(struct consumer *c);
void lease_begin(struct consumer *c, struct message *h);
void lease_resume(struct consumer *c);
void lease_connection_down(struct consumer *c);
/* The numbers of an answer to CONSUMER.INFO, whether it is paused, and who leads it. */
void lease_take_info(struct consumer *c, json_t *info);
/* The server has its acknowledgement. */
void lease_confirmed(struct consumer *c, struct message *h);
void lease_acked(struct consumer *c); /* one more is; also when stopping, to ask without waiting for more */

/* redelivery_sync.c: for ordered handlers, nothing for others */
void redelivery_sync_init(struct consumer *c);
void redelivery_sync_finish(struct consumer *c);
/* There may be messages that the server has delivered and that are not here. */
void redelivery_sync_begin(struct consumer *c);
/* One that was delivered before has come. */
void redelivery_sync_arrived(struct consumer *c);

/* cumulative.c: nothing but for ack = cumulative */
void cumulative_init(struct consumer *c);
void cumulative_finish(struct consumer *c);
/* Each delivery, new or again, in the order in which they came. */
void cumulative_arrived(struct consumer *c, struct message *h);
/* An acknowledged one came again. */
void cumulative_again(struct consumer *c, struct message *h);
void cumulative_done(struct consumer *c, struct message *h);
void cumulative_flush(struct consumer *c);
/* Something may have been delivered that is not here. */
void cumulative_unsure(struct consumer *c);

/* document.c: JSON of the JetStream API. Strings are malloc'ed, NULL: out of memory. */
#define FILTER_MAX 512
/* The i-th filter subject with {cluster} replaced; returns `out`. */
const char *document_filter(const struct consumer *c, size_t i, char out[FILTER_MAX]);
char *document_consumer_create(const struct consumer *c);
/* Compares what the server has with the configuration: differences into `drift` (a sentence, "" if none);
 * what makes the consumer unusable into `refusal`. Takes ack_wait and max_ack_pending over. */
void document_consumer_check(struct consumer *c, json_t *config, char *drift, size_t drift_size, char *refusal,
                             size_t refusal_size);
char *document_dead_letter_create(const struct consumer *c, const char *subject);
/* The stream's configuration with `subject` added. */
char *document_dead_letter_update(json_t *config, const char *subject);
/* No filter subject of the handler matches anything that the stream captures: the sentence about it. */
bool document_stream_lacks(const struct consumer *c, json_t *config, char *out, size_t size);
bool document_stream_captures(json_t *config, const char *subject);

#endif
