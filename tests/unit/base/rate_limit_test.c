/* tests/unit/base/rate_limit_test.c - so many a second, and no one left out is forgotten. */
#include "base/rate_limit.h"
#include "unit.h"

static void passes_so_many_a_second(void **state)
{
    (void)state;
    struct rate_limit limit = { 0 };
    for (int64_t second = 5000; second < 8000; second += 1000)
        for (int i = 0; i < 6; i++)
            assert_int_equal(rate_limit_pass(&limit, second + i, 3), i < 3);
}

static void a_second_is_a_whole_one(void **state)
{
    (void)state;
    struct rate_limit limit = { 0 };
    assert_true(rate_limit_pass(&limit, 5000, 1));
    assert_false(rate_limit_pass(&limit, 5999, 1));
    assert_true(rate_limit_pass(&limit, 6000, 1));
}

static void zero_lets_none_pass(void **state)
{
    (void)state;
    struct rate_limit limit = { 0 };
    assert_false(rate_limit_pass(&limit, 5000, 0));
    assert_int_equal(rate_limit_take_left_out(&limit, 6000), 1);
}

static void left_out_is_told_once_its_second_is_over(void **state)
{
    (void)state;
    struct rate_limit limit = { 0 };
    for (int i = 0; i < 5; i++)
        (void)rate_limit_pass(&limit, 5000, 2); /* only the count matters here */
    assert_int_equal(rate_limit_take_left_out(&limit, 5999), 0);
    assert_int_equal(rate_limit_take_left_out(&limit, 6000), 3);
    assert_int_equal(rate_limit_take_left_out(&limit, 6000), 0);
}

/* Where something happens all the time, a next second has begun whenever somebody asks. */
static void a_flood_does_not_hide_the_count(void **state)
{
    (void)state;
    struct rate_limit limit = { 0 };
    uint64_t passed = 0, told = 0;
    for (int64_t now_ms = 5000; now_ms < 15000; now_ms++) {
        passed += rate_limit_pass(&limit, now_ms, 10);
        if (now_ms % 1000 == 500) {
            uint64_t left_out = rate_limit_take_left_out(&limit, now_ms);
            assert_int_equal(left_out, now_ms > 6000 ? 990 : 0);
            told += left_out;
        }
    }
    told += rate_limit_take_left_out(&limit, 16000);
    assert_int_equal(passed, 100);
    assert_int_equal(told, 9900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_so_many_a_second),
        cmocka_unit_test(a_second_is_a_whole_one),
        cmocka_unit_test(zero_lets_none_pass),
        cmocka_unit_test(left_out_is_told_once_its_second_is_over),
        cmocka_unit_test(a_flood_does_not_hide_the_count),
    };
    return cmocka_run_group_tests_name("rate_limit", tests, NULL, NULL);
}
