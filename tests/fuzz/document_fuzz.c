/* SPDX-License-Identifier: Apache-2.0
 * document_fuzz - a subject or time on the first line, behind it the JSON configuration of a
 * stream or consumer: sentences that end, limits above 0, and subjects that are captured when added. */
#include "base/value.h"
#include "consumer/consumer_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_consumer(json_t *config)
{
    static char *filters[] = {(char *)"orders.>", (char *)"returns.*"};
    char drift[CONSUMER_REASON_MAX];
    char refusal[CONSUMER_REASON_MAX];

    for (size_t n = 0; n <= 2; n++) {
        struct config_handler h = {.deliver_policy = (char *)"all",
                                   .filter_subjects = {.items = filters, .n = n},
                                   .ack_wait_ns = 30 * NS_PER_SEC,
                                   .max_ack_pending = 1000};
        struct config_cluster cluster = {.name = (char *)"default"};
        struct consumer c = {
            .handler = &h, .cluster = &cluster, .ack_wait_ns = h.ack_wait_ns, .max_ack_pending = h.max_ack_pending};
        memset(drift, 'x', sizeof(drift));
        memset(refusal, 'x', sizeof(refusal));
        document_consumer_check(&c, config, drift, sizeof(drift), refusal, sizeof(refusal));
        assert(memchr(drift, '\0', sizeof(drift)) && memchr(refusal, '\0', sizeof(refusal)));
        assert(c.ack_wait_ns > 0 && c.max_ack_pending > 0);
    }
}

static void check_stream(json_t *config, const char *subject)
{
    document_stream_captures(config, subject);
    char *text = document_dead_letter_update(config, subject);
    json_t *updated = text ? json_loads(text, 0, NULL) : NULL;
    if (updated) /* a subject that is no UTF-8 cannot be added */
        assert(document_stream_captures(updated, subject) || json_array_size(json_object_get(updated, "subjects")) ==
                                                                 json_array_size(json_object_get(config, "subjects")));
    json_decref(updated);
    free(text);
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
    value_time_ns(line);
    json_t *config = end ? json_loadb((const char *)end + 1, size - len - 1, 0, NULL) : NULL;
    if (json_is_object(config)) {
        check_consumer(config);
        check_stream(config, line);
    }
    json_decref(config);
    free(line);
    return 0;
}
