/* SPDX-License-Identifier: Apache-2.0
 * ack_fuzz - parses any text as a reply subject: it is refused, or its tokens lie inside and no sequence is 0. */
#include "jetstream/ack_meta.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ack_meta m = {0};
    char *reply = malloc(size + 1); /* exact size, so that a sanitizer reports an overrun */
    if (!reply)
        return 0;
    if (size)
        memcpy(reply, data, size);
    reply[size] = '\0';
    int rc = ack_meta_parse(reply, &m);
    if (rc == 0) {
        const char *end = reply + strlen(reply);
        assert(strncmp(reply, "$JS.ACK.", 8) == 0);
        assert(m.stream_seq > 0 && m.stored_ns >= 0);
        assert(m.stream >= reply + 8 && m.stream_len > 0 && m.stream[m.stream_len] == '.');
        assert(m.consumer == m.stream + m.stream_len + 1 && m.consumer_len > 0);
        assert(m.consumer + m.consumer_len < end && m.consumer[m.consumer_len] == '.');
        assert(!memchr(m.stream, '.', m.stream_len) && !memchr(m.consumer, '.', m.consumer_len));
    } else {
        assert(rc == -EINVAL && !m.stream);
    }
    free(reply);
    return 0;
}
