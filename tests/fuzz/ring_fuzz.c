/* SPDX-License-Identifier: Apache-2.0
 *
 * ring_fuzz - the daemon reads the memory of a worker: positions, records, bodies, packets.
 * The input is the first words of the out page, then the data behind it.
 */
#include "ring/packet.h"
#include "ring/record.h"
#include "ring/ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTES 4096u
#define WORDS 3u /* head, tail, and the payload size of the daemon's own records */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Copies the record and reads the body in the copy, as worker/outbox.c does. */
static void look_inside(const struct ring_record *r)
{
    struct record_staged fixed;
    if (r->size < sizeof(fixed))
        return;
    char *copy = malloc(r->size); /* exact size, so that an overrun is found */
    memcpy(copy, r->payload, r->size);
    memcpy(&fixed, copy, sizeof(fixed));
    struct record_body body = {
        .subject_len = fixed.subject_len,
        .msg_id_len = fixed.msg_id_len,
        .headers_len = fixed.headers_len,
        .data_len = fixed.data_len,
    };
    if (record_body_read(&body, copy + sizeof(fixed), r->size - sizeof(fixed)) == 0) {
        const char *name, *value;
        size_t pos = 0;
        assert(strlen(body.subject) == body.subject_len);
        while (record_header_next(body.headers, body.headers_len, &pos, &name, &value))
            assert(pos <= body.headers_len);
    }
    free(copy);
}

static void read_packet(const uint8_t *data, size_t size)
{
    if (!size || data[size - 1] != '\0')
        return; /* packet_recv() refuses such a packet */
    char *copy = malloc(size);
    memcpy(copy, data, size);
    struct packet p;
    const char *key, *value;
    packet_open(&p, copy, size);
    assert(packet_get(&p, "text"));
    while (packet_next(&p, &key, &value))
        assert(value + strlen(value) < copy + size);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ring parent, child;
    static int made;
    uint64_t words[WORDS] = {0};
    struct ring_record r;

    if (!made) {
        int in, out;
        if (ring_memfd("in", BYTES, &in) || ring_memfd("out", BYTES, &out) || ring_attach(&parent, in, out) ||
            ring_attach(&child, out, in))
            abort();
        made = 1;
    }
    read_packet(data, size);
    size_t head = size < sizeof(words) ? size : sizeof(words);
    memcpy(words, data, head);
    data += head;
    size = size - head < BYTES ? size - head : BYTES;
    memset(child.tx, 0, BYTES);
    memcpy(child.tx, data, size);
    atomic_store(&child.own->head, words[0]);
    atomic_store(&child.own->tail, words[1]);

    struct ring reader = parent;
    for (int n = 0; ring_next(&reader, &r) == 1; n++) {
        assert(n <= (int)(BYTES / 8));
        look_inside(&r);
    }
    for (int n = 0; n < 600 && ring_put(&reader, RECORD_MESSAGE, (uint32_t)words[2] % 300); n++)
        ring_publish(&reader);
    return 0;
}
