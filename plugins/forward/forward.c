/* SPDX-License-Identifier: Apache-2.0
 *
 * forward - publishes each message again under another subject, with its headers.
 *
 * The new subject is option.prefix + the subject without option.strip.  The output is staged: its
 * stream confirms it before the message is acknowledged.  The output has the same message id at
 * each attempt, so the stream stores it once within its duplicate window.
 */
#include <seamq/plugin.h>

#include <errno.h>
#include <string.h>

struct forward {
    const char *prefix;
    const char *strip;
    int32_t headers;
};

static const struct seamq_option options[] = {
    SEAMQ_OPT_STRING(struct forward, prefix, 0, "", "text put before the subject, with a dot at its end: \"copy.\""),
    SEAMQ_OPT_STRING(struct forward, strip, 0, "",
                     "text removed from the subject's start; messages without it are dead-lettered"),
    SEAMQ_OPT_BOOL(struct forward, headers, 0, "yes", "copy the headers, except those that start with Nats-"),
    SEAMQ_OPT_END,
};

static int on_open(void *self)
{
    const struct forward *f = self;

    if (*f->prefix == '\0' && *f->strip == '\0')
        return seamq_fail_config(
            "option.prefix and option.strip are both empty: the handler would receive its own output; set one");
    if (strcmp(f->prefix, f->strip) == 0)
        return seamq_fail_config(
            "option.prefix and option.strip are both \"%s\": the handler would receive its own output", f->prefix);
    if (strpbrk(f->prefix, "*> \t\r\n") != NULL)
        return seamq_fail_config("option.prefix: \"%s\" contains a wildcard or a space", f->prefix);
    return 0;
}

static const seamq_field *copy_headers(const seamq_msg *msg, size_t *ret_n)
{
    seamq_field field;
    seamq_field *fields;
    size_t n = 0;

    while (seamq_header_at(msg, n, &field) == 0)
        n++;
    fields = seamq_alloc(msg, (n + 1) * sizeof *fields);
    *ret_n = 0;
    for (size_t i = 0; i < n; i++) {
        if (seamq_header_at(msg, i, &field) == 0 && strncmp(field.name, "Nats-", 5) != 0)
            fields[(*ret_n)++] = field;
    }
    return fields;
}

static int on_message(void *self, const seamq_msg *msg)
{
    const struct forward *f = self;
    const char *rest = msg->subject;
    size_t prefix_size = strlen(f->prefix);
    size_t strip_size = strlen(f->strip);
    seamq_output out = {.data = msg->data, .size = msg->size};
    int r;

    if (strncmp(rest, f->strip, strip_size) != 0)
        return seamq_dead(msg, "%s does not start with option.strip, \"%s\"", msg->subject, f->strip);
    rest += strip_size;

    char *subject = seamq_alloc(msg, prefix_size + strlen(rest) + 1);
    memcpy(subject, f->prefix, prefix_size);
    strcpy(subject + prefix_size, rest);
    out.subject = subject;
    if (f->headers)
        out.headers = copy_headers(msg, &out.n_headers);

    r = seamq_publish_output(msg, &out);
    if (r == -EMSGSIZE || r == -EINVAL) /* a retry cannot succeed */
        return seamq_dead(msg, "cannot forward to \"%s\": %s", subject, strerror(-r));
    if (r < 0)
        return seamq_nak(msg, SEAMQ_BACKOFF, "cannot forward to \"%s\": %s", subject, strerror(-r));
    seamq_count("forwarded", 1);
    return SEAMQ_ACK;
}

SEAMQ_PLUGIN(.name = "forward", .version = "1.0.0", .summary = "republishes under another subject",
             .self_size = sizeof(struct forward), .options = options, .open = on_open, .handle = on_message);
