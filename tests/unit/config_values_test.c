/* SPDX-License-Identifier: Apache-2.0
 * config, the values: defaults of every key, conversion, bounds, checks of one section. */
#include "config_helper.h"

#include "config/names.h"
#include "config/options.h"

static void every_default_is_a_right_value(void **state)
{
    static const struct section_type *const types[] = {&section_seamqd, &section_cluster, &section_handler};
    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        for (const struct opt *o = types[i]->options; o->key; o++) {
            char ini[512];
            if (!*o->preset)
                continue;
            snprintf(ini, sizeof(ini), "[%s%s]\n%s = %s\n", types[i]->name, types[i]->example ? ".default" : "", o->key,
                     o->preset);
            struct config *c = make_config(ini, NULL, NULL);
            expect_no_problems(c);
            config_destroy(c);
        }
    }
}

static void defaults_are_those_of_the_interface(void **state)
{
    struct config *c = make_config("[handler.orders]\n", NULL, NULL);
    struct config_handler *h = &c->handlers[0];
    struct config_cluster *cl = &c->clusters[0];
    char host[256] = "";
    (void)state;

    expect_no_problems(c);
    gethostname(host, sizeof(host) - 1);
    assert_int_equal(c->plugin_dirs.n, 1);
    assert_string_equal(c->admin, "127.0.0.1:9222");
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_int_equal(c->log_format, LOG_FORMAT_AUTO);
    assert_true(c->drain_timeout_ns == 25000000000);
    assert_string_equal(c->name, host);
    assert_string_equal(c->worker, "auto");

    assert_string_equal(cl->urls.items[0], "nats://127.0.0.1:4222");
    assert_true(!cl->domain && !cl->user && !cl->password && !cl->token && !cl->creds && !cl->nkey);
    assert_true(!cl->tls_ca && !cl->tls_cert && !cl->tls_key);
    assert_int_equal(cl->tls, TLS_AUTO);
    assert_string_equal(cl->inbox_prefix, "_INBOX");
    assert_true(cl->ping_interval_ns == 1000000000);

    assert_string_equal(h->plugin, "orders");
    assert_true(h->enabled);
    assert_int_equal(h->clusters.n, 1);
    assert_string_equal(h->clusters.items[0], "default");
    assert_int_equal(h->federation, FEDERATION_FAILOVER);
    assert_null(h->stream);
    assert_string_equal(h->durable, "orders");
    assert_int_equal(h->filter_subjects.n, 0);
    assert_int_equal(h->create, CREATE_MISSING);
    assert_string_equal(h->deliver_policy, "all");
    assert_int_equal(h->ack, ACK_EACH);
    assert_true(h->ack_wait_ns == 30000000000 && h->timeout_ns == 30000000000);
    assert_int_equal(h->max_ack_pending, 5000);
    assert_int_equal(h->max_attempts, 5);
    assert_int_equal(h->n_backoff, 4);
    assert_true(h->backoff_ns[0] == 1000000000 && h->backoff_ns[3] == 120000000000);
    assert_int_equal(h->crash_limit, 2);
    assert_string_equal(h->dead_letter, "DLQ");
    assert_int_equal(h->workers, 1);
    assert_int_equal(h->ordering, ORDERING_NONE);
    assert_int_equal(h->key_max_in_flight, 256);
    assert_true(h->rate_limit <= 0 && h->max_in_flight == 0 && h->batch_max == 1 && h->batch_linger_ns == 0);
    assert_true(h->max_messages == 0 && h->max_memory == 0);
    config_destroy(c);
}

