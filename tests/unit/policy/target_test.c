/* tests/unit/policy/target_test.c - what a person may type as rule.target, and what is said to each
 * mistake. */
#include "base/text.h"
#include "policy/rule.h"
#include "unit.h"

#define NINE "aaaaaaaa."
#define LONG NINE NINE NINE NINE NINE NINE NINE NINE NINE /* 81 characters */

static const struct accepted_row {
    const char *name, *target;
    const char *expected; /* as the program writes it */
    enum pattern_kind pattern;
    uint16_t port;
} accepted_rows[] = {
    { "a name", "api.example.com", "api.example.com", PATTERN_EXACT, 443 },
    { "capitals", "API.Example.COM", "api.example.com", PATTERN_EXACT, 443 },
    { "a final dot", "api.example.com.", "api.example.com", PATTERN_EXACT, 443 },
    { "a port", "api.example.com:8443", "api.example.com:8443", PATTERN_EXACT, 8443 },
    { "the default port", "api.example.com:443", "api.example.com", PATTERN_EXACT, 443 },
    { "the lowest port", "api.example.com:1", "api.example.com:1", PATTERN_EXACT, 1 },
    { "the highest port", "api.example.com:65535", "api.example.com:65535", PATTERN_EXACT, 65535 },
    { "a final dot and a port", "api.example.com.:80", "api.example.com:80", PATTERN_EXACT, 80 },
    { "one more label", "*.example.com", "*.example.com", PATTERN_ONE_LABEL, 443 },
    { "any depth", "**.example.com", "**.example.com", PATTERN_ANY_DEPTH, 443 },
    { "a wildcard with all of it", "**.Example.com.:8443", "**.example.com:8443", PATTERN_ANY_DEPTH,
      8443 },
    { "a top-level domain", "*.com", "*.com", PATTERN_ONE_LABEL, 443 },
    { "one label", "localhost", "localhost", PATTERN_EXACT, 443 },
    { "underscores", "_a.b_c.example", "_a.b_c.example", PATTERN_EXACT, 443 },
    { "an A-label", "xn--bcher-kva.example", "xn--bcher-kva.example", PATTERN_EXACT, 443 },
    { "https", "https://api.example.com", "api.example.com", PATTERN_EXACT, 443 },
    { "https with a slash", "https://api.example.com/", "api.example.com", PATTERN_EXACT, 443 },
    { "https in capitals", "HTTPS://API.example.com/", "api.example.com", PATTERN_EXACT, 443 },
    { "https with a port", "https://api.example.com:8443/", "api.example.com:8443", PATTERN_EXACT,
      8443 },
    { "a slash without a scheme", "api.example.com/", "api.example.com", PATTERN_EXACT, 443 },
};

#define EMPTY   "The target is empty; type a host name, as in api.example.com."
#define NO_HOST "The target has no host; type one, as in api.example.com."
#define SPACE   "The target contains a space or a control character; remove it."
#define NOT_ASCII                                                                                  \
    "The target is not ASCII; type an international name in its A-label form, as in "              \
    "xn--bcher-kva.example."
#define PLAIN_HTTP "Plain http:// has no server name to check; use https:// or the host alone."
#define USER       "The target holds a user name (user@host); type the host alone."
#define QUERY      "The target holds a query or a fragment, which TLS hides; type the host alone."
#define PATH                                                                                       \
    "The target holds a path, which TLS hides; type a host alone, for a bucket its own host, as "  \
    "in my-bucket.storage.googleapis.com."
#define PORT        "The port after the colon is not a number from 1 to 65535."
#define TOO_LONG    "The host name is longer than 253 characters."
#define LABEL       "A label of the host name (a part between dots) is longer than 63 characters."
#define EMPTY_LABEL "The host name has an empty label: a dot at its start, or two dots in a row."
#define BAD_BYTE                                                                                   \
    "The host name has a character other than letters, digits, hyphens and dots; a wildcard is "   \
    "'*.' or '**.' at its start."
#define HYPHEN "A label of the host name begins or ends with a hyphen."
#define ADDRESS                                                                                    \
    "The target is an IP address; rules allow names, because the gate looks up a name's address "  \
    "itself."

