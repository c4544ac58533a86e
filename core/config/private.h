/* SPDX-License-Identifier: Apache-2.0
 *
 * private - the raw side of a config: every assignment of every source, with its origin,
 * before precedence is resolved.  Only for the files of core/config.
 *
 * Out of memory is remembered once (priv->oom) and is a problem of its own at the end, so
 * that nobody runs with a configuration that is not whole.
 */
#ifndef SEAMQ_CONFIG_PRIVATE_H
#define SEAMQ_CONFIG_PRIVATE_H

#include "base/buf.h"
#include "config.h"
#include "options.h"

#define MAX_PROBLEMS 1000 /* a file of garbage does not fill the memory */
#define MAX_SECTIONS 10000
#define DEFAULTS_NAME "DEFAULT" /* [stream.DEFAULT]: for all streams */
#define MAX_TEXT 65536          /* one value */
#define SECRET_MASK "********"
#define TITLE_SIZE 544 /* "[consumer.STREAM/NAME]" */

enum source {                /* the higher wins */
              SOURCE_PLUGIN, /* what the plugin declares */
              SOURCE_NATS,   /* NATS_URL and its family */
              SOURCE_FILE,
              SOURCE_ENV,
              SOURCE_FLAG,
};

struct entry {           /* one assignment; owns its strings */
    const struct opt *o; /* NULL: `sub` says what */
    char *sub;           /* "option.KEY", "stream.CLUSTER" */
    bool from_file;      /* the value names a file that holds it (KEY_file) */
    bool append;         /* --plugin-dir: one whole item, added to the others of this source */
    enum source source;
    char *value;
    char *origin; /* "orders.ini:12", "SEAMQ_ADMIN", "command line", "--plugin-dir" */
};

struct section {
    enum section_kind kind;
    char *name;    /* "" for seamqd */
    char *origin;  /* where it was named first */
    char *heading; /* "orders.ini:12", where the file has it; NULL: not from a file */
    struct entry *entries;
    size_t n_entries;
    struct strv open_options; /* options that the plugin says are no secrets */
};

struct config_private {
    struct section *sections;
    size_t n_sections;
    struct strv env; /* what config_load_env kept: NAME=VALUE */
    struct strv problems;
    bool oom;
    bool use_streams;
    char *const *expand_env; /* where ${NAME} is looked up; borrowed */
};

/* config.c: storage */
char *config_strdup(struct config *c, const char *s); /* NULL: out of memory, remembered */
int strv_push(struct config *c, struct strv *v, const char *s);
void strv_finish(struct strv *v);
bool strv_has(const struct strv *v, const char *s);
struct section *section_find(const struct config *c, enum section_kind kind, const char *name);
/* Finds or makes; NULL when out of memory. */
struct section *section_get(struct config *c, enum section_kind kind, const char *name, const char *origin);
/* Copies the strings of `e`; the entry or NULL. */
struct entry *section_add(struct config *c, struct section *s, const struct entry *e);
/* The entry that wins for `o` or, with o == NULL, for `sub`; NULL: the default holds. */
const struct entry *section_winner(const struct section *s, const struct opt *o, const char *sub);
/* "orders.ini:12: ack_wait", "SEAMQ_X", "command line: handler.a.ack_wait": the place of an entry for a problem. */
const char *entry_place(const struct section *s, const struct entry *e, char *out, size_t size);
/* The place of the key's winner, or "handler.orders.KEY" when it has none. */
const char *key_place(const struct section *s, const char *key, char *out, size_t size);
/* Whether it may be called so. */
int section_check_name(enum section_kind kind, const char *name, struct error *err);
/* "[handler.orders]" */
const char *section_title(const struct section *s, char *out, size_t size);

/* keys.c: one assignment from any source.  `place` begins every problem. */
struct assignment {
    const char *place;
    const char *key;
    const char *value;
    enum source source;
    const char *origin;
    bool append;
};
/* The entry or NULL (a problem was added). */
struct entry *assign(struct config *c, struct section *s, const struct assignment *a);
/* "option.KEY", "stream.CLUSTER": 0; 1: not such a key; negative: one that is wrong. */
int check_sub_key(const char *key, struct error *err);

/* convert.c: text into the field of `target` (struct config, config_cluster, config_handler). */
int opt_convert(struct config *c, const struct opt *o, const char *text, void *target, struct error *err);
void handler_finish(struct config_handler *h);
void cluster_finish(struct config_cluster *cl);

/* files.c. The text has a NUL behind it; the caller frees it. */
int read_text_file(const char *path, size_t max, char **ret, size_t *ret_len, struct error *err);
/* Less the newline at its end; empty is an error. */
int read_secret_file(const char *path, char **ret, struct error *err);
int check_readable(const char *path, struct error *err);

/* env.c */
void env_resolve(struct config *c);
/* The variable's value; NULL: not set, or empty. */
const char *env_value(const struct config *c, const char *name);
/* What Kubernetes sets in every pod beside a service whose name begins with seamq. */
bool env_is_service(const char *name, const char *value);
/* env_streams.c: SEAMQ_STREAMS and its family. */
void env_resolve_streams(struct config *c);

/* expand.c: `text` with each ${NAME} replaced, into `out`; false after a problem at `place`. */
bool expand(struct config *c, const char *place, const char *text, struct buf *out);

/* streams.c */
void streams_resolve(struct config *c);
void streams_finish(struct config *c);

/* resolve.c: every key of a section into its struct; what `defaults` (may be NULL) says holds where it says nothing. */
void section_resolve(struct config *c, const struct section *s, const struct section *defaults, void *target);
/* All of it or nothing. */
int handler_add_option(struct config *c, struct config_handler *h, const char *name, const char *value,
                       const char *origin);
int handler_resolve(struct config *c, struct section *s, struct config_handler *h);

/* check.c: what concerns several keys of one section */
void cluster_check(struct config *c, const struct section *s, const struct config_cluster *cl);
void handler_check(struct config *c, const struct section *s, const struct config_handler *h);
/* Filter subjects of one consumer do not overlap. */
void check_filters(struct config *c, const struct section *s, const struct strv *filters);

#endif
