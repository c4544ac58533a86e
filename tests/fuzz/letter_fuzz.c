/* SPDX-License-Identifier: Apache-2.0
 * letter_fuzz - any answer of STREAM.MSG.GET as a dead letter; any text as a range, a time, a journal, and what an
 * admin server might answer. */
#include "cli/daemon/admin_client.h"
#include "cli/dlq/journal.h"
#include "cli/dlq/filter.h"
#include "cli/time_option.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_message(const char *text, size_t size)
{
    json_t *json = json_loadb(text, size, 0, NULL);
    struct stored_message m = {0};
    struct dead_letter d;

    if (stored_message_parse(json, &m) == 0) {
        const char *name;
        const char *value;
        size_t at = 0;
        while (stored_message_next_header(&m, &at, &name, &value))
            assert(*name && stored_message_header(&m, name));
        assert(at == m.headers.len && m.seq > 0);
        if (stored_message_dead_letter(&m, &d) == 0) {
            json_t *row = dlq_row(&m, &d);
            assert(row && *d.stream && *d.consumer);
            assert(dlq_filter_matches(&(struct dlq_filter){.stream = d.stream}, &m, &d));
            json_decref(row);
        }
    }
    stored_message_finish(&m);
    json_decref(json);
}

static void as_argument(const char *text)
{
    struct dlq_filter f = {.n_ranges = 1};
    struct error err;
    int64_t ns;

    if (dlq_range_parse(text, &f.ranges[0], &err) == 0) {
        assert(f.ranges[0].first > 0 && f.ranges[0].first <= f.ranges[0].last);
        assert(dlq_filter_next_seq(&f, 1) == f.ranges[0].first);
    }
    if (time_option_parse(text, INT64_C(1700000000000000000), &ns, &err) == 0)
        assert(ns != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    as_message(text, size);
    as_argument(text);
    json_t *batches = journal_parse(text, size);
    assert(json_is_array(batches));
    json_decref(batches);
    size_t body = 0;
    int status = admin_parse_answer(text, size, &body);
    assert(status < 0 || (status >= 100 && status <= 999 && body <= size));
    free(text);
    return 0;
}
