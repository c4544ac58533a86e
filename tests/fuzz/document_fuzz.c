/* SPDX-License-Identifier: Apache-2.0
 * document_fuzz - a subject or time on the first line, then the JSON configuration of a stream or consumer: a
 * comparison ends, limits are above 0, and a subject is captured after it was added. */
#include "base/clock.h"
#include "base/rfc3339.h"
#include "jetstream/consumer_config.h"
#include "jetstream/stream_config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *filters[] = {(char *)"orders.>", (char *)"returns.*"};

static void check_consumer(json_t *document)
{
    for (size_t n = 0; n <= 2; n++) {
        struct consumer_config c = {.stream = (char *)"ORDERS",
                                    .name = (char *)"billing",
                                    .deliver_policy = (char *)"all",
                                    .filter_subjects = {.items = filters, .n = n},
                                    .ack_wait_ns = 30 * NS_PER_SEC,
                                    .max_ack_pending = 1000};
        struct consumer_comparison d;
        if (consumer_config_compare(&c, document, &d) < 0)
            continue;
        assert(d.ack_wait_ns >= 0 && d.max_ack_pending > 0);
        consumer_comparison_finish(&d);
    }
}

static void check_stream(json_t *document, const char *subject)
{
    const struct strv wanted = {.items = filters, .n = 2};
    struct buf why = {0};
    json_t *changed = stream_with_subject(document, subject);

    if (changed) /* a subject that is not UTF-8 cannot be added */
        assert(stream_captures(changed, subject));
    if (!stream_matches_no_filter(document, &wanted, &why))
        assert(why.len == 0);
    for (size_t i = 0; i < stream_fields.n; i++)
        js_field_text(&stream_fields.fields[i], document, "here", &why);
    json_decref(changed);
    buf_finish(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t len = end ? (size_t)(end - data) : size;
    char *line = malloc(len + 1);
    if (!line)
        return 0;
    if (len)
        memcpy(line, data, len);
    line[len] = '\0';
    rfc3339_parse(line);
    json_t *config = end ? json_loadb((const char *)end + 1, size - len - 1, 0, NULL) : NULL;
    if (json_is_object(config)) {
        check_consumer(config);
        check_stream(config, line);
    }
    json_decref(config);
    free(line);
    return 0;
}
