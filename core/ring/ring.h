/* SPDX-License-Identifier: Apache-2.0
 *
 * ring - records between the daemon and one worker process, through two memfds.
 *
 * Each side writes to its own memfd and only reads the other's, so neither can corrupt what
 * the other relies on:
 *
 *     memfd = page (struct ring_page) | data (a power of two bytes)
 *     in:  written by the daemon; the worker cannot map it writable (F_SEAL_FUTURE_WRITE)
 *     out: written by the worker; the daemon maps it read-only
 *
 * `head` counts the bytes ever published into the data behind it; `tail` counts the bytes ever
 * consumed of the *other* memfd.  Positions only grow; the place of a byte is its position
 * modulo the size.  A record is `u32 size, u32 type, payload`, a multiple of 8 bytes, never
 * split: where it would cross the end, a RECORD_PAD fills the rest.
 *
 * Whatever is read from the peer is checked before use: positions and sizes that cannot be
 * set `broken`, ring_next() returns -EBADMSG and ring_put() NULL from then on, and nothing is read
 * outside the mapping.  The *content* of a record in the out ring can change while it is looked at: the
 * daemon copies a record before it looks inside.
 *
 * One thread of each process uses its struct ring.  No locks, nothing to repair when a side
 * dies in the middle of a write: what was not published does not exist.
 *
 * Waking.  The daemon rings the worker's eventfd only if the worker sleeps.  No wake-up is
 * lost: the worker stores `sleep`, then loads `head`; the daemon stores `head`, then loads
 * `sleep`; all four are seq_cst, hence in one total order S.  If the daemon's load of `sleep`
 * missed the worker's store, that load precedes the store in S, so the daemon's store of
 * `head`, which precedes its load, precedes the worker's load of `head`: the worker sees the
 * record and does not sleep.  The same holds for `tail` when the worker waits for room.
 * `sleep` holds a counter, so that the daemon rings once for each sleep.
 * The worker rings the daemon unconditionally, but only out of work or some way ahead.
 */
#ifndef SEAMQ_RING_RING_H
#define SEAMQ_RING_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_PAGE_SIZE 4096u
#define RING_BYTES_MIN 4096u
#define RING_BYTES_MAX (UINT32_C(1) << 30)

enum ring_order { RING_RUN = 0, RING_STOP = 1, RING_REVOKE = 2 };
enum ring_wants { RING_WANTS_DATA = 1, RING_WANTS_ROOM = 2 };

struct ring_page {
    alignas(64) _Atomic uint64_t head;
    _Atomic uint64_t running;   /* worker: id of the message that it executes; 0: none */
    _Atomic int64_t started_ns; /* worker: since when, monotonic */
    _Atomic uint32_t running_n; /* worker: so many messages in one call, `running` the first of them */
    alignas(64) _Atomic uint64_t tail;
    alignas(64) _Atomic uint32_t sleep; /* worker: counter << 2 | enum ring_wants; 0 wants: awake */
    alignas(64) _Atomic uint32_t order; /* daemon: enum ring_order */
};

struct ring_record {
    uint32_t type;
    uint32_t size;       /* of the payload */
    const void *payload; /* in the peer's memory; valid until ring_release() after the next ring_next() */
};

struct ring {
    struct ring_page *own;
    const struct ring_page *peer;
    char *tx;
    const char *rx;
    uint32_t tx_size;
    uint32_t rx_size;
    uint64_t tx_head;      /* behind the last record written */
    uint64_t tx_published; /* what the peer may see */
    uint64_t tx_tail;      /* the peer's tail as last read */
    uint64_t rx_head;      /* the peer's head as last read */
    uint64_t rx_tail;      /* behind the record that is being looked at */
    uint64_t rx_done;      /* before it */
    uint64_t rx_released;  /* the tail that the peer may see */
    uint32_t sleep_word;   /* worker: as last stored; daemon: as last rung for */
    bool broken;           /* the peer wrote an invalid position or size */
};

/* A memfd for `bytes` of data (a power of two within the limits above), close-on-exec, that can
 * neither shrink nor grow (a truncated mapping is SIGBUS for its reader). 0 or a negative errno. */
int ring_memfd(const char *name, size_t bytes, int *ret_fd);
/* No further seal.  With `writes` no new writable mapping or write() either; the mappings that
 * exist stay writable. 0 or a negative errno. */
int ring_seal(int fd, bool writes);
/* Checks that `fd` is such a memfd and returns its data bytes, or a negative errno. */
int64_t ring_memfd_bytes(int fd);

/* Maps both memfds; the descriptors are not kept. 0 or a negative errno. */
int ring_attach(struct ring *r, int own_fd, int peer_fd);
void ring_detach(struct ring *r); /* no effect on a zero-initialised or detached ring */

/* ---- writing ---- */

/* The largest payload that always fits into an empty ring. */
uint32_t ring_payload_max(const struct ring *r);
/* Reserves a record, which the peer sees after ring_publish(). NULL: no room now, or broken. */
void *ring_put(struct ring *r, uint32_t type, uint32_t size);
/* Discards the records written since `mark` (an earlier tx_head), if none was published. */
bool ring_rewind(struct ring *r, uint64_t mark);
/* Makes all records visible; wakes nobody. */
void ring_publish(struct ring *r);
/* For the daemon: as ring_publish(). True: the worker sleeps for data, and its eventfd must be written. */
bool ring_publish_wakes(struct ring *r);

/* ---- reading ---- */

/* 1: a record; 0: none now; -EBADMSG: broken. */
int ring_next(struct ring *r, struct ring_record *ret);
/* Ends the use of the current record, as the next ring_next() does. */
static inline void ring_done(struct ring *r)
{
    r->rx_done = r->rx_tail;
}
/* Gives the room of all records except the current one back to the peer. */
void ring_release(struct ring *r);
/* For the daemon: as ring_release(). True: the worker sleeps for room, and its eventfd must be written. */
bool ring_release_wakes(struct ring *r);

/* ---- the worker's sleep ---- */

/* Announces the sleep; false: data or room is already available, do not sleep. */
bool ring_sleep(struct ring *r, enum ring_wants wants);
void ring_awake(struct ring *r);

#endif
