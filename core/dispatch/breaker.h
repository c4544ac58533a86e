/* SPDX-License-Identifier: Apache-2.0
 *
 * breaker - what a handler cannot do without is down: hold everything, try with one message.
 *
 * Closed until a message comes back "unavailable"; then open, and after a pause one message may
 * start: the probe.  If it succeeds the breaker closes; else it stays open and the pause doubles
 * (1 s to 30 s, up to a quarter more at random, so that what broke together does not probe
 * together).  Messages that were under way when it opened decide nothing: they may have been
 * served before.  Pure; times are monotonic.
 */
#ifndef SEAMQ_DISPATCH_BREAKER_H
#define SEAMQ_DISPATCH_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_REASON_MAX 256

struct breaker {
    bool open;
    const void *probe; /* the message that tries; NULL: none does */
    int64_t probe_ns;  /* when one may */
    int64_t pause_ns;
    int64_t since_ns;
    uint64_t opened; /* how often */
    unsigned seed;
    char reason[BREAKER_REASON_MAX]; /* the handler's, last heard */
};

/* A message starts: while open, and with no other probe under way, only from probe_ns on. */
void breaker_start(struct breaker *b, const void *message);
/* It came back "unavailable", and asks for at least `pause_ns` (< 0: as long as is usual).
 * True if the breaker has just opened. */
bool breaker_unavailable(struct breaker *b, const void *message, int64_t pause_ns, const char *reason, int64_t now_ns);
/* It came back otherwise. True if the breaker has just closed. */
bool breaker_result(struct breaker *b, const void *message, bool success, int64_t now_ns);
/* It had not begun, and may again. */
void breaker_withdrawn(struct breaker *b, const void *message);

#endif
