/* tests/unit/base/frequency_sketch_test.c - what came often stands out from what came once. */
#include "base/frequency_sketch.h"
#include "dice.h"
#include "unit.h"

static void counts_few_keys_exactly(void **state)
{
    (void)state;
    struct frequency_sketch sketch;
    assert_true(frequency_sketch_init(&sketch, 1024));
    struct dice dice = { 1 };
    uint64_t one = dice_roll(&dice), other = dice_roll(&dice);
    assert_int_equal(frequency_sketch_add(&sketch, one, 1), 1);
    assert_int_equal(frequency_sketch_add(&sketch, one, 5), 6);
    assert_int_equal(frequency_sketch_add(&sketch, other, 2), 2);
    assert_int_equal(frequency_sketch_add(&sketch, one, 1), 7);
    frequency_sketch_release(&sketch);
}

static void grows_old(void **state)
{
    (void)state;
    struct frequency_sketch sketch;
    assert_true(frequency_sketch_init(&sketch, 64));
    uint64_t key = 0x123456789abcdef0;
    assert_int_equal(frequency_sketch_add(&sketch, key, 63), 63);
    assert_int_equal(frequency_sketch_add(&sketch, key, 1), 64); /* halves afterwards */
    assert_int_equal(frequency_sketch_add(&sketch, key, 1), 33);
    frequency_sketch_release(&sketch);
}

static void stays_at_the_highest_number(void **state)
{
    (void)state;
    struct frequency_sketch sketch;
    assert_true(frequency_sketch_init(&sketch, 64));
    assert_int_equal(frequency_sketch_add(&sketch, 1, UINT32_MAX), UINT32_MAX);
    assert_int_equal(frequency_sketch_add(&sketch, 1, UINT32_MAX), UINT32_MAX);
    frequency_sketch_release(&sketch);
}

/* One sighting in a hundred is of one key, the rest of keys that come once. */
static void a_flood_does_not_drown_what_comes_often(void **state)
{
    (void)state;
    struct frequency_sketch sketch;
    assert_true(frequency_sketch_init(&sketch, 8192));
    struct dice dice = { 1 };
    uint64_t often = dice_roll(&dice);
    unsigned mistaken = 0;
    for (int round = 1; round <= 1000; round++) {
        uint32_t of_often = frequency_sketch_add(&sketch, often, 1);
        assert_true(round < 20 || of_often >= 20);
        for (int i = 0; i < 99; i++)
            mistaken += frequency_sketch_add(&sketch, dice_roll(&dice), 1) > 1;
    }
    assert_in_range(mistaken, 0, 12000); /* of 99,000 */
    frequency_sketch_release(&sketch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_few_keys_exactly),
        cmocka_unit_test(grows_old),
        cmocka_unit_test(stays_at_the_highest_number),
        cmocka_unit_test(a_flood_does_not_drown_what_comes_often),
    };
    return cmocka_run_group_tests_name("frequency_sketch", tests, NULL, NULL);
}
