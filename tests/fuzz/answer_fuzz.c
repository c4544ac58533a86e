/* SPDX-License-Identifier: Apache-2.0
 * answer_fuzz - any bytes as the answer to a JetStream request: an object, or an error with a sentence. */
#include "jetstream/request.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct answer a;
    natsMsg *msg = NULL;

    if (nats_Open(-1) != NATS_OK || natsMsg_Create(&msg, "reply", NULL, (const char *)data, (int)size) != NATS_OK)
        return 0;
    answer_read(&a, 0, msg);
    assert(memchr(a.text, '\0', sizeof(a.text)));
    if (a.rc == 0) {
        assert(json_is_object(a.json) && a.err_code == 0 && a.code == 0 && !a.text[0]);
    } else {
        assert(!a.json && (a.rc == -EBADMSG || a.rc == -EREMOTEIO));
        assert(a.rc == -EREMOTEIO || (a.err_code == 0 && a.code == 0));
    }
    json_decref(a.json);
    natsMsg_Destroy(msg);
    return 0;
}
