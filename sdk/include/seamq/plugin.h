/* SPDX-License-Identifier: Apache-2.0
 *
 * seamq/plugin.h - write a JetStream message handler as a shared object.
 *
 * This is the only header a handler needs, and there is no library to link.  Compilers: GCC and
 * Clang, C11 or C++17 and later.  A whole handler:
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
 * Threads    One instance is called by one thread at a time, always the same one, in a process
 *            of its own.  Ask for parallelism with `workers = N` in the config.  Threads that
 *            you start yourself may call seamq_log() and its short forms, nothing else.
 * Ownership  What the host passes in, the host owns; it is valid until the callback returns.
 *            What you pass in, the host copies.  Nothing is ever freed across the boundary.
 * Failure    Crash, hang, exit() or leak: the worker is killed and replaced, and the message it
 *            held is delivered again.  So expect any message twice.
 * Calls      seamq_*() may be called from open, handle, idle and close; not from constructors.
 *            Those that take a message want one that `handle` was given, while it runs.
 *            What is said of handle goes for handle_batch, unless it says otherwise.
 * Errors     Functions that can fail return 0 or a negative errno.
 * Units      Durations and times are int64_t nanoseconds.  Text is UTF-8, NUL-terminated.
 *
 * Stability  Within a major version fields are only added, at the end.  A plugin built today
 *            loads in every later 1.x host; in an older host it is refused, unless it lowered
 *            SEAMQ_TARGET_MINOR.  Both sides read only the bytes that the other's struct_size
 *            covers; what is missing counts as zero.
 *
 * Changelog
 *   1.1      seamq_msg.key.  SEAMQ_UNAVAILABLE, seamq_unavailable(); a 1.0 host takes it as a NAK.
 *            handle_batch and seamq_ack(): left out of 1.0 until a host had proved who is to blame
 *            for a crash within a batch, and whose deadline counts.  A plugin that has both entries
 *            and targets minor 0 loads in 1.0 hosts, which do not read beyond the fields they know.
 *   1.0      The first. */
#ifndef SEAMQ_PLUGIN_H
#define SEAMQ_PLUGIN_H

/* clang-format off */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define SEAMQ_ABI_MAJOR 1u
#define SEAMQ_ABI_MINOR 1u
#define SEAMQ_ENTRY "seamq_plugin_v1" /* the one symbol a plugin exports */

/* The oldest 1.x host that this plugin must load in.  Define it before the include to promise
 * an older host than this header's; what that host lacks then does not compile. */
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

#define SEAMQ_MS INT64_C(1000000) /* 250 * SEAMQ_MS is a duration */
#define SEAMQ_SECOND (1000 * SEAMQ_MS)

/* ---- outcome: what becomes of a message ---------------------------------------------------- */

enum {
    SEAMQ_ACK = 0,  /* done: send what was staged, wait for its confirmation, acknowledge */
    SEAMQ_NAK = 1,  /* failed for now: again after a delay, until `max_attempts`, then dead */
    SEAMQ_DEAD = 2, /* cannot succeed: keep a copy in the dead-letter stream */
    SEAMQ_TERM = 3, /* drop: never again, no copy */
    SEAMQ_UNAVAILABLE = 4 /* 1.1: what the handler needs is down, whatever the message: all wait, no
                             attempt counts, and now and then one message tries whether it is back */
};                  /* any other value counts as SEAMQ_NAK */

#define SEAMQ_BACKOFF INT64_C(-1) /* as a NAK's delay: the next step of the handler's `backoff` */

/* ---- message: read-only, owned by the host -------------------------------------------------- */

typedef struct seamq_msg {
    size_t struct_size;
    const char *subject;
    const char *data;      /* in place, not aligned: size bytes, then a NUL that size excludes */
    size_t size;
    const char *stream;    /* the stream that it lies in */
    const char *consumer;  /* the durable that delivered it */
    const char *cluster;   /* the [cluster.NAME] that it came from */
    uint64_t stream_seq;   /* with stream and cluster, the same for each delivery of a message */
    uint64_t consumer_seq; /* new for each delivery */
    uint64_t attempt;      /* 1: first run of the handler; crashed and hung runs count too */
    uint64_t pending;      /* messages in the stream that wait behind this one */
    int64_t stored_ns;     /* Unix time when the stream took it */
    int64_t deadline_ns;   /* CLOCK_MONOTONIC; past it the worker is killed.  See seamq_extend() */
    const char *key;       /* 1.1: whose order is kept, see `ordering`; NULL: none.  Of a key and stream
                              a lower stream_seq is older: what has seen a higher one can refuse it */
} seamq_msg;

typedef struct seamq_field { /* one header; these two for as long as there is a major version 1 */
    const char *name;
    const char *value;
} seamq_field;

/* A message to publish.  Zero what you do not use. */
typedef struct seamq_output {
    const char *subject; /* no wildcards; a stream must take it */
    const void *data;    /* NULL if size is 0 */
    size_t size;
    const seamq_field *headers; /* n_headers of them; no line breaks in them */
    size_t n_headers;
    const char *msg_id; /* Nats-Msg-Id; NULL: made of the source message, same at each attempt */
} seamq_output;

