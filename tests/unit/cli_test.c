/* SPDX-License-Identifier: Apache-2.0
 * cli_test - the command line of seamq and its output, without a server. */
#include "cli/daemon/admin_client.h"
#include "cli/cli.h"
#include "cli/output.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGV(...) ((char *[]){(char *)"seamq", __VA_ARGS__, NULL})

struct said {
    int status;
    char *out;
    char *err;
};

static char *read_all(FILE *f)
{
    char *text = calloc(1, 65536);
    rewind(f);
    size_t n = fread(text, 1, 65535, f);
    text[n] = '\0';
    fclose(f);
    return text;
}

/* Runs seamq with its output in temporary files. */
static struct said run(char **argv)
{
    FILE *out = tmpfile();
    FILE *err = tmpfile();
    int old_out = dup(STDOUT_FILENO);
    int old_err = dup(STDERR_FILENO);
    int argc = 0;
    struct said said;

    while (argv[argc])
        argc++;
    fflush(stdout);
    dup2(fileno(out), STDOUT_FILENO);
    dup2(fileno(err), STDERR_FILENO);
    said.status = cli_main(argc, argv, (char *[]){NULL}, "1.2.3");
    fflush(stdout);
    fflush(stderr);
    dup2(old_out, STDOUT_FILENO);
    dup2(old_err, STDERR_FILENO);
    close(old_out);
    close(old_err);
    said.out = read_all(out);
    said.err = read_all(err);
    return said;
}

static void expect(char **argv, int status, const char *out, const char *err)
{
    struct said said = run(argv);
    if (said.status != status || !strstr(said.out, out) || !strstr(said.err, err))
        fail_msg("status %d (not %d)\nout: %s(not %s)\nerr: %s(not %s)", said.status, status, said.out, out, said.err,
                 err);
    free(said.out);
    free(said.err);
}

static void help_and_version_succeed(void **state)
{
    (void)state;
    expect(ARGV((char *)"--version"), 0, "seamq 1.2.3\n", "");
    expect(ARGV((char *)"--help"), 0, "stream ls", "");
    expect(ARGV((char *)"stream", (char *)"--help"), 0, "stream ls", "");
    expect(ARGV((char *)"stream", (char *)"ls", (char *)"--help"), 0, "--cluster NAME", "");
}

static void help_of_a_verb_begins_with_how_it_is_called(void **state)
{
    (void)state;
    expect(ARGV((char *)"stream", (char *)"ls", (char *)"--help"), 0, "Usage: seamq stream ls [OPTION]...", "");
    expect(ARGV((char *)"pause", (char *)"--help"), 0, "Usage: seamq pause HANDLER|STREAM/CONSUMER [OPTION]...", "");
    expect(ARGV((char *)"help", (char *)"pause"), 0, "Usage: seamq pause", "");
    expect(ARGV((char *)"help", (char *)"stream", (char *)"ls"), 0, "Usage: seamq stream ls", "");
    expect(ARGV((char *)"help", (char *)"pasue"), 2, "", "did you mean pause?");
    expect(ARGV((char *)"status", (char *)"--help"), 0, "seamqd.admin=HOST:PORT", "");
}

/* As on a full disk; behind more than one buffer of output the last flush alone would not tell. */
static void output_that_cannot_be_written_is_a_failure(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY);
    int before = dup(STDOUT_FILENO);
    assert_true(full >= 0);
    fflush(stdout);
    dup2(full, STDOUT_FILENO);
    int few = cli_main(2, ARGV((char *)"--version"), (char *[]){NULL}, "1.2.3");
    int many = cli_main(4, ARGV((char *)"stream", (char *)"apply", (char *)"--help"), (char *[]){NULL}, "1.2.3");
    dup2(before, STDOUT_FILENO);
    clearerr(stdout);
    close(before);
    close(full);
    assert_int_equal(few, EXIT_FAILED);
    assert_int_equal(many, EXIT_FAILED);
}

/* Of a daemon or of all clusters: to choose one would say nothing. */
static void a_cluster_is_chosen_only_where_it_counts(void **state)
{
    (void)state;
    expect(ARGV((char *)"status", (char *)"--cluster=a"), 2, "", "unknown option --cluster=a");
    expect(ARGV((char *)"mesh", (char *)"status", (char *)"--cluster=a"), 2, "", "unknown option --cluster=a");
    struct said said = run(ARGV((char *)"mesh", (char *)"verify", (char *)"--help"));
    assert_null(strstr(said.out, "--cluster NAME"));
    free(said.out);
    free(said.err);
}

