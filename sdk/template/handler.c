/* SPDX-License-Identifier: Apache-2.0
 *
 * handler - describe here in one line what the handler does.
 */
#include <seamq/plugin.h>

#include <string.h>

/* The instance.  The host sets all fields to zero and then stores the options; add your own fields. */
struct handler {
    const char *greeting;
    int64_t max_size;
    uint64_t handled;
};

static const struct seamq_option options[] = {
    SEAMQ_OPT_STRING(struct handler, greeting, 0, "got", "first word of each log line"),
    SEAMQ_OPT_BYTES(struct handler, max_size, 0, "64k", 1, INT64_MAX, "larger messages are dead-lettered"),
    SEAMQ_OPT_END,
};

/* Called once before the first message: open files and connections here.  Delete it if not needed. */
static int on_open(void *self)
{
    const struct handler *h = self;

    if (strlen(h->greeting) > 40)
        return seamq_fail_config("option.greeting: longer than 40 bytes: shorten it");
    return 0;
}

static int on_message(void *self, const seamq_msg *msg)
{
    struct handler *h = self;

    if (msg->size > (size_t)h->max_size)
        return seamq_dead(msg, "message has %zu bytes, option.max_size allows %lld", msg->size, (long long)h->max_size);
    h->handled++;
    seamq_info("%s %s, %zu bytes", h->greeting, msg->subject, msg->size);
    return SEAMQ_ACK;
}

static void on_close(void *self)
{
    const struct handler *h = self;

    seamq_info("handled %llu messages", (unsigned long long)h->handled);
}

SEAMQ_PLUGIN(.name = "handler", .version = "0.1.0", .summary = "what it does, in one line", .stream = "EVENTS",
             .subjects = "events.>", .self_size = sizeof(struct handler), .options = options, .open = on_open,
             .handle = on_message, .close = on_close);