static const struct refused_row {
    const char *name;
    const char *target;
    size_t size;
    const char *sentence;
} refused_rows[] = {
    { "empty", BYTES(""), EMPTY },
    { "a space", BYTES(" api.example.com"), SPACE },
    { "a line break", BYTES("api.example.com\n"), SPACE },
    { "NUL", BYTES("api.example.com\0x"), SPACE },
    { "DEL", BYTES("api.example.com\x7f"), SPACE },
    { "a Unicode name",
      BYTES("b\xc3\xbc"
            "cher.example"),
      NOT_ASCII },
    { "http", BYTES("http://api.example.com"), PLAIN_HTTP },
    { "http in capitals", BYTES("HTTP://api.example.com"), PLAIN_HTTP },
    { "a user", BYTES("https://me@api.example.com/"), USER },
    { "a user and a password", BYTES("me:secret@api.example.com"), USER },
    { "a query", BYTES("https://api.example.com/?a=b"), QUERY },
    { "a query without a path", BYTES("api.example.com?a"), QUERY },
    { "a fragment", BYTES("https://api.example.com/#top"), QUERY },
    { "a path", BYTES("https://storage.googleapis.com/my-bucket/"), PATH },
    { "a path without a scheme", BYTES("storage.googleapis.com/my-bucket"), PATH },
    { "two slashes behind the host", BYTES("https://api.example.com//"), PATH },
    { "a backslash", BYTES("https://api.example.com\\x"), PATH },
    { "no host", BYTES("https://"), NO_HOST },
    { "no host but a slash", BYTES("https:///"), NO_HOST },
    { "no host but a port", BYTES(":443"), NO_HOST },
    { "no name behind the wildcard", BYTES("*."), NO_HOST },
    { "an empty port", BYTES("api.example.com:"), PORT },
    { "port 0", BYTES("api.example.com:0"), PORT },
    { "port 65536", BYTES("api.example.com:65536"), PORT },
    { "a port that wraps", BYTES("api.example.com:4294967739"), PORT },
    { "a port with a sign", BYTES("api.example.com:+443"), PORT },
    { "a named port", BYTES("api.example.com:https"), PORT },
    { "too long", BYTES(LONG LONG LONG LONG "x"), TOO_LONG },
    { "too long a label",
      BYTES("a234567890123456789012345678901234567890123456789012345678901234.x"), LABEL },
    { "a dot first", BYTES(".example.com"), EMPTY_LABEL },
    { "two dots", BYTES("api..example.com"), EMPTY_LABEL },
    { "two final dots", BYTES("api.example.com.."), EMPTY_LABEL },
    { "only a dot", BYTES("."), EMPTY_LABEL },
    { "only a star", BYTES("*"), BAD_BYTE },
    { "a star without a dot", BYTES("*example.com"), BAD_BYTE },
    { "a star inside", BYTES("api.*.example.com"), BAD_BYTE },
    { "two wildcards", BYTES("*.*.example.com"), BAD_BYTE },
    { "three stars", BYTES("***.example.com"), BAD_BYTE },
    { "a percent sign", BYTES("api%2eexample.com"), BAD_BYTE },
    { "a list", BYTES("a.example,b.example"), BAD_BYTE },
    { "two ports", BYTES("api.example.com:443:443"), BAD_BYTE },
    { "a hyphen first", BYTES("-api.example.com"), HYPHEN },
    { "a hyphen last", BYTES("api-.example.com"), HYPHEN },
    { "IPv4", BYTES("192.0.2.1"), ADDRESS },
    { "IPv4 with a port", BYTES("192.0.2.1:443"), ADDRESS },
    { "IPv4 in a URL", BYTES("https://192.0.2.1/"), ADDRESS },
    { "IPv4 with a final dot", BYTES("192.0.2.1."), ADDRESS },
    { "IPv4 in hexadecimal", BYTES("0x7f000001"), ADDRESS },
    { "a wildcard over IPv4", BYTES("*.0.2.1"), ADDRESS },
    { "IPv6", BYTES("2001:db8::1"), ADDRESS },
    { "IPv6 in brackets", BYTES("[2001:db8::1]"), ADDRESS },
    { "IPv6 with a port", BYTES("https://[2001:db8::1]:443/"), ADDRESS },
};

/* What it must not touch besides name, pattern and port. */
static const struct compiled_rule untouched = { .id = 7, .expires_at = 8, .action = RULE_ALLOW };

static void is_accepted(void **state)
{
    const struct accepted_row *row = *state;
    struct compiled_rule rule = untouched, again = untouched;
    char reason[RULE_REASON_BYTES] = "#", buffer[RULE_HOSTNAME_BYTES];
    assert_true(target_parse(row->target, strlen(row->target), &rule, reason));
    assert_int_equal(rule.pattern, row->pattern);
    assert_int_equal(rule.port, row->port);
    assert_true(rule.id == 7 && rule.expires_at == 8 && rule.action == RULE_ALLOW);

    struct text text = text_in(buffer, sizeof(buffer));
    compiled_rule_add_to(&rule, &text);
    assert_string_equal(buffer, row->expected);
    assert_true(target_parse(text.at, text.size, &again, reason));
    assert_int_equal(again.name.size, rule.name.size);
    assert_memory_equal(again.name.wire, rule.name.wire, rule.name.size);
    assert_true(again.pattern == rule.pattern && again.port == rule.port);
}

static void is_refused(void **state)
{
    const struct refused_row *row = *state;
    struct compiled_rule rule = untouched;
    char reason[RULE_REASON_BYTES] = "#";
    assert_false(target_parse(row->target, row->size, &rule, reason));
    assert_string_equal(reason, row->sentence);
    assert_memory_equal(&rule, &untouched, sizeof(rule));
}

/* The longest name with wildcard and port is shown whole. */
static void the_longest_fits(void **state)
{
    (void)state;
    char target[] = "**." LONG LONG LONG "aaaaaaaaaa:65535", reason[RULE_REASON_BYTES] = "";
    char buffer[RULE_HOSTNAME_BYTES];
    struct compiled_rule rule;
    assert_true(target_parse(target, strlen(target), &rule, reason));
    assert_int_equal(rule.name.size, HOST_NAME_WIRE_MAX);
    struct text text = text_in(buffer, sizeof(buffer));
    compiled_rule_add_to(&rule, &text);
    assert_false(text.cut);
    assert_string_equal(buffer, target);
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, accepted_rows, is_accepted);
    TESTS_ADD_TABLE(&tests, refused_rows, is_refused);
    tests_add_row(&tests, "the longest fits", NULL, the_longest_fits);
    return tests_run(&tests, "target");
}
