/* tests/unit/base/text_test.c - text in a buffer of fixed size: cutting, escapes, JSON strings. */
#include "base/text.h"
#include "json.h"
#include "unit.h"

typedef void add_fn(struct text *text, const void *bytes, size_t size);

static const struct row {
    const char *name;
    add_fn *add;
    const char *bytes;
    size_t size;
    const char *expected;
} rows[] = {
    { "bytes as they are", text_add_bytes, BYTES("a\\\"\x7f"), "a\\\"\x7f" },
    { "no bytes at all", text_add_bytes, NULL, 0, "" },
    { "escaped: printable ASCII stays", text_add_escaped, BYTES(" az~!"), " az~!" },
    { "escaped: backslash and quote", text_add_escaped, BYTES("\\\""), "\\x5c\\x22" },
    { "escaped: a line break", text_add_escaped, BYTES("a\r\nb"), "a\\x0d\\x0ab" },
    { "escaped: a terminal's escape", text_add_escaped, BYTES("\x1b[2J"), "\\x1b[2J" },
    { "escaped: NUL", text_add_escaped, BYTES("a\0b"), "a\\x00b" },
    { "escaped: DEL and above", text_add_escaped, BYTES("\x7f\x80\xff"), "\\x7f\\x80\\xff" },
    { "escaped: UTF-8 too", text_add_escaped, BYTES("\xc3\xbc"), "\\xc3\\xbc" },
    { "JSON: empty", text_add_json_string, BYTES(""), "\"\"" },
    { "JSON: quote and backslash", text_add_json_string, BYTES("\"\\"), "\"\\\"\\\\\"" },
    { "JSON: the slash stays", text_add_json_string, BYTES("a/b"), "\"a/b\"" },
    { "JSON: control characters", text_add_json_string, BYTES("\n\x1f\x7f"),
      "\"\\u000a\\u001f\\u007f\"" },
    { "JSON: NUL", text_add_json_string, BYTES("a\0b"), "\"a\\u0000b\"" },
    { "JSON: two bytes", text_add_json_string, BYTES("\xc2\x80\xdf\xbf"), "\"\xc2\x80\xdf\xbf\"" },
    { "JSON: three bytes", text_add_json_string, BYTES("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"),
      "\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\"" },
    { "JSON: four bytes", text_add_json_string, BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
      "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"" },
    { "JSON: a continuation alone", text_add_json_string, BYTES("a\x80z"), "\"a\\ufffdz\"" },
    { "JSON: overlong in two", text_add_json_string, BYTES("\xc0\xaf"), "\"\\ufffd\\ufffd\"" },
    { "JSON: overlong in three", text_add_json_string, BYTES("\xe0\x9f\xbf"),
      "\"\\ufffd\\ufffd\\ufffd\"" },
    { "JSON: overlong in four", text_add_json_string, BYTES("\xf0\x8f\xbf\xbf"),
      "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
    { "JSON: a surrogate", text_add_json_string, BYTES("\xed\xa0\x80"),
      "\"\\ufffd\\ufffd\\ufffd\"" },
    { "JSON: past U+10FFFF", text_add_json_string, BYTES("\xf4\x90\x80\x80"),
      "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
    { "JSON: no such leading byte", text_add_json_string, BYTES("\xf5\xfe\xff"),
      "\"\\ufffd\\ufffd\\ufffd\"" },
    { "JSON: cut after two of three", text_add_json_string, BYTES("\xe2\x82"),
      "\"\\ufffd\\ufffd\"" },
    { "JSON: a bad byte, then a good letter", text_add_json_string, BYTES("\xe2\x82z"),
      "\"\\ufffd\\ufffdz\"" },
};

static void adds_as_expected(void **state)
{
    const struct row *row = *state;
    char buffer[64];
    struct text text = text_in(buffer, sizeof(buffer));
    row->add(&text, row->bytes, row->size);
    assert_string_equal(text.at, row->expected);
    assert_int_equal(text.size, strlen(row->expected));
    assert_false(text.cut);
}

/* In any buffer that is too small there is a prefix, a NUL, and a mark that something is missing.
 */
static void is_cut_and_says_so(void **state)
{
    const struct row *row = *state;
    char buffer[64];
    size_t whole = strlen(row->expected);
    for (size_t capacity = 1; capacity <= whole + 1; capacity++) {
        memset(buffer, '#', sizeof(buffer));
        struct text text = text_in(buffer, capacity);
        row->add(&text, row->bytes, row->size);
        assert_int_equal(text.cut, capacity <= whole);
        assert_int_equal(text.size, capacity - 1);
        assert_memory_equal(buffer, row->expected, text.size);
        assert_int_equal(buffer[text.size], '\0');
        for (size_t i = capacity; i < sizeof(buffer); i++)
            assert_int_equal(buffer[i], '#');
    }
}

static void parts_stand_one_after_the_other(void **state)
{
    (void)state;
    char buffer[32];
    struct text text = text_in(buffer, sizeof(buffer));
    text_add(&text, "port ");
    text_add_format(&text, "%u of %s", 443u, "https");
    text_add(&text, "");
    assert_string_equal(buffer, "port 443 of https");
    assert_int_equal(text.size, strlen(buffer));
    assert_false(text.cut);
}

static void format_fills_the_buffer_exactly(void **state)
{
    (void)state;
    char buffer[6];
    struct text text = text_in(buffer, sizeof(buffer));
    text_add_format(&text, "%s", "12345");
    assert_false(text.cut);
    text_add_format(&text, "%s", "");
    assert_false(text.cut);
    text_add_format(&text, "%s", "6");
    assert_true(text.cut);
    assert_string_equal(buffer, "12345");
    text_add(&text, "");
    assert_true(text.cut);
}

static const struct cut_row {
    const char *name;
    const char *string;
    size_t limit, expected;
} cut_rows[] = {
    { "cut at character: all fits", "abc", 3, 3 },
    { "cut at character: ASCII", "abc", 2, 2 },
    { "cut at character: inside two bytes", "a\xc3\xbc", 2, 1 },
    { "cut at character: behind two bytes", "a\xc3\xbc!", 3, 3 },
    { "cut at character: after two of three", "\xe2\x82\xac", 2, 0 },
    { "cut at character: after three of four", "ab\xf0\x9f\x98\x80", 5, 2 },
    { "cut at character: nothing fits", "abc", 0, 0 },
    { "cut at character: nothing there", "", 5, 0 },
};

static void cuts_at_character(void **state)
{
    const struct cut_row *row = *state;
    assert_int_equal(text_cut_at_character(row->string, strlen(row->string), row->limit),
                     row->expected);
}

/* Strings of three bytes of all kinds become JSON strings that say the same, bad bytes aside. */
static void json_strings_read_back(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 1u << 24; bits += 61) { /* 61 shares no factor with 2^24 */
        const unsigned char bytes[3] = { (unsigned char)(bits >> 16), (unsigned char)(bits >> 8),
                                         (unsigned char)bits };
        char written[64], read[64];
        struct text text = text_in(written, sizeof(written)), back = text_in(read, sizeof(read));
        text_add_json_string(&text, bytes, sizeof(bytes));
        struct json json = json_over(text.at, text.size);
        json_string(&json, &back);
        assert_false(json.failed);
        assert_ptr_equal(json.at, json.end);
        if (memmem(back.at, back.size, "\xef\xbf\xbd", 3) == NULL)
            assert_memory_equal(back.at, bytes, sizeof(bytes));
        for (size_t i = 0; i < text.size; i++)
            assert_int_not_equal(written[i], 0x7f);
    }
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, adds_as_expected);
    TESTS_ADD_TABLE(&tests, rows, is_cut_and_says_so);
    TESTS_ADD_TABLE(&tests, cut_rows, cuts_at_character);
    tests_add_row(&tests, "parts in a row", NULL, parts_stand_one_after_the_other);
    tests_add_row(&tests, "exactly full", NULL, format_fills_the_buffer_exactly);
    tests_add_row(&tests, "JSON strings read back", NULL, json_strings_read_back);
    return tests_run(&tests, "text");
}
