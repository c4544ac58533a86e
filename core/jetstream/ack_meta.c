/* SPDX-License-Identifier: Apache-2.0
 * ack_meta - parser of acknowledgement subjects; one for every message, so it makes one pass. */
#include "ack_meta.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define PREFIX "$JS.ACK."
#define TOKENS_V1 7 /* behind the prefix */
#define TOKENS_V2 9
#define TOKENS_MAX 12

struct token {
    const char *at;
    size_t len;
};

static bool number(struct token t, uint64_t *ret)
{
    uint64_t n = 0;
    if (t.len == 0 || t.len > 20)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        unsigned d = (unsigned)(t.at[i] - '0');
        if (d > 9 || n > (UINT64_MAX - d) / 10)
            return false;
        n = n * 10 + d;
    }
    *ret = n;
    return true;
}

int ack_meta_parse(const char *reply, struct ack_meta *ret)
{
    struct token t[TOKENS_MAX];
    size_t n = 0;

    if (!reply || strncmp(reply, PREFIX, sizeof(PREFIX) - 1) != 0)
        return -EINVAL;
    const char *s = reply + sizeof(PREFIX) - 1;
    for (t[0].at = s;; s++) {
        if (*s != '.' && *s != '\0')
            continue;
        t[n].len = (size_t)(s - t[n].at);
        if (t[n].len == 0)
            return -EINVAL;
        n++;
        if (*s == '\0' || n == TOKENS_MAX)
            break;
        t[n].at = s + 1;
    }
    if (n != TOKENS_V1 && n < TOKENS_V2)
        return -EINVAL;

    const struct token *first = n == TOKENS_V1 ? t : t + 2;
    struct ack_meta m = {
        .stream = first[0].at, .stream_len = first[0].len, .consumer = first[1].at, .consumer_len = first[1].len};
    uint64_t stored;
    if (!number(first[2], &m.delivered) || !number(first[3], &m.stream_seq) || !number(first[4], &m.consumer_seq) ||
        !number(first[5], &stored) || !number(first[6], &m.pending) || stored > INT64_MAX || m.stream_seq == 0)
        return -EINVAL;
    m.stored_ns = (int64_t)stored;
    *ret = m;
    return 0;
}