static void every_key_lands_in_its_field(void **state)
{
    write_text("f", "x");
    struct config *c = make_config(
        "[seamqd]\nplugin_dir = /a, /b\nadmin = [::1]:0\nlog_level = debug\nlog_format = json\ndrain_timeout = 3s\n"
        "name = n\nworker = /w\n"
        "[cluster.x]\nurls = tls://u:p%40@h.example:1 nats://[::1]\ndomain = d\ntls = require\ntls_ca = f\ntls_cert = "
        "f\n"
        "tls_key = f\ninbox_prefix = _IN.a\nping_interval = 3s\n[cluster.y]\nuser = u\npassword = p\n"
        "system_user = su\nsystem_password = sp\n"
        "[cluster.z]\ncreds = f\nsystem_creds = f\n[cluster.k]\nnkey = f\n[cluster.t]\ntoken = t\n[cluster.o]\ntls = "
        "off\n"
        "[handler.h]\nplugin = p.so\nenabled = no\nclusters = x y\nfederation = overflow\nstream = {CLUSTER}_S\n"
        "durable = d\nfilter_subjects = a.*.b b.c.>\ncreate = never\ndeliver_policy = by_start_sequence=7\n"
        "ack = confirmed\nack_wait = 1s\ntimeout = 2s\nmax_ack_pending = 3\nmax_attempts = 4\nbackoff = 1s\n"
        "crash_limit = 5\ndead_letter = off\nworkers = 6\nordering = token:2\nkey_max_in_flight = 7\nrate_limit = 8/s\n"
        "max_in_flight = 9\nbatch_max = 10\nbatch_linger = 11ms\nmax_messages = 12\nmax_memory = 13M\n"
        "[handler.i]\nordering = header:Key\n[handler.j]\nordering = subject\nmax_messages = none\nmax_memory = none\n"
        "filter_subjects =\n",
        NULL, NULL);
    struct config_handler *h = &c->handlers[0];
    (void)state;

    expect_no_problems(c);
    assert_int_equal(c->plugin_dirs.n, 2);
    assert_string_equal(c->admin, "[::1]:0");
    assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(c->log_format, LOG_FORMAT_JSON);
    assert_string_equal(c->name, "n");
    assert_string_equal(c->worker, "/w");
    assert_int_equal(c->clusters[0].urls.n, 2);
    assert_string_equal(c->clusters[0].domain, "d");
    assert_int_equal(c->clusters[0].tls, TLS_REQUIRE);
    assert_string_equal(c->clusters[0].tls_ca, "f");
    assert_string_equal(c->clusters[0].tls_cert, "f");
    assert_string_equal(c->clusters[0].tls_key, "f");
    assert_string_equal(c->clusters[0].inbox_prefix, "_IN.a");
    assert_string_equal(c->clusters[1].user, "u");
    assert_string_equal(c->clusters[1].password, "p");
    assert_string_equal(c->clusters[1].system_user, "su");
    assert_string_equal(c->clusters[1].system_password, "sp");
    assert_string_equal(c->clusters[2].creds, "f");
    assert_string_equal(c->clusters[2].system_creds, "f");
    assert_string_equal(c->clusters[3].nkey, "f");
    assert_string_equal(c->clusters[4].token, "t");
    assert_int_equal(c->clusters[5].tls, TLS_OFF);
    assert_string_equal(h->plugin, "p.so");
    assert_false(h->enabled);
    assert_int_equal(h->clusters.n, 2);
    assert_int_equal(h->federation, FEDERATION_OVERFLOW);
    assert_string_equal(h->stream, "{CLUSTER}_S");
    assert_string_equal(h->durable, "d");
    assert_int_equal(h->filter_subjects.n, 2);
    assert_int_equal(h->create, CREATE_NEVER);
    assert_string_equal(h->deliver_policy, "by_start_sequence=7");
    assert_int_equal(h->ack, ACK_CONFIRMED);
    assert_true(h->ack_wait_ns == 1000000000 && h->timeout_ns == 2000000000);
    assert_true(h->max_ack_pending == 3 && h->max_attempts == 4 && h->crash_limit == 5 && h->workers == 6);
    assert_int_equal(h->n_backoff, 1);
    assert_string_equal(h->dead_letter, "off");
    assert_int_equal(h->ordering, ORDERING_TOKEN);
    assert_int_equal(h->ordering_token, 2);
    assert_true(h->rate_limit > 7.9 && h->rate_limit < 8.1);
    assert_true(h->key_max_in_flight == 7 && h->max_in_flight == 9 && h->batch_max == 10 && h->max_messages == 12);
    assert_true(h->batch_linger_ns == 11000000 && h->max_memory == 13 << 20);
    assert_int_equal(c->handlers[1].ordering, ORDERING_HEADER);
    assert_string_equal(c->handlers[1].ordering_header, "Key");
    assert_int_equal(c->handlers[2].ordering, ORDERING_SUBJECT);
    config_destroy(c);
}

