/* SPDX-License-Identifier: Apache-2.0
 *
 * options - the one table of everything that can be configured.  Parsing, defaults, bounds,
 * --help, --print-config and docs/configuration.md all come from it: a new key is one row.
 */
#ifndef SEAMQ_CONFIG_OPTIONS_H
#define SEAMQ_CONFIG_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum section_kind {
    SECTION_SEAMQD,
    SECTION_CLUSTER,
    SECTION_HANDLER,
    SECTION_PROVISION, /* these are for seamq; seamqd leaves them alone */
    SECTION_STREAM,
    SECTION_CONSUMER,
    N_SECTION_KINDS
};

/* What a value looks like, and the field that it lands in. */
enum opt_type {
    OPT_TEXT,      /* char *; NULL for "" */
    OPT_PATH,      /* char *: a file that must be readable */
    OPT_LIST,      /* struct strv */
    OPT_WORD,      /* an enum, from `words` */
    OPT_BOOL,      /* bool */
    OPT_INT,       /* int64_t */
    OPT_SIZE,      /* int64_t bytes */
    OPT_DURATION,  /* int64_t ns */
    OPT_DURATIONS, /* struct config_handler's backoff_ns, n_backoff */
    OPT_RATE,      /* double, a second */
    OPT_ORDERING,  /* struct config_handler's ordering* */
};

enum {
    OPT_SECRET = 1,    /* never printed */
    OPT_FROM_FILE = 2, /* also as KEY_file: the value is the file's content */
    OPT_NONE = 4,      /* the word `none` means 0 */
    OPT_MAY_BE_EMPTY = 8,
    OPT_LIVE = 16, /* a reload takes it over in place: no new consumer, no restart of seamqd */
};

struct opt_word {
    const char *word;
    int value;
};

struct opt {
    enum section_kind section;
    enum opt_type type;
    unsigned flags;
    const char *key;
    const char *preset; /* as written in a file; "": none */
    const char *shown;  /* for people, where the default is found at run time; else NULL */
    size_t offset;
    int64_t min, max; /* both 0: no bounds */
    const struct opt_word *words;
    int (*check)(const char *text, struct error *err); /* each item of a list */
    const char *nats_env;                              /* fallback for the cluster `default` */
    const char *help;
};

extern const struct opt opt_table[];
extern const size_t opt_count;

/* "seamqd", "cluster", "handler"... */
const char *section_kind_name(enum section_kind kind);
/* "orders": of a section for messages; NULL: sections of this kind have none. */
const char *section_kind_example(enum section_kind kind);

/* The row of `key`; with `ret_is_file` also KEY_file of those that may come from a file.  NULL: unknown. */
const struct opt *opt_find(enum section_kind kind, const char *key, bool *ret_is_file);

/* "did you mean": the nearest key of that section; NULL when nothing is near. */
const char *opt_nearest(enum section_kind kind, const char *key);

/* Remembers the nearest of several candidates: start with *best = NULL, *distance = near_limit(name). */
unsigned near_limit(const char *name);
void near_try(const char *name, const char *candidate, const char **best, unsigned *distance);

/* How the default is written for people: "30s", "the host name", "none". */
const char *opt_shown_preset(const struct opt *o);

/* "duration", "list of subjects"; for OPT_WORD the words. Writes to out, returns it. */
const char *opt_shown_type(const struct opt *o, char *out, size_t size);

#endif
