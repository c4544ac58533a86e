/* SPDX-License-Identifier: Apache-2.0
 * feed - worker_push() and worker_submit(): writes messages to the in ring, large ones to a sealed memfd. */
#include "worker_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "ring/packet.h"

/* Limit of large messages that the child has not finished: each takes memory and a descriptor. */
#define OUTSTANDING_LARGE_MAX 16u

static bool headers_are_complete(const char *at, size_t len)
{
    size_t texts = 0;
    for (size_t i = 0; i < len; i++)
        texts += at[i] == '\0';
    return len == 0 || (at[len - 1] == '\0' && texts % 2 == 0);
}

static int id_remember(struct worker *w, uint64_t id)
{
    if (worker_outstanding(w) == w->ids_cap) {
        uint32_t cap = w->ids_cap ? w->ids_cap * 2 : 64;
        uint64_t *ids = malloc(cap * sizeof(*ids));
        if (!ids)
            return -ENOMEM;
        uint32_t n = worker_outstanding(w);
        for (uint32_t i = 0; i < n; i++)
            ids[i] = w->ids[(w->ids_tail + i) & (w->ids_cap - 1)];
        free(w->ids);
        w->ids = ids;
        w->ids_cap = cap;
        w->ids_tail = 0;
        w->ids_head = n;
    }
    if (!worker_outstanding(w)) {
        w->oldest_since_ns = clock_now_ns();
        w->extended_ns = 0;
    }
    w->ids[w->ids_head++ & (w->ids_cap - 1)] = id;
    return 0;
}

/* Creates a memfd with the body.  Seals make sure that it does not change while the child maps it. */
static int body_memfd_create(const struct record_body *body, uint64_t size, int *ret_fd)
{
    int fd = memfd_create("seamq-body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -EAGAIN;
    char *at = MAP_FAILED;
    if (ftruncate(fd, (off_t)size) == 0)
        at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        close(fd);
        return -EAGAIN;
    }
    record_body_write(body, at);
    munmap(at, size);
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)) {
        close(fd);
        return -EAGAIN;
    }
    *ret_fd = fd;
    return 0;
}

/* Sends the body before the record that refers to it.  -EAGAIN: no room now, also in the socket. */
static int body_send(struct worker *w, const struct record_body *body, uint64_t size, uint32_t serial)
{
    struct buf packet = {0};
    int fd = -1;
    int rc = body_memfd_create(body, size, &fd);
    if (rc)
        return rc;
    packet_begin(&packet, "body");
    packet_add_int(&packet, "serial", serial);
    rc = packet_send(w->child.control, &packet, fd);
    buf_finish(&packet);
    close(fd);
    return rc ? -EAGAIN : 0;
}

static struct record_message record_message_fill(const struct worker_message *m, const struct record_body *body)
{
    return (struct record_message){
        .id = m->id,
        .stream_seq = m->stream_seq,
        .consumer_seq = m->consumer_seq,
        .attempt = m->delivered,
        .pending = m->pending,
        .stored_ns = m->stored_ns,
        .data_len = body->data_len,
        .subject_len = (uint32_t)body->subject_len,
        .headers_len = (uint32_t)body->headers_len,
        .binding = m->binding,
        .flags = m->alone ? RECORD_ALONE : 0,
        .key_size = m->key ? (uint32_t)body->msg_id_len + 1 : 0,
    };
}

int worker_push(struct worker *w, const struct worker_message *m)
{
    if (w->phase != PHASE_READY)
        return -ENOTCONN;
    struct record_body body = {
        .subject = m->subject,
        .subject_len = strlen(m->subject),
        .headers = m->headers,
        .headers_len = m->headers ? m->headers_size : 0,
        .msg_id = m->key,
        .msg_id_len = m->key ? strlen(m->key) : 0,
        .data = m->data,
        .data_len = m->size,
    };
    uint64_t size = record_body_size(&body);
    if (size == UINT64_MAX)
        return -EMSGSIZE;
    if (m->id == 0 || m->binding >= w->config.n_bindings || !headers_are_complete(body.headers, body.headers_len))
        return -EINVAL;

    struct record_message fixed = record_message_fill(m, &body);
    bool in_ring = size <= ring_payload_max(&w->child.ring) - sizeof(fixed);
    if (!in_ring && worker_outstanding(w) >= OUTSTANDING_LARGE_MAX)
        return -EAGAIN;

    uint64_t mark = w->child.ring.tx_head;
    char *at = ring_put(&w->child.ring, RECORD_MESSAGE, (uint32_t)(sizeof(fixed) + (in_ring ? size : 0)));
    if (!at) {
        if (!w->child.ring.broken)
            return -EAGAIN;
        watch_violation(w, "its ring positions are invalid");
        return -ENOTCONN;
    }
    int rc = id_remember(w, m->id);
    if (rc == 0 && !in_ring) {
        rc = body_send(w, &body, size, w->serial + 1);
        if (rc == 0)
            fixed.serial = ++w->serial;
        else
            w->ids_head--;
    }
    if (rc) {
        ring_rewind(&w->child.ring, mark);
        return rc;
    }
    memcpy(at, &fixed, sizeof(fixed));
    if (in_ring)
        record_body_write(&body, at + sizeof(fixed));
    return 0;
}

void worker_submit(struct worker *w)
{
    if (w->phase != PHASE_READY || w->child.ring.tx_published == w->child.ring.tx_head)
        return;
    if (ring_publish_wakes(&w->child.ring))
        worker_ring_bell(w);
    watch_deadline_arm(w);
    outbox_poll_soon(w);
}