static void wrong_values_of_the_daemon_are_named(void **state)
{
    static const struct ini_case cases[] = {
        {"[seamqd]\nadmin = 9222\n",
         "t.ini:2: admin: \"9222\" is not host:port (try 127.0.0.1:9222, 0.0.0.0:9222 or off)"},
        {"[seamqd]\nadmin = a:70000\n",
         "t.ini:2: admin: \"a:70000\" is not host:port (try 127.0.0.1:9222, 0.0.0.0:9222 or off)"},
        {"[seamqd]\nadmin = :1\n", "t.ini:2: admin: \":1\" is not host:port (try 127.0.0.1:9222, 0.0.0.0:9222 or off)"},
        {"[seamqd]\nadmin =\n", "t.ini:2: admin: the value is empty (the default is 127.0.0.1:9222)"},
        {"[seamqd]\nname = a b\n",
         "t.ini:2: name: \"a b\" is not an instance name (no spaces, at most 128 characters)"},
        {"[seamqd]\nname =\n", "t.ini:2: name: the value is empty (the default is the host name)"},
        {"[seamqd]\nplugin_dir = ,\n", "t.ini:2: plugin_dir: the list is empty"},
        {"[seamqd]\nplugin_dir = /a /b /a\n", "t.ini:2: plugin_dir: \"/a\" is listed twice"},
        {"[seamqd]\nlog_level = infos\n",
         "t.ini:2: log_level: \"infos\" is not one of error, warn, info, debug (did you mean info?)"},
        {"[seamqd]\ndrain_timeout = 500ms\n", "t.ini:2: drain_timeout: \"500ms\" is too small (at least 1s)"},
        {"[seamqd]\ndrain_timeout = 2h\n", "t.ini:2: drain_timeout: \"2h\" is too large (at most 1h)"},
    };
    (void)state;
    EXPECT_INI_CASES(cases);
}

#define URL(text) "[cluster.default]\nurls = " text "\n"
#define BAD(text) "t.ini:2: urls: \"" text "\" is not a server's URL: "

static void wrong_urls_are_named_without_their_passwords(void **state)
{
    static const struct ini_case cases[] = {
        {URL("localhost:4222"), BAD("localhost:4222") "it begins with nats:// or tls:// (try nats://127.0.0.1:4222)"},
        {URL("ws://a:80"), BAD("ws://a:80") "WebSocket is not supported (use nats:// or tls://)"},
        {URL("http://a"), BAD("http://a") "the scheme is nats:// or tls://"},
        {URL("nats://"), BAD("nats://") "the host is missing or has an invalid character"},
        {URL("nats://[::1"), BAD("nats://[::1") "the host is missing or has an invalid character"},
        {URL("nats://-a"), BAD("nats://-a") "the host is missing or has an invalid character"},
        {URL("nats://a:0"), BAD("nats://a:0") "the port is a number from 1 to 65535"},
        {URL("nats://a:x"), BAD("nats://a:x") "the port is a number from 1 to 65535"},
        {URL("nats://a/b"), BAD("nats://a/b") "only the port may follow the host (try nats://127.0.0.1:4222)"},
        {URL("nats://:p@a"), BAD("nats://:********@a") "the user before @ is empty"},
        {URL("nats://u:secret@a:x"), BAD("nats://u:********@a:x") "the port is a number from 1 to 65535"},
        {URL("nats://token@a:x"), BAD("nats://********@a:x") "the port is a number from 1 to 65535"},
        {URL("nats://u:sec/ret@a"), BAD("nats://u:********@a") "in a password write / as %2F and @ as %40"},
        {URL("nats://u:s@cret@a"), BAD("nats://u:********@a") "in a password write / as %2F and @ as %40"},
        {URL("nats://u:********@a"),
         BAD("nats://u:********@a") "it holds the mask that --print-config prints; write the secret instead"},
    };
    (void)state;
    EXPECT_INI_CASES(cases);
}