/* ---- options: one table gives parsing, checks, --help and the man page ---------------------- */

enum {
    SEAMQ_STRING_ = 1, /* const char *, owned by the host, valid until close returns; NULL: not set */
    SEAMQ_INT_ = 2,    /* int64_t */
    SEAMQ_BOOL_ = 3,   /* int32_t, 0 or 1 */
    SEAMQ_BYTES_ = 4,  /* int64_t, written 64k, 10M */
    SEAMQ_TIME_ = 5    /* int64_t nanoseconds, written 250ms, 10s, 5m */
};

enum { /* flags */
    SEAMQ_REQUIRED = 1, /* must be configured; the preset is not used */
    SEAMQ_SECRET = 2    /* masked wherever values are shown */
};

struct seamq_option {
    const char *name;   /* [a-z][a-z0-9_]*, `option.NAME` in the config */
    int32_t type;
    uint32_t flags;     /* SEAMQ_REQUIRED | SEAMQ_SECRET */
    size_t offset;      /* where in the instance the value goes */
    const char *preset; /* the default, as written in a config file; NULL: zero */
    const char *help;   /* one line */
    int64_t min, max;   /* of numbers; both 0: no bounds; max < min: no maximum, at least min */
};

/* A table:   static const struct seamq_option options[] = {
 *                SEAMQ_OPT_TIME(struct conf, window, 0, "10s", 1, INT64_MAX, "how long"),
 *                SEAMQ_OPT_END };
 * The field's own name is the option's.  A field of the wrong type does not compile. */
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

/* ---- descriptor: what a plugin tells the host ------------------------------------------------ */

struct seamq_plugin {
    uint32_t abi_major; /* these four protect the rest and never move; SEAMQ_PLUGIN sets them */
    uint32_t abi_minor;
    size_t struct_size;
    size_t option_size;

    const char *name;     /* required, [a-z0-9-]+ */
    const char *version;  /* required, yours, free text */
    const char *summary;  /* one line; NULL: none */
    const char *stream;   /* where it binds unless the config says otherwise; NULL: the config must */
    const char *subjects; /* filter subjects, a list separated by spaces or commas; NULL: all */

    size_t self_size;     /* the instance: the host allocates, zeroes, fills in the options, frees */
    const struct seamq_option *options; /* ended by SEAMQ_OPT_END; NULL: none */

    int (*open)(void *self);  /* before the first message: 0, seamq_fail() or seamq_fail_config() */
    int (*handle)(void *self, const seamq_msg *msg); /* an outcome; required if there is no handle_batch */
    void (*idle)(void *self);  /* after about a second without a message, then every second */
    void (*close)(void *self); /* at an orderly end, also after a failed open; not after a crash */

    /* 1.1, for what is cheaper done together: 1 to `batch_max` messages.  Give each its outcome with
     * seamq_ack(), seamq_nak(), seamq_unavailable(), seamq_dead() or seamq_term(); one without any,
     * when it returns, is a NAK.  ACK is the weakest: it does not undo another outcome of the message,
     * and any other undoes it.  So refuse what is bad, do the work, and then acknowledge all of them.
     * The deadline is the call's: one for all, seamq_extend() of any moves it.  If the worker dies
     * in the call, each of them comes again in a call of its own; only one that is alone is blamed.
     * A plugin that has both entries gets handle_batch if `batch_max` is more than 1. */
    void (*handle_batch)(void *self, const seamq_msg *const *msgs, size_t n);
};

/* ---- host: what the host gives a plugin; call it through the functions below ---------------- */

enum { SEAMQ_LOG_ERROR = 3, SEAMQ_LOG_WARN = 4, SEAMQ_LOG_INFO = 6, SEAMQ_LOG_DEBUG = 7 };

enum { /* what open returns; any other value counts as SEAMQ_OPEN_FAILED */
    SEAMQ_OPEN_OK = 0,
    SEAMQ_OPEN_FAILED = 1, /* retried with a growing pause */
    SEAMQ_OPEN_CONFIG = 2  /* needs a person: not retried until the configuration changes */
};

