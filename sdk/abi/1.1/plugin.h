/* SPDX-License-Identifier: Apache-2.0
 *
 * seamq/plugin.h - the interface between SeaMQ and a message handler, which is a shared object.
 *
 * A handler includes this header only and links no library.  Compilers: GCC and Clang, C11 or
 * C++17 and later.  A complete handler:
 *
 *     #include <seamq/plugin.h>
 *
 *     static int on_message(void *self, const seamq_msg *msg)
 *     {
 *         (void)self;
 *         seamq_info("%s: %.*s", msg->subject, (int)msg->size, msg->data);
 *         return SEAMQ_ACK;
 *     }
 *
 *     SEAMQ_PLUGIN(.name = "hello", .version = "1.0.0", .stream = "HELLO", .subjects = "hello.>",
 *                  .handle = on_message);
 *
 * Threads    Each worker process loads the plugin once and calls its functions from one thread,
 *            one call at a time.  For parallelism, set `workers = N` in the configuration.
 *            A thread that the plugin starts may call seamq_log() and its short forms only.
 * Ownership  The host owns what it passes to the plugin; it is valid until the callback returns.
 *            The host copies what the plugin passes to it.  Neither side frees the other's memory.
 * Failure    If the handler crashes, hangs, calls exit() or leaks, its worker is replaced and the
 *            message is delivered again.  So any message may be delivered more than once.
 * Calls      open, handle, handle_batch, idle and close may call seamq_*(); constructors may not.
 *            A function that takes a message accepts only a message of the call that runs.
 *            What this header says of handle also holds for handle_batch, unless noted.
 * Errors     A function that can fail returns 0 or a negative errno.
 * Units      Durations and times are int64_t nanoseconds.  Text is UTF-8 and NUL-terminated.
 *
 * Stability  Within a major version, fields are only added, and only at the end of a struct.
 *            A plugin built with this header loads in every later 1.x host.  An older host
 *            refuses it, unless the plugin lowers SEAMQ_TARGET_MINOR.  Each side reads only as
 *            many bytes as the other side's struct_size covers; a missing field counts as zero.
 *
 * Changelog
 *   1.1      Added seamq_msg.key.  Added SEAMQ_UNAVAILABLE and seamq_unavailable(); a 1.0 host
 *            treats that outcome as SEAMQ_NAK.  Added handle_batch and seamq_ack(); 1.0 left them
 *            out: which message a crash in a batch counts for, and which deadline, was undecided.
 *            A plugin with handle and handle_batch that targets minor 0 loads in 1.0 hosts too.
 *   1.0      First version. */
#ifndef SEAMQ_PLUGIN_H
#define SEAMQ_PLUGIN_H

/* clang-format off */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define SEAMQ_ABI_MAJOR 1u
#define SEAMQ_ABI_MINOR 1u
#define SEAMQ_ENTRY "seamq_plugin_v1" /* the only symbol that a plugin exports */

/* The minor version of the oldest host in which this plugin must load.  To support an older host
 * than this header's, define it before the include; the plugin must not use newer features. */
#ifndef SEAMQ_TARGET_MINOR
#define SEAMQ_TARGET_MINOR SEAMQ_ABI_MINOR
#endif
#if SEAMQ_TARGET_MINOR > SEAMQ_ABI_MINOR
#error "SEAMQ_TARGET_MINOR is newer than this seamq/plugin.h: install a newer SeaMQ SDK"
#endif

#define SEAMQ_PRINTF_(f, a) __attribute__((format(printf, f, a), unused))
#define SEAMQ_EXPORT_ __attribute__((visibility("default")))
#define SEAMQ_HIDDEN_ __attribute__((visibility("hidden")))
#define SEAMQ_QUIET_ _Pragma("GCC diagnostic push") \
                     _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"")
#define SEAMQ_LOUD_ _Pragma("GCC diagnostic pop")