static void wrong_values_of_a_cluster_are_named(void **state)
{
    static const struct ini_case cases[] = {
        {"[cluster.default]\ndomain = a.b\n",
         "t.ini:2: domain: \"a.b\" is not a domain name (no spaces, no . * > / \\)"},
        {"[cluster.default]\ntls = on\n", "t.ini:2: tls: \"on\" is not one of auto, require, off"},
        {"[cluster.default]\ncreds = absent\n", "t.ini:2: creds: can't read \"absent\": No such file or directory"},
        {"[cluster.default]\nnkey = .\n", "t.ini:2: nkey: can't read \".\": it is a directory"},
        {"[cluster.default]\ntls_ca = absent\n", "t.ini:2: tls_ca: can't read \"absent\": No such file or directory"},
        {"[cluster.default]\ntls_cert = f\n", "t.ini:2: tls_cert: tls_key is missing; a certificate needs its key"},
        {"[cluster.default]\ntls_key = f\n", "t.ini:2: tls_key: tls_cert is missing; a key needs its certificate"},
        {"[cluster.default]\ntls = off\ntls_ca = f\n",
         "t.ini:3: tls_ca: tls is off (t.ini:2: tls); remove one of them"},
        {"[cluster.default]\ntls = off\nurls = nats://a tls://u:p@b\n",
         "t.ini:3: urls: \"tls://u:********@b\" asks for TLS, but tls is off (t.ini:2: tls)"},
        {"[cluster.default]\ninbox_prefix = a.*\n",
         "t.ini:2: inbox_prefix: \"a.*\" is not a subject: no wildcards here (try orders.*.new or orders.>)"},
        {"[cluster.default]\ninbox_prefix = a b\n",
         "t.ini:2: inbox_prefix: \"a b\" is not a subject: no spaces (try orders.*.new or orders.>)"},
        {"[cluster.default]\nping_interval = 1ms\n", "t.ini:2: ping_interval: \"1ms\" is too small (at least 100ms)"},
        {"[cluster.default]\nuser = u\n",
         "t.ini:2: user: password is missing (password, or password_file); for a token use token"},
        {"[cluster.default]\npassword = p\n", "t.ini:2: password: user is missing; a password needs a user"},
        {"[cluster.default]\ntoken = t\nnkey = f\n",
         "t.ini:3: nkey: token is set as well (t.ini:2: token); a connection logs in one way, keep one of them"},
        {"[cluster.default]\nuser = u\npassword = p\ncreds = f\n",
         "t.ini:4: creds: user is set as well (t.ini:2: user); a connection logs in one way, keep one of them"},
        {"[cluster.default]\nsystem_user = u\n",
         "t.ini:2: system_user: system_password is missing (system_password, or system_password_file)"},
        {"[cluster.default]\nsystem_password = p\n",
         "t.ini:2: system_password: system_user is missing; a password needs a user"},
        {"[cluster.default]\nsystem_user = u\nsystem_password = p\nsystem_creds = f\n",
         "t.ini:4: system_creds: system_user is set as well (t.ini:2: system_user); keep one of them"},
        {"[cluster.default]\ntoken = t\nurls = nats://u:p@h\n",
         "t.ini:2: token: the URLs hold a user as well (t.ini:3: urls); keep one of them"},
    };
    (void)state;
    write_text("f", "x");
    EXPECT_INI_CASES(cases);
}

