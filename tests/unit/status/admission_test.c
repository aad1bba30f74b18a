/* tests/unit/status/admission_test.c - by which names the page may be asked, and with which token.
 */
#include "base/fault.h"
#include "status/admission.h"
#include "status/status.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const names[] = { "pinhole.ops.example", "status.internal." };
static const struct host_names own = { names, COUNT(names) };

static const struct row {
    const char *name;
    const char *host;
    bool is_own;
} hosts[] = {
    { "IPv4", "127.0.0.1", true },
    { "IPv4 and port", "10.0.0.5:9180", true },
    { "IPv6", "[::1]", true },
    { "IPv6 and port", "[2001:db8::1]:9180", true },
    { "localhost", "localhost", true },
    { "localhost and port", "LocalHost:9180", true },
    { "a name of its own", "pinhole.ops.example", true },
    { "in capitals, with port and final dot", "PINHOLE.ops.example.:80", true },
    { "a name given with a final dot", "status.internal", true },
    { "another name", "evil.example", false },
    { "a name below its own", "a.pinhole.ops.example", false },
    { "a name that begins like its own", "pinhole.ops.example.evil.example", false },
    { "a name that ends like its own", "xpinhole.ops.example", false },
    { "a name below localhost", "a.localhost", false },
    { "an address within a name", "127.0.0.1.evil.example", false },
    { "an address with something behind", "127.0.0.1x", false },
    { "a number that some read as an address", "2130706433", false },
    { "hexadecimal", "0x7f000001", false },
    { "a short address", "127.1", false },
    { "a user", "me@127.0.0.1", false },
    { "two ports", "127.0.0.1:80:80", false },
    { "a port with letters", "127.0.0.1:8o", false },
    { "a bare IPv6 address", "::1", false },
    { "an open bracket", "[::1", false },
    { "IPv4 in brackets", "[127.0.0.1]", false },
    { "behind the bracket", "[::1]x", false },
    { "brackets alone", "[]", false },
    { "a space", "localhost ", false },
    { "a port alone", ":80", false },
    { "empty", "", false },
    { "a dot", ".", false },
};

static void judges_host(void **state)
{
    const struct row *row = *state;
    assert_int_equal(host_is_own(row->host, &own), row->is_own);
}

static void a_long_host_is_foreign(void **state)
{
    char host[1000];
    (void)state;
    memset(host, '1', sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    assert_false(host_is_own(host, &own));
}

static void compares_tokens(void **state)
{
    (void)state;
    assert_true(token_is_equal("0123456789abcdef", "0123456789abcdef"));
    assert_false(token_is_equal("0123456789abcdef", "0123456789abcdeF"));
    assert_false(token_is_equal("0123456789abcde", "0123456789abcdef"));
    assert_false(token_is_equal("0123456789abcdef0123456789abcdef", "0123456789abcdef"));
    assert_false(token_is_equal("", "0123456789abcdef"));
    assert_false(token_is_equal("0123456789abcdef", ""));
}

static void finds_the_bearer(void **state)
{
    (void)state;
    assert_string_equal(token_of_header("Bearer abc"), "abc");
    assert_string_equal(token_of_header("bearer  abc"), "abc");
    assert_null(token_of_header("Bearerabc"));
    assert_null(token_of_header("Basic abc"));
    assert_null(token_of_header(""));
}

static const struct token {
    const char *name;
    const char *content;
    const char *token; /* NULL: none */
} tokens[] = {
    { "a token", "0123456789abcdef", "0123456789abcdef" },
    { "with a line end", "0123456789abcdef\n", "0123456789abcdef" },
    { "with white space and a second line", "  0123456789abcdef \r\nsecond\n", "0123456789abcdef" },
    { "too short", "0123456789abcde\n", NULL },
    { "a space within", "01234567 89abcdef\n", NULL },
    { "no ASCII", "0123456789abcdef\xc3\xbc\n", NULL },
    { "an empty first line", "\n0123456789abcdef\n", NULL },
    { "empty", "", NULL },
};

static void reads_token(void **state)
{
    const struct token *row = *state;
    char path[] = "/tmp/pinhole-token-XXXXXX", token[STATUS_TOKEN_BYTES_MAX + 1] = "untouched";
    struct fault fault = { 0 };
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, row->content, strlen(row->content)), strlen(row->content));
    (void)close(descriptor);
    assert_int_equal(status_read_token(path, token, &fault), row->token != NULL);
    assert_string_equal(token, row->token != NULL ? row->token : "untouched");
    assert_int_equal(fault.what[0] != '\0', row->token == NULL);
    (void)unlink(path);
}

static void a_token_file_that_is_not_there(void **state)
{
    char token[STATUS_TOKEN_BYTES_MAX + 1];
    struct fault fault = { 0 };
    (void)state;
    assert_false(status_read_token("/nowhere/token", token, &fault));
    assert_non_null(strstr(fault.what, "No such file"));
    assert_non_null(strstr(fault.where, "/nowhere/token"));
    assert_false(status_read_token("/tmp", token, &fault)); /* a folder */
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, hosts, judges_host);
    TESTS_ADD_TABLE(&tests, tokens, reads_token);
    tests_add_row(&tests, "a long host is foreign", NULL, a_long_host_is_foreign);
    tests_add_row(&tests, "compares tokens", NULL, compares_tokens);
    tests_add_row(&tests, "finds the bearer", NULL, finds_the_bearer);
    tests_add_row(&tests, "a token file that is not there", NULL, a_token_file_that_is_not_there);
    return tests_run(&tests, "admission");
}