#ifdef __cplusplus
#define SEAMQ_C_ extern "C"
#define SEAMQ_NULL_ nullptr
extern "C" {
#else
#define SEAMQ_C_
#define SEAMQ_NULL_ NULL
#endif

#define SEAMQ_MS INT64_C(1000000) /* 250 * SEAMQ_MS is 250 milliseconds */
#define SEAMQ_SECOND (1000 * SEAMQ_MS)

/* ---- outcome: what the host does with a message --------------------------------------------- */

enum {
    SEAMQ_ACK = 0,  /* handled: publish the staged outputs; acknowledge when they are stored */
    SEAMQ_NAK = 1,  /* failed for now: retry after a delay; after `max_attempts`, dead-letter it */
    SEAMQ_DEAD = 2, /* cannot succeed: store a copy in the dead-letter stream, do not retry */
    SEAMQ_TERM = 3, /* drop: do not retry, keep no copy */
    SEAMQ_UNAVAILABLE = 4, /* 1.1: a service that the handler needs is down: the handler pauses, no
                              attempt counts, and single messages test whether it is back */
    SEAMQ_OUTCOMES_        /* not an outcome; stays last, the host compares its own table with it */
};                         /* any other value is treated as SEAMQ_NAK */

#define SEAMQ_BACKOFF INT64_C(-1) /* a delay: the next step of the handler's `backoff` */

/* ---- message: read-only, owned by the host, valid until handle returns ----------------------- */

typedef struct seamq_msg {
    size_t struct_size;
    const char *subject;
    const char *data;      /* `size` bytes, not aligned; a NUL follows that `size` does not count */
    size_t size;
    const char *stream;    /* the stream that stores the message */
    const char *consumer;  /* the durable consumer that delivered it */
    const char *cluster;   /* NAME of its [cluster.NAME] */
    uint64_t stream_seq;   /* the same in every delivery; unique together with stream and cluster */
    uint64_t consumer_seq; /* different in every delivery */
    uint64_t attempt;      /* from 1; runs that crashed or timed out count too */
    uint64_t pending;      /* messages behind this one that the consumer has not delivered yet */
    int64_t stored_ns;     /* Unix time at which the stream stored the message */
    int64_t deadline_ns;   /* CLOCK_MONOTONIC; the worker is killed after it.  See seamq_extend() */
    const char *key;       /* 1.1: the ordering key, see `ordering`; NULL: none.  Of one key and stream,
                              a lower stream_seq is older: refuse it if a higher one was stored */
} seamq_msg;

typedef struct seamq_field { /* one header; this struct never grows in major version 1 */
    const char *name;
    const char *value;
} seamq_field;

/* An output: a message to publish.  Set the fields that you do not use to zero. */
typedef struct seamq_output {
    const char *subject; /* without wildcards; a stream of the cluster must capture it */
    const void *data;    /* NULL if size is 0 */
    size_t size;
    const seamq_field *headers; /* n_headers of them; names and values without line breaks */
    size_t n_headers;
    const char *msg_id; /* Nats-Msg-Id; NULL: made from the message, the same at each attempt */
} seamq_output;

/* ---- options: the settings of a handler, `option.NAME` in the configuration ------------------- */

enum {
    SEAMQ_STRING_ = 1, /* const char *, owned by the host, valid until close returns; NULL: not set */
    SEAMQ_INT_ = 2,    /* int64_t */
    SEAMQ_BOOL_ = 3,   /* int32_t, 0 or 1 */
    SEAMQ_BYTES_ = 4,  /* int64_t; the configuration writes 64k, 10M */
    SEAMQ_TIME_ = 5    /* int64_t nanoseconds; the configuration writes 250ms, 10s, 5m */
};

enum { /* flags */
    SEAMQ_REQUIRED = 1, /* the configuration must set it; the preset is not used */
    SEAMQ_SECRET = 2    /* the value is never logged or shown */
};

struct seamq_option {
    const char *name;   /* [a-z][a-z0-9_]* */
    int32_t type;       /* SEAMQ_STRING_ ... SEAMQ_TIME_ */
    uint32_t flags;     /* SEAMQ_REQUIRED | SEAMQ_SECRET */
    size_t offset;      /* of the field in the instance */
    const char *preset; /* the default, written as in the configuration; NULL: zero */
    const char *help;   /* one line */
    int64_t min, max;   /* bounds of a number; both 0: none; max < min: a minimum only */
};

/* Declare options in a table that ends with SEAMQ_OPT_END.  T is the instance's struct:
 *     static const struct seamq_option options[] = {
 *         SEAMQ_OPT_TIME(struct conf, window, 0, "10s", 1, INT64_MAX, "length of a window"),
 *         SEAMQ_OPT_END };
 * The option has the name of the field.  A field of the wrong type does not compile. */
#ifdef __cplusplus
#define SEAMQ_AT_(T, f, ctype) (offsetof(T, f) + 0 * sizeof(static_cast<ctype *>(&static_cast<T *>(nullptr)->f)))
#else
#define SEAMQ_AT_(T, f, ctype) (offsetof(T, f) + _Generic(&((T *)0)->f, ctype *: 0u))
#endif
#define SEAMQ_OPT_(T, f, ctype, kind, flags, preset, lo, hi, help) \
    { #f, kind, flags, SEAMQ_AT_(T, f, ctype), preset, help, lo, hi }

#define SEAMQ_OPT_STRING(T, f, flags, preset, help) \
    SEAMQ_OPT_(T, f, const char *, SEAMQ_STRING_, flags, preset, 0, 0, help)
#define SEAMQ_OPT_BOOL(T, f, flags, preset, help) SEAMQ_OPT_(T, f, int32_t, SEAMQ_BOOL_, flags, preset, 0, 0, help)
#define SEAMQ_OPT_INT(T, f, flags, preset, lo, hi, help) \
    SEAMQ_OPT_(T, f, int64_t, SEAMQ_INT_, flags, preset, lo, hi, help)
#define SEAMQ_OPT_BYTES(T, f, flags, preset, lo, hi, help) \
    SEAMQ_OPT_(T, f, int64_t, SEAMQ_BYTES_, flags, preset, lo, hi, help)
#define SEAMQ_OPT_TIME(T, f, flags, preset, lo, hi, help) \
    SEAMQ_OPT_(T, f, int64_t, SEAMQ_TIME_, flags, preset, lo, hi, help)
#define SEAMQ_OPT_END { SEAMQ_NULL_, 0, 0, 0, SEAMQ_NULL_, SEAMQ_NULL_, 0, 0 }

/* ---- descriptor: what a plugin declares; SEAMQ_PLUGIN fills it in ------------------------------ */

struct seamq_plugin {
    uint32_t abi_major; /* SEAMQ_PLUGIN sets these four; they never move */
    uint32_t abi_minor;
    size_t struct_size;
    size_t option_size;

    const char *name;     /* required, [a-z0-9-]+ */
    const char *version;  /* required, free text */
    const char *summary;  /* one line; NULL: none */
    const char *stream;   /* default of `stream`; NULL: the configuration must set `stream` */
    const char *subjects; /* default of `filter_subjects`, separated by spaces or commas; NULL: all */

    size_t self_size;     /* of the instance, `self`, that the host allocates, zeroes and frees */
    const struct seamq_option *options; /* table that ends with SEAMQ_OPT_END; NULL: none */

    int (*open)(void *self);  /* before the first message: 0, seamq_fail() or seamq_fail_config() */
    int (*handle)(void *self, const seamq_msg *msg); /* an outcome; NULL only with handle_batch */
    void (*idle)(void *self);  /* about one second after the last message, then every second */
    void (*close)(void *self); /* at an orderly end, also after a failed open; not after a crash */

    /* 1.1: runs 1 to `batch_max` messages in one call, for work that is cheaper when done together.
     * Give each message its outcome with seamq_ack(), seamq_nak(), seamq_unavailable(),
     * seamq_dead() or seamq_term().  A message without an outcome counts as SEAMQ_NAK.
     * seamq_ack() never replaces another outcome of the message; any other outcome replaces it.
     * So first reject bad messages, then do the work, then call seamq_ack() for all of them.
     * All messages share one deadline; seamq_extend() of any message moves it.  If the worker dies
     * in the call, each message runs again in a call of its own, and only a failure there counts.
     * A plugin with both entries gets handle_batch if `batch_max` is above 1, else handle. */
    void (*handle_batch)(void *self, const seamq_msg *const *msgs, size_t n);
};

/* ---- host: the functions behind seamq_*(); call those, not these ------------------------------ */

enum { SEAMQ_LOG_ERROR = 3, SEAMQ_LOG_WARN = 4, SEAMQ_LOG_INFO = 6, SEAMQ_LOG_DEBUG = 7 };

enum { /* results of open; any other value is treated as SEAMQ_OPEN_FAILED */
    SEAMQ_OPEN_OK = 0,
    SEAMQ_OPEN_FAILED = 1, /* the host calls open again, after a growing pause */
    SEAMQ_OPEN_CONFIG = 2  /* the host does not retry until the configuration changes */
};

struct seamq_host { /* constant while the process runs */
    size_t struct_size; /* this and the next two never move */
    uint32_t abi_major;
    uint32_t abi_minor;
    const char *version;   /* of SeaMQ */
    const char *handler;   /* NAME of [handler.NAME] */
    uint32_t worker_index; /* of this process among the handler's workers, from 0 */
    uint32_t worker_count; /* workers of the handler when this process started; at least 1 */

    void (*log)(int level, const char *fmt, va_list ap);
    void (*fail)(const char *fmt, va_list ap);
    int (*settle)(const seamq_msg *msg, int outcome, int64_t delay_ns, const char *fmt, va_list ap);
    int (*publish)(const seamq_msg *msg, const seamq_output *out, size_t out_size);
    const char *(*header)(const seamq_msg *msg, const char *name);
    int (*header_at)(const seamq_msg *msg, size_t index, seamq_field *ret);
    void *(*alloc)(const seamq_msg *msg, size_t size);
    int (*extend)(const seamq_msg *msg, int64_t ns);
    void (*count)(const char *metric, int64_t by);
};

SEAMQ_HIDDEN_ extern const struct seamq_host *seamq_host_; /* defined by SEAMQ_PLUGIN */

/* ---- calls ---------------------------------------------------------------------------------- */

/* Writes a line to the daemon's log, with the handler's name and the running message's sequence.
 * Any thread.  Lines above 2 KiB are cut.  Example: seamq_info("took %d rows", n); */
static inline void SEAMQ_PRINTF_(2, 3) seamq_log(int level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    seamq_host_->log(level, fmt, ap);
    va_end(ap);
}
#define seamq_error(...) seamq_log(SEAMQ_LOG_ERROR, __VA_ARGS__)
#define seamq_warn(...) seamq_log(SEAMQ_LOG_WARN, __VA_ARGS__)
#define seamq_info(...) seamq_log(SEAMQ_LOG_INFO, __VA_ARGS__)
#define seamq_debug(...) seamq_log(SEAMQ_LOG_DEBUG, __VA_ARGS__)

static inline int SEAMQ_PRINTF_(3, 4) seamq_settle_(const seamq_msg *msg, int outcome, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    seamq_host_->settle(msg, outcome, 0, fmt, ap);
    va_end(ap);
    return outcome;
}

/* For handle_batch: sets the outcome of msg to SEAMQ_ACK.  Returns SEAMQ_ACK. */
static inline int seamq_ack(const seamq_msg *msg)
{
    return seamq_settle_(msg, SEAMQ_ACK, "%s", "");
}

/* seamq_nak(), seamq_dead(), seamq_term() and seamq_unavailable() set an outcome with a reason and
 * return it.  In handle, return that value:
 *     return seamq_nak(msg, 5 * SEAMQ_SECOND, "the database is down");
 * In handle the returned outcome decides; a reason or delay for another outcome is ignored.  In
 * handle_batch the call decides.  About 1 KiB of the reason is logged and stored in the dead letter.
 * A delay of 0 means at once, SEAMQ_BACKOFF the configured delay, as for a plain SEAMQ_NAK. */
static inline int SEAMQ_PRINTF_(3, 4) seamq_nak(const seamq_msg *msg, int64_t delay_ns, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    seamq_host_->settle(msg, SEAMQ_NAK, delay_ns, fmt, ap);
    va_end(ap);
    return SEAMQ_NAK;
}

static inline int SEAMQ_PRINTF_(2, 3) seamq_dead(const seamq_msg *msg, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    seamq_host_->settle(msg, SEAMQ_DEAD, 0, fmt, ap);
    va_end(ap);
    return SEAMQ_DEAD;
}

static inline int SEAMQ_PRINTF_(2, 3) seamq_term(const seamq_msg *msg, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    seamq_host_->settle(msg, SEAMQ_TERM, 0, fmt, ap);
    va_end(ap);
    return SEAMQ_TERM;
}

/* One message is run as a test after about 1 s, then with growing pauses up to 30 s, and not before
 * delay_ns has passed (a Retry-After, for example; SEAMQ_BACKOFF: no minimum).  When its outcome is
 * SEAMQ_ACK, SEAMQ_DEAD or SEAMQ_TERM, the handler runs normally again. */
static inline int SEAMQ_PRINTF_(3, 4) seamq_unavailable(const seamq_msg *msg, int64_t delay_ns, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    seamq_host_->settle(msg, SEAMQ_UNAVAILABLE, delay_ns, fmt, ap);
    va_end(ap);
    return SEAMQ_UNAVAILABLE;
}

/* For open: opening failed for now, for this reason.  The host calls open again after a pause. */
static inline int SEAMQ_PRINTF_(1, 2) seamq_fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    seamq_host_->fail(fmt, ap);
    va_end(ap);
    return SEAMQ_OPEN_FAILED;
}

/* For open: the configuration is wrong; the text says what to change.  The host does not retry. */
static inline int SEAMQ_PRINTF_(1, 2) seamq_fail_config(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    seamq_host_->fail(fmt, ap);
    va_end(ap);
    return SEAMQ_OPEN_CONFIG;
}

/* Stages an output.  The host publishes it to the cluster of msg if the outcome of msg is SEAMQ_ACK,
 * and discards it otherwise.  msg is acknowledged after the streams have confirmed all its outputs.
 * The output gets msg's traceparent and tracestate, unless it has a traceparent of its own.
 * Returns 0; -EINVAL: bad subject, header or id, or msg is not a message of this call; -EMSGSIZE:
 * more than 128 MiB or 65536 outputs in one call; -ENOMEM.
 * After an error, SEAMQ_ACK for msg counts as SEAMQ_NAK and nothing is published: no output is lost. */
static inline int seamq_publish_output(const seamq_msg *msg, const seamq_output *out)
{
    return seamq_host_->publish(msg, out, sizeof *out);
}

static inline int seamq_publish(const seamq_msg *msg, const char *subject, const void *data, size_t size)
{
    seamq_output out = { subject, data, size, SEAMQ_NULL_, 0, SEAMQ_NULL_ };
    return seamq_publish_output(msg, &out);
}

/* The first value of a header; NULL: none.  NATS header names are case-sensitive (ADR-4). */
static inline const char *seamq_header(const seamq_msg *msg, const char *name)
{
    return seamq_host_->header(msg, name);
}

/* Stores header number `index` in *ret.  Returns 0, or -ENOENT after the last one.  All headers:
 * for (size_t i = 0; seamq_header_at(msg, i, &h) == 0; i++) */
static inline int seamq_header_at(const seamq_msg *msg, size_t index, seamq_field *ret)
{
    return seamq_host_->header_at(msg, index, ret);
}

/* The message's W3C trace context, "00-...", not validated; NULL: none. */
static inline const char *seamq_traceparent(const seamq_msg *msg)
{
    return seamq_host_->header(msg, "traceparent");
}

/* Zeroed memory, aligned for any type, valid until handle returns.  Never NULL: if memory runs out,
 * the worker ends and the message is delivered again. */
static inline void *seamq_alloc(const seamq_msg *msg, size_t size)
{
    return seamq_host_->alloc(msg, size);
}

/* Moves the deadline of this call, and msg->deadline_ns, to `ns` from now, at most one day.  The host
 * keeps the message's lease until then.  Returns 0; -EINVAL: ns <= 0, or not a message of this call. */
static inline int seamq_extend(const seamq_msg *msg, int64_t ns)
{
    return seamq_host_->extend(msg, ns);
}

/* Adds by > 0 to a counter, [a-z][a-z0-9_]*, that /metrics shows for each handler.  Cheap. */
static inline void seamq_count(const char *metric, int64_t by)
{
    seamq_host_->count(metric, by);
}

/* NAME of [handler.NAME]; the index of this worker, from 0; the number of its workers. */
static inline const char *seamq_handler_name(void) { return seamq_host_->handler; }
static inline uint32_t seamq_worker_index(void) { return seamq_host_->worker_index; }
static inline uint32_t seamq_worker_count(void) { return seamq_host_->worker_count; }

#ifdef __cplusplus
} /* extern "C" */
#endif
/* ---- the exported symbol: write SEAMQ_PLUGIN once, in one file of the plugin ------------------- */

