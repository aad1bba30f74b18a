/* tests/unit/policy/url_test.c - URLs as a person types them: read strictly, decoded once. */
#include "base/reader.h"
#include "base/text.h"
#include "policy/rule.h"
#include "policy/url.h"
#include "unit.h"

static const struct accepted_row {
    const char *name, *target;
    const char *host, *segment, *rest; /* first segment, decoded; what is left of the path */
    uint16_t port;
} accepted_rows[] = {
    { "a bucket", "https://h.example/my-bucket/", "h.example", "my-bucket", "", 443 },
    { "a bucket without its slash", "https://h.example/b", "h.example", "b", "", 443 },
    { "an object", "https://h.example/b/o/", "h.example", "b", "o/", 443 },
    { "slashes behind the bucket", "https://h.example/b//", "h.example", "b", "/", 443 },
    { "no scheme", "h.example/b", "h.example", "b", "", 443 },
    { "capitals", "HTTPS://H.Example/B", "h.example", "B", "", 443 },
    { "a final dot", "https://h.example./b", "h.example", "b", "", 443 },
    { "a port", "https://h.example:8443/b", "h.example", "b", "", 8443 },
    { "an empty port", "https://h.example:/b", "h.example", "b", "", 443 },
    { "no path", "https://h.example", "h.example", "", "", 443 },
    { "decoded once", "https://h.example/%6Dy%252Db/o", "h.example", "my%2Db", "o", 443 },
    { "an encoded slash is data", "https://h.example/a%2Fb", "h.example", "a/b", "", 443 },
    { "a user in the path", "https://h.example/@scope/", "h.example", "@scope", "", 443 },
    { "three dots", "https://h.example/.../", "h.example", "...", "", 443 },
};

static const struct refused_row {
    const char *name, *target, *sentence; /* begins so */
} refused_rows[] = {
    { "http", "http://h.example/b", "Plain http://" },
    { "another scheme", "ftp://h.example/b", "The target has no https://" },
    { "one slash", "https:/h.example/b", "The target has no https://" },
    { "no scheme but slashes", "//h.example/b", "The target has no host" },
    { "no host", "https:///b", "The target has no host" },
    { "an empty port without a scheme", "h.example:/b", "The target has no https://" },
    { "a user", "https://me@h.example/b", "The target holds a user name" },
    { "a wildcard", "https://*.h.example/b", "A URL names one host" },
    { "an underscore", "https://a_b.example/", "The host in a URL has no underscore" },
    { "a query", "https://h.example/b?", "The target holds a query" },
    { "a fragment", "https://h.example/b/#", "The target holds a query" },
    { "a backslash", "https://h.example/b\\c", "The path holds a backslash" },
    { "a space", "https://h.example/a b", "The target contains a space" },
    { "a quote", "https://h.example/a\"b", "The path holds a character" },
    { "half an escape", "https://h.example/b%2", "The path holds a '%'" },
    { "no escape", "https://h.example/b%zz", "The path holds a '%'" },
    { "an empty first segment", "https://h.example//b", "The path begins with an empty segment" },
    { "a dot", "https://h.example/./b", "The path holds a dot segment" },
    { "two dots", "https://h.example/a/..", "The path holds a dot segment" },
    { "encoded dots", "https://h.example/a/%2E%2e/b", "The path holds a dot segment" },
    { "dots before an encoded slash", "https://h.example/a/..%2Fb",
      "The path holds a dot segment" },
    { "dots before an encoded backslash", "https://h.example/a/..%5Cb",
      "The path holds a dot segment" },
};

static void is_read(void **state)
{
    const struct accepted_row *row = *state;
    struct url url;
    char reason[RULE_REASON_BYTES] = "#", host[256];
    struct text text = text_in(host, sizeof(host));
    assert_true(url_is_meant(row->target, strlen(row->target)));
    assert_true(url_parse(row->target, strlen(row->target), &url, reason));
    host_name_add_to(&url.host, &text);
    assert_string_equal(host, row->host);
    assert_int_equal(url.port, row->port);
    struct reader path = reader_over(url.path, url.path_size);
    struct url_segment segment = url_take_segment(&path);
    assert_string_equal(segment.bytes, row->segment);
    assert_int_equal(segment.size, strlen(row->segment));
    assert_int_equal(reader_left(&path), strlen(row->rest));
    assert_memory_equal(path.at, row->rest, strlen(row->rest));
}

static void is_refused(void **state)
{
    const struct refused_row *row = *state;
    struct url url = { .port = 7 };
    char reason[RULE_REASON_BYTES] = "#";
    assert_true(url_is_meant(row->target, strlen(row->target)));
    assert_false(url_parse(row->target, strlen(row->target), &url, reason));
    reason[strlen(row->sentence)] = '\0';
    assert_string_equal(reason, row->sentence);
    assert_int_equal(url.port, 7);
}

/* No byte is read behind the end of a target. */
static void long_segment_is_cut(void **state)
{
    (void)state;
    char path[1000];
    memset(path, 'a', sizeof(path));
    struct reader reader = reader_over(path, sizeof(path));
    struct url_segment segment = url_take_segment(&reader);
    assert_true(segment.is_cut && !segment.is_ended);
    assert_int_equal(segment.size, URL_SEGMENT_BYTES - 1);
    assert_int_equal(reader_left(&reader), 0);
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, accepted_rows, is_read);
    TESTS_ADD_TABLE(&tests, refused_rows, is_refused);
    tests_add_row(&tests, "a long segment is cut", NULL, long_segment_is_cut);
    return tests_run(&tests, "url");
}
