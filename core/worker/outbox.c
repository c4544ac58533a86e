/* SPDX-License-Identifier: Apache-2.0
 * outbox - reads the out ring: copies and checks each record, then calls its callback.
 *
 * The child rings the bell after 512 records, when an outcome has waited for 200 us, and before it
 * sleeps (host/message_loop.c).  An outcome that was written just before a slow message may stay
 * without a bell.  So 2 ms after each bell or submit the daemon reads the ring once more, as long as
 * a message is outstanding.  If it finds nothing then, the child rings for every later outcome. */
#include "worker_private.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "ring/packet.h"

#define POLL_NS (2 * NS_PER_MS)
#define RECORDS_MAX 4096 /* read from one worker before the loop serves others */

static int take_outcome(struct worker *w, const struct ring_record *r)
{
    struct record_outcome fixed;
    char text[RECORD_TEXT_MAX + 1];

    if (r->size < sizeof(fixed) + 1)
        return -EBADMSG;
    memcpy(&fixed, r->payload, sizeof(fixed));
    if (fixed.text_len > RECORD_TEXT_MAX || r->size != sizeof(fixed) + fixed.text_len + 1)
        return -EBADMSG;
    memcpy(text, (const char *)r->payload + sizeof(fixed), fixed.text_len);
    text[fixed.text_len] = '\0';
    if (!worker_outstanding(w) || fixed.id != worker_oldest_id(w))
        return -EBADMSG;

    w->ids_tail++;
    w->finished++;
    w->oldest_since_ns = loop_now_ns(w->loop);
    w->extended_ns = 0;
    watch_retire_deadline(w);
    w->staged = w->staged_bytes = 0;
    struct worker_outcome o = {
        .id = fixed.id,
        .outcome = fixed.outcome,
        .delay_ns = fixed.delay_ns,
        .duration_ns = fixed.duration_ns < 0 ? 0 : fixed.duration_ns,
        .text = text,
    };
    if (w->callbacks.on_outcome)
        w->callbacks.on_outcome(w->data, w, &o);
    return 0;
}

/* The worker checks a publish when it is staged; the daemon checks again, because the handler can
 * overwrite the memory of its process. */
static bool staged_is_valid(struct worker *w, const struct record_body *b, uint64_t size)
{
    const char *name, *value;
    size_t pos = 0;

    w->staged_bytes += size;
    if (++w->staged > RECORD_STAGED_MAX || w->staged_bytes > RECORD_STAGED_BYTES_MAX)
        return false;
    while (record_header_next(b->headers, b->headers_len, &pos, &name, &value))
        if (!record_header_ok(name, value))
            return false;
    return record_subject_ok(b->subject) && (!b->msg_id || record_msg_id_ok(b->msg_id));
}

static int take_staged(struct worker *w, const struct ring_record *r)
{
    struct record_staged fixed;
    struct worker_body *large = NULL;
    const char *at;
    uint64_t size;

    if (r->size < sizeof(fixed))
        return -EBADMSG;
    buf_clear(&w->scratch);
    buf_append(&w->scratch, r->payload, r->size); /* the child cannot change the copy */
    if (w->scratch.failed)
        return -ENOMEM;
    memcpy(&fixed, w->scratch.data, sizeof(fixed));
    at = w->scratch.data + sizeof(fixed);
    size = r->size - sizeof(fixed);
    if (fixed.serial) {
        large = size ? NULL : control_find_body(w, fixed.serial);
        if (!large)
            return -EBADMSG;
        at = large->data;
        size = large->size;
    }
    struct record_body body = {
        .subject_len = fixed.subject_len,
        .msg_id_len = fixed.msg_id_len,
        .headers_len = fixed.headers_len,
        .data_len = fixed.data_len,
    };
    int rc = record_body_read(&body, at, size);
    if (rc == 0 && (!worker_outstanding(w) || fixed.id != worker_oldest_id(w) || !staged_is_valid(w, &body, size)))
        rc = -EBADMSG;
    if (rc == 0 && w->callbacks.on_staged) {
        struct worker_staged s = {
            .id = fixed.id,
            .subject = body.subject,
            .msg_id = body.msg_id,
            .data = body.data,
            .size = body.data_len,
            .headers = body.headers,
            .headers_size = body.headers_len,
        };
        w->callbacks.on_staged(w->data, w, &s);
    }
    if (large)
        control_drop_bodies(w, fixed.serial);
    return rc;
}

