/* tests/unit/base/reader_test.c - a bounded cursor never leaves its bytes, and fails for good. */
#include "base/reader.h"
#include "unit.h"

static const uint8_t bytes[] = { 0x01, 0x02, 0x03, 0x04, 0xff, 0xfe };

static void reads_in_order(void **state)
{
    (void)state;
    struct reader reader = reader_over(bytes, sizeof(bytes));
    assert_int_equal(reader_uint(&reader, 1), 0x01);
    assert_int_equal(reader_uint(&reader, 2), 0x0203);
    assert_ptr_equal(reader_take(&reader, 1), bytes + 3);
    assert_int_equal(reader_left(&reader), 2);
    assert_false(reader_done(&reader));
    assert_int_equal(reader_uint(&reader, 2), 0xfffe);
    assert_true(reader_done(&reader));
}

static void integers_are_big_endian(void **state)
{
    (void)state;
    static const uint32_t expected[] = { 0, 0x01, 0x0102, 0x010203, 0x01020304 };
    for (size_t width = 1; width <= 4; width++) {
        struct reader reader = reader_over(bytes, sizeof(bytes));
        assert_int_equal(reader_uint(&reader, width), expected[width]);
    }
    struct reader reader = reader_over("\xff\xff\xff\xff", 4);
    assert_int_equal(reader_uint(&reader, 4), UINT32_MAX);
}

static void a_short_read_fails_for_good(void **state)
{
    (void)state;
    struct reader reader = reader_over(bytes, sizeof(bytes));
    assert_null(reader_take(&reader, sizeof(bytes) + 1));
    assert_true(reader.failed);
    assert_int_equal(reader_left(&reader), 0);
    assert_int_equal(reader_uint(&reader, 1), 0);
    assert_null(reader_take(&reader, 1));
    assert_null(reader_take(&reader, 0));
    assert_false(reader_done(&reader));
}

static void a_huge_count_fails(void **state)
{
    (void)state;
    struct reader reader = reader_over(bytes, sizeof(bytes));
    assert_non_null(reader_take(&reader, 1));
    assert_null(reader_take(&reader, SIZE_MAX));
    assert_true(reader.failed);
}

static void an_integer_cut_short_is_zero(void **state)
{
    (void)state;
    struct reader reader = reader_over(bytes, 3);
    assert_int_equal(reader_uint(&reader, 4), 0);
    assert_true(reader.failed);
}

static void a_vector_is_its_own_scope(void **state)
{
    (void)state;
    struct reader reader = reader_over(bytes + 1, 5); /* length 2, two bytes, two more */
    struct reader vector = reader_vector(&reader, 1);
    assert_int_equal(reader_left(&vector), 2);
    assert_int_equal(reader_uint(&vector, 2), 0x0304);
    assert_true(reader_done(&vector));
    assert_null(reader_take(&vector, 1));
    assert_false(reader.failed);
    assert_int_equal(reader_uint(&reader, 2), 0xfffe);
    assert_true(reader_done(&reader));
}

static void an_empty_vector_is_fine(void **state)
{
    (void)state;
    struct reader reader = reader_over("\0\0", 2);
    struct reader vector = reader_vector(&reader, 2);
    assert_true(reader_done(&vector));
    assert_true(reader_done(&reader));
}

static void too_long_a_vector_fails_both(void **state)
{
    (void)state;
    for (size_t size = 0; size < 5; size++) {
        struct reader reader = reader_over("\0\3abc", size);
        struct reader vector = reader_vector(&reader, 2);
        assert_true(vector.failed);
        assert_true(reader.failed);
        assert_int_equal(reader_left(&vector), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_in_order),
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(a_short_read_fails_for_good),
        cmocka_unit_test(a_huge_count_fails),
        cmocka_unit_test(an_integer_cut_short_is_zero),
        cmocka_unit_test(a_vector_is_its_own_scope),
        cmocka_unit_test(an_empty_vector_is_fine),
        cmocka_unit_test(too_long_a_vector_fails_both),
    };
    return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