#define SEAMQ_SIGNATURE_ SEAMQ_C_ SEAMQ_EXPORT_ \
    const struct seamq_plugin *seamq_plugin_v1(const struct seamq_host *seamq_given_)
#define SEAMQ_BEGIN_ const struct seamq_host *seamq_host_; SEAMQ_SIGNATURE_; SEAMQ_SIGNATURE_

/* C11 and C++20:  SEAMQ_PLUGIN(.name = "x", .version = "1", .handle = f);
 * Name the fields in the order of struct seamq_plugin. */
#define SEAMQ_PLUGIN(...)                                                                      \
    SEAMQ_BEGIN_                                                                               \
    {                                                                                          \
        SEAMQ_QUIET_ static const struct seamq_plugin seamq_this_ = {                          \
            .abi_major = SEAMQ_ABI_MAJOR,                                                      \
            .abi_minor = SEAMQ_TARGET_MINOR,                                                   \
            .struct_size = sizeof(struct seamq_plugin),                                        \
            .option_size = sizeof(struct seamq_option),                                        \
            __VA_ARGS__                                                                        \
        };                                                                                     \
        SEAMQ_LOUD_ seamq_host_ = seamq_given_;                                                \
        return &seamq_this_;                                                                   \
    }                                                                                          \
    struct seamq_plugin_needs_a_semicolon_

/* C++17:  static void fill(seamq_plugin &p) { p.name = "x"; p.version = "1"; p.handle = f; }
 *         SEAMQ_PLUGIN_CXX(fill);
 * The instance is plain memory: no constructor runs.  Keep a pointer in it to an object that open
 * creates and close deletes.  An exception that leaves a callback ends the worker. */
#define SEAMQ_PLUGIN_CXX(fill)                                                                 \
    SEAMQ_BEGIN_                                                                               \
    {                                                                                          \
        static seamq_plugin seamq_this_ = seamq_plugin();                                      \
        seamq_this_.abi_major = SEAMQ_ABI_MAJOR;                                               \
        seamq_this_.abi_minor = SEAMQ_TARGET_MINOR;                                            \
        seamq_this_.struct_size = sizeof(seamq_plugin);                                        \
        seamq_this_.option_size = sizeof(seamq_option);                                        \
        seamq_host_ = seamq_given_;                                                            \
        (fill)(seamq_this_);                                                                   \
        return &seamq_this_;                                                                   \
    }                                                                                          \
    struct seamq_plugin_needs_a_semicolon_

#endif
