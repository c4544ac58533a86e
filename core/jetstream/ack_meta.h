/* SPDX-License-Identifier: Apache-2.0
 *
 * ack_meta - what the reply subject of a JetStream message says.
 *
 *     $JS.ACK.<stream>.<consumer>.<delivered>.<sseq>.<cseq>.<time>.<pending>            (9 tokens)
 *     $JS.ACK.<domain>.<account>.<stream>.<consumer>.<delivered>....<pending>[.<token>]  (11 or more)
 *
 * Source: ADR-15 (JetStream subscribe workflow). Pure, any thread.
 */
#ifndef SEAMQ_JETSTREAM_ACK_META_H
#define SEAMQ_JETSTREAM_ACK_META_H

#include <stddef.h>
#include <stdint.h>

struct ack_meta {
    uint64_t delivered; /* by the server's count, from 1 */
    uint64_t stream_seq;
    uint64_t consumer_seq;
    int64_t stored_ns; /* Unix time */
    uint64_t pending;
    const char *stream; /* into the subject, not terminated */
    size_t stream_len;
    const char *consumer;
    size_t consumer_len;
};

/* 0, or -EINVAL when `reply` is no acknowledgement subject. */
int ack_meta_parse(const char *reply, struct ack_meta *ret);

#endif
