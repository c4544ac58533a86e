/* SPDX-License-Identifier: Apache-2.0
 * ring - positions and records, and the checks of everything that the peer wrote. */
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 */
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

#define HEADER 8u

struct record_header {
    uint32_t size; /* with this header */
    uint32_t type;
};

_Static_assert(sizeof(struct record_header) == HEADER, "a record header is one atomic word");
_Static_assert(sizeof(struct ring_page) <= RING_PAGE_SIZE, "the counters fit their page");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "a lock cannot live in shared memory");

static bool bytes_ok(uint64_t bytes)
{
    return bytes >= RING_BYTES_MIN && bytes <= RING_BYTES_MAX && (bytes & (bytes - 1)) == 0;
}

int ring_memfd(const char *name, size_t bytes, int *ret_fd)
{
    if (!bytes_ok(bytes))
        return -EINVAL;
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)(RING_PAGE_SIZE + bytes)) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

int ring_seal(int fd, bool writes)
{
    return fcntl(fd, F_ADD_SEALS, (writes ? F_SEAL_FUTURE_WRITE : 0) | F_SEAL_SEAL) ? -errno : 0;
}

int64_t ring_memfd_bytes(int fd)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || fstat(fd, &st))
        return -errno;
    if ((seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW))
        return -EPERM;
    if (st.st_size < (off_t)RING_PAGE_SIZE || !bytes_ok((uint64_t)st.st_size - RING_PAGE_SIZE))
        return -EINVAL;
    return st.st_size - (off_t)RING_PAGE_SIZE;
}

int ring_attach(struct ring *r, int own_fd, int peer_fd)
{
    *r = (struct ring){0};
    int64_t own_bytes = ring_memfd_bytes(own_fd);
    int64_t peer_bytes = ring_memfd_bytes(peer_fd);
    if (own_bytes < 0 || peer_bytes < 0)
        return (int)(own_bytes < 0 ? own_bytes : peer_bytes);

    void *own = mmap(NULL, RING_PAGE_SIZE + (size_t)own_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, own_fd, 0);
    if (own == MAP_FAILED)
        return -errno;
    void *peer = mmap(NULL, RING_PAGE_SIZE + (size_t)peer_bytes, PROT_READ, MAP_SHARED, peer_fd, 0);
    if (peer == MAP_FAILED) {
        int rc = -errno;
        munmap(own, RING_PAGE_SIZE + (size_t)own_bytes);
        return rc;
    }
    r->own = own;
    r->peer = peer;
    r->tx = (char *)own + RING_PAGE_SIZE;
    r->rx = (const char *)peer + RING_PAGE_SIZE;
    r->tx_size = (uint32_t)own_bytes;
    r->rx_size = (uint32_t)peer_bytes;
    return 0;
}

void ring_detach(struct ring *r)
{
    if (r->own)
        munmap(r->own, RING_PAGE_SIZE + (size_t)r->tx_size);
    if (r->peer)
        munmap((void *)(uintptr_t)r->peer, RING_PAGE_SIZE + (size_t)r->rx_size);
    *r = (struct ring){0};
}

uint32_t ring_payload_max(const struct ring *r)
{
    /* A pad is shorter than the record after it, so both fit if the record is at most half of the ring. */
    return r->tx_size / 2 - HEADER;
}

/* True: `need` bytes fit behind tx_head.  Reads the tail of the peer only if the last known one is not enough. */
static bool has_room(struct ring *r, uint64_t need)
{
    if (r->tx_head + need - r->tx_tail <= r->tx_size)
        return true;
    uint64_t tail = atomic_load_explicit(&r->peer->tail, memory_order_acquire);
    if (tail % 8 || tail - r->tx_tail > r->tx_published - r->tx_tail) {
        r->broken = true; /* the tail went back, or beyond what was published */
        return false;
    }
    r->tx_tail = tail;
    return r->tx_head + need - tail <= r->tx_size;
}

void *ring_put(struct ring *r, uint32_t type, uint32_t size)
{
    if (size > ring_payload_max(r) || r->broken)
        return NULL;
    uint32_t total = (HEADER + size + 7u) & ~7u;
    uint32_t at = (uint32_t)(r->tx_head & (r->tx_size - 1));
    uint32_t left = r->tx_size - at;
    uint32_t pad = left < total ? left : 0;

    if (!has_room(r, (uint64_t)pad + total))
        return NULL;
    if (pad) {
        memcpy(r->tx + at, &(struct record_header){pad, RECORD_PAD}, HEADER);
        at = 0;
    }
    memcpy(r->tx + at, &(struct record_header){HEADER + size, type}, HEADER);
    r->tx_head += (uint64_t)pad + total;
    return r->tx + at + HEADER;
}