static void usage_errors_exit_2_and_name_what_is_near(void **state)
{
    (void)state;
    expect((char *[]){(char *)"seamq", NULL}, 2, "", "Usage: seamq");
    expect(ARGV((char *)"stream"), 2, "", "stream ls");
    expect(ARGV((char *)"strem"), 2, "", "did you mean stream?");
    expect(ARGV((char *)"versoin"), 2, "", "unknown command \"versoin\" (seamq --help");
    expect(ARGV((char *)"stream", (char *)"lss"), 2, "", "did you mean stream ls?");
    expect(ARGV((char *)"stream", (char *)"ls", (char *)"--jsn"), 2, "", "did you mean --json?");
    expect(ARGV((char *)"stream", (char *)"ls", (char *)"--cluster"), 2, "", "--cluster needs a value");
    expect(ARGV((char *)"stream", (char *)"ls", (char *)"x"), 2, "", "too many arguments: \"x\"");
    expect(ARGV((char *)"stream", (char *)"ls", (char *)"--cluster=x"), 2, "", "unknown cluster \"x\"");
}

static void configuration_errors_exit_2(void **state)
{
    (void)state;
    expect(ARGV((char *)"stream", (char *)"ls", (char *)"cluster.default.urls=nope"), 2, "", "\"nope\"");
    expect(ARGV((char *)"stream", (char *)"ls", (char *)"--config", (char *)"/no/such.ini"), 2, "", "/no/such.ini");
}

static char *rows_text(const struct column *columns, json_t *rows, bool json)
{
    FILE *f = tmpfile();
    assert_int_equal(output_rows(f, columns, rows, json), 0);
    json_decref(rows);
    return read_all(f);
}

static void a_table_is_aligned_and_shows_no_control_bytes(void **state)
{
    static const struct column columns[] = {{"name", "NAME", COLUMN_TEXT},
                                            {"bytes", "BYTES", COLUMN_SIZE},
                                            {"subjects", "SUBJECTS", COLUMN_TEXT},
                                            {NULL, NULL, COLUMN_TEXT}};
    (void)state;
    json_t *rows = json_pack("[{s:s, s:i, s:[s,s]}, {s:s, s:n}]", "name", "\xc3\xa4\x1b\xc2\x9b", "bytes", 2048,
                             "subjects", "a", "b", "name", "longer", "bytes");
    char *text = rows_text(columns, rows, false);
    assert_string_equal(text, "NAME    BYTES  SUBJECTS\n"
                              "\xc3\xa4??      2.0k  a b\n"
                              "longer      -  -\n");
    free(text);
}

static void json_rows_are_lines_with_everything_in_them(void **state)
{
    static const struct column columns[] = {{"name", "NAME", COLUMN_TEXT}, {NULL, NULL, COLUMN_TEXT}};
    (void)state;
    char *text = rows_text(columns, json_pack("[{s:s, s:i}, {s:s}]", "name", "a", "more", 1, "name", "b"), true);
    assert_string_equal(text, "{\"name\":\"a\",\"more\":1}\n{\"name\":\"b\"}\n");
    free(text);
}

static int answer_status(const char *text, const char *body)
{
    size_t at = 0;
    int status = admin_parse_answer(text, strlen(text), &at);
    if (status > 0)
        assert_string_equal(text + at, body);
    return status;
}

