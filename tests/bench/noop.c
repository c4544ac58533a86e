/* SPDX-License-Identifier: Apache-2.0
 * The handler that does nothing: what is left is SeaMQ's own cost. */
#include <seamq/plugin.h>

static int on_message(void *self, const seamq_msg *msg)
{
    (void)self;
    (void)msg;
    return SEAMQ_ACK;
}

SEAMQ_PLUGIN(.name = "noop", .version = "1.0.0", .handle = on_message);