#define H(line) "[handler.a]\nstream = S\n" line "\n"
#define AT "t.ini:3: "
#define NAME_256                                                                                                       \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void wrong_values_of_a_handler_are_named(void **state)
{
    static const struct ini_case cases[] = {
        {H("plugin = /"), AT "plugin: \"/\" is not a plugin (NAME, NAME.so or a path to one)"},
        {H("enabled = perhaps"), AT "enabled: \"perhaps\" is neither yes nor no"},
        {H("clusters = Sea"), AT "clusters: \"Sea\" is not a name (use a-z, 0-9 and -)"},
        {H("stream.default = A.B"), AT "stream.default: \"A.B\" is not a stream name (no spaces, no . * > / \\)"},
        {"[handler.a]\nstream = {Cluster}_A\n",
         "t.ini:2: stream: \"{Cluster}_A\": only {cluster} and {CLUSTER} are replaced in a stream name"},
        {"[handler.a]\nstream = A}\n",
         "t.ini:2: stream: \"A}\": only {cluster} and {CLUSTER} are replaced in a stream name"},
        {"[handler.a]\nstream = A B\n", "t.ini:2: stream: \"A B\" is not a stream name (no spaces, no . * > / \\)"},
        {H("durable = a.b"), AT "durable: \"a.b\" is not a consumer name (no spaces, no . * > / \\)"},
        {H("durable = " NAME_256),
         AT "durable: \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            "...\" is too long for a consumer name (at most 255 characters)"},
        {H("filter_subjects = a..b"), AT "filter_subjects: \"a..b\" is not a subject: a token between dots is empty "
                                         "(try orders.*.new or orders.>)"},
        {H("filter_subjects = a."), AT "filter_subjects: \"a.\" is not a subject: a token between dots is empty "
                                       "(try orders.*.new or orders.>)"},
        {H("filter_subjects = a.b*"), AT "filter_subjects: \"a.b*\" is not a subject: * and > stand for whole tokens "
                                         "(try orders.*.new or orders.>)"},
        {H("filter_subjects = a.>.b"),
         AT "filter_subjects: \"a.>.b\" is not a subject: > comes last (try orders.*.new or orders.>)"},
        {H("filter_subjects = a.> b a.b.c"), AT "filter_subjects: \"a.>\" and \"a.b.c\" overlap, which the server "
                                                "refuses; keep the wider one"},
        {H("deliver_policy = sometimes"),
         AT "deliver_policy: \"sometimes\" is not a deliver policy (all, new, last, last_per_subject, "
            "by_start_sequence=N, by_start_time=TIME)"},
        {H("deliver_policy = by_start_sequence=0"), AT "deliver_policy: \"by_start_sequence=0\": the sequence is a "
                                                       "number from 1 (try by_start_sequence=1000)"},
        {H("deliver_policy = by_start_time=2026-02-29T12:00:00Z"),
         AT "deliver_policy: \"by_start_time=2026-02-29T12:00:00Z\": the time is RFC 3339 (try "
            "by_start_time=2026-01-31T12:00:00Z)"},
        {H("ack = ech"), AT "ack: \"ech\" is not one of each, confirmed, cumulative (did you mean each?)"},
        {H("ack_wait = 500ms"), AT "ack_wait: \"500ms\" is too small (at least 1s)"},
        {H("ack_wait = 2d"), AT "ack_wait: \"2d\" is too large (at most 1d)"},
        {H("timeout = 0"), AT "timeout: \"0\" is too small (at least 1ms)"},
        {H("max_ack_pending = -1"), AT "max_ack_pending: \"-1\" is too small (at least 1)"},
        {H("backoff = 1s soon"), AT "backoff: \"soon\" is not a duration (try 30s)"},
        {H("backoff = 1s 0"), AT "backoff: \"0\" is too small (at least 1ms)"},
        {H("backoff = ,"), AT "backoff: the list is empty (try 1s 5s 30s)"},
        {H("backoff = 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s "
           "1s"),
         AT "backoff: more than 32 pauses; the last one repeats anyway"},
        {H("dead_letter = a.b"), AT "dead_letter: \"a.b\" is not a stream name (no spaces, no . * > / \\)"},
        {H("workers = 1000"), AT "workers: \"1000\" is too large (at most 256)"},
        {H("ordering = random"), AT "ordering: \"random\" is not one of none, subject, token:N, header:NAME"},
        {H("ordering = token:0"), AT "ordering: \"token:0\": N of token:N is a number from 1 to 64 (try token:2)"},
        {H("ordering = header:a b"),
         AT "ordering: \"header:a b\": NAME of header:NAME is a header's name (try header:Customer-Id)"},
        {H("rate_limit = 5"), AT "rate_limit: \"5\" is not a rate (try 5/s)"},
        {H("rate_limit = 9999999999/s"), AT "rate_limit: \"9999999999/s\" is too large (at most 1000000000/s)"},
        {H("max_in_flight = -3"), AT "max_in_flight: \"-3\" is too small (at least 1, or none)"},
        {H("rate_limit = 0/s"),
         AT "rate_limit: \"0/s\" lets nothing through: none is no limit, `seamq pause` stops a handler"},
        {H("rate_limit = 0"),
         AT "rate_limit: \"0\" lets nothing through: none is no limit, `seamq pause` stops a handler"},
        {H("max_in_flight = 0"), AT "max_in_flight: \"0\" is too small (at least 1, or none)"},
        {H("max_messages = 0"), AT "max_messages: \"0\" is too small (at least 1, or none)"},
        {H("max_memory = 0"), AT "max_memory: \"0\" is too small (at least 1M, or none)"},
        {H("max_memory = 4k"), AT "max_memory: \"4k\" is too small (at least 1M, or none)"},
        {H("max_memory = lots"), AT "max_memory: \"lots\" is not a size (try 64M)"},
        {H("max_in_flight = 2000000"), AT "max_in_flight: \"2000000\" is too large (at most 1000000, or none)"},
    };
    (void)state;
    EXPECT_INI_CASES(cases);
}

