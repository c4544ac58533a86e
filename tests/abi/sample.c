/* SPDX-License-Identifier: Apache-2.0
 *
 * sample - uses all features of the header, as C and as C++.  test_header.sh compiles it in every
 * language version with all warnings.
 */
#include <seamq/plugin.h>

#ifdef __cplusplus
#define CAST(type, value) static_cast<type>(value)
#else
#define CAST(type, value) ((type)(value))
#endif

struct conf {
    const char *text;
    int64_t number, bytes, time;
    int32_t flag;
};

#if defined(WRONG_TYPE)
#define NUMBER SEAMQ_OPT_INT(struct conf, flag, 0, "3", 1, 10, "a 32-bit field cannot hold an integer option")
#elif defined(WRONG_STRING)
#define NUMBER SEAMQ_OPT_STRING(struct conf, number, 0, "3", "nor a number a string")
#else
#define NUMBER SEAMQ_OPT_INT(struct conf, number, 0, "3", 1, 10, "a number")
#endif

static const struct seamq_option options[] = {
    SEAMQ_OPT_STRING(struct conf, text, SEAMQ_REQUIRED | SEAMQ_SECRET, NULL, "a text"),
    NUMBER,
    SEAMQ_OPT_BYTES(struct conf, bytes, 0, "3k", 1, INT64_MAX, "a size"),
    SEAMQ_OPT_TIME(struct conf, time, 0, "3s", 250 * SEAMQ_MS, 10 * SEAMQ_SECOND, "a duration"),
    SEAMQ_OPT_BOOL(struct conf, flag, 0, "yes", "a switch"),
    SEAMQ_OPT_END,
};

static int on_open(void *self)
{
    struct conf *c = CAST(struct conf *, self);

    if (c->flag)
        return seamq_fail("%s is down", c->text);
    return c->number == 3 ? seamq_fail_config("number: %d is not wanted", 3) : 0;
}

static int on_message(void *self, const seamq_msg *msg)
{
    const struct conf *c = CAST(const struct conf *, self);
    int *memory = CAST(int *, seamq_alloc(msg, sizeof *memory));
    const char *tenant = seamq_header(msg, "Tenant");
    const char *parent = seamq_traceparent(msg);
    seamq_field field;
    seamq_field headers[1];
    seamq_output out;

    for (size_t i = 0; seamq_header_at(msg, i, &field) == 0; i++)
        seamq_debug("%s=%s", field.name, field.value);
    seamq_info("%.*s", CAST(int, msg->size), msg->data);
    seamq_warn("%s", parent != NULL ? parent : "");
    seamq_error("%s %u/%u", seamq_handler_name(), seamq_worker_index(), seamq_worker_count());
    seamq_count("handled", *memory);
    if (seamq_extend(msg, c->time) < 0)
        return seamq_dead(msg, "cannot extend");
    if (seamq_publish(msg, "out.a", msg->data, msg->size) < 0)
        return seamq_nak(msg, SEAMQ_BACKOFF, "cannot publish from %s", msg->subject);
    if (tenant == NULL)
        return msg->attempt > 1 ? seamq_term(msg, "no tenant") : seamq_unavailable(msg, SEAMQ_SECOND, "no tenants");
    headers[0].name = "Tenant";
    headers[0].value = tenant;
    out.subject = "out.b";
    out.data = NULL;
    out.size = 0;
    out.headers = headers;
    out.n_headers = 1;
    out.msg_id = "id";
    return seamq_publish_output(msg, &out) < 0 ? SEAMQ_NAK : SEAMQ_ACK;
}

static void on_batch(void *self, const seamq_msg *const *msgs, size_t n)
{
    const struct conf *c = CAST(const struct conf *, self);

    for (size_t i = 0; i < n; i++) {
        if (msgs[i]->size > CAST(size_t, c->bytes))
            seamq_dead(msgs[i], "larger than %d", CAST(int, c->bytes));
        else
            seamq_ack(msgs[i]);
    }
}

static void on_idle(void *self)
{
    (void)self;
}

#if defined(__cplusplus) && __cplusplus < 202002L
static void fill(seamq_plugin &p)
{
    p.name = "sample";
    p.version = "1.0.0";
    p.self_size = sizeof(conf);
    p.options = options;
    p.open = on_open;
    p.handle = on_message;
    p.idle = on_idle;
    p.handle_batch = on_batch;
}
SEAMQ_PLUGIN_CXX(fill);
#else
SEAMQ_PLUGIN(.name = "sample", .version = "1.0.0", .self_size = sizeof(struct conf), .options = options,
             .open = on_open, .handle = on_message, .idle = on_idle, .handle_batch = on_batch);
#endif
