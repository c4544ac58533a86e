/* SPDX-License-Identifier: Apache-2.0 */
#include <seamq/plugin.h>

static int on_message(void *self, const seamq_msg *msg)
{
    (void)self;
    seamq_info("%s: %.*s", msg->subject, (int)msg->size, msg->data);
    return SEAMQ_ACK;
}

SEAMQ_PLUGIN(.name = "hello", .version = "1.0.0", .summary = "logs each message", .stream = "HELLO",
             .subjects = "hello.>", .handle = on_message);