static void times_are_checked_to_the_last_digit(void **state)
{
    static const char *const good[] = {"2026-01-31T12:00:00Z", "2024-02-29T23:59:59.123456789+01:00",
                                       "2000-02-29T00:00:00Z"};
    static const char *const bad[] = {"2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-04-31T00:00:00Z",
                                      "1900-02-29T00:00:00Z",
                                      "2026-01-01T24:00:00Z",
                                      "2026-01-01T00:60:00Z",
                                      "2026-01-01T00:00:60Z",
                                      "2026-01-01T00:00:00",
                                      "2026-01-01 00:00:00Z",
                                      "2026-01-01T00:00:00.Z",
                                      "2026-01-01T00:00:00+25:00",
                                      "2026-01-01T00:00:00ZZ",
                                      "2026-01-01T00:00:00.1234567890Z",
                                      "26-01-01T00:00:00Z",
                                      "",
                                      "2026-01-0",
                                      "0000-01-01T00:00:00Z"};
    char text[80];
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(text, sizeof(text), "by_start_time=%s", good[i]);
        assert_int_equal(check_deliver_policy(text, NULL), 0);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "by_start_time=%s", bad[i]);
        assert_true(check_deliver_policy(text, NULL) < 0);
    }
}

static void subjects_overlap_only_where_a_message_could_match_both(void **state)
{
    (void)state;
    assert_true(subjects_overlap("a", "a"));
    assert_true(subjects_overlap("a.*", "a.b"));
    assert_true(subjects_overlap("a.*.c", "*.b.c"));
    assert_true(subjects_overlap(">", "a.b"));
    assert_true(subjects_overlap("a.>", "a.b.c"));
    assert_false(subjects_overlap("a", "b"));
    assert_false(subjects_overlap("a", "ab"));
    assert_false(subjects_overlap("a.*", "a.b.c"));
    assert_false(subjects_overlap("a.>", "a"));
    assert_false(subjects_overlap("a.>", "b.>"));
}

static void a_bad_value_leaves_the_default_behind(void **state)
{
    struct config *c = make_config("[handler.a]\nworkers = many\nordering = x\nbackoff = x\n", NULL, NULL);
    (void)state;
    assert_int_equal(config_n_problems(c), 3);
    assert_int_equal(c->handlers[0].workers, 1);
    assert_int_equal(c->handlers[0].n_backoff, 4);
    config_destroy(c);
}

static void a_shadow_is_apart_from_production(void **state)
{
    struct config *c = make_config("[handler.a]\nshadow = yes\ndurable = d\n[handler.b]\nshadow = yes\n"
                                   "[handler.c]\ndurable = d\n",
                                   NULL, NULL);
    (void)state;
    assert_int_equal(config_n_problems(c), 0);
    assert_string_equal(c->handlers[0].durable, "d-shadow");
    assert_string_equal(c->handlers[0].dead_letter, "off");
    assert_string_equal(c->handlers[1].durable, "b-shadow");
    assert_string_equal(c->handlers[2].durable, "d");
    assert_string_equal(c->handlers[2].dead_letter, "DLQ");
    config_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_default_is_a_right_value),
        cmocka_unit_test(defaults_are_those_of_the_interface),
        cmocka_unit_test(every_key_lands_in_its_field),
        cmocka_unit_test(a_shadow_is_apart_from_production),
        cmocka_unit_test(wrong_values_of_the_daemon_are_named),
        cmocka_unit_test(wrong_urls_are_named_without_their_passwords),
        cmocka_unit_test(wrong_values_of_a_cluster_are_named),
        cmocka_unit_test(wrong_values_of_a_handler_are_named),
        cmocka_unit_test(times_are_checked_to_the_last_digit),
        cmocka_unit_test(subjects_overlap_only_where_a_message_could_match_both),
        cmocka_unit_test(a_bad_value_leaves_the_default_behind),
    };
    return cmocka_run_group_tests(tests, enter_temporary, leave_temporary);
}
