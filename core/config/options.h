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
    enum opt_type type;
    unsigned flags;
    const char *key;
    const char *alias;  /* the deprecated name of the key, which still works; NULL: none */
    const char *preset; /* as written in a file; "": none */
    const char *shown;  /* for people, where the default is found at run time; else NULL */
    size_t offset;
    int64_t min, max; /* both 0: no bounds */
    const struct opt_word *words;
    int (*check)(const char *text, struct error *err); /* each item of a list */
    const char *nats_env;                              /* fallback for the cluster `default` */
    const char *help;
};

/* A type of section: the keys of "[handler.NAME]" and how its names look. */
struct section_type {
    const char *name;      /* "handler" */
    const char *heading;   /* for people: "handler.NAME" */
    const char *example;   /* a NAME for messages: "orders"; NULL: sections of this type have no name */
    const char *variables; /* how its environment variables begin, for people: "SEAMQ_HANDLER_NAME_" */
    const char *program;   /* whose --help lists the keys: "seamqd" */
    const char *intro;     /* its paragraph in docs/configuration.md */
    bool expands;          /* ${NAME} in a file's names and values is replaced (config/schema.h) */
    int (*check_name)(const char *name, struct error *err); /* NULL: sections of this type have no name */
    const struct opt *options;                              /* ends with a row without a key */
};

extern const struct section_type section_seamqd;
extern const struct section_type section_cluster;
extern const struct section_type section_handler;

/* The words of `ack`; ends with NULL. */
extern const struct opt_word ack_words[];

/* The row of `key`, which may be its alias; with `ret_is_file` also KEY_file of those that may come from a file.
 * NULL: unknown. */
const struct opt *opt_find(const struct section_type *type, const char *key, bool *ret_is_file);
/* True: `key`, for which opt_find() found `o`, is the alias (or ALIAS_file). */
bool opt_is_alias(const struct opt *o, const char *key);

/* "did you mean": the nearest key of that section; NULL when nothing is near. */
const char *opt_nearest(const struct section_type *type, const char *key);

/* Remembers the nearest of several candidates: start with *best = NULL, *distance = near_limit(name). */
unsigned near_limit(const char *name);
void near_try(const char *name, const char *candidate, const char **best, unsigned *distance);

/* How the default is written for people: "30s", "the host name", "none". */
const char *opt_shown_preset(const struct opt *o);

/* "duration", "list of subjects"; for OPT_WORD the words. Writes to out, returns it. */
const char *opt_shown_type(const struct opt *o, char *out, size_t size);

#endif
