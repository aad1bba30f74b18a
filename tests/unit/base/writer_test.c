/* tests/unit/base/writer_test.c - a bounded cursor writes within its buffer, and fails for good. */
#include "base/writer.h"
#include "unit.h"

static void writes_in_order(void **state)
{
    (void)state;
    uint8_t buffer[10];
    struct writer writer = writer_over(buffer, sizeof(buffer));
    writer_uint(&writer, 0xaabbccdd, 1); /* the low byte */
    writer_uint(&writer, 0x0102, 2);
    writer_uint(&writer, 0x030405, 3);
    writer_bytes(&writer, "xy", 2);
    writer_bytes(&writer, NULL, 0);
    assert_int_equal(writer_size(&writer), 8);
    assert_int_equal(writer_left(&writer), 2);
    uint8_t *reserved = writer_reserve(&writer, 2);
    assert_ptr_equal(reserved, buffer + 8);
    store_uint(reserved, 0xfffe, 2);
    assert_memory_equal(buffer, "\xdd\1\2\3\4\5xy\xff\xfe", 10);
    assert_int_equal(writer_left(&writer), 0);
    assert_false(writer.failed);
}

static void what_does_not_fit_is_not_begun(void **state)
{
    (void)state;
    uint8_t buffer[6] = { 0, 0, 0, '#', '#', '#' };
    struct writer writer = writer_over(buffer, 3);
    writer_uint(&writer, 1, 1);
    writer_uint(&writer, 0x01020304, 4);
    assert_true(writer.failed);
    assert_int_equal(writer_size(&writer), 1);
    assert_memory_equal(buffer, "\1\0\0###", 6);
}

static void fails_for_good(void **state)
{
    (void)state;
    uint8_t buffer[3] = { 0 };
    struct writer writer = writer_over(buffer, sizeof(buffer));
    writer_bytes(&writer, "abcd", 4);
    assert_true(writer.failed);
    writer_uint(&writer, 7, 1); /* would fit */
    writer_bytes(&writer, "a", 1);
    assert_null(writer_reserve(&writer, 1));
    assert_null(writer_reserve(&writer, 0));
    assert_int_equal(writer_size(&writer), 0);
    assert_memory_equal(buffer, "\0\0\0", 3);
}

static void a_huge_count_fails(void **state)
{
    (void)state;
    uint8_t buffer[3];
    struct writer writer = writer_over(buffer, sizeof(buffer));
    assert_non_null(writer_reserve(&writer, 1));
    assert_null(writer_reserve(&writer, SIZE_MAX));
    assert_int_equal(writer_size(&writer), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_in_order),
        cmocka_unit_test(what_does_not_fit_is_not_begun),
        cmocka_unit_test(fails_for_good),
        cmocka_unit_test(a_huge_count_fails),
    };
    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