static int take_extend(struct worker *w, const struct ring_record *r)
{
    struct record_extend e;
    if (r->size != sizeof(e))
        return -EBADMSG;
    memcpy(&e, r->payload, sizeof(e));
    if (e.ns <= 0 || !worker_outstanding(w) || e.id != worker_oldest_id(w))
        return -EBADMSG;
    if (e.ns > 24 * 3600 * NS_PER_SEC)
        e.ns = 24 * 3600 * NS_PER_SEC;
    w->extended_ns = loop_now_ns(w->loop) + e.ns;
    watch_deadline_arm(w);
    if (w->callbacks.on_extend)
        w->callbacks.on_extend(w->data, w, e.id, e.ns);
    return 0;
}

/* Reads at most `limit` records.  Returns their number, or a negative errno for an invalid record. */
static int outbox_read(struct worker *w, int limit)
{
    struct ring_record r;
    int n = 0;
    int rc = 0;

    while (n < limit && w->child.pid && (rc = ring_next(&w->child.ring, &r)) == 1) {
        switch (r.type) {
        case RECORD_OUTCOME: rc = take_outcome(w, &r); break;
        case RECORD_STAGED: rc = take_staged(w, &r); break;
        case RECORD_EXTEND: rc = take_extend(w, &r); break;
        default: rc = -EBADMSG;
        }
        if (rc)
            break;
        ring_done(&w->child.ring);
        n++;
    }
    if (n && ring_release_wakes(&w->child.ring))
        worker_ring_bell(w);
    return rc < 0 ? rc : n;
}

static void outbox_after_read(struct worker *w, int n)
{
    if (n < 0) {
        watch_violation(w, "it wrote invalid data into its ring");
        return;
    }
    if (!worker_outstanding(w))
        loop_disarm(w->loop, &w->outbox_poll);
    else if (n)
        outbox_poll_soon(w);
    if (n)
        worker_recycle_if_due(w);
}

void outbox_poll_soon(struct worker *w)
{
    if (!loop_timer_armed(&w->outbox_poll))
        loop_arm(w->loop, &w->outbox_poll, loop_now_ns(w->loop) + POLL_NS);
}

void outbox_on_bell(struct loop_fd *f, uint32_t events)
{
    struct worker *w = f->data;
    (void)events;
    int n = w->protocol_error ? 0 : outbox_read(w, RECORDS_MAX);
    if (n == RECORDS_MAX) /* more may be there, and no further bell announces it */
        loop_arm(w->loop, &w->outbox_poll, loop_now_ns(w->loop));
    outbox_after_read(w, n);
}

void outbox_on_poll(struct loop_timer *t)
{
    struct worker *w = t->data;
    int n = w->protocol_error || !w->child.pid ? 0 : outbox_read(w, RECORDS_MAX);
    if (n == RECORDS_MAX)
        loop_arm(w->loop, &w->outbox_poll, loop_now_ns(w->loop));
    outbox_after_read(w, n);
}

void outbox_read_all(struct worker *w)
{
    /* At most one full ring: a process that the child left behind may go on writing. */
    uint64_t end = w->child.ring.rx_tail + w->child.ring.rx_size;
    int n;
    do
        n = w->protocol_error ? 0 : outbox_read(w, RECORDS_MAX);
    while (n == RECORDS_MAX && w->child.ring.rx_tail < end);
    if (n < 0)
        w->protocol_error = true;
}
