/* SPDX-License-Identifier: Apache-2.0
 *
 * packet - the control socket between the daemon and a worker: one SEQPACKET datagram each.
 *
 * A packet is a sequence of NUL-terminated texts: its type, then key, value, key, value ...  A reader skips unknown
 * keys, so a daemon and a worker of different versions work together; an incompatible change increments
 * PACKET_PROTOCOL.
 *
 *     daemon -> worker   hello     protocol parent mode(run|probe) plugin trust(strict|any) handler index count
 *                                  log_level timeout_ns batch_max batch_linger_ns image_* (see image.h,
 *                                  with its memfd),
 *                                  then repeated: stream consumer cluster (one binding), option ("name=value")
 *                        body      serial, with a sealed memfd
 *     worker -> daemon   describe  name version ... (see host/describe.c), one `option` packet per option
 *                        ready | refused text | failed text
 *                        log       level text [seq]
 *                        count     metric by
 *                        body      serial, with a memfd
 *                        crash     signal;  backtrace text
 *                        bye       the orderly end, before exit(0)
 *
 * Descriptors in the worker, fixed: enum packet_fd.  Functions: any thread, no shared state.
 */
#ifndef SEAMQ_RING_PACKET_H
#define SEAMQ_RING_PACKET_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PACKET_PROTOCOL 2
#define PACKET_HELLO_MAX (128u << 10) /* bytes, daemon -> worker */
#define PACKET_MAX (32u << 10)        /* bytes, worker -> daemon */

enum packet_fd {
    PACKET_FD_CONTROL = 3,
    PACKET_FD_IN = 4,       /* memfd, read-only */
    PACKET_FD_OUT = 5,      /* memfd */
    PACKET_FD_BELL_IN = 6,  /* eventfd: the worker waits on it */
    PACKET_FD_BELL_OUT = 7, /* eventfd: the worker rings it */
    PACKET_FD_FREE = 8      /* this and all above are closed before the plugin loads */
};

void packet_begin(struct buf *b, const char *type);
void packet_add(struct buf *b, const char *key, const char *value);
void packet_add_int(struct buf *b, const char *key, int64_t value);

/* Sends one packet, with descriptor `pass` unless it is -1. 0 or a negative errno. */
int packet_send_raw(int fd, const void *data, size_t len, int pass);
int packet_send(int fd, struct buf *b, int pass);
/* Receives one: its length, 0 at the end of the stream, or a negative errno (-EAGAIN, -EMSGSIZE
 * when it was cut, -EBADMSG when it is not NUL-terminated).  *ret_pass is -1 or a descriptor
 * that the caller closes. */
ssize_t packet_recv(int fd, char *data, size_t size, int *ret_pass);

struct packet {
    const char *type;
    const char *at;
    const char *end;
};

/* `data` ends with a NUL (packet_recv() checks it) and must outlive `p`. */
void packet_open(struct packet *p, const char *data, size_t len);
bool packet_next(struct packet *p, const char **ret_key, const char **ret_value);
/* The first value of `key` behind the last packet_next(); "": none. */
const char *packet_get(const struct packet *p, const char *key);
int64_t packet_get_int(const struct packet *p, const char *key);

#endif
