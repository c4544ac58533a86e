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
#include "schema.h"

#define MAX_PROBLEMS 1000 /* a file of garbage does not fill the memory */
#define MAX_SECTIONS 10000
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
    bool by_alias;       /* written under the deprecated name of the key */
    bool from_file;      /* the value names a file that holds it (KEY_file) */
    bool append;         /* --plugin-dir: one whole item, added to the others of this source */
    enum source source;
    char *value;
    char *origin; /* "orders.ini:12", "SEAMQ_ADMIN", "command line", "--plugin-dir" */
};

struct section {
    const struct section_type *type;
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
    struct strv deprecations;
    bool oom;
    const struct config_schema *schema; /* borrowed; NULL: none was registered */
};

/* config.c: storage */
/* The types of section that this program knows: its own, then the registered ones. NULL: no more, not found. */
const struct section_type *section_type_at(const struct config *c, size_t i);
const struct section_type *section_type_find(const struct config *c, const char *name, size_t len);
/* True: a section that another program reads from the same file, and that is not registered here. */
bool section_is_foreign(const struct config *c, const char *name, size_t len);
/* "stream.NAME"; NULL: no more. */
const char *section_foreign_at(size_t i);
/* Copies the strings of `e`; the entry or NULL. */
struct entry *section_add(struct config *c, struct section *s, const struct entry *e);
/* The entry that wins for `o` or, with o == NULL, for `sub`; NULL: the default holds. */
const struct entry *section_winner(const struct section *s, const struct opt *o, const char *sub);
/* "orders.ini:12: ack_wait", "SEAMQ_X", "command line: handler.a.ack_wait": the place of an entry for a problem. */
const char *entry_place(const struct section *s, const struct entry *e, char *out, size_t size);
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

/* files.c. The text has a NUL behind it; the caller frees it. */
int read_text_file(const char *path, size_t max, char **ret, size_t *ret_len, struct error *err);
/* Less the newline at its end; empty is an error. */
int read_secret_file(const char *path, char **ret, struct error *err);
int check_readable(const char *path, struct error *err);

/* section.c: `text` with ${NAME} replaced by the registered schema; false after a problem at `place`. */
bool section_expand(struct config *c, const char *place, const char *text, struct buf *out);

/* env_names.c */
bool env_has_prefix(const char *s, const char *prefix);
bool env_has_suffix(const char *s, const char *suffix);
/* "ACK_WAIT", `len` of it, to "ack_wait"; with `dashes` to "ack-wait". */
void env_name_to_key(char *out, size_t size, const char *text, size_t len, bool dashes);
/* "sea-a" to "SEA_A" */
void env_key_to_name(char *out, size_t size, const char *text);

/* env.c */
void env_resolve(struct config *c);

/* resolve.c */
/* All of it or nothing. */
int handler_add_option(struct config *c, struct config_handler *h, const char *name, const char *value,
                       const char *origin);
int handler_resolve(struct config *c, struct section *s, struct config_handler *h);

/* check.c: what concerns several keys of one section */
void cluster_check(struct config *c, const struct section *s, const struct config_cluster *cl);
void handler_check(struct config *c, const struct section *s, const struct config_handler *h);

#endif
