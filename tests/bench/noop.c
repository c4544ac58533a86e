/* SPDX-License-Identifier: Apache-2.0
 * noop - a handler that does nothing, so that a measurement shows SeaMQ's own cost. */
#include <seamq/plugin.h>

static int on_message(void *self, const seamq_msg *msg)
{
    (void)self;
    (void)msg;
    return SEAMQ_ACK;
}

SEAMQ_PLUGIN(.name = "noop", .version = "1.0.0", .handle = on_message);
