/* SPDX-License-Identifier: Apache-2.0
 * readiness - ready or not, and the reason. */
#include "consumer_private.h"

#include "jetstream/dead_letter.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void state_notify(struct consumer *c)
{
    if (c->callbacks.on_state)
        c->callbacks.on_state(c->data, c);
}

static void state_change(struct consumer *c, enum readiness_state state, const char *fmt, va_list ap)
{
    struct readiness *r = &c->readiness;
    bool was_ready = r->state == READINESS_READY;
    char text[CONSUMER_REASON_MAX];
    int n = 0;

    if (path_is_alternate(c))
        n = snprintf(text, sizeof(text), "%s; through cluster %s: ", c->paths.own_down_reason, consumer_via(c));
    vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
    r->state = state;
    if (!was_ready && strcmp(text, r->reason) == 0)
        return;
    snprintf(r->reason, sizeof(r->reason), "%s", text);
    state_notify(c);
}

void readiness_lose(struct consumer *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    state_change(c, READINESS_NOT_READY, fmt, ap);
    va_end(ap);
}

void readiness_suspect(struct consumer *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    state_change(c, READINESS_SUSPECTED, fmt, ap);
    va_end(ap);
}

void readiness_gain(struct consumer *c)
{
    c->readiness.state = READINESS_READY;
    c->readiness.reason[0] = '\0';
    state_notify(c);
}

bool consumer_ready(const struct consumer *c)
{
    return c->readiness.state == READINESS_READY;
}

const char *consumer_reason(const struct consumer *c)
{
    return c->readiness.reason;
}

/* ---- permissions violations -------------------------------------------------------------- */

/* True: the consumer cannot work without `subject`. */
static bool needs_subject(const struct consumer *c, const char *subject)
{
    const char *inbox = connection_inbox(consumer_connection(c));

    if (strncmp(subject, inbox, strlen(inbox)) == 0)
        return true;
    if (dead_letter_subject_matches(subject, c->stream))
        return true;
    return api_subject_names_stream(subject, c->stream);
}

/* The text names the subject: Permissions Violation for Publish to "$JS.API....". */
void consumer_server_error(struct consumer *c, const struct connection *connection, const char *text)
{
    const char *subject = strchr(text, '"');
    if (connection != consumer_connection(c) || !strstr(text, "Permissions Violation") || !subject ||
        !needs_subject(c, subject + 1))
        return;
    readiness_suspect(c, "the server refuses: %s (grant it to the user of cluster %s)", text, consumer_via(c));
}
