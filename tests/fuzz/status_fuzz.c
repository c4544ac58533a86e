/* SPDX-License-Identifier: Apache-2.0
 * status_fuzz - parses any Status, Description and Nats-Pending-Messages headers, one in each line; without
 * the line, the header is missing. */
#include "consumer/status.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    char *rest = text;
    const char *code = strsep(&rest, "\n");
    const char *description = strsep(&rest, "\n");
    const char *pending = strsep(&rest, "\n");

    struct pull_status s = pull_status_parse(code, description, pending);
    assert(s.reaction >= PULL_HEARTBEAT && s.reaction <= PULL_UNKNOWN);
    assert(s.unfilled >= -1 && s.max_batch >= 0 && s.max_expires_ns >= 0 && s.max_bytes >= 0);
    assert(s.reaction == PULL_LIMITED || (s.max_batch == 0 && s.max_expires_ns == 0 && s.max_bytes == 0));
    assert(pending || s.unfilled == -1);
    assert((s.max_batch != 0) + (s.max_expires_ns != 0) + (s.max_bytes != 0) <= 1);
    free(text);
    return 0;
}
