/* SPDX-License-Identifier: Apache-2.0
 * item - one message: converts a ring record to a seamq_msg, and writes its outcome back. */
#include "host.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/outcome.h"
#include "ring/packet.h"

_Static_assert(offsetof(struct host_item, msg) == 0, "a message has the address of its item");

/* The daemon's table of outcomes and the ABI's values are the same, none is missing in either. */
#define SAME_VALUE(name, ...) \
    _Static_assert((int)OUTCOME_##name == (int)SEAMQ_##name, #name " has another value in the ABI");
OUTCOME_TABLE(SAME_VALUE)
_Static_assert((int)OUTCOMES == (int)SEAMQ_OUTCOMES_, "OUTCOME_TABLE and <seamq/plugin.h> have different outcomes");

/* Maps the memfd `serial`, which the daemon sent before it published the record. */
static void body_map(struct host_item *it, uint32_t serial)
{
    char packet[256];
    for (;;) {
        int fd;
        struct stat st;
        struct packet p;
        ssize_t n = packet_recv(PACKET_FD_CONTROL, packet, sizeof(packet), &fd);
        if (n <= 0)
            host_protocol_error("a body is missing");
        packet_open(&p, packet, (size_t)n);
        if (fd >= 0 && strcmp(p.type, "body") == 0 && packet_get_int(&p, "serial") == serial && fstat(fd, &st) == 0 &&
            (fcntl(fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_WRITE)) == (F_SEAL_SHRINK | F_SEAL_WRITE)) {
            it->map_size = (size_t)st.st_size;
            it->map = mmap(NULL, it->map_size, PROT_READ, MAP_SHARED, fd, 0);
            close(fd);
            if (it->map == MAP_FAILED)
                host_protocol_error("a body cannot be mapped");
            return;
        }
        if (fd >= 0)
            close(fd);
    }
}

bool host_item_open(struct host_item *it, const struct ring_record *r)
{
    struct record_message m;
    struct record_body body;

    if (r->type != RECORD_MESSAGE || r->size < sizeof(m))
        host_protocol_error("ring record");
    memcpy(&m, r->payload, sizeof(m));
    it->map = NULL;
    if (m.serial)
        body_map(it, m.serial);
    const char *at = it->map ? it->map : (const char *)r->payload + sizeof(m);
    size_t size = it->map ? it->map_size : r->size - sizeof(m);
    body = (struct record_body){.subject_len = m.subject_len,
                                .headers_len = m.headers_len,
                                .data_len = m.data_len,
                                .msg_id_len = m.key_size ? m.key_size - 1 : 0};
    if (m.binding >= host.n_bindings || record_body_read(&body, at, size))
        host_protocol_error("message");

    const struct host_binding *b = &host.bindings[m.binding];
    it->msg = (seamq_msg){
        .struct_size = sizeof(seamq_msg),
        .subject = body.subject,
        .data = body.data,
        .size = body.data_len,
        .stream = b->stream,
        .consumer = b->consumer,
        .cluster = b->cluster,
        .stream_seq = m.stream_seq,
        .consumer_seq = m.consumer_seq,
        .attempt = m.attempt,
        .pending = m.pending,
        .stored_ns = m.stored_ns,
        .key = m.key_size == 1 ? "" : body.msg_id,
    };
    it->id = m.id;
    it->headers = body.headers;
    it->headers_len = body.headers_len;
    it->settled = HOST_UNSETTLED;
    it->reason = NULL;
    it->staged = NULL;
    it->staged_end = &it->staged;
    it->publish_failed = NULL;
    host.bytes += size;
    return m.flags & RECORD_ALONE;
}

/* Decides the outcome from what the handler returned, what it settled, and whether staging worked. */
static void outcome_decide(const struct host_item *it, int outcome, struct record_outcome *o,
                           char reason[RECORD_TEXT_MAX + 1])
{
    *o = (struct record_outcome){.id = it->id, .outcome = outcome, .delay_ns = SEAMQ_BACKOFF};
    reason[0] = '\0';
    if (outcome == HOST_UNSETTLED) {
        o->outcome = SEAMQ_NAK;
        strcpy(reason, "handle_batch returned without an outcome for this message");
    } else if (!outcome_known(outcome)) {
        o->outcome = SEAMQ_NAK;
        snprintf(reason, RECORD_TEXT_MAX + 1, "the handler returned %d, which is not an outcome", outcome);
    } else if (outcome == SEAMQ_ACK && it->publish_failed) {
        o->outcome = SEAMQ_NAK;
        snprintf(reason, RECORD_TEXT_MAX + 1, "%s: nothing was published", it->publish_failed);
    } else if (outcome != SEAMQ_ACK && outcome == it->settled) {
        o->delay_ns = it->delay_ns;
        strcpy(reason, it->reason ? it->reason : "");
    }
}

void host_item_close(struct host_item *it, int outcome, int64_t duration_ns)
{
    struct record_outcome o;
    char reason[RECORD_TEXT_MAX + 1];

    outcome_decide(it, outcome, &o, reason);
    if (o.outcome == SEAMQ_ACK && host_send_staged(it)) { /* the daemon drops outputs that come before a NAK */
        o.outcome = SEAMQ_NAK;
        strcpy(reason, "an output could not be written to the ring: nothing was published");
    }
    o.duration_ns = duration_ns;
    o.text_len = (uint32_t)strlen(reason);
    char *at = host_put(RECORD_OUTCOME, (uint32_t)sizeof(o) + o.text_len + 1);
    memcpy(at, &o, sizeof(o));
    memcpy(at + sizeof(o), reason, o.text_len + 1);
    if (it->map)
        munmap(it->map, it->map_size);
}
