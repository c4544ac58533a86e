/* SPDX-License-Identifier: Apache-2.0
 *
 * batch - has handle_batch; the first byte of each payload decides the outcome.  With -DWITH_HANDLE it
 * has handle, too.
 */
#include <seamq/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const seamq_msg *left_over; /* a message of the previous call */

static void stage(const seamq_msg *msg, const char *subject)
{
    if (seamq_publish(msg, subject, msg->data, msg->size))
        abort();
}

static void act(const seamq_msg *const *msgs, size_t n, size_t i)
{
    const seamq_msg *msg = msgs[i];
    switch (msg->data[0]) {
    case 'a': seamq_ack(msg); break;
    case 'n': seamq_nak(msg, 7, "%zu of %zu", i, n); break;
    case 'd': seamq_dead(msg, "bad"); break;
    case 't': seamq_term(msg, "%s", ""); break;
    case 'w': /* an ack does not replace another outcome */
        seamq_dead(msg, "refused");
        seamq_ack(msg);
        break;
    case 'W':
        seamq_ack(msg);
        seamq_nak(msg, 0, "after all");
        break;
    case 'p':
        stage(msg, "out.acked");
        seamq_ack(msg);
        break;
    case 'P':
        stage(msg, "out.refused");
        seamq_dead(msg, "staged");
        break;
    case 'q':
        seamq_publish(msg, "no subject", NULL, 0);
        seamq_ack(msg);
        break;
    case 'i': /* also stages for the first message of the call */
        stage(msgs[0], "out.first");
        stage(msg, "out.own");
        seamq_ack(msg);
        break;
    case 'h': seamq_nak(msg, 0, "%s", seamq_header(msg, "Tenant")); break;
    case 'c': abort();
    case 'z':
        for (;;)
            pause();
    case 's':
        usleep(400000);
        seamq_ack(msg);
        break;
    case 'x': /* extends the deadline of the call */
        seamq_extend(msg, 10 * SEAMQ_SECOND);
        usleep(1200000);
        seamq_nak(msg, 0, "%d", msgs[0]->deadline_ns == msg->deadline_ns);
        break;
    case 'l': /* uses a message of the previous call */
        seamq_nak(msg, 0, "%d", left_over == NULL || left_over == msg ? 0 : seamq_extend(left_over, SEAMQ_SECOND));
        break;
    default: break; /* no outcome */
    }
}

static void on_batch(void *self, const seamq_msg *const *msgs, size_t n)
{
    (void)self;
    for (size_t i = 0; i < n; i++)
        act(msgs, n, i);
    left_over = msgs[n - 1];
}

#ifdef WITH_HANDLE
static int on_message(void *self, const seamq_msg *msg)
{
    (void)self;
    return seamq_nak(msg, 0, "alone");
}
#endif

SEAMQ_PLUGIN(.name = "batch", .version = "1.0.0",
#ifdef WITH_HANDLE
             .handle = on_message,
#endif
             .handle_batch = on_batch);
