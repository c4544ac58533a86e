/* SPDX-License-Identifier: Apache-2.0
 *
 * options - the tables of all keys, one for each type of section.  Parsing, defaults, bounds, --help, --print-config
 * and docs/configuration.md are derived from them: a new key is one row.
 */
#ifndef SEAMQ_CONFIG_OPTIONS_H
#define SEAMQ_CONFIG_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The form of a value, and the type of its field. */
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
    OPT_FROM_FILE = 2, /* KEY_file works, too: the value is the content of the file */
    OPT_NONE = 4,      /* the word `none` means 0 */
    OPT_MAY_BE_EMPTY = 8,
    OPT_LIVE = 16, /* a reload applies it in place, without a new consumer or a restart of seamqd */
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
    const char *shown;  /* the default in words, where it is known at run time only; else NULL */
    size_t offset;
    int64_t min, max; /* inclusive; both 0: no bounds */
    const struct opt_word *words;
    int (*check)(const char *text, struct error *err); /* each item of a list */
    const char *nats_env;                              /* variable that is a fallback for the cluster `default` */
    const char *help;
};

/* A type of section, such as "[handler.NAME]": its keys and the form of its names. */
struct section_type {
    const char *name;      /* "handler" */
    const char *heading;   /* as written in help and messages: "handler.NAME" */
    const char *example;   /* a NAME for messages: "orders"; NULL: sections of this type have no name */
    const char *variables; /* the prefix of its variables, for the page: "SEAMQ_HANDLER_NAME_" */
    const char *program;   /* the program whose --help lists the keys: "seamqd" */
    const char *intro;     /* the paragraph above its table in docs/configuration.md */
    bool expands;          /* ${NAME} in a file's names and values is replaced (config/schema.h) */
    int (*check_name)(const char *name, struct error *err); /* NULL: sections of this type have no name */
    const struct opt *options;                              /* ends with a row without a key */
};

extern const struct section_type section_seamqd;
extern const struct section_type section_cluster;
extern const struct section_type section_handler;

/* The words of `ack`; ends with NULL. */
extern const struct opt_word ack_words[];

/* The row with the key or alias `key`; NULL: unknown. With `ret_is_file` (may be NULL) KEY_file is found as well. */
const struct opt *opt_find(const struct section_type *type, const char *key, bool *ret_is_file);
/* True: `key`, for which opt_find() found `o`, is the alias (or ALIAS_file). */
bool opt_is_alias(const struct opt *o, const char *key);

/* The nearest key of that section, for "did you mean"; NULL: no key is near. */
const char *opt_nearest(const struct section_type *type, const char *key);

/* Keeps the nearest of several candidates. Start with *best = NULL, *distance = near_limit(name). */
unsigned near_limit(const char *name);
void near_try(const char *name, const char *candidate, const char **best, unsigned *distance);

/* The default as help shows it: "30s", "the host name", "none". */
const char *opt_shown_preset(const struct opt *o);

/* Writes the form of a value to `out` and returns it: "duration", "list"; for OPT_WORD the words. */
const char *opt_shown_type(const struct opt *o, char *out, size_t size);

#endif
