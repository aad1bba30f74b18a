/* tests/unit/status/json_writer_test.c - JSON is well-formed whatever it holds. */
#include "json.h"
#include "status/json_writer.h"
#include "unit.h"

static void nests(void **state)
{
    struct output output = { 0 };
    struct json_writer json = { .output = &output };
    (void)state;
    json_open_object(&json, NULL);
    json_open_array(&json, "empty");
    json_close_array(&json);
    json_add_count(&json, "count", UINT64_MAX);
    json_open_array(&json, "list");
    json_add_number(&json, NULL, -5);
    json_add_text(&json, NULL, "b");
    json_open_object(&json, NULL);
    json_close_object(&json);
    json_open_object(&json, NULL);
    json_add_bool(&json, "yes", true);
    json_add_null(&json, "nothing");
    json_close_object(&json);
    json_close_array(&json);
    json_add_time(&json, "never", 0);
    json_add_time(&json, "then", 7);
    json_add_text_or_null(&json, "absent", "");
    json_add_text_or_null(&json, "absent too", NULL);
    json_add_text(&json, "none", NULL);
    json_close_object(&json);
    assert_string_equal(output.at,
                        "{\"empty\":[],\"count\":18446744073709551615,\"list\":[-5,\"b\",{},"
                        "{\"yes\":true,\"nothing\":null}],\"never\":null,\"then\":7,"
                        "\"absent\":null,\"absent too\":null,\"none\":\"\"}");
    output_release(&output);
}

/* Every byte, in every neighbourhood, reads back; or as U+FFFD. */
static void every_byte_reads_back(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        const char value[] = { 'a', (char)byte, '"', (char)byte, '\0' };
        char read[64];
        struct output output = { 0 };
        struct json_writer json = { .output = &output };
        struct text text = text_in(read, sizeof(read));
        json_add_text(&json, NULL, value);
        struct json reader = json_over(output.at, output.size);
        json_string(&reader, &text);
        assert_false(reader.failed);
        assert_true(reader.at == reader.end);
        assert_string_equal(read, byte < 0x80 ? value : "a\xef\xbf\xbd\"\xef\xbf\xbd");
        output_release(&output);
    }
}

static void a_long_text_is_whole(void **state)
{
    static char value[100000];
    struct output output = { 0 };
    struct json_writer json = { .output = &output };
    (void)state;
    memset(value, '\x01', sizeof(value) - 1);
    json_add_text(&json, NULL, value);
    assert_false(output.has_failed);
    assert_int_equal(output.size, 6 * (sizeof(value) - 1) + 2);
    output_release(&output);
}

int main(void)
{
    struct tests tests = { 0 };
    tests_add_row(&tests, "nests", NULL, nests);
    tests_add_row(&tests, "every byte reads back", NULL, every_byte_reads_back);
    tests_add_row(&tests, "a long text is whole", NULL, a_long_text_is_whole);
    return tests_run(&tests, "json_writer");
}
