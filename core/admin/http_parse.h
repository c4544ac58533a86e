/* SPDX-License-Identifier: Apache-2.0
 *
 * http_parse - one HTTP/1.x request head from bytes (RFC 9112), for requests without a body.
 * Pure: no state, no allocation, any bytes.  Any thread.
 */
#ifndef SEAMQ_ADMIN_HTTP_PARSE_H
#define SEAMQ_ADMIN_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>

/* Request line, fields and the empty line together. */
#define HTTP_REQUEST_MAX 4096

struct http_request {
    bool head; /* HEAD; neither: GET */
    bool post;
    bool intended; /* has the field "Seamq: 1", which no page of another site can make a browser send */
    bool keep_alive;
    char path[HTTP_REQUEST_MAX];  /* begins with '/', percent-decoded, no control bytes */
    char query[HTTP_REQUEST_MAX]; /* behind the '?', as sent; "" when there is none */
};

/* > 0: a whole request was read from that many bytes; *ret holds it.
 *   0: more bytes are needed.
 * < 0: a request that is not served; the negative HTTP status (400, 405, 413, 414, 431, 505).
 *      Where the next request begins is unknown: answer and close.
 * Except for 0 the answer does not change when more bytes follow.  *ret is undefined unless > 0. */
int http_parse(const char *data, size_t len, struct http_request *ret);

#endif
