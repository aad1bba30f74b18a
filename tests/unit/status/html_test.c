/* tests/unit/status/html_test.c - texts are escaped for where they go; numbers read well. */
#include "status/html.h"
#include "unit.h"

#include <stdio.h>

static const struct row {
    const char *name;
    const char *text;
    const char *html;
} texts[] = {
    { "plain", "api.example.com", "api.example.com" },
    { "markup is text", "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;" },
    { "an attribute can't be left", "\" onload='x' a=\"", "&quot; onload=&#39;x&#39; a=&quot;" },
    { "an entity is no entity", "&lt;", "&amp;lt;" },
    { "UTF-8 stays",
      "b\xc3\xbc"
      "cher \xe2\x82\xac \xf0\x9f\x94\x92",
      "b\xc3\xbc"
      "cher \xe2\x82\xac \xf0\x9f\x94\x92" },
    { "bytes that are no UTF-8", "a\xff\xc3", "a\xef\xbf\xbd\xef\xbf\xbd" },
    { "overlong <", "\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd" },
    { "control characters", "a\x01\x7f\xc2\x85z", "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz" },
    { "line breaks stay", "a\n\tb", "a\n\tb" },
    { "right-to-left override",
      "a\xe2\x80\xae"
      "b",
      "a\xef\xbf\xbd"
      "b" },
    { "isolates",
      "a\xe2\x81\xa6"
      "b\xe2\x81\xa9",
      "a\xef\xbf\xbd"
      "b\xef\xbf\xbd" },
    { "right-to-left mark", "\xe2\x80\x8f", "\xef\xbf\xbd" },
    { "none", NULL, "" },
};

static void escapes(void **state)
{
    const struct row *row = *state;
    struct output output = { 0 };
    html_text(&output, row->text);
    output_add(&output, "|");
    html_attribute(&output, "title", row->text);
    char expected[256];
    (void)snprintf(expected, sizeof(expected), "%s| title=\"%s\"", row->html, row->html);
    assert_string_equal(output.at, expected);
    output_release(&output);
}

/* What goes into a URL's query. */
static const struct row arguments[] = {
    { "unreserved", "aZ09-._~", "aZ09-._~" },
    { "what would end it", "a&b=c#d\"<>'", "a%26b%3Dc%23d%22%3C%3E%27" },
    { "space and bytes", " %\xff", "%20%25%FF" },
};

static void encodes(void **state)
{
    const struct row *row = *state;
    struct output output = { 0 };
    html_argument(&output, row->text);
    assert_string_equal(output.at, row->html);
    output_release(&output);
}

static const struct number {
    const char *name;
    void (*add)(struct output *output, uint64_t number);
    uint64_t number;
    const char *text;
} numbers[] = {
    { "count: zero", html_count, 0, "0" },
    { "count: three digits", html_count, 999, "999" },
    { "count: thousands", html_count, 1234567, "1,234,567" },
    { "count: the greatest", html_count, UINT64_MAX, "18,446,744,073,709,551,615" },
    { "bytes: zero", html_bytes, 0, "0 B" },
    { "bytes: just none of a KiB", html_bytes, 1023, "1023 B" },
    { "bytes: one KiB", html_bytes, 1024, "1.0 KiB" },
    { "bytes: rounded up to the next unit", html_bytes, (1 << 20) - 1, "1.0 MiB" },
    { "bytes: two digits", html_bytes, 12 << 20, "12 MiB" },
    { "bytes: the greatest", html_bytes, UINT64_MAX, "16 EiB" },
};

static void reads_well(void **state)
{
    const struct number *row = *state;
    struct output output = { 0 };
    row->add(&output, row->number);
    assert_string_equal(output.at, row->text);
    output_release(&output);
}

static const struct duration {
    const char *name;
    int64_t seconds;
    const char *text;
} durations[] = {
    { "duration: none", 0, "0 s" },
    { "duration: past", -5, "0 s" },
    { "duration: seconds", 59, "59 s" },
    { "duration: a minute", 60, "1 min" },
    { "duration: two units", 192, "3 min 12 s" },
    { "duration: one unit where the first is large", 11 * 60 + 5, "11 min" },
    { "duration: hours", 3 * 3600 + 12 * 60, "3 h 12 min" },
    { "duration: days", 400 * 86400, "400 d" },
};

static void lasts(void **state)
{
    const struct duration *row = *state;
    struct output output = { 0 };
    html_duration(&output, row->seconds);
    assert_string_equal(output.at, row->text);
    output_release(&output);
}

static void moments(void **state)
{
    (void)state;
    struct output output = { 0 };
    html_ago(&output, 0, 100);
    output_add(&output, "|");
    html_ago(&output, 1000000000, 1000000007);
    output_add(&output, "|");
    html_ago(&output, 1000000007, 1000000000);
    output_add(&output, "|");
    html_clock(&output, 1000000007123);
    assert_string_equal(output.at,
                        "never|<time datetime=\"2001-09-09T01:46:40Z\" title=\"2001-09-09 01:46:40 "
                        "UTC\">7 s ago</time>|<time datetime=\"2001-09-09T01:46:47Z\" "
                        "title=\"2001-09-09 01:46:47 UTC\">in 7 s</time>|<time "
                        "datetime=\"2001-09-09T01:46:47Z\">01:46:47</time>");
    output_release(&output);
}

static void too_much_fails_for_good(void **state)
{
    (void)state;
    struct output output = { 0 };
    output_add(&output, "a");
    assert_null(output_reserve(&output, OUTPUT_BYTES_MAX));
    assert_true(output.has_failed);
    output_add(&output, "b");
    assert_string_equal(output.at, "a");
    output_release(&output);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, texts, escapes);
    TESTS_ADD_TABLE(&tests, arguments, encodes);
    TESTS_ADD_TABLE(&tests, numbers, reads_well);
    TESTS_ADD_TABLE(&tests, durations, lasts);
    tests_add_row(&tests, "moments", NULL, moments);
    tests_add_row(&tests, "too much fails for good", NULL, too_much_fails_for_good);
    return tests_run(&tests, "html");
}
