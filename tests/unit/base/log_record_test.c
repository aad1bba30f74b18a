/* tests/unit/base/log_record_test.c - log lines for people and as JSON, whatever the values hold.
 */
#include "base/clock.h"
#include "base/log_record.h"
#include "base/text.h"
#include "json.h"
#include "unit.h"

#define TIME "2026-11-22T10:00:00.007Z"

static struct log_record started(const char *event)
{
    struct log_record record;
    memset(&record, 0xaa, sizeof(record)); /* a ring's old records are not zero */
    log_record_start(&record, event);
    record.time_ms = 1795341600007;
    return record;
}

static const struct row {
    const char *name;
    const char *value;
    size_t size;
    const char *text; /* as it stands in a line */
} rows[] = {
    { "a plain word", BYTES("api.example.com"), "api.example.com" },
    { "two words", BYTES("no rule"), "\"no rule\"" },
    { "empty", BYTES(""), "\"\"" },
    { "an equals sign", BYTES("a=b"), "\"a=b\"" },
    { "a quote", BYTES("a\"b"), "\"a\\x22b\"" },
    { "a backslash", BYTES("a\\b"), "\"a\\x5cb\"" },
    { "a forged line", BYTES("x\n" TIME " allowed"), "\"x\\x0a" TIME " allowed\"" },
    { "a terminal's escape", BYTES("\x1b]0;"), "\"\\x1b]0;\"" },
    { "NUL", BYTES("a\0b"), "\"a\\x00b\"" },
    { "a high byte", BYTES("\xff"), "\"\\xff\"" },
    { "UTF-8", BYTES("\xe2\x82\xac"), "\"\\xe2\\x82\\xac\"" },
};

static void is_one_field_of_a_line(void **state)
{
    const struct row *row = *state;
    struct log_record record = started("denied");
    log_record_bytes(&record, "name", row->value, row->size);
    log_record_number(&record, "port", 443);
    char expected[256], line[256];
    struct text want = text_in(expected, sizeof(expected)), text = text_in(line, sizeof(line));
    text_add_format(&want, TIME " denied name=%s port=443\n", row->text);
    log_record_add_text(&record, &text);
    assert_string_equal(line, expected);
}

/* One object a line, and the value comes back byte for byte (as U+FFFD where it is no UTF-8). */
static void reads_back_from_json(void **state)
{
    const struct row *row = *state;
    struct log_record record = started("denied");
    log_record_bytes(&record, "name", row->value, row->size);
    log_record_number(&record, "rule", INT64_MIN);
    char line[256], value[64];
    struct text text = text_in(line, sizeof(line)), back = text_in(value, sizeof(value));
    log_record_add_json(&record, &text);

    struct json json = json_over(text.at, text.size);
    json_expect(&json, "{\"time\":\"" TIME "\",\"event\":\"denied\",\"name\":");
    json_string(&json, &back);
    json_expect(&json, ",\"rule\":-9223372036854775808}\n");
    assert_false(json.failed);
    assert_ptr_equal(json.at, json.end);
    bool is_replaced = row->size == 1 && row->value[0] == '\xff';
    assert_int_equal(back.size, is_replaced ? 3 : row->size);
    assert_memory_equal(back.at, is_replaced ? "\xef\xbf\xbd" : row->value, back.size);
}

static void no_fields(void **state)
{
    (void)state;
    struct log_record record = started("ready");
    char line[128];
    struct text text = text_in(line, sizeof(line));
    log_record_add_text(&record, &text);
    assert_string_equal(line, TIME " ready\n");
    text = text_in(line, sizeof(line));
    log_record_add_json(&record, &text);
    assert_string_equal(line, "{\"time\":\"" TIME "\",\"event\":\"ready\"}\n");
}

static void start_takes_the_time(void **state)
{
    (void)state;
    struct log_record record;
    int64_t before_ms = clock_realtime_ms();
    log_record_start(&record, "ready");
    assert_true(record.time_ms >= before_ms && record.time_ms <= clock_realtime_ms());
}

static void a_field_too_many_is_left_out(void **state)
{
    (void)state;
    struct log_record record = started("full");
    for (int i = 0; i < LOG_FIELDS; i++)
        log_record_number(&record, "n", i);
    log_record_number(&record, "late", 1);
    log_record_text(&record, "late", "value");
    char line[512];
    struct text text = text_in(line, sizeof(line));
    log_record_add_text(&record, &text);
    assert_int_equal(record.field_count, LOG_FIELDS);
    assert_null(strstr(line, "late"));
    assert_non_null(strstr(line, " n=31\n"));
}

static void a_value_too_long_is_cut(void **state)
{
    (void)state;
    struct log_record record = started("long");
    char value[LOG_VALUE_BYTES + 100];
    memset(value, 'v', sizeof(value));
    log_record_text(&record, "first", "abc");
    log_record_bytes(&record, "second", value, sizeof(value));
    log_record_text(&record, "third", "xyz");
    assert_int_equal(record.fields[1].size, LOG_VALUE_BYTES - 3);
    assert_int_equal(record.fields[2].size, 0);
    char line[LOG_LINE_BYTES];
    struct text text = text_in(line, sizeof(line));
    log_record_add_text(&record, &text);
    assert_non_null(strstr(line, " first=abc second=vvv"));
    assert_non_null(strstr(line, "vvv third=\"\"\n"));
}

/* LOG_LINE_BYTES holds the longest line: each byte of the values as an escape. */
static void the_longest_line_fits(void **state)
{
    (void)state;
    struct log_record record = started("a_long_word_for_an_event");
    char value[LOG_VALUE_BYTES / LOG_FIELDS], line[LOG_LINE_BYTES];
    memset(value, 0x01, sizeof(value));
    for (int i = 0; i < LOG_FIELDS; i++)
        log_record_bytes(&record, "a_long_word_for_a_key", value, sizeof(value));
    struct text text = text_in(line, sizeof(line));
    log_record_add_json(&record, &text);
    assert_false(text.cut);
    text = text_in(line, sizeof(line));
    log_record_add_text(&record, &text);
    assert_false(text.cut);
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, is_one_field_of_a_line);
    TESTS_ADD_TABLE(&tests, rows, reads_back_from_json);
    tests_add_row(&tests, "no fields", NULL, no_fields);
    tests_add_row(&tests, "start takes the time", NULL, start_takes_the_time);
    tests_add_row(&tests, "a field too many", NULL, a_field_too_many_is_left_out);
    tests_add_row(&tests, "a value too long", NULL, a_value_too_long_is_cut);
    tests_add_row(&tests, "the longest line fits", NULL, the_longest_line_fits);
    return tests_run(&tests, "log_record");
}
