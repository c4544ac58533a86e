/* SPDX-License-Identifier: Apache-2.0
 * dead_letter_stream - checks, creates or extends the dead-letter stream. */
#include "consumer_private.h"

#include "base/log.h"
#include "jetstream/dead_letter.h"
#include "jetstream/stream_config.h"

#include <stdlib.h>
#include <string.h>

static void on_changed(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct answer a;

    c->binding.request = NULL;
    answer_read(&a, rc, msg);
    /* Another daemon may have changed the stream at the same moment, so its present configuration is checked again. */
    if (a.err_code == JS_STREAM_NAME_EXISTS || !binding_failed(c, &a, "creating the dead-letter stream"))
        dead_letter_stream_check(c);
    json_decref(a.json);
}

/* Takes `document`; NULL: out of memory. */
static void change_stream(struct consumer *c, enum api_verb verb, json_t *document)
{
    char *json = document ? json_dumps(document, JSON_COMPACT) : NULL;

    json_decref(document);
    if (!json) {
        readiness_lose(c, "out of memory; trying again in a second");
        binding_retry_later(c);
        return;
    }
    log_info("dead-letter-stream", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
             LOG_STR("stream", c->dead_letter), LOG_STR("action", verb == API_STREAM_CREATE ? "CREATE" : "UPDATE"));
    binding_call(c, &(struct api_path){verb, .stream = c->dead_letter}, json, on_changed);
    free(json);
}

/* Has as many replicas as the stream whose dead letters it stores. */
static json_t *new_stream(const struct consumer *c, const char *subject)
{
    char *subjects[] = {(char *)subject};
    struct stream_config s = {.name = c->dead_letter,
                              .description = (char *)"Dead letters of SeaMQ handlers",
                              .subjects = {.items = subjects, .n = 1},
                              .replicas = c->stream_replicas};
    return stream_config_write(&s, NULL);
}

static void stream_missing(struct consumer *c, const char *subject)
{
    if (c->binding.was_active) {
        readiness_lose(c, "dead-letter stream %s was deleted while running (create it with the subject %s)",
                       c->dead_letter, subject);
        binding_retry_later(c);
    } else if (c->handler->create == CREATE_NEVER) {
        readiness_lose(c,
                       "dead-letter stream %s does not exist on cluster %s and create = never (create it with the "
                       "subject %s, or set handler.%s.dead_letter = off)",
                       c->dead_letter, c->cluster->name, subject, c->handler->name);
        binding_retry_later(c);
    } else {
        change_stream(c, API_STREAM_CREATE, new_stream(c, subject));
    }
}

static void subject_missing(struct consumer *c, json_t *config, const char *subject)
{
    if (c->handler->create == CREATE_NEVER) {
        readiness_lose(c,
                       "dead-letter stream %s does not capture %s (add that subject to it, or set "
                       "handler.%s.dead_letter)",
                       c->dead_letter, subject, c->handler->name);
        binding_retry_later(c);
    } else {
        change_stream(c, API_STREAM_UPDATE, stream_with_subject(config, subject));
    }
}

static void on_stream(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct answer a;
    char subject[DEAD_LETTER_SUBJECT_MAX];

    c->binding.request = NULL;
    dead_letter_stream_subject(c->stream, subject, sizeof(subject));
    answer_read(&a, rc, msg);
    json_t *config = json_object_get(a.json, "config");
    bool missing = a.err_code == JS_STREAM_NOT_FOUND;
    bool captures = a.rc == 0 && stream_captures(config, subject);
    if (a.rc == 0 || missing)
        c->dead_letter_stream.checked = captures;
    if (missing)
        stream_missing(c, subject);
    else if (binding_active(c) && (captures || a.rc))
        ; /* delivery continues: the next dead letter shows whether there is a problem */
    else if (!binding_failed(c, &a, "STREAM.INFO of the dead-letter stream")) {
        if (captures)
            binding_activate(c);
        else
            subject_missing(c, config, subject);
    }
    json_decref(a.json);
}

/* A stream that was checked before the connection was lost does not delay messages: its leader, which is another one
 * than the consumer's, may be the server that was lost. */
void dead_letter_stream_check(struct consumer *c)
{
    bool off = strcmp(c->dead_letter, "off") == 0;

    c->binding.stage = BINDING_DEAD_LETTER;
    if (off || c->dead_letter_stream.checked)
        binding_activate(c);
    if (!off)
        binding_call(c, &(struct api_path){API_STREAM_INFO, .stream = c->dead_letter}, NULL, on_stream);
}
