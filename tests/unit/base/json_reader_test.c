/* tests/unit/base/json_reader_test.c - JSON in memory, well-formed and not. */
#include "base/json_reader.h"
#include "base/text.h"
#include "unit.h"

static const char sample[] = " {\"a\": 1, \"list\":[{\"n\":\"one\"},{\"n\":\"two, ]}\\\"\"}, 7],\n"
                             "\"deep\":{\"a\":{\"a\":-25}},\"yes\":true,\"none\":null,\"e\":[]} ";

static void finds_members_and_elements(void **state)
{
    (void)state;
    struct json all = json_read(sample, sizeof(sample) - 1), element;
    assert_int_equal(json_number(json_member(all, "a")), 1);
    assert_int_equal(json_number(json_member(json_member(json_member(all, "deep"), "a"), "a")),
                     -25);
    assert_true(json_is_true(json_member(all, "yes")));
    assert_false(json_is_true(json_member(all, "none")));
    assert_int_equal(json_member(all, "n").size, 0);
    struct json_elements list = json_elements_of(json_member(all, "list"));
    char buffer[32];
    assert_true(json_elements_next(&list, &element));
    assert_true(json_elements_next(&list, &element));
    struct text text = text_in(buffer, sizeof(buffer));
    json_add_plain(json_member(element, "n"), &text);
    assert_string_equal(buffer, "two, ]}\"");
    assert_true(json_elements_next(&list, &element));
    assert_int_equal(json_number(element), 7);
    assert_false(json_elements_next(&list, &element));
    list = json_elements_of(json_member(all, "e"));
    assert_false(json_elements_next(&list, &element));
    list = json_elements_of(json_member(all, "a"));
    assert_false(json_elements_next(&list, &element));
}

static void no_part_is_a_whole(void **state)
{
    (void)state;
    size_t begins = 1, ends = sizeof(sample) - 2; /* without white space around it */
    for (size_t size = 0; size < ends; size++)
        assert_int_equal(json_read(sample, size).size, 0);
    for (size_t skipped = begins + 1; skipped < 20; skipped++)
        (void)json_read(sample + skipped, ends - skipped);
}

static const struct row {
    const char *name;
    const char *json, *plain;
} rows[] = {
    { "a string", "\"abc\"", "abc" },
    { "an escape of a terminal", "\"a\x1b[2Jb\"", "a?[2Jb" },
    { "escaped control", "\"a\\u001bb\\nc\"", "a?b c" },
    { "letters that are no ASCII", "\"\xc3\xa9\"", "??" },
    { "quotes and backslashes", "\"\\\"\\\\\\/\"", "\"\\/" },
    { "a number", "-12.5e3", "-12.5e3" },
    { "null", "null", "" },
    { "an empty string", "\"\"", "" },
    { "an object", "{\"a\":1}", "" },
    { "two values", "1 2", "" },
    { "a bracket that closes nothing", "]", "" },
    { "a bracket that is not closed", "[1", "" },
    { "a string that does not end", "\"abc\\\"", "" },
    { "nothing", "", "" },
    { "a comma alone", ",", "" },
};

static void adds_what_is_plain(void **state)
{
    const struct row *row = *state;
    char buffer[64];
    struct text text = text_in(buffer, sizeof(buffer));
    json_add_plain(json_read(row->json, strlen(row->json)), &text);
    assert_string_equal(buffer, row->plain);
}

static void nothing_has_no_parts(void **state)
{
    (void)state;
    struct json element;
    struct json_elements elements = json_elements_of((struct json){ 0 });
    assert_int_equal(json_member((struct json){ 0 }, "a").size, 0);
    assert_false(json_elements_next(&elements, &element));
}

static void depth_has_a_limit(void **state)
{
    (void)state;
    char brackets[2 * JSON_DEPTH_MAX + 2];
    memset(brackets, '[', JSON_DEPTH_MAX + 1);
    memset(brackets + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_int_equal(json_read(brackets, sizeof(brackets)).size, 0);
    assert_int_equal(json_read(brackets + 1, sizeof(brackets) - 2).size, sizeof(brackets) - 2);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, adds_what_is_plain);
    tests_add_row(&tests, "members and elements", NULL, finds_members_and_elements);
    tests_add_row(&tests, "no part is a whole", NULL, no_part_is_a_whole);
    tests_add_row(&tests, "nothing", NULL, nothing_has_no_parts);
    tests_add_row(&tests, "depth", NULL, depth_has_a_limit);
    return tests_run(&tests, "json_reader");
}
