/* tests/unit/resolver/padding_test.c - who gets a padded answer, and how long it then is. */
#include "resolver/padding.h"

#include "dns_messages.h"

static size_t make_message(const char *options, size_t options_size, bool has_opt,
                           uint8_t buffer[TEST_QUERY_MAX])
{
    struct writer message = writer_over(buffer, TEST_QUERY_MAX);
    put_header(&message, 0, has_opt ? 0x1001 : 0x1000);
    put_question(&message, "api.example.com", DNS_TYPE_A, DNS_CLASS_IN);
    if (has_opt)
        put_opt(&message, 0, options, options_size);
    assert_false(message.failed);
    return writer_size(&message);
}

static const struct wanted_row {
    const char *name;
    const char *options;
    size_t size;
    bool has_opt, is_wanted;
} wanted_rows[] = {
    { "no OPT record", "", 0, false, false },
    { "no option", "", 0, true, false },
    { "another option", "\0\x0b\0\0", 4, true, false },
    { "an empty padding", "\0\x0c\0\0", 4, true, true },
    { "a padding behind another option", "\0\x0a\0\3abc\0\x0c\0\2\0\0", 13, true, true },
    { "a padding that is cut", "\0\x0c\0\5\0", 5, true, false },
    { "its number as another option's value", "\0\x0a\0\4\0\x0c\0\0", 8, true, false },
};

static void is_wanted(void **state)
{
    const struct wanted_row *row = *state;
    uint8_t query[TEST_QUERY_MAX];
    size_t size = make_message(row->options, row->size, row->has_opt, query);
    assert_int_equal(padding_is_wanted(reader_over(query, size)), row->is_wanted);
    for (size_t cut = 0; cut < size; cut++) /* a message that is cut wants nothing */
        assert_false(padding_is_wanted(reader_over(query, cut)));
}

/* Whatever the answer's size, it ends on a block, and its OPT record holds just the padding more.
 */
static void ends_on_a_block(void **state)
{
    (void)state;
    uint8_t answer[TEST_QUERY_MAX];
    for (size_t more = 0; more < 400; more++) {
        char options[4 + 400] = { 0, 10 };
        options[2] = (char)(more >> 8);
        options[3] = (char)(more & 0xff);
        size_t size = make_message(options, 4 + more, true, answer);
        size_t padded = padding_add(answer, size, sizeof(answer));
        assert_int_equal(padded % PADDING_BLOCK_BYTES, 0);
        assert_in_range(padded, size + 4, size + 4 + PADDING_BLOCK_BYTES - 1);
        struct reader option = reader_over(answer + size, padded - size);
        assert_int_equal(reader_uint(&option, 2), DNS_OPTION_PADDING);
        struct reader zeros = reader_vector(&option, 2);
        assert_true(reader_done(&option));
        while (reader_left(&zeros) > 0)
            assert_int_equal(reader_uint(&zeros, 1), 0);
        const uint8_t *length = answer + size - (4 + more) - 2;
        assert_int_equal(length[0] << 8 | length[1], 4 + more + padded - size);
    }
}

static void stays_without_room(void **state)
{
    (void)state;
    uint8_t answer[TEST_QUERY_MAX], before[TEST_QUERY_MAX];
    size_t size = make_message("", 0, true, answer);
    memcpy(before, answer, sizeof(before));
    assert_int_equal(padding_add(answer, size, PADDING_BLOCK_BYTES - 1), size);
    assert_memory_equal(answer, before, size);
    assert_int_equal(padding_add(answer, size, PADDING_BLOCK_BYTES), PADDING_BLOCK_BYTES);
}

static void stays_without_an_opt_record_at_its_end(void **state)
{
    (void)state;
    uint8_t answer[TEST_QUERY_MAX];
    size_t size = make_message("", 0, false, answer);
    assert_int_equal(padding_add(answer, size, sizeof(answer)), size);
    size = make_message("", 0, true, answer);
    answer[size] = 0; /* a byte behind it */
    assert_int_equal(padding_add(answer, size + 1, sizeof(answer)), size + 1);
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(ends_on_a_block),
        cmocka_unit_test(stays_without_room),
        cmocka_unit_test(stays_without_an_opt_record_at_its_end),
    };
    struct CMUnitTest tests[COUNT(wanted_rows) + COUNT(others)];
    for (size_t i = 0; i < COUNT(wanted_rows); i++)
        tests[i] = (struct CMUnitTest){ wanted_rows[i].name, is_wanted, NULL, NULL,
                                        (void *)&wanted_rows[i] };
    for (size_t i = 0; i < COUNT(others); i++)
        tests[COUNT(wanted_rows) + i] = others[i];
    return cmocka_run_group_tests_name("padding", tests, NULL, NULL);
}
