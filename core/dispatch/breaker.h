/* SPDX-License-Identifier: Apache-2.0
 *
 * breaker - starts no messages while a dependency of the handler is down, except one probe from time to time.
 *
 * An outcome "unavailable" opens the breaker. After a pause one message may start as the probe. If it succeeds, the
 * breaker closes. Otherwise the pause doubles (1 s to 30 s, plus up to a quarter at random, so that handlers which
 * failed together do not probe together). Outcomes of messages that were running when the breaker opened are ignored,
 * because they may have used the dependency before it went down. Pure; times are on the monotonic clock.
 */
#ifndef SEAMQ_DISPATCH_BREAKER_H
#define SEAMQ_DISPATCH_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_REASON_MAX 256

struct breaker {
    bool open;
    const void *probe; /* the message that runs as the probe; NULL: none */
    int64_t probe_ns;  /* when the next probe may start */
    int64_t pause_ns;
    int64_t since_ns; /* time of opening */
    uint64_t opened;  /* number of times that the breaker has opened */
    unsigned seed;
    char reason[BREAKER_REASON_MAX]; /* the text of the last outcome that opened the breaker or kept it open */
};

/* A message starts. The caller starts none while a probe runs, or before probe_ns if the breaker is open. */
void breaker_start(struct breaker *b, const void *message);
/* The message's outcome is "unavailable"; the handler requests a pause of at least `pause_ns` (< 0: no request).
 * True: this opened the breaker. */
bool breaker_unavailable(struct breaker *b, const void *message, int64_t pause_ns, const char *reason, int64_t now_ns);
/* The message has another outcome. True: this closed the breaker. */
bool breaker_result(struct breaker *b, const void *message, bool success, int64_t now_ns);
/* The message did not start after all; another message may be the probe at once. */
void breaker_withdrawn(struct breaker *b, const void *message);

#endif
