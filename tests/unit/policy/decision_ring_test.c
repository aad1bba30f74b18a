/* tests/unit/policy/decision_ring_test.c - the last decisions, and no more. */
#include "policy/decision_ring.h"
#include "unit.h"

#include <stdlib.h>

static void holds_the_last(void **state)
{
    (void)state;
    struct decision_ring *ring = calloc(1, sizeof(*ring));
    assert_non_null(ring);
    assert_int_equal(decision_ring_count(ring), 0);
    for (int64_t i = 1; i <= 3 * DECISION_RING_PLACES + 5; i++) {
        decision_ring_add(ring)->time_us = i;
        size_t count = decision_ring_count(ring);
        assert_int_equal(count, i < DECISION_RING_PLACES ? i : DECISION_RING_PLACES);
        for (size_t age = 0; age < count; age++)
            assert_int_equal(decision_ring_at(ring, age)->time_us, i - (int64_t)age);
    }
    free(ring);
}

static void the_first_of_each_second_are_taken(void **state)
{
    struct decision_quota quota = { 0 };
    const int64_t seconds[] = { 1700000000, 1700000001, 1600000000 }; /* the clock was set back */
    (void)state;
    for (size_t i = 0; i < COUNT(seconds); i++) {
        for (int taken = 0; taken < 5; taken++)
            assert_true(decision_quota_take(&quota, seconds[i], 5));
        for (int over = 0; over < 100; over++)
            assert_false(decision_quota_take(&quota, seconds[i], 5));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(holds_the_last),
                                        cmocka_unit_test(the_first_of_each_second_are_taken) };
    return cmocka_run_group_tests_name("decision_ring", tests, NULL, NULL);
}
