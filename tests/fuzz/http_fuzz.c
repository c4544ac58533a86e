/* SPDX-License-Identifier: Apache-2.0
 * http_fuzz - parses any bytes as an HTTP request: no crash, and the result does not depend on the
 * pieces in which the bytes arrive. */
#include "admin/http_parse.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_request request;
    const char *bytes = (const char *)data;
    int whole = http_parse(bytes, size, &request);

    assert(whole <= (int)size && whole <= HTTP_REQUEST_MAX);
    if (whole > 0) {
        size_t path_len = strnlen(request.path, sizeof(request.path));
        assert(request.path[0] == '/' && path_len < sizeof(request.path));
        assert(strnlen(request.query, sizeof(request.query)) < sizeof(request.query));
        for (size_t i = 0; i < path_len; i++)
            assert((unsigned char)request.path[i] >= 0x20 && request.path[i] != 0x7f);
        /* Bytes behind the request belong to the next one, and must not change the result. */
        assert(http_parse(bytes, (size_t)whole, &request) == whole);
    } else if (whole < 0) {
        assert(whole == -400 || whole == -405 || whole == -413 || whole == -414 || whole == -431 || whole == -505);
    } else {
        assert(size < HTTP_REQUEST_MAX);
    }
    /* A first part of the request: the parser waits for more, or gives the same result. */
    for (size_t cut = size / 4; cut > 0 && cut < size; cut += size / 4) {
        int part = http_parse(bytes, cut, &request);
        assert(part == 0 || part == whole);
    }
    return 0;
}