static void an_admin_answer_is_told_from_noise(void **state)
{
    (void)state;
    assert_int_equal(answer_status("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}", "{}"), 200);
    assert_int_equal(answer_status("HTTP/1.0 503 \r\n\r\n", ""), 503);
    static const char *const bad[] = {"",
                                      "HTTP/1.1 200 OK\r\n",
                                      "HTTP/2 200 OK\r\n\r\n",
                                      "HTTP/1.1 2x0 OK\r\n\r\n",
                                      "HTTP/1.1 099 OK\r\n\r\n",
                                      "SSH-2.0-OpenSSH\r\n\r\n",
                                      "HTTP/1.1\r\n\r\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_true(answer_status(bad[i], "") < 0);
}

static void an_admin_address_that_cannot_be_asked_is_named(void **state)
{
    (void)state;
    expect(ARGV((char *)"status", (char *)"seamqd.admin=off"), 1, "", "seamqd.admin is off");
    expect(ARGV((char *)"status", (char *)"seamqd.admin=127.0.0.1:0"), 1, "", "is not an address to connect to");
    expect(ARGV((char *)"reload", (char *)"--timeout=x"), 2, "", "--timeout");
}

/* Its queue is full and nobody accepts: connects to it get no answer, not even a refusal. */
static void an_admin_port_that_does_not_answer_is_given_up(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fds[4];
    char addr[32];
    struct error err;
    (void)state;

    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fds[0], (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(fds[0], 0), 0);
    assert_int_equal(getsockname(fds[0], (struct sockaddr *)&a, &len), 0);
    for (int i = 1; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(fds[i], (struct sockaddr *)&a, len);
    }
    snprintf(addr, sizeof(addr), "127.0.0.1:%u", ntohs(a.sin_port));
    assert_int_equal(admin_request(addr, "GET", "/healthz", 50000000, NULL, &err), -ETIMEDOUT);
    assert_non_null(strstr(err.text, "no seamqd answers at 127.0.0.1:"));
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}

/* What is wrong with its file may be the very reason for asking. */
static void a_daemon_is_asked_whatever_else_its_configuration_says(void **state)
{
    char path[] = "/tmp/seamq-cli-XXXXXX";
    static const char text[] =
        "[seamqd]\nadmin = off\nadmim = off\n[handler.a]\nworkers = many\n[cluster.a]\nuser = u\n";
    int fd = mkstemp(path);
    (void)state;
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    expect(ARGV((char *)"status", (char *)"--config", path), 1, "", "seamqd.admin is off");
    expect(ARGV((char *)"drain", (char *)"--config", path, (char *)"seamqd.admin=9222"), 2, "", "is not host:port");
    expect(ARGV((char *)"reload", (char *)"--config", path, (char *)"seamqd.admim=off"), 2, "", "admim");
    expect(ARGV((char *)"stream", (char *)"ls", (char *)"--config", path), 2, "", "problems in the configuration");
    unlink(path);
    expect(ARGV((char *)"status", (char *)"--config", path), 2, "", "No such file");
}

/* "[seamqd" opens no section, so that the admin line is nowhere. */
static void another_daemon_is_not_drained_because_of_a_mistake(void **state)
{
    char path[] = "/tmp/seamq-cli-XXXXXX";
    static const char text[] = "[seamqd\nadmin = 127.0.0.1:1\n";
    static const char nul[] = "[seamqd]\nadmin = 127.0.0.1:1\n";
    int fd = mkstemp(path);
    (void)state;
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    expect(ARGV((char *)"drain", (char *)"--config", path), 2, "", "no admin address");
    expect(ARGV((char *)"reload", (char *)"--config", path), 2, "", ":1: ");
    expect(ARGV((char *)"drain", (char *)"--config", path, (char *)"seamqd.admin=off"), 1, "", "seamqd.admin is off");
    assert_int_equal(pwrite(fd, nul, sizeof(nul), 0), sizeof(nul));
    close(fd);
    expect(ARGV((char *)"drain", (char *)"--config", path), 2, "", "a NUL byte");
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_and_version_succeed),
        cmocka_unit_test(help_of_a_verb_begins_with_how_it_is_called),
        cmocka_unit_test(output_that_cannot_be_written_is_a_failure),
        cmocka_unit_test(a_cluster_is_chosen_only_where_it_counts),
        cmocka_unit_test(a_daemon_is_asked_whatever_else_its_configuration_says),
        cmocka_unit_test(another_daemon_is_not_drained_because_of_a_mistake),
        cmocka_unit_test(usage_errors_exit_2_and_name_what_is_near),
        cmocka_unit_test(configuration_errors_exit_2),
        cmocka_unit_test(a_table_is_aligned_and_shows_no_control_bytes),
        cmocka_unit_test(json_rows_are_lines_with_everything_in_them),
        cmocka_unit_test(an_admin_answer_is_told_from_noise),
        cmocka_unit_test(an_admin_port_that_does_not_answer_is_given_up),
        cmocka_unit_test(an_admin_address_that_cannot_be_asked_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