struct seamq_host { /* constant while the process lives */
    size_t struct_size; /* these three never move */
    uint32_t abi_major;
    uint32_t abi_minor;
    const char *version;   /* of SeaMQ */
    const char *handler;   /* NAME of [handler.NAME] */
    uint32_t worker_index; /* of this process among the handler's, from 0 */
    uint32_t worker_count; /* when this process started; at least 1 */

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

/* One line in the daemon's log, with the handler's and the message's name.  From any thread.
 * Long lines are cut.  seamq_info("took %d rows", n); */
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

/* In handle_batch: this one is done.  What it staged is sent, and then it is acknowledged. */
static inline int seamq_ack(const seamq_msg *msg)
{
    return seamq_settle_(msg, SEAMQ_ACK, "%s", "");
}

/* Say why and return, from handle:  return seamq_nak(msg, 5 * SEAMQ_SECOND, "database is down");
 * The returned value decides; a delay or reason whose outcome was not returned is forgotten.
 * In handle_batch the call itself decides.
 * The reason reaches the log and the dead letter's headers; about 1 KiB of it is kept.
 * A delay of 0 means at once, SEAMQ_BACKOFF the configured one (as a plain SEAMQ_NAK does). */
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

/* The first try is about a second later, then ever less often, up to 30 s; not before delay_ns
 * (what a Retry-After said; SEAMQ_BACKOFF: no wish).  ACK, DEAD or TERM of that try end the wait. */
static inline int SEAMQ_PRINTF_(3, 4) seamq_unavailable(const seamq_msg *msg, int64_t delay_ns, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    seamq_host_->settle(msg, SEAMQ_UNAVAILABLE, delay_ns, fmt, ap);
    va_end(ap);
    return SEAMQ_UNAVAILABLE;
}

/* From open: it failed for now, say why.  Opening is tried again, with a growing pause. */
static inline int SEAMQ_PRINTF_(1, 2) seamq_fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    seamq_host_->fail(fmt, ap);
    va_end(ap);
    return SEAMQ_OPEN_FAILED;
}

/* From open: the configuration is wrong, say what to change.  Not tried again as it is. */
static inline int SEAMQ_PRINTF_(1, 2) seamq_fail_config(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    seamq_host_->fail(fmt, ap);
    va_end(ap);
    return SEAMQ_OPEN_CONFIG;
}

/* Stage a message: it is sent, to the cluster that msg came from, if and only if the outcome of msg
 * is SEAMQ_ACK; msg is acknowledged after the streams have confirmed all that it staged.
 * It carries msg's traceparent and tracestate unless it has a traceparent of its own.
 * 0; -EINVAL: bad subject, header or id, or not handle's message; -EMSGSIZE: more than 128 MiB or
 * 65536 outputs in one call; -ENOMEM.
 * After a failure SEAMQ_ACK counts as SEAMQ_NAK and nothing is sent: no output is lost unseen. */
static inline int seamq_publish_output(const seamq_msg *msg, const seamq_output *out)
{
    return seamq_host_->publish(msg, out, sizeof *out);
}

static inline int seamq_publish(const seamq_msg *msg, const char *subject, const void *data, size_t size)
{
    seamq_output out = { subject, data, size, SEAMQ_NULL_, 0, SEAMQ_NULL_ };
    return seamq_publish_output(msg, &out);
}

/* The first value of a header, NULL: none.  Case matters in NATS header names (ADR-4). */
static inline const char *seamq_header(const seamq_msg *msg, const char *name)
{
    return seamq_host_->header(msg, name);
}

/* for (size_t i = 0; seamq_header_at(msg, i, &h) == 0; i++): all, in order.  -ENOENT at the end. */
static inline int seamq_header_at(const seamq_msg *msg, size_t index, seamq_field *ret)
{
    return seamq_host_->header_at(msg, index, ret);
}

/* The W3C trace context that the message came with, "00-...", not checked; NULL: none. */
static inline const char *seamq_traceparent(const seamq_msg *msg)
{
    return seamq_host_->header(msg, "traceparent");
}

/* Zeroed memory, aligned for anything, that lives until handle returns.  Never NULL: out of
 * memory ends the worker, and the message is delivered again. */
static inline void *seamq_alloc(const seamq_msg *msg, size_t size)
{
    return seamq_host_->alloc(msg, size);
}

/* Handle's deadline becomes `ns` from now, msg->deadline_ns with it; the server's lease is
 * renewed meanwhile.  At most a day.  0; -EINVAL: ns <= 0, or not handle's message. */
static inline int seamq_extend(const seamq_msg *msg, int64_t ns)
{
    return seamq_host_->extend(msg, ns);
}

/* Adds to a counter, [a-z][a-z0-9_]*, which /metrics shows per handler.  Cheap; by > 0. */
static inline void seamq_count(const char *metric, int64_t by)
{
    seamq_host_->count(metric, by);
}

/* Who am I: NAME of [handler.NAME], and which of its workers, from 0. */
static inline const char *seamq_handler_name(void) { return seamq_host_->handler; }
static inline uint32_t seamq_worker_index(void) { return seamq_host_->worker_index; }
static inline uint32_t seamq_worker_count(void) { return seamq_host_->worker_count; }

#ifdef __cplusplus
} /* extern "C" */
#endif
/* ---- the one exported symbol: once per plugin, in one of its files -------------------------- */

#define SEAMQ_SIGNATURE_ SEAMQ_C_ SEAMQ_EXPORT_ \
    const struct seamq_plugin *seamq_plugin_v1(const struct seamq_host *seamq_given_)
#define SEAMQ_BEGIN_ const struct seamq_host *seamq_host_; SEAMQ_SIGNATURE_; SEAMQ_SIGNATURE_

/* C11 and C++20:  SEAMQ_PLUGIN(.name = "x", .version = "1", .handle = f);  in the order above */
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
 * The instance is plain memory: no constructor runs.  Give it a pointer that open sets to a
 * new object and close deletes.  An exception that leaves a callback ends the worker. */
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