bool ring_rewind(struct ring *r, uint64_t mark)
{
    if (mark - r->tx_published > r->tx_head - r->tx_published)
        return false;
    r->tx_head = mark;
    return true;
}

void ring_publish(struct ring *r)
{
    r->tx_published = r->tx_head;
    atomic_store_explicit(&r->own->head, r->tx_head, memory_order_release);
}

/* True: the worker sleeps for one of `wants`, and was not woken from that sleep yet. */
static bool must_ring(struct ring *r, uint32_t wants)
{
    uint32_t word = atomic_load_explicit(&r->peer->sleep, memory_order_seq_cst);
    if (!(word & wants) || word == r->sleep_word)
        return false;
    r->sleep_word = word;
    return true;
}

bool ring_publish_wakes(struct ring *r)
{
    if (r->tx_published == r->tx_head)
        return false;
    r->tx_published = r->tx_head;
    atomic_store_explicit(&r->own->head, r->tx_head, memory_order_seq_cst);
    return must_ring(r, RING_WANTS_DATA);
}

/* Reads the head of the peer and checks it. */
static int refresh_head(struct ring *r)
{
    uint64_t head = atomic_load_explicit(&r->peer->head, memory_order_acquire);
    if (head % 8 || head - r->rx_tail > r->rx_size) {
        r->broken = true;
        return -EBADMSG;
    }
    r->rx_head = head;
    return 0;
}

int ring_next(struct ring *r, struct ring_record *ret)
{
    if (r->broken)
        return -EBADMSG;
    for (;;) {
        r->rx_done = r->rx_tail;
        if (r->rx_tail == r->rx_head) {
            int rc = refresh_head(r);
            if (rc)
                return rc;
            if (r->rx_tail == r->rx_head)
                return 0;
        }
        uint32_t at = (uint32_t)(r->rx_tail & (r->rx_size - 1));
        /* Loaded once: the peer may change it between two loads. */
        uint64_t word =
            atomic_load_explicit((const _Atomic uint64_t *)(const void *)(r->rx + at), memory_order_relaxed);
        struct record_header h;
        memcpy(&h, &word, HEADER);
        uint64_t total = ((uint64_t)h.size + 7u) & ~(uint64_t)7u;
        /* A record must follow a pad, at the start of the data: a peer that writes only pads must not keep this
         * loop running.
         */
        bool stray = h.type == RECORD_PAD && (at == 0 || total != r->rx_size - at);
        if (h.size < HEADER || total > r->rx_size - at || total > r->rx_head - r->rx_tail || stray) {
            r->broken = true;
            return -EBADMSG;
        }
        r->rx_tail += total;
        if (h.type == RECORD_PAD)
            continue;
        *ret = (struct ring_record){h.type, h.size - HEADER, r->rx + at + HEADER};
        return 1;
    }
}

void ring_release(struct ring *r)
{
    if (r->rx_released == r->rx_done)
        return;
    r->rx_released = r->rx_done;
    atomic_store_explicit(&r->own->tail, r->rx_done, memory_order_release);
}

bool ring_release_wakes(struct ring *r)
{
    if (r->rx_released == r->rx_done)
        return false;
    r->rx_released = r->rx_done;
    atomic_store_explicit(&r->own->tail, r->rx_done, memory_order_seq_cst);
    return must_ring(r, RING_WANTS_ROOM);
}

bool ring_sleep(struct ring *r, enum ring_wants wants)
{
    uint32_t count = (r->sleep_word >> 2) + 1;
    r->sleep_word = count << 2;
    atomic_store_explicit(&r->own->sleep, r->sleep_word | (uint32_t)wants, memory_order_seq_cst);

    bool there = false;
    if (wants & RING_WANTS_DATA)
        there = atomic_load_explicit(&r->peer->head, memory_order_seq_cst) != r->rx_tail;
    if (wants & RING_WANTS_ROOM)
        there = there || atomic_load_explicit(&r->peer->tail, memory_order_seq_cst) != r->tx_tail;
    if (there)
        ring_awake(r);
    return !there;
}

void ring_awake(struct ring *r)
{
    atomic_store_explicit(&r->own->sleep, r->sleep_word, memory_order_relaxed);
}
