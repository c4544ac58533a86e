/* SPDX-License-Identifier: Apache-2.0
 * status - the table of status messages and reactions. */
#include "status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *code;
    const char *starts; /* prefix of the description, case ignored; NULL: any. The first matching row counts. */
    enum pull_reaction reaction;
} reactions[] = {
    {"100", NULL, PULL_HEARTBEAT},
    {"404", NULL, PULL_ENDED},
    {"408", NULL, PULL_ENDED},
    {"409", "Batch Completed", PULL_ENDED},
    {"409", "Message Size Exceeds MaxBytes", PULL_FULL},
    {"409", "Exceeded MaxWaiting", PULL_RESET},
    {"409", "Exceeded MaxAckPending", PULL_RESET},
    {"409", "Exceeded MaxRequest", PULL_LIMITED},
    {"409", "Leadership Change", PULL_NEW_LEADER},
    {"409", "Server Shutdown", PULL_RESET},
    {"409", "Consumer Deleted", PULL_GONE},
    {"409", "Consumer is push based", PULL_REFUSED},
    {"400", NULL, PULL_REFUSED},
    {"503", NULL, PULL_NO_RESPONDERS},
};

/* Parses a time.Duration as Go prints it: "1m30s", "1.5s", "250ms". 0: invalid. */
static int64_t parse_go_duration(const char *s)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"h", 3600e9}, {"ms", 1e6}, {"m", 60e9}, {"s", 1e9}, {"us", 1e3}, {"\u00b5s", 1e3}, {"ns", 1}};
    const size_t n_units = sizeof(units) / sizeof(units[0]);
    double sum = 0;

    while (*s >= '0' && *s <= '9') {
        char *unit;
        size_t i = 0;
        double n = strtod(s, &unit);
        while (i < n_units && strncmp(unit, units[i].name, strlen(units[i].name)) != 0)
            i++;
        if (i == n_units)
            return 0;
        sum += n * units[i].ns;
        s = unit + strlen(units[i].name);
    }
    return *s == '\0' && sum < 1e18 ? (int64_t)(sum + 0.5) : 0;
}

static int64_t parse_positive(const char *s)
{
    long long n = strtoll(s, NULL, 10);
    return n > 0 ? n : 0;
}

/* Parses "Exceeded MaxRequestBatch of 10", "Exceeded MaxRequestExpires of 1m30s", "Exceeded MaxRequestMaxBytes of 1024"
 */
static void parse_limit(const char *description, struct pull_status *s)
{
    const char *of = strstr(description, " of ");
    if (!of)
        return;
    if (strstr(description, "MaxRequestBatch"))
        s->max_batch = parse_positive(of + 4);
    else if (strstr(description, "MaxRequestMaxBytes"))
        s->max_bytes = parse_positive(of + 4);
    else if (strstr(description, "MaxRequestExpires"))
        s->max_expires_ns = parse_go_duration(of + 4);
}

struct pull_status pull_status_parse(const char *code, const char *description, const char *pending)
{
    struct pull_status s = {.reaction = PULL_UNKNOWN, .unfilled = -1};
    const char *text = description ? description : "";

    for (size_t i = 0; i < sizeof(reactions) / sizeof(reactions[0]); i++) {
        const char *starts = reactions[i].starts;
        if (strcmp(code, reactions[i].code) == 0 && (!starts || strncasecmp(text, starts, strlen(starts)) == 0)) {
            s.reaction = reactions[i].reaction;
            break;
        }
    }
    if (pending) {
        char *end;
        errno = 0;
        long long n = strtoll(pending, &end, 10);
        if (errno == 0 && end != pending && *end == '\0' && n >= 0)
            s.unfilled = n;
    }
    if (s.reaction == PULL_LIMITED)
        parse_limit(text, &s);
    return s;
}
