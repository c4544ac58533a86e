/* SPDX-License-Identifier: Apache-2.0
 * stage - seamq_publish(): checks an output, adds the trace context and keeps it in the arena.  When the
 * message is acknowledged, writes its outputs to the ring, or to a memfd if they are large. */
#include "host.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ring/packet.h"

static void header_append(struct buf *b, const char *name, const char *value)
{
    buf_append(b, name, strlen(name) + 1);
    buf_append(b, value, strlen(value) + 1);
}

/* Builds the header block; adds the message's trace context unless the output has a traceparent. */
static int headers_collect(const struct host_item *it, const seamq_output *out, struct buf *b)
{
    bool traced = false;
    buf_clear(b);
    for (size_t i = 0; i < out->n_headers; i++) {
        const seamq_field *f = &out->headers[i];
        if (!f->name || !f->value || !record_header_ok(f->name, f->value))
            return -EINVAL;
        traced = traced || strcmp(f->name, "traceparent") == 0;
        header_append(b, f->name, f->value);
    }
    const char *name, *value;
    size_t pos = 0;
    while (!traced && record_header_next(it->headers, it->headers_len, &pos, &name, &value))
        if (strcmp(name, "traceparent") == 0 || strcmp(name, "tracestate") == 0)
            header_append(b, name, value);
    return b->failed ? -ENOMEM : 0;
}

/* Sends the body in a memfd, before the record that refers to it. */
static int staged_body_send(const struct host_staged *s, uint32_t serial)
{
    int fd = memfd_create("seamq-body", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = 0;
    char *at = MAP_FAILED;
    if (ftruncate(fd, (off_t)s->size) == 0)
        at = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        rc = -errno;
    } else {
        struct buf packet = {0};
        memcpy(at, s->body, s->size);
        munmap(at, s->size);
        packet_begin(&packet, "body");
        packet_add_int(&packet, "serial", serial);
        rc = packet_send(PACKET_FD_CONTROL, &packet, fd);
        buf_finish(&packet);
    }
    close(fd);
    return rc;
}

static int output_stage(struct host_item *it, const seamq_output *out)
{
    if (!out->subject || !record_subject_ok(out->subject) || (out->size && !out->data) ||
        (out->n_headers && !out->headers) || (out->msg_id && !record_msg_id_ok(out->msg_id)))
        return -EINVAL;
    int rc = headers_collect(it, out, &host.scratch);
    if (rc)
        return rc;

    struct record_body body = {
        .subject = out->subject,
        .subject_len = strlen(out->subject),
        .msg_id = out->msg_id,
        .msg_id_len = out->msg_id ? strlen(out->msg_id) : 0,
        .headers = host.scratch.data,
        .headers_len = host.scratch.len,
        .data = out->data,
        .data_len = out->size,
    };
    uint64_t size = record_body_size(&body);
    if (size == UINT64_MAX || host.staged == RECORD_STAGED_MAX || size > RECORD_STAGED_BYTES_MAX - host.staged_bytes)
        return -EMSGSIZE;

    struct host_staged *s = host_alloc(sizeof(*s) + size);
    s->fixed = (struct record_staged){
        .id = it->id,
        .data_len = body.data_len,
        .subject_len = (uint32_t)body.subject_len,
        .msg_id_len = (uint32_t)body.msg_id_len,
        .headers_len = (uint32_t)body.headers_len,
    };
    s->size = size;
    record_body_write(&body, s->body);
    *it->staged_end = s;
    it->staged_end = &s->next;
    host.staged++;
    host.staged_bytes += size;
    return 0;
}

static int staged_send(const struct host_staged *s)
{
    struct record_staged fixed = s->fixed;
    bool in_ring = s->size <= ring_payload_max(&host.ring) - sizeof(fixed);
    if (!in_ring) {
        fixed.serial = host.serial + 1;
        int rc = staged_body_send(s, fixed.serial);
        if (rc)
            return rc;
        host.serial++;
    }
    char *at = host_put(RECORD_STAGED, (uint32_t)(sizeof(fixed) + (in_ring ? s->size : 0)));
    memcpy(at, &fixed, sizeof(fixed));
    if (in_ring)
        memcpy(at + sizeof(fixed), s->body, s->size);
    return 0;
}

int host_send_staged(const struct host_item *it)
{
    int rc = 0;
    for (const struct host_staged *s = it->staged; s && rc == 0; s = s->next)
        rc = staged_send(s);
    return rc;
}

int host_publish(const seamq_msg *msg, const seamq_output *out, size_t out_size)
{
    seamq_output o = {0};
    struct host_item *it = host_item(msg);

    if (!it || !out)
        return -EINVAL;
    memcpy(&o, out, out_size < sizeof(o) ? out_size : sizeof(o));
    int rc = output_stage(it, &o);
    if (rc && !it->publish_failed)
        it->publish_failed = rc == -EMSGSIZE ? "a staged output is too large"
                             : rc == -EINVAL ? "a staged output has an invalid subject, header or id"
                                             : "a staged output could not be kept (out of memory)";
    return rc;
}
